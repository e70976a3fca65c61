import jax
import jax.numpy as jnp
import numpy as np
import pytest

from da_zoo.losses.open_set import unknown_cross_entropy, unknown_log_odds


def by_hand(logits, unknown, t):
    total = 0.0
    for row in logits:
        p = np.exp(row) / np.exp(row).sum()
        total -= t * np.log(p[unknown]) + (1 - t) * np.log(1 - p[unknown])
    return total / len(logits)


@pytest.mark.parametrize("t", [0.5, 0.2])
def test_it_is_the_binary_cross_entropy(x64, t):
    logits = np.random.default_rng(0).normal(size=(6, 4))
    ours = unknown_cross_entropy(jnp.asarray(logits), 3, target=t)
    np.testing.assert_allclose(ours, by_hand(logits, 3, t), rtol=1e-12)


def test_masked_classes_have_no_part_in_it():
    logits = np.random.default_rng(0).normal(size=(6, 4)).astype(np.float32)
    padded = np.concatenate([logits, np.full((6, 3), -1e9, np.float32)], axis=1)
    value, gradient = jax.value_and_grad(unknown_cross_entropy)(
        jnp.asarray(padded), jnp.float32(3)
    )
    np.testing.assert_allclose(value, by_hand(logits, 3, 0.5), rtol=1e-6)
    assert np.isfinite(gradient).all()
    assert not gradient[:, 4:].any()


@pytest.mark.parametrize("gap", [-200.0, 200.0])
def test_collapsed_predictions_keep_a_finite_gradient(gap):
    logits = jnp.array([[0.0, 0.0, gap]])
    value, gradient = jax.value_and_grad(unknown_cross_entropy)(logits, 2)
    assert np.isfinite(value)
    assert np.abs(gradient).max() > 0.1


def test_log_odds_are_those_of_the_softmax(x64):
    logits = np.random.default_rng(0).normal(size=(5, 3))
    p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    expected = np.log(p[:, 1]) - np.log(1 - p[:, 1])
    np.testing.assert_allclose(unknown_log_odds(jnp.asarray(logits), 1), expected)


def test_descent_leads_to_the_boundary():
    logits = jnp.asarray(np.random.default_rng(0).normal(size=(5, 3)))
    for _ in range(300):
        logits = logits - 5.0 * jax.grad(unknown_cross_entropy)(logits, 2)
    p = jax.nn.softmax(logits, axis=1)[:, 2]
    np.testing.assert_allclose(p, 0.5, atol=1e-3)


def test_padding_and_bad_targets():
    logits = jnp.array([[0.0, 1.0], [jnp.nan, 0.0]])
    alone = unknown_cross_entropy(logits[:1], 1)
    padded = unknown_cross_entropy(logits, 1, weight=jnp.array([1.0, 0.0]))
    np.testing.assert_allclose(padded, alone)
    with pytest.raises(ValueError, match="target must be in"):
        unknown_cross_entropy(logits, 1, target=1.0)
