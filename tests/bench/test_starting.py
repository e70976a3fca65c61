"""Workers that cannot start: a script without a guard is told so, and has no rows."""

import multiprocessing
import subprocess
import sys

import pytest

from da_zoo.bench import run
from da_zoo.bench.launch import Launch, Processes
from tests.bench import fake_workers
from tests.bench.fake_workers import ORDER, job

SCRIPT = """
from da_zoo.bench import run
from da_zoo.bench.launch import Launch

methods, scenarios = ["unadapted"], ["plain_to_over07"]
run("embedded", methods=methods, scenarios=scenarios, tracks=("U",), seeds=1, steps=5,
    out="out", launch=Launch("processes", 1), progress=False)
"""


def test_a_process_that_is_being_started_begins_no_benchmark(monkeypatch, tmp_path):
    process = multiprocessing.current_process()
    monkeypatch.setattr(process, "_inheriting", True, raising=False)
    with pytest.raises(ValueError, match='if __name__ == "__main__"'):
        run("embedded", launch=Launch("processes"), out=tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_worker_that_never_was_ready_is_no_failure_of_its_batch(monkeypatch):
    serve = "da_zoo.bench.launch.processes.serve"
    monkeypatch.setattr(serve, fake_workers.cannot_start)
    with (
        Processes(1, ORDER, None) as launcher,
        pytest.raises(ValueError, match=r"ended \(exit status 1\) before .*__main__"),
    ):
        list(launcher.run(iter([job("first")])))


@pytest.mark.slow
def test_a_script_without_a_guard_writes_no_row(tmp_path):
    (tmp_path / "script.py").write_text(SCRIPT)
    done = subprocess.run(
        [sys.executable, "script.py"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "being started: call da_zoo.bench.run under" in done.stderr
    assert "a worker ended (exit status 1) before it was ready" in done.stderr
    assert (tmp_path / "out" / "rows.jsonl").read_text() == ""
