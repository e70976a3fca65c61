"""Launchers leave the same rows; what dies or hangs in a worker costs itself alone."""

import dataclasses
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from benchmarks.kill_bench import compare
from da_zoo.bench import run
from da_zoo.bench.group import GroupKeys
from da_zoo.bench.launch import BatchJob, Launch, Processes, Task, Work, check_launch
from da_zoo.bench.launch.choice import order_of
from da_zoo.bench.plugins import import_method, registered
from da_zoo.bench.store import RowStore
from da_zoo.bench.workload import lay_out
from da_zoo.scenarios import load_suite
from tests.bench.commands import alive
from tests.bench.tiny_suite import OTHER_TASK, SHIFT

SUITE = SHIFT + OTHER_TASK


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder with a suite and methods of the user's own, as the working folder."""
    (tmp_path / "tiny.toml").write_text(SUITE)
    name = f"own_{tmp_path.name}".replace("-", "_")  # modules are imported once
    shutil.copy(Path(__file__).parent / "own_methods.py", tmp_path / f"{name}.py")
    monkeypatch.chdir(tmp_path)
    yield tmp_path, name
    sys.modules.pop(name, None)


def own(folder, *names):
    return [import_method(f"{folder[1]}:{name}", check=False) for name in names]


def rows_of(out):
    rows, problems = RowStore.open(out, create=False).read()
    assert problems == []
    return {row["key"]: row for row in rows}


def bench(out, launch, methods, **options):
    return run(
        "tiny.toml",
        methods=methods,
        tracks=("U",),
        out=out,
        progress=False,
        launch=launch,
        **({"seeds": 1, "scenarios": ["shift"]} | options),
    )


@pytest.mark.slow
def test_processes_leave_the_rows_of_threads(folder):
    """With a sweep, a method of the user's own, n/a cells, looks and logits."""
    names = ["well", "deep_coral", "coral"]
    options = {"seeds": 2, "scenarios": None, "budget": "standard", "steps": 12}
    with registered(own(folder, "well")):
        for name in ("serial", "processes"):
            bench(name, Launch(name), names, checkpoints=True, **options)
    folders = [Path(name) for name in ("serial", "processes")]
    rows, logits, torn, differences = compare(*folders)
    assert (torn, differences) == (0, [])
    assert rows > 30 and logits > 10
    rows = rows_of("processes").values()
    assert {row["status"] for row in rows} == {"ok", "na"}
    stores = [RowStore.open(folder) for folder in folders]
    for group in {row["group"] for row in rows if row["status"] == "ok"}:
        first, second = (store.load_checkpoints(group) for store in stores)
        assert set(first) == set(second)
        assert all(np.array_equal(first[key], second[key]) for key in first)


@pytest.mark.slow
def test_a_batch_whose_worker_dies_is_begun_anew_three_times_at_most(folder):
    with registered(own(folder, "dies_once", "dies_always", "well")):
        names = ["well", "dies_always", "dies_once"]
        result = bench("out", Launch("processes", 1), names)
    assert (result.ran, result.failed) == (3, 1)
    rows = {row["method"]: row for row in rows_of("out").values()}
    assert rows["dies_once"]["accuracy"] == rows["well"]["accuracy"]
    assert rows["dies_once"]["status"] == "ok"
    bad = rows["dies_always"]
    assert (bad["status"], bad["accuracy"]) == ("failed", None)
    assert bad["reason"] == "its worker died 3 times (signal 9)"
    assert Path("deaths").read_text() == "xxx"


@pytest.mark.slow
def test_what_hangs_becomes_a_row_of_its_own_and_the_rest_goes_on(folder):
    with registered(own(folder, "hangs", "well")):
        start = time.monotonic()
        names = ["hangs", "well"]
        result = bench("out", Launch("processes", 1, timeout=20.0), names)
    assert time.monotonic() - start < 120
    assert (result.ran, result.failed) == (2, 1)
    rows = {row["method"]: row for row in rows_of("out").values()}
    assert rows["well"]["status"] == "ok"
    assert rows["hangs"]["status"] == "timeout"
    assert rows["hangs"]["reason"] == "took longer than timeout=20 seconds"
    board = Path("out/leaderboard.md").read_text()
    assert "1 run ended as timeout" in board


@pytest.mark.slow
def test_a_worker_with_other_data_or_code_does_not_answer(folder):
    path = folder[0] / "tiny.toml"
    choice = {"methods": ("unadapted",), "tracks": ("U",), "scenarios": ("shift",)}
    choice |= {"seeds": 1}
    suite, _, cells = lay_out(path, **choice)
    order = order_of(path, choice, None, ["unadapted"], False)

    keys = GroupKeys("a" * 64, {0: "b" * 64})
    job = BatchJob(Work([(cells[0], keys)], set()), Task((0,), (keys.group,)), list)
    with Processes(1, order, suite) as launcher:
        ((_, groups),) = launcher.run(iter([job]))
    (row,) = groups[0].rows
    assert row["status"] == "failed"
    assert "are not the driver's" in row["reason"] and "aaaaaaaaaaaa" in row["reason"]


@pytest.mark.parametrize(
    ("launch", "reason"),
    [
        (Launch("proceses"), "did you mean 'processes'"),
        (Launch(workers=0), "workers must be at least 1, got 0"),
        (Launch(timeout=5.0), "timeout=5 needs launcher='processes' or 'ray'"),
        (Launch("processes", timeout=0.0), "timeout must be more than 0, got 0"),
        (Launch("processes", timeout=float("nan")), "timeout must be more than 0"),
        (Launch("ray", cpus_per_group=-1.0), "cpus_per_group must be at least 0"),
        (Launch("serial", gpus_per_group=1.0), "are for launcher='ray'"),
        (Launch("ray", gpus_per_group=1.5), "must be a whole number, or less than 1"),
    ],
)
def test_what_cannot_be_launched_is_said_before_anything_is_made(
    launch, reason, tmp_path
):
    with pytest.raises(ValueError, match=reason):
        check_launch(launch)
    with pytest.raises(ValueError, match=reason):
        run("embedded", methods=["unadapted"], launch=launch, out=tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_groups_on_ray_that_would_see_no_gpu_are_refused(monkeypatch, tmp_path):
    monkeypatch.setattr("jax.default_backend", lambda: "gpu")
    monkeypatch.setattr("importlib.util.find_spec", lambda name: name)
    with pytest.raises(ValueError, match="say --gpus-per-group 1"):
        run("embedded", launch=Launch("ray"), out=tmp_path / "out")
    assert not (tmp_path / "out").exists()
    for gpus in (0.5, 1.0, 2.0):
        check_launch(Launch("ray", gpus_per_group=gpus))
    monkeypatch.setattr("jax.default_backend", lambda: "cpu")
    check_launch(Launch("ray"))


def test_a_suite_that_no_file_stands_for_is_refused_by_workers(tmp_path):
    suite = dataclasses.replace(load_suite("embedded"), name="mine")
    with pytest.raises(ValueError, match="suite='mine' was made in this process"):
        run(suite, launch=Launch("processes"), out=tmp_path / "out")
    assert order_of(load_suite("embedded"), {}, None, [], False).suite == "embedded"


@pytest.mark.slow
def test_workers_end_with_a_driver_that_is_killed(folder):
    words = f"-m da_zoo bench --suite tiny.toml --method {folder[1]}:hangs --tracks U"
    words += " --no-baselines --scenarios shift --seeds 1 --launcher processes"
    process = subprocess.Popen([sys.executable, *words.split(), "--no-progress"])
    wait_for(lambda: list(folder[0].glob("hanging*")))
    (mark,) = folder[0].glob("hanging*")
    pid = int(mark.name.removeprefix("hanging"))
    assert alive(pid)
    process.kill()
    process.wait()
    wait_for(lambda: not alive(pid), 10)


def wait_for(condition, seconds=90):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.05)
