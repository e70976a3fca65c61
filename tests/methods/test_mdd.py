"""MDD: who receives which gradient, and the schedule of the reversal."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from da_zoo import fit, methods, network_by_name
from da_zoo.classifier import task_loss
from da_zoo.losses.margin import margin_disparity
from da_zoo.methods.mdd import _alignment
from da_zoo.settings import resolve_classes
from da_zoo.supervised import supervised_model
from da_zoo.testing import example_batch, toy_data

NETWORK = network_by_name("mlp", hidden=(8, 4))


def started(**values):
    (phase,) = methods.mdd(NETWORK, classes=3, **values)
    batch = example_batch(toy_data(), phase.uses)
    state = jax.jit(phase.adapter.init)(jax.random.key(0), batch)
    # Mid-training: the ramp is not at 0.
    state = state._replace(total_steps=jnp.float32(8), step=jnp.int32(4))
    return phase.adapter, state, batch


def model():
    return supervised_model(NETWORK, resolve_classes(3), "joint", labelled_target=False)


def plain_disparity(params, state, batch):
    """The loss written with plain matrices and no reversal."""
    forward = model().forward(params, state, batch)

    def logits(group, name):
        head = params[group]
        return forward.features[name] @ head["kernel"] + head["bias"][None, :]

    return margin_disparity(
        logits("head_adversary", "source"),
        jnp.argmax(logits("head_source", "source"), axis=1),
        logits("head_adversary", "target"),
        jnp.argmax(logits("head_source", "target"), axis=1),
        state.hparams["gamma"],
    )


def test_the_encoder_gets_the_adversarys_gradient_reversed_and_the_head_none():
    _, state, batch = started(trade_off=0.5)
    alignment = _alignment(3, "ramp")

    def term(params):
        forward = model().forward(params, state, batch)
        return alignment.loss(params, state, forward, jax.random.key(0))[0]

    ours = jax.jit(jax.grad(term))(state.params)
    plain = jax.jit(jax.grad(plain_disparity))(state.params, state, batch)
    strength = 0.5 * np.tanh(0.5 * 10 * 0.5)
    np.testing.assert_allclose(
        term(state.params), plain_disparity(state.params, state, batch), rtol=1e-6
    )
    for a, b in zip(
        jax.tree.leaves(ours["encoder"]), jax.tree.leaves(plain["encoder"]), strict=True
    ):
        np.testing.assert_allclose(a, -strength * b, rtol=1e-4, atol=1e-6)
    kernel = ours["head_adversary"]["kernel"]
    np.testing.assert_allclose(kernel, plain["head_adversary"]["kernel"], rtol=1e-5)
    assert float(jnp.abs(kernel).max()) > 1e-2
    assert max(float(jnp.abs(g).max()) for g in jax.tree.leaves(ours["encoder"])) > 1e-3
    np.testing.assert_array_equal(ours["head_source"]["kernel"], 0.0)


def test_a_step_is_on_the_task_plus_the_whole_disparity():
    adapter, state, batch = started()
    metrics = jax.jit(adapter.update)(state, batch)[1]
    disparity = plain_disparity(state.params, state, batch)
    task, _ = task_loss(model().forward(state.params, state, batch), batch)
    np.testing.assert_allclose(metrics["margin_disparity"], disparity, rtol=1e-5)
    np.testing.assert_allclose(metrics["task_loss"], task + disparity, rtol=1e-5)


def test_the_reversal_reaches_a_tenth_and_not_at_once():
    recipe = methods.mdd(NETWORK, classes=3)
    history = fit(recipe, toy_data(), jax.random.key(0), steps=100, batch_size=8)
    reversal = history.history["adapt/reversal"]
    assert reversal[0] == 0.0
    assert reversal[20] < 0.085
    np.testing.assert_allclose(reversal[-1], 0.1, rtol=1e-3)


def test_the_adversary_learns_to_agree_on_the_source():
    recipe = methods.mdd(NETWORK, classes=3, trade_off=0.0, schedule="constant")
    data = toy_data()
    result = fit(recipe, data, jax.random.key(0), steps=200, batch_size=24)
    features = result.predict(data.source.pool, domain="source").features
    head = result.state.params["head_adversary"]
    answers = np.argmax(features @ head["kernel"] + head["bias"][None, :], axis=1)
    assert np.mean(answers == np.arange(24) % 3) > 0.9


def test_gamma_must_be_positive():
    with pytest.raises(ValueError, match=r"gamma.*0"):
        methods.mdd(NETWORK, classes=3, gamma=0.0)
