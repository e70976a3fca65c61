"""DELTA's distance and attention against float64 loops written from the formulas."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from da_zoo.losses.feature_maps import channel_importance, feature_map_distance


def by_hand(maps, start, attention, weight):
    """1/2 sum_c A_c C / (H W) |FM_c - FM0_c|^2, averaged over rows."""
    total = 0.0
    channels = maps.shape[-1]
    for row, other, own in zip(maps, start, weight, strict=True):
        flat, flat0 = row.reshape(-1, channels), other.reshape(-1, channels)
        for c in range(channels):
            gap = np.sum((flat[:, c] - flat0[:, c]) ** 2)
            total += own * 0.5 * attention[c] * channels / len(flat) * gap
    return total / weight.sum()


@pytest.mark.parametrize("shape", [(5, 3, 2, 4), (5, 4), (5, 6, 4)])
def test_the_distance(shape):
    rng = np.random.default_rng(0)
    maps, start = rng.normal(size=shape), rng.normal(size=shape)
    attention = rng.dirichlet(np.ones(4))
    weight = np.array([1.0, 2.0, 0.0, 0.5, 1.0])
    found, slope = jax.value_and_grad(feature_map_distance)(
        jnp.float32(maps),
        jnp.float32(start),
        jnp.float32(4 * attention),
        weight=jnp.float32(weight),
    )
    np.testing.assert_allclose(
        found, by_hand(maps, start, attention, weight), rtol=1e-5
    )
    place = (1, *(0,) * (len(shape) - 2), 2)
    moved = np.zeros(shape)
    moved[place] = 1e-6
    numeric = (
        by_hand(maps + moved, start, attention, weight)
        - by_hand(maps - moved, start, attention, weight)
    ) / 2e-6
    np.testing.assert_allclose(slope[place], numeric, rtol=1e-3)
    assert float(jnp.abs(slope[2]).max()) == 0.0  # the row of weight 0


def test_no_attention_is_an_even_one_and_the_start_gets_no_gradient():
    rng = np.random.default_rng(1)
    maps, start = (jnp.float32(rng.normal(size=(3, 2, 2, 5))) for _ in range(2))
    even = feature_map_distance(maps, start, jnp.ones(5))
    np.testing.assert_allclose(feature_map_distance(maps, start), even, rtol=1e-6)
    slope = jax.grad(feature_map_distance, argnums=1)(maps, start)
    np.testing.assert_array_equal(slope, 0.0)
    value, slope = jax.value_and_grad(feature_map_distance)(maps, maps)
    assert float(value) == 0.0
    np.testing.assert_array_equal(slope, 0.0)


def test_what_padding_holds_changes_nothing():
    maps = jnp.array([[1.0, 2.0], [jnp.nan, jnp.inf]])
    weight = jnp.array([1.0, 0.0])
    value, slope = jax.value_and_grad(feature_map_distance)(
        maps, jnp.zeros((2, 2)), weight=weight
    )
    assert float(value) == 2.5
    np.testing.assert_array_equal(slope, [[1.0, 2.0], [0.0, 0.0]])


def test_the_attention():
    increases = np.array([0.4, -0.1, 0.0, 2.0])
    z = (increases - increases.mean()) / increases.std()
    expected = 4 * np.exp(z / 5) / np.exp(z / 5).sum()
    found = channel_importance(jnp.float32(increases))
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    np.testing.assert_allclose(found.mean(), 1.0, rtol=1e-6)
    np.testing.assert_allclose(channel_importance(jnp.full(3, 0.2)), 1.0, rtol=1e-6)


def test_other_shapes_are_refused():
    with pytest.raises(ValueError, match="maps and start differ"):
        feature_map_distance(jnp.ones((2, 3)), jnp.ones((2, 4)))
