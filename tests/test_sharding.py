"""One run over two devices is the run on one: `conftest.py` makes the devices."""

import jax
import numpy as np
import pytest

import da_zoo
from da_zoo import METHODS, sharding
from da_zoo.sharding import Layout
from da_zoo.types import Batch, Examples
from tests.checkpoint.small import NETWORK, assert_same_bits, bits, small_data, train

TOLERANCE = 1e-5

needs_two = pytest.mark.skipif(
    jax.device_count() < 2, reason="needs two devices: see tests/conftest.py"
)


def assert_close(first, second):
    for one, other in zip(bits(first), bits(second), strict=True):
        np.testing.assert_allclose(one, other, rtol=0, atol=TOLERANCE)


@needs_two
@pytest.mark.parametrize("method", ["dann", "dan", "mcd"])
def test_two_devices_are_one_after_200_steps(method):
    alone = train(method, steps=200)
    spread = train(method, steps=200, mesh=da_zoo.make_mesh())
    assert len(spread.state.step.sharding.device_set) == 2
    assert_close(alone.state.params, spread.state.params)
    assert_close(alone.state.stats, spread.state.stats)
    # A batch half as large, or halves that normalise for themselves, would be far off.
    assert np.abs(np.diff(alone.history["adapt/task_loss"])).max() > 1e-3


@needs_two
def test_rows_from_the_host_are_split_too(monkeypatch):
    asked = []
    whole = sharding.from_rows

    def watched(read, shape, mesh, axis):
        def counted(part):
            asked.append((part.stop or shape[axis]) - (part.start or 0))
            return read(part)

        return whole(counted, shape, mesh, axis)

    monkeypatch.setattr("da_zoo.staging.from_rows", watched)
    alone = train("dann", steps=40)
    spread = train("dann", steps=40, mesh=da_zoo.make_mesh(), pools="host")
    assert_close(alone.state.params, spread.state.params)
    assert set(asked) == {8}  # of 16 rows each device's reader reads its half


@needs_two
def test_large_parameters_are_split(monkeypatch):
    monkeypatch.setattr(sharding, "LARGE", 20)
    alone = train("dann", steps=40)
    spread = train("dann", steps=40, mesh=da_zoo.make_mesh(), shard_parameters=True)
    assert_close(alone.state.params, spread.state.params)
    leaves = jax.tree.leaves(spread.state.params)
    halves = [
        leaf for leaf in leaves if leaf.addressable_shards[0].data.size * 2 == leaf.size
    ]
    assert halves and len(halves) == sum(leaf.size >= 20 for leaf in leaves)


@needs_two
def test_a_checkpoint_moves_between_one_device_and_two(tmp_path):
    calm = train("dann", tmp_path / "one")
    spread = train("dann", tmp_path / "one", mesh=da_zoo.make_mesh())
    assert_same_bits(calm.state, spread.state)  # read, not trained
    assert len(spread.state.step.sharding.device_set) == 2


@needs_two
def test_seeds_on_a_mesh_run_one_after_another():
    alone = train("source_only", seeds=2, steps=40)
    spread = train("source_only", seeds=2, steps=40, mesh=da_zoo.make_mesh())
    assert spread.plan.seeds == "sequential"
    assert_close(alone.state.params, spread.state.params)


@needs_two
def test_a_step_per_dispatch_works_on_a_mesh():
    alone = train("source_only", loop="python", steps=30)
    spread = train("source_only", loop="python", steps=30, mesh=da_zoo.make_mesh())
    assert_close(alone.state.params, spread.state.params)


@needs_two
def test_predictions_of_a_spread_state_are_those_of_the_other():
    alone = train("dann", steps=20)
    spread = train("dann", steps=20, mesh=da_zoo.make_mesh())
    rows = small_data().target.pool
    for one, other in zip(
        bits(alone.predict(rows)), bits(spread.predict(rows)), strict=True
    ):
        np.testing.assert_allclose(one, other, atol=TOLERANCE)


@needs_two
def test_devices_share_a_batch_and_not_each_the_whole():
    """Equal numbers alone would not show it: copies of the work agree too."""
    adapter = METHODS["source_only"].factory(NETWORK, classes=3)[0].adapter
    rows = Examples(
        x=np.ones((8, 6), np.float32),
        y=np.zeros(8, np.int32),
        labelled=np.ones(8, bool),
        index=np.arange(8, dtype=np.int32),
        domain=np.zeros(8, np.int32),
    )
    batch = Batch(source=rows)
    layout = Layout(da_zoo.make_mesh())
    state = sharding.replicated(
        jax.jit(adapter.init)(jax.random.key(0), batch), layout.mesh
    )
    step = sharding.sharded_update(adapter.update, layout)
    program = jax.jit(step).lower(state, sharding.replicated(batch, layout.mesh))
    assert "all-reduce" in program.compile().as_text()


def test_only_large_arrays_with_a_fitting_side_are_split():
    mesh = da_zoo.make_mesh()
    count = mesh.shape["data"]
    layout = Layout(mesh, split_large=True)

    def spec(*shape):
        return tuple(layout.of(jax.ShapeDtypeStruct(shape, np.float32)).spec)

    assert spec(8) == ()
    assert spec(2**17 + 1) == (() if count > 1 else ("data",))
    assert spec(3, 2**16) == (None, "data")
    assert tuple(Layout(mesh).of(jax.ShapeDtypeStruct((2**20,), "f4")).spec) == ()


BAD = {
    "a batch that does not divide": ({"batch_size": 15}, ValueError, "take 16"),
    "seeds side by side": ({"seeds_mode": "vmap"}, ValueError, "one after another"),
    "a mesh of another axis": (
        {"mesh": jax.make_mesh((1,), ("model",), devices=jax.devices()[:1])},
        ValueError,
        "axis 'data'",
    ),
}


@needs_two
@pytest.mark.parametrize("case", BAD)
def test_bad_meshes_are_refused(case):
    options, error, message = BAD[case]
    with pytest.raises(error, match=message):
        train(**({"mesh": da_zoo.make_mesh()} | options))


def test_what_is_no_mesh_is_refused():
    with pytest.raises(TypeError, match="make_mesh"):
        sharding.check_mesh.__wrapped__("all", 16, "auto")


def test_split_parameters_need_a_mesh():
    with pytest.raises(ValueError, match="needs a mesh"):
        train(shard_parameters=True)
