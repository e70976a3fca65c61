"""Means with row weights, by hand."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from da_zoo.losses.weighting import (
    pair_mean,
    pair_weights,
    weighted_mean,
    without_padding,
)

ROWS = np.random.default_rng(0).normal(size=(4, 3)).astype(np.float32)
WEIGHT = np.float32([1.0, 0.0, 2.5, 0.5])


@pytest.mark.parametrize("values", [ROWS, ROWS[:, 0]])
def test_the_mean_over_rows(values):
    ours = weighted_mean(jnp.asarray(values), jnp.asarray(WEIGHT))
    np.testing.assert_allclose(
        ours, np.average(values, axis=0, weights=WEIGHT), rtol=1e-6
    )
    without = weighted_mean(jnp.asarray(values))
    assert np.array_equal(without, jnp.mean(jnp.asarray(values), axis=0))
    assert not np.any(weighted_mean(jnp.asarray(values), jnp.zeros(4)))


def test_the_mean_over_pairs():
    values = jnp.asarray(ROWS)
    columns = np.float32([0.0, 1.0, 3.0])
    expected = np.average(ROWS, weights=np.outer(WEIGHT, columns))
    pairs = pair_weights(jnp.asarray(WEIGHT), jnp.asarray(columns), ROWS.shape)
    np.testing.assert_allclose(pair_mean(values, pairs), expected, rtol=1e-6)
    assert pair_weights(None, None, ROWS.shape) is None
    assert np.array_equal(pair_mean(values), jnp.mean(values))
    only = pair_weights(jnp.asarray(WEIGHT), None, ROWS.shape)
    np.testing.assert_allclose(
        pair_mean(values, only),
        np.average(ROWS.mean(axis=1), weights=WEIGHT),
        rtol=1e-6,
    )
    assert float(pair_mean(values, jnp.zeros(ROWS.shape))) == 0.0


@pytest.mark.parametrize("junk", [np.nan, np.inf])
def test_padding_reaches_no_value_and_no_gradient(junk):
    rows = jnp.asarray(ROWS).at[1].set(junk)

    def loss(rows):
        kept = without_padding(rows, jnp.asarray(WEIGHT))
        return jnp.sum(weighted_mean(jnp.exp(kept) ** 2, jnp.asarray(WEIGHT)))

    value, gradient = jax.value_and_grad(loss)(rows)
    assert np.isfinite(value)
    assert np.isfinite(gradient).all()
    assert not gradient[1].any()
    assert without_padding(rows) is rows
