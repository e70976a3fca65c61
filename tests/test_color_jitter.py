"""Colour jitter: what it turns, what it leaves, and that rows are on their own."""

import colorsys

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from da_zoo.color_jitter import color_jitter as plain_jitter

color_jitter = jax.jit(
    plain_jitter, static_argnames=("brightness", "contrast", "saturation", "hue")
)
KEY = jax.random.key(0)
PIXELS = jax.random.uniform(jax.random.key(9), (8, 6, 5, 3))
NONE = {"brightness": 0.0, "contrast": 0.0, "saturation": 0.0, "hue": 0.0}


def test_nothing_at_0_and_the_range_stays():
    np.testing.assert_array_equal(color_jitter(KEY, PIXELS, **NONE), PIXELS)
    most = {"brightness": 1.0, "contrast": 1.0, "saturation": 1.0, "hue": 0.5}
    for one in (most, {**NONE, "hue": 0.5}):
        seen = color_jitter(KEY, PIXELS, **one)
        assert seen.shape == PIXELS.shape and seen.dtype == PIXELS.dtype
        assert float(seen.min()) >= 0 and float(seen.max()) <= 1
        assert not np.allclose(seen, PIXELS, atol=0.01)


def test_each_factor_does_what_it_is_called():
    dark = 0.4 * PIXELS  # nothing saturates
    brighter = np.asarray(color_jitter(KEY, dark, **{**NONE, "brightness": 0.9}))
    ratio = brighter / np.asarray(dark)
    np.testing.assert_allclose(ratio, ratio[:, :1, :1, :1] + 0 * ratio, rtol=1e-4)
    assert ratio.std() > 0.1 and 0.1 <= ratio.min() <= ratio.max() <= 1.9
    weights = np.array([0.299, 0.587, 0.114])
    muted = 0.4 + 0.2 * PIXELS
    for name in ("contrast", "saturation"):
        seen = np.asarray(color_jitter(KEY, muted, **{**NONE, name: 0.9}))
        grey = seen @ weights
        if name == "contrast":
            np.testing.assert_allclose(
                grey.mean(axis=(1, 2)), (muted @ weights).mean(axis=(1, 2)), atol=1e-5
            )
            assert np.std(seen.std(axis=(1, 2, 3))) > 0.01
        else:
            np.testing.assert_allclose(grey, muted @ weights, atol=1e-5)


def test_a_hue_is_turned_and_brightness_kept():
    red = jnp.broadcast_to(jnp.array([0.6, 0.4, 0.4]), (200, 2, 2, 3))
    seen = np.asarray(color_jitter(KEY, red, **{**NONE, "hue": 0.25}))[:, 0, 0]
    hues = np.array([colorsys.rgb_to_hsv(*map(float, pixel))[0] for pixel in seen])
    away = np.minimum(hues, 1 - hues)
    assert away.max() > 0.15 and away.max() < 0.35  # YIQ's circle is not HSV's
    weights = np.array([0.299, 0.587, 0.114])
    np.testing.assert_allclose(seen @ weights, 0.4598, atol=1e-3)


def test_grey_stays_grey():
    grey = jnp.broadcast_to(PIXELS[..., :1], PIXELS.shape)
    seen = np.asarray(color_jitter(KEY, grey))
    np.testing.assert_allclose(seen, seen[..., :1] + 0 * seen, atol=2e-3)
    one = color_jitter(KEY, PIXELS[..., :1])
    assert one.shape == (8, 6, 5, 1) and not np.allclose(one, PIXELS[..., :1])


def test_a_key_decides_and_rows_are_on_their_own():
    once = color_jitter(KEY, PIXELS)
    np.testing.assert_array_equal(once, color_jitter(KEY, PIXELS))
    assert not np.array_equal(once, color_jitter(jax.random.key(1), PIXELS))
    changed = color_jitter(KEY, PIXELS.at[3].set(0.5))
    np.testing.assert_array_equal(np.delete(once, 3, 0), np.delete(changed, 3, 0))
    same = color_jitter(KEY, jnp.concatenate([PIXELS[:1]] * 8))
    assert len(np.unique(np.asarray(same).reshape(8, -1), axis=0)) == 8


@pytest.mark.parametrize(("name", "value"), [("hue", 0.6), ("contrast", -0.1)])
def test_numbers_out_of_range(name, value):
    with pytest.raises(ValueError, match=f"{name} must lie in"):
        color_jitter(KEY, PIXELS, **{name: value})
