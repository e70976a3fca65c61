import jax
import jax.numpy as jnp
import numpy as np
import pytest

from da_zoo import METHODS, fit, methods, network_by_name
from da_zoo.testing import example_batch, toy_data

NETWORK = network_by_name("mlp", hidden=(8, 4))


def started(**values):
    """The adapter, a state in mid-training and a batch."""
    settings = {"schedule": "constant", "trade_off_schedule": "constant"} | values
    phase = methods.fada(NETWORK, classes=3, **settings)[0]
    batch = example_batch(toy_data(), phase.uses)
    state = jax.jit(phase.adapter.init)(jax.random.key(0), batch)
    update = jax.jit(phase.adapter.update)
    adapter = phase.adapter._replace(update=update)
    return adapter, state._replace(total_steps=jnp.float32(8)), batch


def test_discriminator_and_encoder_pull_in_opposite_directions():
    # A trade-off so large that the task has no say in the encoder's step.
    adapter, state, batch = started(trade_off=1e4, learning_rate=1e-6)
    before = jax.jit(adapter.update)(state, batch)[1]
    after = jax.jit(adapter.update)(state, batch)[0]
    params = state.params | {"encoder": after.params["encoder"]}
    confused = jax.jit(adapter.update)(state._replace(params=params), batch)[1]
    assert float(confused["confusion"]) < float(before["confusion"]) - 1e-5

    adapter, state, batch = started(trade_off=0.0, learning_rate=0.1)
    before = jax.jit(adapter.update)(state, batch)[1]
    after = jax.jit(adapter.update)(state, batch)[0]
    params = state.params | {"discriminator": after.params["discriminator"]}
    sharper = jax.jit(adapter.update)(state._replace(params=params), batch)[1]
    assert float(sharper["discriminator_loss"]) < float(before["discriminator_loss"])


def test_without_a_trade_off_the_encoder_does_not_see_the_discriminator():
    ends = []
    for hidden in ((4,), (16,)):
        adapter, state, batch = started(trade_off=0.0, discriminator=hidden)
        ends.append(jax.jit(adapter.update)(state, batch)[0].params["encoder"])
    for a, b in zip(*map(jax.tree.leaves, ends), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-7)


def test_the_discriminator_learns_the_groups():
    recipe = methods.fada(
        network_by_name("mlp", hidden=(16,)),
        classes=3,
        trade_off=0.0,
        optimizer="adam",
        schedule="constant",
    )
    result = fit(recipe, toy_data(), jax.random.key(0), steps=300, batch_size=24)
    losses = result.history["adapt/discriminator_loss"]
    assert losses[:5].mean() > 1.0  # log 4 = 1.39 at chance
    assert losses[-20:].mean() < 0.5


def test_it_learns_the_toy_shift():
    data = toy_data()
    recipe = methods.fada(
        NETWORK, classes=3, batch_norm="separate", optimizer="adam", schedule="constant"
    )
    result = fit(recipe, data, jax.random.key(3), steps=200, batch_size=8)
    hits = np.argmax(result.predict(data.target.pool).logits["target"], axis=1)
    assert np.mean(hits == np.arange(24) % 3) > 0.8


def test_where_it_is_defined():
    with pytest.raises(ValueError, match=r"fada compares labels.*one number"):
        methods.fada(NETWORK, classes={"source": 3, "target": 3})
    with pytest.raises(ValueError, match="widths must be at least 1"):
        methods.fada(NETWORK, classes=3, discriminator=(0,))
    assert METHODS["fada"].undefined(3, "U") == "needs target labels"
    assert METHODS["fada"].undefined(4, "F") != ""
    assert "target" not in methods.fada(NETWORK, classes=3)[0].uses


def test_the_targets_own_norms_are_trained():
    adapter, state, batch = started(batch_norm="domain_specific")
    after = jax.jit(adapter.update)(state, batch)[0]
    before, now = (s.params["encoder_target_norms"] for s in (state, after))
    moved = jax.tree.map(lambda a, b: float(jnp.abs(a - b).max()), before, now)
    assert min(jax.tree.leaves(moved)) > 0.0
