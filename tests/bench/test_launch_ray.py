"""Ray: the rows of threads; a killed worker is replaced, a killed driver called again.

Runs a cluster of this machine, two workers, on the loopback interface.
"""

import importlib.util
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from benchmarks.kill_bench import compare
from da_zoo.bench.store import RowStore
from tests.bench.commands import alive, commands_in

pytestmark = [
    pytest.mark.ray,
    pytest.mark.skipif(
        importlib.util.find_spec("ray") is None,
        reason="Ray is not installed: pip install 'da-zoo[ray]', or make ray",
    ),
]


@pytest.fixture
def begin(tmp_path):
    """Starts ``da-zoo bench`` in a folder that holds methods of the user's own."""
    with commands_in(tmp_path) as start:

        def begin(words, out="ray", launcher="ray --workers 2"):
            words = f"bench --budget smoke --steps 5 --no-progress {words}"
            words += f" --tracks U --no-baselines --out {out} --launcher {launcher}"
            return start(words, stderr=subprocess.STDOUT)

        yield begin


def end(process, code=0):
    told, _ = process.communicate(timeout=240)
    assert process.returncode == code, told
    return told


def wait_for(condition, process, seconds=120):
    limit = time.monotonic() + seconds
    while not condition():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < limit, "it did not happen"
        time.sleep(0.02)


def rows_of(out):
    rows, problems = RowStore.open(out, create=False).read()
    assert problems == []
    assert len({row["key"] for row in rows}) == len(rows)
    return {row["key"]: row for row in rows}


def marks(folder, what="begun"):
    return [int(path.name.removeprefix(what)) for path in folder.glob(f"{what}*")]


def test_two_workers_leave_the_rows_of_threads(begin, tmp_path):
    words = "--methods source_only,deep_coral,coral,kmm --method own:well --seeds 2"
    words += " --scenarios plain_to_over07,digit_to_parity"
    before = set(Path("/tmp").glob("da-zoo-*"))
    for out, launcher in (("serial", "serial"), ("ray", "ray --workers 2")):
        end(begin(words, out, launcher))
    # Rows but for their seconds, logits and leaderboard.
    assert compare(tmp_path / "serial", tmp_path / "ray") == (20, 5, 0, [])
    statuses = [row["status"] for row in rows_of(tmp_path / "ray").values()]
    assert (statuses.count("ok"), statuses.count("na")) == (10, 10)
    assert set(Path("/tmp").glob("da-zoo-*")) <= before, "the cluster left a folder"


def test_a_worker_killed_within_a_group_is_replaced(begin, tmp_path):
    words = "--method own:slow --methods unadapted --scenarios plain_to_rot30"
    process = begin(words)
    wait_for(lambda: marks(tmp_path), process)
    (first,) = marks(tmp_path)
    assert first != process.pid
    os.kill(first, signal.SIGKILL)
    wait_for(lambda: len(marks(tmp_path)) == 2, process)
    (tmp_path / "go").touch()
    told = end(process)
    rows = rows_of(tmp_path / "ray")
    assert {row["method"] for row in rows.values()} == {"slow", "unadapted"}
    assert {row["status"] for row in rows.values()} == {"ok"}
    assert "slow" in told, "the leaderboard lacks it"


def test_a_driver_killed_and_called_again_finishes_the_rest(begin, tmp_path):
    words = "--method own:slow --methods unadapted --scenarios "
    words += "plain_to_rot30,plain_to_over07"
    process = begin(words)
    wait_for(lambda: marks(tmp_path), process)
    out = tmp_path / "ray"
    wait_for(lambda: rows_of(out), process)
    before = (out / "rows.jsonl").read_bytes()
    (worker, *_) = marks(tmp_path)
    process.kill()
    process.wait()
    limit = time.monotonic() + 20  # the cluster goes with its driver
    while alive(worker):
        assert time.monotonic() < limit, "a worker outlived its cluster"
        time.sleep(0.1)
    (tmp_path / "go").touch()
    end(begin(words))
    assert (out / "rows.jsonl").read_bytes().startswith(before)
    rows = rows_of(out)
    assert len(rows) == 4 and {row["status"] for row in rows.values()} == {"ok"}
    lines = (out / "rows.jsonl").read_text().splitlines()
    assert len(lines) == 4, "a finished group was run again"


def test_what_hangs_or_dies_becomes_a_row_and_the_rest_goes_on(begin, tmp_path):
    words = "--method own:hangs --method own:dies_always --timeout 20"
    words += " --methods unadapted,source_only --scenarios plain_to_rot30"
    # One worker: what comes after the late batch finds that worker or the next.
    end(begin(words, launcher="ray --workers 1"), 1)
    rows = {row["method"]: row for row in rows_of(tmp_path / "ray").values()}
    died = rows.pop("dies_always")
    assert (died["status"], died["accuracy"]) == ("failed", None)
    assert died["reason"].startswith("its worker died 3 times (WorkerCrashedError")
    assert (tmp_path / "deaths").read_text() == "xxx"
    hung = rows.pop("hangs")
    assert (hung["status"], hung["accuracy"]) == ("timeout", None)
    assert hung["reason"] == "took longer than timeout=20 seconds"
    assert {row["status"] for row in rows.values()} == {"ok"} and len(rows) == 2


def test_one_interrupt_takes_back_what_waits_for_a_worker(begin, tmp_path):
    words = "--method own:slow --methods unadapted --scenarios plain_to_rot30"
    # Room for one task at a time; a second one waits at the cluster.
    process = begin(f"{words},plain_to_over07", launcher="ray --cpus-per-group 2")
    wait_for(lambda: marks(tmp_path), process)
    before = len(rows_of(tmp_path / "ray"))
    process.send_signal(signal.SIGINT)
    time.sleep(2)
    assert process.poll() is None
    (tmp_path / "go").touch()
    told = end(process, 130)
    assert "in flight; once more to leave at once" in told
    rows = rows_of(tmp_path / "ray").values()
    assert len(rows) == before + 1, "a group was begun after the interrupt"
    assert {row["status"] for row in rows} == {"ok"}


def test_termination_ends_the_cluster_and_leaves_whole_rows(begin, tmp_path):
    words = "--method own:slow --scenarios plain_to_rot30"
    process = begin(words)
    wait_for(lambda: marks(tmp_path), process)
    process.send_signal(signal.SIGTERM)
    told = end(process, 143)
    assert told.rstrip().endswith("da-zoo: terminated; the same command continues")
    assert rows_of(tmp_path / "ray") == {}
    (worker,) = marks(tmp_path)
    assert not alive(worker)


def test_what_ray_cannot_do_is_said_in_one_line(begin, tmp_path):
    words = "--methods unadapted --scenarios plain_to_rot30"
    for option, reason in {
        "--address nowhere": "address must be auto, local or HOST:PORT, got 'nowhere'",
        "--address 127.0.0.1:1": "no Ray cluster answers there",
        "--gpus-per-group 64": "gpus_per_group=64 fit on none of the cluster's",
    }.items():
        told = end(begin(f"{words} {option}"), 2)
        assert reason in told.strip().splitlines()[-1], told
