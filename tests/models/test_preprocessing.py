"""Preprocessing against Pillow, which torchvision resizes with."""

import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image

from da_zoo.models import Preprocessing, preprocess


@pytest.mark.parametrize(("height", "width"), [(60, 81), (81, 60), (20, 33), (32, 48)])
def test_resize_and_crop_are_pillows(height, width):
    pixels = np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)
    plain = Preprocessing((0.0,) * 3, (1.0,) * 3, resize=32, crop=24)
    ours = preprocess(jnp.asarray(pixels)[None], plain)[0]
    shorter = min(height, width)
    size = (int(32 * width / shorter), int(32 * height / shorter))
    small = np.asarray(
        Image.fromarray(pixels).resize(size, Image.Resampling.BILINEAR), np.float32
    )
    top, left = round((size[1] - 24) / 2), round((size[0] - 24) / 2)
    cut = small[top : top + 24, left : left + 24] / 255
    # Pillow rounds to a whole pixel value after each axis.
    np.testing.assert_allclose(ours, cut, atol=1.6 / 255)
    assert abs(float(np.mean(ours - cut))) < 0.1 / 255


def test_mean_and_spread_are_taken_out_by_channel():
    how = Preprocessing((0.1, 0.2, 0.3), (0.5, 1.0, 2.0), resize=4, crop=4)
    x = jnp.broadcast_to(jnp.array([0.6, 0.2, 0.5]), (1, 4, 4, 3))
    np.testing.assert_allclose(
        preprocess(x, how)[0, 0, 0], [1.0, 0.0, 0.1], rtol=1e-5, atol=1e-6
    )
    grey = preprocess(jnp.full((1, 4, 4, 1), 0.2), how)
    assert grey.shape == (1, 4, 4, 1)
    np.testing.assert_allclose(grey, 0.0, atol=1e-6)


def test_whole_numbers_and_fractions_are_the_same_image():
    whole = jnp.arange(48, dtype=jnp.uint8).reshape(1, 4, 4, 3)
    how = Preprocessing(resize=4, crop=4)
    np.testing.assert_allclose(
        preprocess(whole, how), preprocess(whole / 255.0, how), rtol=1e-5
    )


@pytest.mark.parametrize("shape", [(4, 4, 3), (1, 4, 4, 2)])
def test_what_is_no_image_is_refused(shape):
    with pytest.raises((ValueError, TypeError)):
        preprocess(jnp.zeros(shape))


def test_a_crop_larger_than_the_image_is_refused():
    with pytest.raises(ValueError, match="crop=32, resize=20"):
        preprocess(
            np.ones((1, 32, 32, 3), np.float32), Preprocessing(resize=20, crop=32)
        )
