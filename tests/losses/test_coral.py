import jax
import jax.numpy as jnp
import numpy as np
import pytest

from da_zoo.losses import coral
from da_zoo.losses.coral import covariance


def samples(seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(9, 4)), 2.0 * rng.normal(size=(6, 4)) + 1.0


def test_value():
    x, y = samples()
    gap = np.cov(x, rowvar=False, ddof=1) - np.cov(y, rowvar=False, ddof=1)
    expected = np.linalg.norm(gap, "fro") ** 2 / (4 * 4**2)
    ours = coral(jnp.float32(x), jnp.float32(y))
    np.testing.assert_allclose(ours, expected, rtol=1e-5)


def test_gradient_against_finite_differences(x64):
    x, y = (jnp.asarray(s) for s in samples())
    gradient = jax.grad(coral)(x, y)
    step = 1e-6
    for index in ((0, 0), (5, 3)):
        numeric = (
            coral(x.at[index].add(step), y) - coral(x.at[index].add(-step), y)
        ) / (2 * step)
        np.testing.assert_allclose(gradient[index], numeric, rtol=1e-5)
    assert float(jnp.abs(gradient).max()) > 1e-4
    assert float(coral(x - 0.1 * gradient, y)) < float(coral(x, y))


def test_blind_to_means_symmetric_and_zero_for_equal_covariances():
    x, y = (jnp.float32(s) for s in samples())
    np.testing.assert_allclose(coral(x + 5.0, y), coral(x, y), rtol=1e-4)
    np.testing.assert_allclose(coral(y, x), coral(x, y), rtol=1e-5)
    np.testing.assert_allclose(coral(x, x[::-1] - 3.0), 0.0, atol=1e-10)


def test_padding_rows_change_nothing():
    x, y = (jnp.float32(s) for s in samples())
    padded = jnp.concatenate([x, jnp.full((3, 4), jnp.nan)])
    weight = jnp.array([1.0] * 9 + [0.0] * 3)
    ours = coral(padded, y, weight_source=weight)
    np.testing.assert_allclose(ours, coral(x, y), rtol=1e-5)


@pytest.mark.parametrize("rows", [1, 3])
def test_finite_for_one_row_and_constant_features(rows):
    x = jnp.full((rows, 4), 7.0)
    value, gradient = jax.value_and_grad(coral)(x, x)
    assert float(value) == 0.0
    assert np.isfinite(gradient).all()
    assert float(jnp.abs(covariance(x)).max()) == 0.0


def test_wide_features_stay_accurate_near_convergence():
    """A form through Gram matrices is 13% off here, a gap of entries is not."""
    rng = np.random.default_rng(0)
    n, d = 16, 256
    x = rng.normal(size=(n, 4)) @ rng.normal(size=(4, d))
    y = np.float32(x + 1e-2 * rng.normal(size=(n, d)))
    x = np.float32(x)
    wide = [np.asarray(s, np.float64) for s in (x, y)]
    centred = [s - s.mean(0) for s in wide]
    gap = np.cov(wide[0], rowvar=False) - np.cov(wide[1], rowvar=False)
    assert np.sum(gap**2) < 1e-4 * np.sum(np.cov(wide[0], rowvar=False) ** 2)
    value, gradient = jax.value_and_grad(coral)(jnp.asarray(x), jnp.asarray(y))
    np.testing.assert_allclose(value, np.sum(gap**2) / (4 * d**2), rtol=1e-5)
    slope = 4 * centred[0] @ gap / (n - 1) / (4 * d**2)
    np.testing.assert_allclose(gradient, slope, atol=1e-4 * np.abs(slope).max())


def test_memory_is_that_of_the_two_covariances():
    n, d = 64, 1024
    sample = jax.ShapeDtypeStruct((n, d), jnp.float32)
    step = jax.jit(jax.value_and_grad(coral, argnums=(0, 1)))
    needed = step.lower(sample, sample).compile().memory_analysis()
    assert needed.temp_size_in_bytes < 2.5 * 4 * d**2
