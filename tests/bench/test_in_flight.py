"""One Ctrl-C loses nothing that was trained, and begins nothing that was not."""

import importlib
import os
import signal
import threading
import time

import pytest

from da_zoo.bench.execute import without_result
from da_zoo.bench.launch import Processes
from da_zoo.bench.launch.serial import Serial
from da_zoo.bench.signals import BenchStop, BenchStopped
from da_zoo.bench.store import RowStore
from tests.bench import fake_workers
from tests.bench.fake_workers import ORDER, job, rows
from tests.bench.tiny_suite import SHIFT


@pytest.mark.parametrize("name", ["serial", "processes"])
def test_what_is_being_kept_is_in_flight(name, monkeypatch):
    monkeypatch.setattr("da_zoo.bench.launch.processes.serve", fake_workers.answers)
    jobs = [job(name, groups=7) for name in ("first", "last")]
    with Serial(1) if name == "serial" else Processes(1, ORDER, None) as launcher:
        for name, (_, groups) in zip(
            ("first", "last"), launcher.run(iter(jobs)), strict=True
        ):
            assert groups == rows(name)
            assert launcher.in_flight >= 7
        assert launcher.in_flight == 0


def test_threads_begin_nothing_that_was_queued_when_the_end_was_asked_for():
    asked, told = threading.Event(), []

    def call():
        time.sleep(0.2)  # the other one is queued by then
        told.append(launcher.in_flight)
        asked.set()
        return rows("first")

    def never():
        raise AssertionError("it was begun")

    def jobs():
        yield job("first", call, groups=2)
        yield job("second", never)

    with Serial(1) as launcher:
        found = [groups for _, groups in launcher.run(jobs(), asked.is_set)]
        assert launcher.in_flight == 0
    assert (found, told) == ([rows("first")], [2])


def test_an_interrupt_at_the_first_write_of_the_last_batch_loses_none(
    tmp_path, monkeypatch
):
    runner = importlib.import_module("da_zoo.bench.run")
    real, written = runner.keep_group, []

    def keep(*parts):
        if not written:
            os.kill(os.getpid(), signal.SIGINT)
        written.append(1)
        real(*parts)

    def untrained(batch, suite, *_):
        return without_result(batch, suite, "failed", "it was not trained")

    monkeypatch.setattr(runner, "keep_group", keep)
    monkeypatch.setattr(runner, "run_batch", untrained)
    (tmp_path / "tiny.toml").write_text(SHIFT)
    out = tmp_path / "out"
    with pytest.raises(BenchStopped) as stopped:
        runner.run(
            tmp_path / "tiny.toml",
            methods=["source_only"],
            tracks=("U",),
            budget="standard",
            seeds=1,
            out=out,
            progress=False,
            stop=BenchStop(),
        )
    assert stopped.value.code == 130
    there, problems = RowStore.open(out, create=False).read()
    assert problems == []
    assert len({row["group"] for row in there}) == len(written) > 1
