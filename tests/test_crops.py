"""Random crops: the whole image at area 1, and never a value from outside."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from da_zoo.crops import _interpolation, crop_images

KEY = jax.random.key(0)


def test_a_crop_of_everything_is_the_image():
    one = jnp.ones(1)
    np.testing.assert_allclose(_interpolation(one, 0 * one, 7)[0], np.eye(7), atol=1e-5)


def test_a_ramp_stays_a_ramp_with_the_crops_slope():
    ramp = jnp.broadcast_to(jnp.arange(32.0)[None, None, :, None], (64, 32, 32, 1))
    crops = np.asarray(crop_images(KEY, ramp))[:, 5, :, 0]
    slopes = np.diff(crops[:, 8:24], axis=1)
    np.testing.assert_allclose(slopes, slopes[:, :1] + 0 * slopes, atol=1e-3)
    # Sides lie between sqrt(smallest area / stretch) and 1 of the image's.
    assert slopes.max() <= 1.0 + 1e-3
    assert slopes.min() >= np.sqrt(0.2 * 3 / 4) - 1e-3
    assert np.std(slopes[:, 0]) > 0.05


def test_values_stay_in_range_and_rows_differ():
    x = jax.random.uniform(KEY, (8, 9, 6, 3))
    crops = crop_images(jax.random.key(1), jnp.concatenate([x[:1]] * 8))
    assert crops.shape == x.shape
    assert float(crops.min()) >= float(x[0].min()) - 1e-6
    assert float(crops.max()) <= float(x[0].max()) + 1e-6
    assert len(np.unique(np.asarray(crops).reshape(8, -1), axis=0)) == 8


def test_no_area_is_refused():
    with pytest.raises(ValueError, match="smallest must lie in"):
        crop_images(KEY, jnp.ones((1, 4, 4, 1)), smallest=0.0)
