"""Grain's batches: those of ``fit``, ahead of time, from any position."""

import json
import os
import signal
import subprocess
import sys

import jax
import numpy as np
import pytest
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from da_zoo import ArrayData, fit, make_train_step, methods, network_by_name
from da_zoo.compose import named_key
from da_zoo.data.array_record_writer import write_array_records
from da_zoo.data.array_records import ArrayRecordPool
from da_zoo.data.grain_batches import AHEAD, grain_batches

RNG = np.random.default_rng(0)
PIXELS = RNG.integers(0, 256, (50, 3, 3, 3), np.uint8)
LABELS = np.arange(50) % 3
KEY = jax.random.key(3)


@pytest.fixture
def data(tmp_path):
    pool = ArrayRecordPool(write_array_records(tmp_path / "rows", PIXELS))
    return ArrayData((pool, LABELS), pool)


@pytest.fixture(autouse=True)
def _grain():
    pytest.importorskip("grain", reason='needs pip install "da-zoo[streaming]"')


def numbers(batch):
    return batch.source.index.tolist() + batch.target.index.tolist()


def test_a_loop_of_ones_own_trains_as_fit_does(data):
    recipe = methods.source_only(network_by_name("mlp", hidden=(4,)), classes=3)
    (phase,) = recipe
    expected = fit(
        recipe, data, KEY, steps=60, batch_size=8, loop="python", pools="device"
    )
    batches = grain_batches(data, KEY, batch_size=8, uses=tuple(phase.uses))
    first = next(grain_batches(data, KEY, batch_size=8, uses=tuple(phase.uses)))
    state = jax.jit(phase.adapter.init)(named_key(KEY, "weights"), first)
    state = state._replace(
        key=jax.random.fold_in(named_key(KEY, "steps"), 0),
        total_steps=np.float32(60),
    )
    step = make_train_step(phase.adapter)
    for _ in range(60):
        state, _ = step(state, next(batches))
    for mine, theirs in zip(
        jax.tree.leaves(state.params),
        jax.tree.leaves(expected.state.params),
        strict=True,
    ):
        # The step is compiled together with the gathering of its rows in one case and
        # alone in the other, so that the last digits may be rounded otherwise.
        np.testing.assert_allclose(mine, theirs, atol=1e-6)


def test_it_goes_on_with_the_very_next_example(data):
    whole = grain_batches(data, KEY, batch_size=4)
    seen = [numbers(next(whole)) for _ in range(30)]
    batches = grain_batches(data, KEY, batch_size=4)
    for _ in range(7):
        next(batches)
    state = json.loads(json.dumps(batches.get_state()))
    assert state["step"] == 7  # not what was read ahead
    assert numbers(next(batches)) == seen[7]
    again = grain_batches(data, KEY, batch_size=4)
    again.set_state(state)
    assert [numbers(next(again)) for _ in range(23)] == seen[7:]
    later = grain_batches(data, KEY, batch_size=4, start_step=25)
    assert [numbers(next(later)) for _ in range(5)] == seen[25:]
    batches.set_state({**state, "step": 0})  # backwards too
    assert numbers(next(batches)) == seen[0]


def test_a_state_of_another_order_is_refused(data):
    state = grain_batches(data, KEY, batch_size=4).get_state()
    other = grain_batches(data, KEY, batch_size=8)
    with pytest.raises(ValueError, match="another order"):
        other.set_state(state)


def test_reading_keeps_a_few_batches_ahead(data, monkeypatch):
    moved = []
    put = jax.device_put
    monkeypatch.setattr(
        "da_zoo.data.grain_batches.jax.device_put",
        lambda x: moved.append(1) or put(x),
    )
    batches = grain_batches(data, KEY, batch_size=4)
    next(batches)
    assert len(moved) == 1 + AHEAD
    next(batches)
    assert len(moved) == 2 + AHEAD


def test_batches_lie_over_devices(data):
    mesh = Mesh(np.array(jax.devices()), ("data",))
    sharding = NamedSharding(mesh, PartitionSpec("data"))
    size = 4 * len(jax.devices())
    batch = next(grain_batches(data, KEY, batch_size=size, sharding=sharding))
    plain = next(grain_batches(data, KEY, batch_size=size))
    assert batch.source.x.sharding.is_equivalent_to(sharding, 4)
    assert batch.target.index.sharding.is_equivalent_to(sharding, 1)
    np.testing.assert_array_equal(batch.source.x, plain.source.x)
    assert batch.source.x.dtype == np.float32 and float(batch.source.x.max()) <= 1


def test_numbers_out_of_range_and_a_closed_iterator(data):
    for options in ({"workers": -1}, {"start_step": -1}):
        with pytest.raises(ValueError, match="at least 0"):
            grain_batches(data, KEY, batch_size=4, **options)
    with grain_batches(data, KEY, batch_size=4) as batches:
        next(batches)
    with pytest.raises(ValueError, match="closed"):
        next(batches)


def test_without_grain_the_package_is_named(data, monkeypatch):
    monkeypatch.setitem(sys.modules, "grain", None)
    with pytest.raises(ImportError, match=r"da-zoo\[streaming\]"):
        grain_batches(data, KEY, batch_size=4)


PROGRAM = """
import json, sys
import jax, numpy as np
from da_zoo import ArrayData
from da_zoo.data.array_records import ArrayRecordPool
from da_zoo.data.grain_batches import grain_batches

if __name__ == "__main__":
    folder, workers = sys.argv[1], int(sys.argv[2])
    pool = ArrayRecordPool(folder)
    batches = grain_batches(
        ArrayData((pool, np.arange(50) % 3), pool), jax.random.key(3), batch_size=4,
        workers=workers,
    )
    for batch in batches:
        rows = batch.source.index.tolist() + batch.target.index.tolist()
        told = [rows, float(batch.source.x.sum()), batches.get_state()]
        print(json.dumps(told), flush=True)
"""


@pytest.mark.parametrize("workers", [0, pytest.param(2, marks=pytest.mark.slow)])
def test_killed_and_resumed(data, tmp_path, workers):
    psutil = pytest.importorskip("psutil")
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    process = subprocess.Popen(
        [sys.executable, program, str(data.source.pool.folder), str(workers)],
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"JAX_PLATFORMS": "cpu"},
    )
    lines = [process.stdout.readline() for _ in range(5)]
    readers = psutil.Process(process.pid).children(recursive=True)
    process.send_signal(signal.SIGKILL)
    _, left = psutil.wait_procs(readers, timeout=30)
    for reader in left:
        reader.kill()
    assert not left, "workers outlive the process that was killed"
    # What it did before the signal came counts, but for half a line.
    lines += process.communicate()[0].splitlines(keepends=True)
    seen = [json.loads(line) for line in lines if line.endswith("\n")]
    assert len(readers) >= workers
    whole, resumed = (grain_batches(data, KEY, batch_size=4) for _ in range(2))
    for rows, total, _ in seen:
        batch = next(whole)
        assert rows == numbers(batch)
        np.testing.assert_allclose(total, PIXELS[rows[:4]].sum() / 255, rtol=1e-5)
    resumed.set_state(seen[-1][2])
    assert [numbers(next(resumed)) for _ in range(20)] == [
        numbers(next(whole)) for _ in range(20)
    ]
