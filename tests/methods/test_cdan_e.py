"""CDAN+E: the weighted loss by hand, from the paper's equations."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from da_zoo import methods, network_by_name
from da_zoo.classifier import Forward
from da_zoo.methods.cdan import _certainty, conditional_alignment
from da_zoo.testing import example_batch, toy_data

NETWORK = network_by_name("mlp", hidden=(8, 4))
RNG = np.random.default_rng(0)
FEATURES = {name: RNG.normal(size=(8, 4)) for name in ("source", "target")}
LOGITS = {name: 2 * RNG.normal(size=(8, 3)) for name in ("source", "target")}


def forward_of(**parts):
    """A pass of which only some parts are given."""
    parts.setdefault("weights", {"source": None, "target": None})
    return Forward(**({name: {} for name in Forward._fields} | parts))


def term(logits, entropy=True, attached=False, features=None, **parts):
    """The alignment's loss, and the discriminator's parameters."""
    alignment = conditional_alignment(3, (5,), "constant", attached, entropy)
    params = alignment.init(jax.random.key(0), 4)
    recipe = methods.cdan_e(NETWORK, classes=3, discriminator=(5,))
    batch = example_batch(toy_data(), recipe[0].uses)
    state = jax.jit(recipe[0].adapter.init)(jax.random.key(0), batch)
    features = as_arrays(features or FEATURES)
    forward = forward_of(features=features, logits=logits, **parts)
    return alignment.loss(params, state, forward, jax.random.key(0))[0], params


def as_arrays(logits):
    return {k: jnp.asarray(v, jnp.float32) for k, v in logits.items()}


def scores(params, joint):
    """The discriminator by hand: dense layers with rectifiers between them."""
    layers = params["discriminator"]
    names = sorted(layers)
    hidden = joint
    for i, name in enumerate(names):
        hidden = hidden @ np.asarray(layers[name]["kernel"]) + np.asarray(
            layers[name]["bias"]
        )
        if i < len(names) - 1:
            hidden = np.maximum(hidden, 0)
    return hidden[:, 0]


@pytest.mark.parametrize("entropy", [False, True])
def test_the_loss_by_hand(entropy):
    ours, params = term(as_arrays(LOGITS), entropy)
    expected = 0.0
    for name, sign in (("source", 1), ("target", -1)):
        z = LOGITS[name]
        p = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
        joint = np.stack(
            [np.outer(f, g).ravel() for f, g in zip(FEATURES[name], p, strict=True)]
        )
        entropies = -(p * np.log(p)).sum(axis=1)
        w = 1 + np.exp(-entropies) if entropy else np.ones(8)
        w = w / w.sum()  # the two domains have the same weight, whatever their rows'
        losses = np.log1p(np.exp(-sign * scores(params, joint)))
        expected += 0.5 * (w * losses).sum()
    np.testing.assert_allclose(ours, expected, rtol=1e-4)


@pytest.mark.parametrize("entropy", [False, True])
def test_rows_of_weight_zero_change_nothing(entropy):
    expected, _ = term(as_arrays(LOGITS), entropy)
    weight = jnp.array([1.0] * 8 + [0.0] * 2)
    features, logits = (
        {name: np.concatenate([rows, 9.0 + rows[:2]]) for name, rows in part.items()}
        for part in (FEATURES, LOGITS)
    )
    ours, _ = term(
        as_arrays(logits),
        entropy,
        features=features,
        weights={"source": weight, "target": weight},
    )
    np.testing.assert_allclose(ours, expected, rtol=1e-6)


def test_row_weights_multiply_certainty():
    logits, weight = np.asarray(LOGITS["source"]), np.arange(8.0)
    p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    certain = 1 + np.exp((p * np.log(p)).sum(axis=1))
    expected = weight * certain / np.average(certain, weights=weight)
    ours = _certainty(
        jnp.asarray(logits, jnp.float32).at[0].set(jnp.nan),
        jnp.asarray(weight, jnp.float32),
    )
    np.testing.assert_allclose(ours, expected, rtol=1e-5)


def test_certain_rows_count_twice_what_undecided_ones_of_many_classes_do():
    weights = _certainty(jnp.array([[50.0, 0.0], [0.0, 0.0]]))
    np.testing.assert_allclose(weights.mean(), 1.0, rtol=1e-6)
    np.testing.assert_allclose(weights[0] / weights[1], 2 / 1.5, rtol=1e-5)


def test_no_gradient_reaches_predictions_unless_attached():
    for attached in (False, True):
        gradient = jax.grad(lambda z, a=attached: term(z, True, a)[0])(
            as_arrays(LOGITS)
        )
        assert any(np.any(leaf) for leaf in jax.tree.leaves(gradient)) == attached
