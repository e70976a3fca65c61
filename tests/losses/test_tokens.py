"""Losses per token: which ones count, and what the others get."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from da_zoo.losses.tokens import (
    masked_squared_error,
    token_accuracy,
    token_cross_entropy,
)

RNG = np.random.default_rng(0)
LOGITS = RNG.normal(size=(3, 4, 5)).astype(np.float32)
LABELS = RNG.integers(0, 5, (3, 4))
COUNTED = np.array([[1, 0, 1, 0], [0, 0, 0, 1], [1, 1, 1, 1]], bool)
WEIGHT = np.array([1.0, 2.0, 0.0], np.float32)


def test_cross_entropy_is_the_mean_over_counted_tokens_by_their_rows_weights():
    wide = LOGITS.astype(np.float64)
    own = np.take_along_axis(wide, LABELS[:, :, None], 2)[:, :, 0]
    nats = np.log(np.exp(wide).sum(2)) - own
    weights = COUNTED * WEIGHT[:, None]
    args = (jnp.asarray(LOGITS), jnp.asarray(LABELS), jnp.asarray(COUNTED))
    got = token_cross_entropy(*args, weight=jnp.asarray(WEIGHT))
    assert float(got) == pytest.approx((nats * weights).sum() / weights.sum(), rel=1e-5)
    plain = token_cross_entropy(*args)
    assert float(plain) == pytest.approx(nats[COUNTED].mean(), rel=1e-5)
    right = (wide.argmax(2) == LABELS)[COUNTED].mean()
    assert float(token_accuracy(*args)) == pytest.approx(right, rel=1e-5)


def test_no_gradient_reaches_tokens_that_do_not_count():
    gradient = jax.grad(token_cross_entropy)(
        jnp.asarray(LOGITS), jnp.asarray(LABELS), jnp.asarray(COUNTED)
    )
    moved = np.abs(gradient).sum(axis=2) > 0
    np.testing.assert_array_equal(moved, COUNTED)


def test_visible_patches_get_no_gradient_and_masked_ones_the_right_one():
    patches = jnp.asarray(RNG.normal(size=(3, 4, 5)).astype(np.float32))
    masked = jnp.asarray(COUNTED)
    gradient = jax.grad(masked_squared_error)(jnp.asarray(LOGITS), patches, masked)
    assert not np.asarray(gradient)[~COUNTED].any()
    want = 2 * (LOGITS - np.asarray(patches)) / 5 / COUNTED.sum()
    np.testing.assert_allclose(
        np.asarray(gradient)[COUNTED], want[COUNTED], rtol=1e-4, atol=1e-7
    )
    value = masked_squared_error(jnp.asarray(LOGITS), patches, masked)
    gaps = np.square(LOGITS.astype(np.float64) - np.asarray(patches))
    assert float(value) == pytest.approx(gaps[COUNTED].mean(), rel=1e-5)


def test_nothing_counted_is_zero_and_padding_may_be_nan():
    nothing = jnp.zeros((3, 4), bool)
    loss = token_cross_entropy(jnp.asarray(LOGITS), jnp.asarray(LABELS), nothing)
    assert float(loss) == 0.0
    broken = jnp.asarray(LOGITS).at[2].set(jnp.nan)
    masked = jnp.asarray(COUNTED)
    value, gradient = jax.value_and_grad(masked_squared_error)(
        broken, jnp.zeros_like(broken), masked, weight=jnp.asarray(WEIGHT)
    )
    assert np.isfinite(value)
    assert np.isfinite(gradient).all()
