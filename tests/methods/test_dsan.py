import jax
import jax.numpy as jnp
import pytest

from da_zoo import METHODS, fit, methods, network_by_name
from da_zoo.testing import example_batch, toy_data

NETWORK = network_by_name("mlp", hidden=(8, 4))


def stepped(recipe, change=lambda batch: batch):
    """The first phase's metrics after one step from the middle of training."""
    adapter = recipe[0].adapter
    batch = example_batch(toy_data(), recipe[0].uses)
    state = jax.jit(adapter.init)(jax.random.key(0), batch)
    state = state._replace(total_steps=jnp.float32(8), step=jnp.int32(4))
    return jax.jit(adapter.update)(state, change(batch))[1]


def test_it_reads_the_source_labels():
    def relabelled(batch):
        return batch._replace(source=batch.source._replace(y=(batch.source.y + 1) % 3))

    recipe = methods.dsan(NETWORK, classes=3)
    one, other = stepped(recipe), stepped(recipe, relabelled)
    assert float(one["local_mmd_squared"]) != float(other["local_mmd_squared"])


def test_the_weight_ramps_up_to_a_half():
    recipe = methods.dsan(NETWORK, classes=3)
    metrics = stepped(recipe)
    weighted = metrics["task_loss"] - metrics["source_loss"]
    half_way = 0.5 * jnp.tanh(0.5 * 10.0 * 0.5)
    expected = half_way * metrics["local_mmd_squared"]
    assert abs(float(weighted - expected)) < 1e-6


def test_training_lowers_the_distance():
    ends = []
    for trade_off in (0.0, 5.0):
        recipe = methods.dsan(
            NETWORK,
            classes=3,
            trade_off=trade_off,
            trade_off_schedule="constant",
            optimizer="adam",
            schedule="constant",
        )
        result = fit(recipe, toy_data(), jax.random.key(3), steps=150, batch_size=24)
        ends.append(result.history["adapt/local_mmd_squared"][-20:].mean())
    assert ends[1] < 0.5 * ends[0]


def test_where_it_is_defined():
    with pytest.raises(ValueError, match=r"dsan compares labels.*one number"):
        methods.dsan(NETWORK, classes={"source": 3, "target": 3}, labelled_target=True)
    assert METHODS["dsan"].undefined(4, "F") != ""
    assert METHODS["dsan"].undefined(3, "F") == ""
    with pytest.raises(ValueError, match="positive and non-empty"):
        methods.dsan(NETWORK, classes=3, bandwidths=(0.0,))
