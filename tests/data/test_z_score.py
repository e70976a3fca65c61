import numpy as np
import pytest

from da_zoo.data.z_score import fit_z_score


def test_the_source_gets_mean_0_and_deviation_1_and_the_target_keeps_its_shift():
    rng = np.random.default_rng(0)
    source = 1e4 + 3 * rng.normal(size=(50, 16, 2)) * [1.0, 100.0]
    target = source * 2 + 5
    scaler = fit_z_score(source)
    scaled = scaler.apply(source)
    assert scaled.dtype == np.float32
    np.testing.assert_allclose(scaled.mean((0, 1)), 0, atol=1e-5)
    np.testing.assert_allclose(scaled.std((0, 1)), 1, atol=1e-5)
    # By hand: target = 2 source + 5, so it stays twice as wide and off centre.
    flat = source.reshape(-1, 2)
    expected = (target - flat.mean(0)) / np.sqrt(((flat - flat.mean(0)) ** 2).mean(0))
    np.testing.assert_allclose(scaler.apply(target), expected, rtol=1e-5)
    assert abs(scaler.apply(target).mean()) > 1


def test_a_constant_channel_becomes_0_and_nothing_is_divided_by_0():
    # 0.1 summed 1000 times is not 100: its computed deviation is not exactly 0.
    x = np.stack([np.full(1000, 0.1), np.arange(1000.0)], axis=1)
    scaled = fit_z_score(x).apply(x)
    np.testing.assert_allclose(scaled[:, 0], 0, atol=1e-6)
    assert np.isfinite(scaled).all()


def test_bad_input_is_named():
    with pytest.raises(ValueError, match=r"channels\] and rows, got \(3,\)"):
        fit_z_score(np.ones(3))
    with pytest.raises(ValueError, match=r"and rows, got \(0, 3\)"):
        fit_z_score(np.ones((0, 3)))
    with pytest.raises(ValueError, match="NaN or infinite"):
        fit_z_score(np.array([[1.0], [np.nan]]))
    with pytest.raises(ValueError, match=r"shape \(2, 1\) and the scaler 3 channels"):
        fit_z_score(np.ones((2, 3))).apply(np.ones((2, 1)))
