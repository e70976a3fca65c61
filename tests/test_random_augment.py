"""RandAugment: each operation against its formula, rows by themselves, no surprises."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image, ImageEnhance, ImageOps

from da_zoo.augment import augmentation_by_name
from da_zoo.random_augment import ANGLE, OPERATIONS, _operation, rand_augment

KEY = jax.random.key(0)
BYTES = np.random.default_rng(0).integers(0, 256, (6, 12, 10, 3)).astype(np.uint8)
# Smooth, so that interpolation is nearly exact.
ROWS, COLUMNS = np.mgrid[:12, :10]
SMOOTH = np.stack([ROWS * 15, COLUMNS * 20, ROWS * 5 + COLUMNS * 9], -1)
PIXELS = jnp.asarray(BYTES / 255, jnp.float32)


@jax.jit
def operation(x, kind, magnitude):
    sign = jax.random.rademacher(KEY, (x.shape[0],), x.dtype)
    own = functools.partial(_operation, kind=kind, level=magnitude, warped=True)
    return jax.vmap(lambda image, s: own(image, sign=s))(x, sign)


def applied(kind, magnitude, x=PIXELS):
    """One operation of one strength, with either sign: one program for all."""
    kind = jnp.int32(OPERATIONS.index(kind))
    return np.asarray(operation(x, kind, jnp.float32(magnitude)))


augmented = jax.jit(rand_augment, static_argnames=("operations", "kinds"))


def as_bytes(x):
    return np.rint(255 * np.asarray(x)).astype(int)


@pytest.mark.parametrize("kind", OPERATIONS)
def test_magnitude_0_changes_nothing_and_the_range_stays(kind):
    np.testing.assert_array_equal(applied(kind, 0.0), PIXELS)
    changed = applied(kind, 1.0)
    assert changed.shape == PIXELS.shape and changed.dtype == np.float32
    assert changed.min() >= 0 and changed.max() <= 1
    assert np.array_equal(changed, PIXELS) == (kind == "identity")


def test_every_magnitude_and_number_of_operations_keeps_shape_and_range():
    for operations in (0, 2):
        for magnitude in (0.0, 0.3, 1.0):  # traced: one program
            x = augmented(KEY, PIXELS, operations=operations, magnitude=magnitude)
            assert x.shape == PIXELS.shape and bool(jnp.isfinite(x).all())
            assert float(x.min()) >= 0 and float(x.max()) <= 1
            if operations == 0 or magnitude == 0:
                np.testing.assert_array_equal(x, PIXELS)


def test_colours_are_those_of_pillow():
    """Each image is one of the two that Pillow makes with the factor's two signs."""
    enhance = {
        "brightness": ImageEnhance.Brightness,
        "contrast": ImageEnhance.Contrast,
        "color": ImageEnhance.Color,
    }
    for kind, function in enhance.items():
        changed = as_bytes(applied(kind, 0.5))
        signs = set()
        for before, after in zip(BYTES, changed, strict=True):
            pillow = function(Image.fromarray(before))
            gaps = [
                np.abs(np.asarray(pillow.enhance(1 + s * 0.45)) - after.astype(int))
                for s in (-1, 1)
            ]
            best = int(np.argmin([gap.max() for gap in gaps]))
            assert gaps[best].max() <= 2, kind  # Pillow rounds on the way
            signs.add(best)
        assert signs == {0, 1}


def test_the_others_are_those_of_pillow():
    strong = {
        "autocontrast": ImageOps.autocontrast,
        "posterize": lambda image: ImageOps.posterize(image, 4),
        "solarize": lambda image: ImageOps.solarize(image, 1),
    }
    muted = (64 + BYTES / 2).astype(np.uint8)
    x = jnp.asarray(muted / 255, jnp.float32)
    for kind, function in strong.items():
        changed = as_bytes(applied(kind, 1.0, x))
        expected = [np.asarray(function(Image.fromarray(own))) for own in muted]
        assert np.abs(changed - np.stack(expected)).max() <= 1, kind
    half = as_bytes(applied("solarize", 0.5))
    expected = np.stack(
        [np.asarray(ImageOps.solarize(Image.fromarray(own), 128)) for own in BYTES]
    )
    np.testing.assert_array_equal(half, expected)


@pytest.mark.parametrize(
    ("kind", "matrix"),
    [
        ("rotate", [[np.cos(ANGLE), -np.sin(ANGLE)], [np.sin(ANGLE), np.cos(ANGLE)]]),
        ("shear_x", [[1, 0.3], [0, 1]]),
        ("shear_y", [[1, 0], [0.3, 1]]),
    ],
)
def test_maps_are_those_of_pillow(kind, matrix):
    smooth = np.asarray(SMOOTH, np.uint8)
    x = jnp.asarray(np.stack([smooth] * 12) / 255, jnp.float32)
    changed = 255 * applied(kind, 1.0, x)
    best = []
    for sign in (1, -1):
        own = np.array(matrix, float)
        own = own if sign == 1 else np.linalg.inv(own)  # the other direction
        centre = np.array([5.0, 6.0])  # x, y, at pixels' corners, as Pillow counts
        offset = centre - own @ centre
        data = (*own[0], offset[0], *own[1], offset[1])
        turned = Image.fromarray(smooth).transform(
            (10, 12), Image.Transform.AFFINE, data, Image.Resampling.BILINEAR
        )
        inside = (slice(None), slice(3, 9), slice(3, 7))
        gap = np.abs(changed - np.asarray(turned, float)[None])[inside]
        best.append(gap.max(axis=(1, 2, 3)))
    nearest = np.argmin(best, axis=0)
    assert np.min(best, axis=0).max() < 2.5
    assert set(nearest) == {0, 1}


def test_translations_go_both_ways_and_repeat_the_edge():
    ramp = jnp.broadcast_to(jnp.arange(10.0)[None, None, :, None] / 9, (40, 4, 10, 1))
    moved = 9 * applied("translate_x", 1.0, ramp)[:, 0, :, 0]
    right, left = np.clip(np.arange(10) - 3, 0, 9), np.clip(np.arange(10) + 3, 0, 9)
    forward = np.abs(moved - right[None]).max(axis=1) < 1e-4
    backward = np.abs(moved - left[None]).max(axis=1) < 1e-4
    assert (forward ^ backward).all() and 5 < forward.sum() < 35
    tall = ramp.transpose(0, 2, 1, 3)
    np.testing.assert_allclose(applied("translate_x", 1.0, tall), tall, atol=1e-6)
    assert not np.allclose(applied("translate_y", 1.0, tall), tall, atol=1e-2)


def test_a_key_decides_and_rows_are_on_their_own():
    once, again = (augmented(KEY, PIXELS, magnitude=0.5) for _ in range(2))
    np.testing.assert_array_equal(once, again)
    assert not np.array_equal(once, augmented(jax.random.key(1), PIXELS, magnitude=0.5))
    other = PIXELS.at[2].set(0.25)
    changed = augmented(KEY, other, magnitude=0.5)
    np.testing.assert_array_equal(np.delete(once, 2, 0), np.delete(changed, 2, 0))
    same = augmented(KEY, jnp.concatenate([PIXELS[:1]] * 6), magnitude=0.5)
    assert len(np.unique(np.asarray(same).reshape(6, -1), axis=0)) > 3


def test_every_operation_is_drawn_alike():
    x = jnp.broadcast_to(PIXELS[:1], (600, 12, 10, 3))
    seen = np.asarray(augmented(KEY, x, operations=1, magnitude=1.0))
    distinct, counts = np.unique(seen.reshape(600, -1), axis=0, return_counts=True)
    # Nine have two signs (of which brightness may saturate), three have none.
    assert len(distinct) == 4 + 2 * 8
    assert counts.min() > 8 and counts.max() < 90


def test_standardised_pixels_keep_their_range():
    x = 4 * PIXELS - 2
    seen = augmented(KEY, x, magnitude=1.0)
    assert float(seen.min()) >= -2 - 1e-5 and float(seen.max()) <= 2 + 1e-5
    assert float(seen.min()) < -1


def test_one_channel_will_do():
    x = PIXELS[..., :1]
    np.testing.assert_allclose(applied("color", 1.0, x), x, atol=1e-6)
    assert not np.array_equal(applied("contrast", 1.0, x), x)


def test_what_is_refused():
    for options, message in (
        ({"operations": -1}, "operations must be"),
        ({"magnitude": 1.5}, "magnitude must lie"),
        ({"kinds": []}, "kinds is empty"),
        ({"kinds": ["rotation"]}, "did you mean 'rotate'"),
    ):
        with pytest.raises(ValueError, match=message):
            rand_augment(KEY, PIXELS, **options)


@pytest.mark.parametrize("name", ["images_rand_flip", "crops_color"])
def test_views_by_name(name):
    views = augmentation_by_name(name)
    ramp = jnp.arange(10.0)[None, None, :, None] / 9
    x = jnp.broadcast_to(ramp, PIXELS.shape)
    weak, strong = (jax.jit(view)(KEY, x, None) for view in views)
    for seen in (weak, strong):
        assert seen.shape == PIXELS.shape and seen.dtype == np.float32
        assert float(seen.min()) >= -1e-6 and float(seen.max()) <= 1 + 1e-6
    assert not np.array_equal(weak, strong)
    slopes = np.diff(np.asarray(weak), axis=2)
    assert (slopes < 0).any() == name.endswith("flip")
