"""Two processes of two devices each, over loopback, against this single one."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import jax
import numpy as np
import pytest

from da_zoo import distributed
from tests.checkpoint.small import train

ROOT = Path(__file__).resolve().parents[2]
WORKER = "tests.distributed.worker"
LIMIT = 300
"""Seconds; two processes on two slow cores take a tenth."""


def run_both(tmp_path, **job):
    """Starts both processes; returns exit status and output of each."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    job["out"] = str(tmp_path)
    processes = [
        subprocess.Popen(
            [
                sys.executable,
                "-m",
                "tests.distributed.worker",
                str(port),
                str(i),
                json.dumps(job),
            ],
            cwd=ROOT,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for i in (0, 1)
    ]
    try:
        told = [process.communicate(timeout=LIMIT)[0] for process in processes]
    finally:
        for process in processes:
            process.kill()
    return [process.returncode for process in processes], told


def compare(tmp_path, methods, steps):
    for process in (0, 1):
        with np.load(tmp_path / f"process_{process}.npz", allow_pickle=False) as found:
            for method in methods:
                alone = train(method, steps=steps).state
                leaves = jax.tree.leaves((alone.params, alone.stats))
                for i, leaf in enumerate(leaves):
                    np.testing.assert_allclose(
                        found[f"{method}/{i}"], np.asarray(leaf), rtol=0, atol=1e-5
                    )


def test_two_processes_of_two_devices_start_as_one(tmp_path):
    codes, told = run_both(tmp_path, methods=["dann"], steps=30)
    assert codes == [0, 0], told
    compare(tmp_path, ["dann"], 30)


@pytest.mark.slow
def test_two_processes_of_two_devices_are_one_after_200_steps(tmp_path):
    methods = ["dann", "dan", "mcd"]
    codes, told = run_both(tmp_path, methods=methods, steps=200)
    assert codes == [0, 0], told
    compare(tmp_path, methods, 200)


@pytest.mark.slow
def test_each_process_reads_its_own_rows_from_the_host(tmp_path):
    codes, told = run_both(tmp_path, methods=["dann"], steps=60, pools="host")
    assert codes == [0, 0], told
    compare(tmp_path, ["dann"], 60)


@pytest.mark.slow
@pytest.mark.parametrize("perishing", [0, 1])
def test_a_lost_process_ends_the_run_and_leaves_a_checkpoint(perishing, tmp_path):
    job = {"methods": ["dann"], "steps": 200, "folder": str(tmp_path / "run")}
    codes, told = run_both(tmp_path, **job, perishing=perishing)
    assert codes[perishing] == -9
    other = 1 - perishing
    assert codes[other] == distributed.EXIT_LOST, told[other]
    last = told[other].strip().splitlines()[-1]
    assert "has lost another one" in last and "go on from the newest checkpoint" in last
    there = sorted(
        int(path.name) for path in (tmp_path / "run/group_000").glob("[0-9]*")
    )
    assert there[-1] >= 40
    codes, told = run_both(tmp_path, **job)
    assert codes == [0, 0], told
    compare(tmp_path, ["dann"], 200)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (("127.0.0.1:1", 2, None), TypeError, "belong together"),
        (("127.0.0.1", 2, 0), ValueError, "HOST:PORT"),
        (("a:1", 0, 0), ValueError, "at least 1"),
        (("a:1", 2, 2), ValueError, "0..1"),
    ],
)
def test_wrong_numbers_are_refused_before_waiting(arguments, error, message):
    with pytest.raises(error, match=message):
        distributed.start(*arguments)


def test_memory_errors_are_not_taken_for_a_loss(monkeypatch):
    monkeypatch.setattr(jax, "process_count", lambda: 2)
    with (
        pytest.raises(jax.errors.JaxRuntimeError),
        distributed.telling_losses("dann"),
    ):
        raise jax.errors.JaxRuntimeError("RESOURCE_EXHAUSTED: out of memory")
    with (
        pytest.raises(distributed.ProcessLostError, match="begins anew"),
        distributed.telling_losses("dann"),
    ):
        raise jax.errors.JaxRuntimeError("UNKNOWN: Connection reset by peer")


@pytest.mark.parametrize("kind", [ConnectionError, OSError, ValueError, RuntimeError])
def test_a_callback_s_own_connection_is_no_lost_process(kind, monkeypatch):
    monkeypatch.setattr(jax, "process_count", lambda: 2)

    def on_metrics(*_):
        raise kind("Connection refused by the server of metrics")

    with (
        pytest.raises(kind, match="refused") as told,
        distributed.telling_losses("dann"),
    ):
        on_metrics()
    assert told.type is kind  # a ProcessLostError is a RuntimeError too


def test_an_error_of_xla_that_comes_as_a_plain_one_is_a_loss(monkeypatch):
    monkeypatch.setattr(jax, "process_count", lambda: 2)

    def lost(_):
        raise ValueError("UNKNOWN: Gloo all-reduce failed")

    # As if it were raised below jax.numpy: only the raiser's module counts.
    monkeypatch.setitem(lost.__globals__, "__name__", "jax._src.array")
    with (
        pytest.raises(distributed.ProcessLostError),
        distributed.telling_losses("dann"),
    ):
        lost(None)
