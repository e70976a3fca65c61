"""Information maximisation against float64 NumPy, and what it rewards."""

import jax
import jax.numpy as jnp
import numpy as np

from da_zoo.losses.information import information_maximisation, marginal_entropy

LOGITS = np.random.default_rng(0).normal(size=(9, 4)) * 2


def entropy(p):
    return -sum(q * np.log(q) for q in p if q > 0)


def expected(logits):
    p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    return np.mean([entropy(row) for row in p]) - entropy(p.mean(axis=0))


def test_value_against_numpy(x64):
    np.testing.assert_allclose(
        information_maximisation(jnp.asarray(LOGITS)), expected(LOGITS), rtol=1e-9
    )
    p = np.exp(LOGITS) / np.exp(LOGITS).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(
        marginal_entropy(jnp.asarray(LOGITS)), entropy(p.mean(axis=0)), rtol=1e-9
    )


def test_it_is_minus_the_mutual_information(x64):
    """sum_i sum_c p(i) p(c|i) log(p(c|i) / p(c)), term by term."""
    p = np.exp(LOGITS) / np.exp(LOGITS).sum(axis=1, keepdims=True)
    marginal = p.mean(axis=0)
    mutual = sum(
        p[i, c] / len(p) * np.log(p[i, c] / marginal[c])
        for i in range(len(p))
        for c in range(p.shape[1])
    )
    np.testing.assert_allclose(
        information_maximisation(jnp.asarray(LOGITS)), -mutual, rtol=1e-9
    )


def test_diverse_certainty_is_best_and_collapse_is_worth_nothing():
    diverse, collapsed = 50 * jnp.eye(4), jnp.tile(jnp.array([[50.0, 0, 0, 0]]), (4, 1))
    np.testing.assert_allclose(information_maximisation(diverse), -np.log(4), rtol=1e-5)
    np.testing.assert_allclose(information_maximisation(collapsed), 0.0, atol=1e-6)
    np.testing.assert_allclose(
        information_maximisation(jnp.zeros((4, 4))), 0.0, atol=1e-6
    )


def test_gradient_is_right_and_goes_down(x64):
    logits = jnp.asarray(LOGITS)
    gradient = jax.grad(information_maximisation)(logits)
    for index in ((0, 0), (5, 3)):
        ends = [expected(np.asarray(logits.at[index].add(s))) for s in (1e-6, -1e-6)]
        np.testing.assert_allclose(
            gradient[index], (ends[0] - ends[1]) / 2e-6, rtol=1e-5, atol=1e-9
        )
    lower = information_maximisation(logits - 0.1 * gradient)
    assert float(lower) < float(information_maximisation(logits))


def test_masked_classes_and_padding_count_nothing(x64):
    logits = jnp.asarray(LOGITS)
    value, gradient = jax.value_and_grad(information_maximisation)(logits)
    masked = jnp.concatenate([logits, jnp.full((9, 2), -1e9)], axis=1)
    wide_value, wide = jax.value_and_grad(information_maximisation)(masked)
    np.testing.assert_allclose(wide_value, value, rtol=1e-9)
    np.testing.assert_allclose(wide[:, :4], gradient, atol=1e-9)
    assert bool(jnp.isfinite(wide).all())
    padded = jnp.concatenate([logits, jnp.full((3, 4), jnp.nan)])
    weight = jnp.array([1.0] * 9 + [0.0] * 3)
    np.testing.assert_allclose(
        information_maximisation(padded, weight=weight), value, rtol=1e-9
    )


def test_collapsed_predictions_have_finite_gradients():
    logits = jnp.array([[1e4, -1e4, 0.0]] * 3)
    value, gradient = jax.value_and_grad(information_maximisation)(logits)
    assert bool(jnp.isfinite(value)) and bool(jnp.isfinite(gradient).all())
