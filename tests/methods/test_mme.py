import jax
import jax.numpy as jnp
import numpy as np
import pytest

from da_zoo import METHODS, fit, methods, network_by_name
from da_zoo.testing import example_batch, toy_data

NETWORK = network_by_name("mlp", hidden=(8, 4))


def started(**values):
    """The adapter, a state in mid-training and a batch."""
    settings = {"schedule": "constant"} | values
    phase = methods.mme(NETWORK, classes=3, **settings)[0]
    batch = example_batch(toy_data(), phase.uses)
    state = jax.jit(phase.adapter.init)(jax.random.key(0), batch)
    update = jax.jit(phase.adapter.update)
    adapter = phase.adapter._replace(update=update)
    return adapter, state._replace(total_steps=jnp.float32(8)), batch


def entropy_of(adapter, state, batch):
    return float(jax.jit(adapter.update)(state, batch)[1]["entropy"])


def test_the_head_raises_the_entropy_and_the_encoder_lowers_it():
    # A trade-off so large that the task has no say in the step.
    adapter, state, batch = started(trade_off=1e4, learning_rate=1e-7)
    before = entropy_of(adapter, state, batch)
    after = jax.jit(adapter.update)(state, batch)[0]

    def with_new(group):
        params = state.params | {group: after.params[group]}
        return entropy_of(adapter, state._replace(params=params), batch)

    assert with_new("head_source") > before + 1e-5
    assert with_new("encoder") < before - 1e-5


def test_the_loss_is_the_task_less_the_entropy():
    adapter, state, batch = started(trade_off=0.1)
    _, metrics = jax.jit(adapter.update)(state, batch)
    expected = (
        metrics["source_loss"]
        + metrics["target_labelled_loss"]
        - 0.1 * metrics["entropy"]
    )
    np.testing.assert_allclose(metrics["task_loss"], expected, rtol=1e-5)


def test_the_entropy_is_that_of_the_prediction():
    adapter, state, batch = started(batch_norm="frozen")
    _, metrics = jax.jit(adapter.update)(state, batch)
    logits = np.asarray(
        adapter.predict(state, batch.target.x).logits["target"], np.float64
    )
    p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(
        metrics["entropy"], -np.mean(np.sum(p * np.log(p + 1e-30), axis=1)), rtol=1e-4
    )


def test_predictions_are_cosines_over_the_temperature():
    result = fit(
        methods.mme(NETWORK, classes=3, weight_decay=0.1, optimizer="adam"),
        toy_data(),
        jax.random.key(0),
        steps=20,
        batch_size=8,
    )
    x = np.random.default_rng(0).normal(size=(20, 6))
    predictions = result.predict(x)
    lengths = np.linalg.norm(predictions.features, axis=1)
    np.testing.assert_allclose(lengths[lengths > 0], 1 / 0.05, rtol=1e-4)
    head = result.state.params["head_source"]
    assert not np.any(head["bias"])
    np.testing.assert_allclose(
        predictions.logits["target"], predictions.features @ head["kernel"], rtol=1e-4
    )


def test_temperature_is_static_and_the_trade_off_is_not():
    one, other = (
        methods.mme(NETWORK, classes=3, trade_off=value)[0] for value in (0.1, 0.5)
    )
    assert one.adapter.update is other.adapter.update
    warm = methods.mme(NETWORK, classes=3, temperature=0.5)[0]
    assert warm.adapter.update is not one.adapter.update


def test_it_learns_the_toy_shift():
    data = toy_data()
    recipe = methods.mme(
        NETWORK, classes=3, batch_norm="separate", optimizer="adam", schedule="constant"
    )
    result = fit(recipe, data, jax.random.key(3), steps=200, batch_size=8)
    hits = np.argmax(result.predict(data.target.pool).logits["target"], axis=1)
    assert np.mean(hits == np.arange(24) % 3) > 0.8


def test_where_it_is_defined():
    with pytest.raises(ValueError, match=r"mme compares labels.*one number"):
        methods.mme(NETWORK, classes={"source": 3, "target": 3})
    with pytest.raises(ValueError, match="temperature must be positive"):
        methods.mme(NETWORK, classes=3, temperature=0.0)
    spec = METHODS["mme"]
    assert spec.undefined(3, "U") == "needs target labels"
    assert spec.undefined(3, "F") == ""
    assert spec.undefined(2, "F") == "needs one label space for source and target"
