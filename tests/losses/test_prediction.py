"""Losses on unlabelled predictions against float64 NumPy, and what they are for."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from da_zoo.losses.prediction import (
    batch_nuclear_norm,
    mean_entropy,
    minimum_class_confusion,
)

LOGITS = np.random.default_rng(0).normal(size=(9, 4)) * 2


def softmax(logits):
    e = np.exp(logits - logits.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def confusion(logits, temperature):
    """Equations 2 to 6 of Jin et al., written out with loops."""
    p = softmax(logits / temperature)
    n, k = p.shape
    entropy = np.array([-sum(q * np.log(q) for q in row) for row in p])
    w = n * (1 + np.exp(-entropy)) / (1 + np.exp(-entropy)).sum()
    c = np.array(
        [
            [sum(w[i] * p[i, a] * p[i, b] for i in range(n)) for b in range(k)]
            for a in range(k)
        ]
    )
    c = c / c.sum(axis=1, keepdims=True)
    return (c.sum() - np.trace(c)) / k


def numbers(function, logits, index, step=1e-6):
    """A central difference."""
    return (
        function(logits.at[index].add(step)) - function(logits.at[index].add(-step))
    ) / (2 * step)


def test_entropy_value_and_range(x64):
    p = softmax(LOGITS)
    expected = np.mean(-np.sum(p * np.log(p), axis=1))
    np.testing.assert_allclose(mean_entropy(jnp.asarray(LOGITS)), expected, rtol=1e-10)
    np.testing.assert_allclose(mean_entropy(jnp.zeros((3, 5))), np.log(5), rtol=1e-10)


@pytest.mark.parametrize("temperature", [1.0, 2.5])
def test_class_confusion_value(temperature, x64):
    ours = minimum_class_confusion(jnp.asarray(LOGITS), temperature)
    np.testing.assert_allclose(ours, confusion(LOGITS, temperature), rtol=1e-9)


def test_class_confusion_falls_from_uniform_to_certain():
    assert float(minimum_class_confusion(50 * jnp.eye(4))) < 1e-3
    np.testing.assert_allclose(
        minimum_class_confusion(jnp.zeros((8, 4))), 0.75, rtol=1e-6
    )


@pytest.mark.parametrize("fast", [False, True])
def test_nuclear_norm_value(fast, x64):
    p = softmax(LOGITS)
    exact = np.sqrt(np.linalg.eigvalsh(p.T @ p)).sum() / 9
    columns = np.sort(np.linalg.norm(p, axis=0))[::-1][:4].sum() / 9
    ours = batch_nuclear_norm(jnp.asarray(LOGITS), fast=fast)
    np.testing.assert_allclose(ours, columns if fast else exact, rtol=1e-9)


def test_nuclear_norm_rewards_diversity_where_entropy_does_not():
    diverse, collapsed = 50 * jnp.eye(4), jnp.tile(jnp.array([[50.0, 0, 0, 0]]), (4, 1))
    np.testing.assert_allclose(
        mean_entropy(diverse), mean_entropy(collapsed), atol=1e-6
    )
    assert batch_nuclear_norm(diverse) > batch_nuclear_norm(collapsed) + 0.4


LOSSES = {
    "entropy": mean_entropy,
    "confusion": minimum_class_confusion,
    "nuclear": batch_nuclear_norm,
    "fast": lambda z, **k: batch_nuclear_norm(z, fast=True, **k),
}


@pytest.mark.parametrize("name", ["entropy", "nuclear", "fast"])
def test_gradients_against_finite_differences(name, x64):
    logits = jnp.asarray(LOGITS)
    gradient = jax.grad(LOSSES[name])(logits)
    for index in ((0, 0), (5, 3)):
        np.testing.assert_allclose(
            gradient[index], numbers(LOSSES[name], logits, index), rtol=1e-5, atol=1e-9
        )


@pytest.mark.parametrize("name", LOSSES)
def test_a_step_down_lowers_it_and_masked_classes_change_nothing(name, x64):
    loss, logits = LOSSES[name], jnp.asarray(LOGITS)
    gradient = jax.grad(loss)(logits)
    assert float(jnp.abs(gradient).max()) > 1e-3
    assert float(loss(logits - 0.1 * gradient)) < float(loss(logits))
    masked = jnp.concatenate([logits, jnp.full((9, 2), -1e9)], axis=1)
    np.testing.assert_allclose(loss(masked), loss(logits), rtol=1e-9)
    wide = jax.grad(loss)(masked)
    assert bool(jnp.isfinite(wide).all())
    np.testing.assert_allclose(wide[:, :4], gradient, atol=1e-9)


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("junk", [7.0, np.nan, np.inf])
def test_padding_rows_change_neither_value_nor_gradient(name, junk, x64):
    slopes_of = jax.value_and_grad(LOSSES[name])
    value, gradient = slopes_of(jnp.asarray(LOGITS))
    longer = jnp.concatenate([jnp.asarray(LOGITS), jnp.full((3, 4), junk)])
    weight = jnp.array([1.0] * 9 + [0.0] * 3)
    padded, slopes = slopes_of(longer, weight=weight)
    np.testing.assert_allclose(padded, value, rtol=1e-9)
    np.testing.assert_allclose(slopes[:9], gradient, rtol=1e-8, atol=1e-12)
    assert not slopes[9:].any()


def test_extreme_logits_stay_finite():
    logits = jnp.array([[1e4, -1e4, 0.0], [-1e4, 1e4, 0.0]])
    for loss in LOSSES.values():
        value, gradient = jax.value_and_grad(loss)(logits)
        assert bool(jnp.isfinite(value)) and bool(jnp.isfinite(gradient).all())
