import jax.numpy as jnp
import numpy as np
import pytest

from da_zoo import diagnostics
from da_zoo.losses import mmd_squared
from da_zoo.transferability import coral_distance, mmd, proxy_a_distance


def samples(shift=1.0):
    rng = np.random.default_rng(0)
    return rng.normal(size=(40, 3)), 2.0 * rng.normal(size=(30, 3)) + shift


def test_proxy_a_distance_is_the_one_of_diagnostics():
    source, target = samples()
    found = set()
    for seed in range(4):
        ours = proxy_a_distance(source=source, target=target, seed=seed)
        assert ours == diagnostics.proxy_a_distance(source, target, seed=seed)
        found.add(ours)
    assert len(found) > 1 and max(found) > 0
    assert proxy_a_distance(source=source, target=target + 50.0) == 2.0


@pytest.mark.parametrize("estimator", ["u", "v", "linear"])
@pytest.mark.parametrize("bandwidths", [None, (0.7, 2.0)])
def test_mmd_is_the_loss(bandwidths, estimator):
    source, target = samples()
    ours = mmd(source=source, target=target, bandwidths=bandwidths, estimator=estimator)
    expected = mmd_squared(
        jnp.float32(source), jnp.float32(target), bandwidths, estimator
    )
    np.testing.assert_allclose(ours, expected, rtol=1e-4, atol=1e-6)


def test_mmd_is_unbiased_and_free_of_scale_by_default():
    source, target = samples()
    assert mmd(source=source, target=source) < -0.01
    ours = mmd(source=source, target=target)
    scaled = mmd(source=100.0 * source, target=100.0 * target)
    np.testing.assert_allclose(scaled, ours, rtol=1e-4)
    assert ours > 0.1


def test_coral_distance():
    source, target = samples()
    gap = np.cov(source.T) - np.cov(target.T)
    ours = coral_distance(source=source, target=target)
    np.testing.assert_allclose(ours, np.sum(gap**2) / 36, rtol=1e-4)
    np.testing.assert_allclose(
        coral_distance(source=2.0 * source, target=2.0 * target), 16 * ours, rtol=1e-4
    )


@pytest.mark.parametrize("distance", [proxy_a_distance, mmd, coral_distance])
def test_bad_arguments(distance):
    x = np.random.default_rng(1).normal(size=(10, 3))
    with pytest.raises(ValueError, match="features of one model, got 3 and 2 columns"):
        distance(source=x, target=x[:, :2])
    with pytest.raises(ValueError, match="target needs at least"):
        distance(source=x, target=x[:1])
    with pytest.raises(ValueError, match="source holds NaN"):
        distance(source=np.where(x > 1, np.nan, x), target=x)
    with pytest.raises(ValueError, match="flatten each row"):
        distance(source=x[None], target=x)
    with pytest.raises(TypeError, match="target must be numeric"):
        distance(source=x, target=x.astype(str))


def test_bad_options_of_mmd():
    x = np.ones((5, 2))
    with pytest.raises(ValueError, match="estimator"):
        mmd(source=x, target=x, estimator="biased")
    with pytest.raises(ValueError, match="bandwidths must be positive"):
        mmd(source=x, target=x, bandwidths=(-1.0,))
