"""Views of inputs: what they keep, what they change, and that keys decide."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from da_zoo.augment import (
    AUGMENTATIONS,
    add_noise,
    adjust_light,
    augmentation_by_name,
    cut_out,
    drop_features,
    flip_images,
    shift_images,
)

RNG = np.random.default_rng(0)
IMAGES = jnp.asarray(RNG.uniform(size=(6, 16, 12, 3)), jnp.float32)
VECTORS = jnp.asarray(RNG.normal(size=(50, 7)) * np.arange(1, 8), jnp.float32)
KEY, OTHER = jax.random.key(0), jax.random.key(1)

CASES = [
    ("auto", IMAGES),
    ("auto", VECTORS),
    ("images", IMAGES),
    ("images_flip", IMAGES),
    ("vectors", VECTORS),
    ("vectors", IMAGES),
]


@pytest.mark.parametrize(("name", "x"), CASES)
@pytest.mark.parametrize("strength", ["weak", "strong"])
def test_shape_and_dtype_stay_and_the_key_alone_decides(name, x, strength):
    view = jax.jit(getattr(augmentation_by_name(name), strength))
    once, again, other = view(KEY, x, None), view(KEY, x, None), view(OTHER, x, None)
    assert (once.shape, once.dtype) == (x.shape, x.dtype)
    assert np.array_equal(once, again)
    assert not np.array_equal(once, other)
    assert bool(jnp.isfinite(once).all())


@pytest.mark.parametrize(("name", "x"), CASES)
def test_a_strong_view_differs_more_than_a_weak_one(name, x):
    views = augmentation_by_name(name)
    # A shift moves every pixel of noise as far as can be; smooth images tell.
    if x.ndim == 4 and name != "vectors":
        ramp = jnp.linspace(0.2, 0.8, x.shape[1])[:, None, None]
        x = jnp.broadcast_to(ramp, x.shape[1:])[None].repeat(6, axis=0)
    keys = jax.random.split(KEY, 20)
    weak, strong = (
        jnp.mean(jax.vmap(lambda k, v=v: jnp.mean((v(k, x, None) - x) ** 2))(keys))
        for v in (views.weak, views.strong)
    )
    assert 0 < float(weak) < 0.8 * float(strong)


@pytest.mark.parametrize("strength", ["weak", "strong"])
def test_pixels_stay_in_their_range(strength):
    view = getattr(augmentation_by_name("images"), strength)
    for key in jax.random.split(KEY, 10):
        seen = view(key, IMAGES, None)
        assert float(seen.min()) >= 0.0
        assert float(seen.max()) <= 1.0
    standardised = 4 * IMAGES - 2
    seen = view(KEY, standardised, None)
    assert float(standardised.min()) <= float(seen.min()) < -0.5


def test_a_shift_is_one_translation_per_row_with_its_edge_repeated():
    x = jnp.asarray(RNG.uniform(size=(40, 16, 16, 1)), jnp.float32)
    shifted = np.asarray(shift_images(KEY, x))
    found = []
    for before, after in zip(np.asarray(x), shifted, strict=True):
        padded = np.pad(before, ((2, 2), (2, 2), (0, 0)), mode="edge")
        hits = [
            (a, b)
            for a in range(5)
            for b in range(5)
            if np.array_equal(padded[a : a + 16, b : b + 16], after)
        ]
        assert len(hits) == 1
        found += hits
    # Every offset from -2 to 2 occurs along both axes, and rows move on their own.
    assert {a for a, _ in found} == {b for _, b in found} == set(range(5))


def test_a_shift_smaller_than_a_pixel_is_none():
    x = IMAGES[:, :4, :4]
    assert np.array_equal(shift_images(KEY, x), x)


def test_only_the_flipping_entry_mirrors():
    x = jnp.arange(12.0).reshape(1, 2, 6, 1).repeat(64, axis=0)
    mirrored = np.asarray(flip_images(KEY, x))
    each = [np.array_equal(row, np.asarray(x[0])[:, ::-1]) for row in mirrored]
    assert 16 < sum(each) < 48
    plain = np.asarray(AUGMENTATIONS["images"].weak(KEY, x, None))
    assert (np.diff(plain[..., 0], axis=2) >= 0).all()
    flipped = np.asarray(AUGMENTATIONS["images_flip"].weak(KEY, x, None))
    assert (np.diff(flipped[..., 0], axis=2) < 0).any()


def test_a_cut_out_is_a_rectangle_of_the_mean_and_at_most_a_quarter():
    x = jnp.asarray(RNG.uniform(size=(64, 16, 16, 2)), jnp.float32)
    cut = np.asarray(cut_out(KEY, x))
    sizes = []
    for before, after in zip(np.asarray(x), cut, strict=True):
        changed = (before != after).any(axis=2)
        sizes.append(changed.sum())
        if changed.any():
            rows, columns = np.where(changed)
            box = changed[
                rows.min() : rows.max() + 1, columns.min() : columns.max() + 1
            ]
            assert box.all()
            expected = np.broadcast_to(before.mean(axis=(0, 1)), after[changed].shape)
            np.testing.assert_allclose(after[changed], expected, rtol=1e-5)
    assert 0 < max(sizes) <= 64


def test_light_is_an_increasing_affine_map_of_pixels():
    x = jnp.asarray(RNG.uniform(0.4, 0.6, size=(20, 8, 8, 1)), jnp.float32)
    lit = np.asarray(adjust_light(KEY, x))  # so grey that nothing is clipped
    slopes, offsets = zip(
        *(
            np.polyfit(a.ravel(), b.ravel(), 1)
            for a, b in zip(np.asarray(x), lit, strict=True)
        ),
        strict=True,
    )
    assert 0.49 < min(slopes) < 0.8 and 1.2 < max(slopes) < 1.51
    moved = lit.mean(axis=(1, 2, 3)) - np.asarray(x).mean(axis=(1, 2, 3))
    assert np.abs(moved).max() <= 0.2 + 1e-6 and len(set(offsets)) == 20


def test_noise_has_the_scale_of_each_feature():
    x = jnp.asarray(RNG.normal(size=(4000, 3)) * np.array([1.0, 10.0, 0.0]))
    noise = np.asarray(add_noise(KEY, x, scale=0.5) - x)
    np.testing.assert_allclose(noise.std(axis=0), [0.5, 5.0, 0.0], rtol=0.05)


def test_dropped_features_hold_the_batch_mean():
    x = VECTORS
    dropped = np.asarray(drop_features(KEY, x, share=0.3))
    changed = dropped != np.asarray(x)
    assert 0.2 < changed.mean() < 0.4
    means = np.broadcast_to(np.asarray(x).mean(axis=0), dropped.shape)
    np.testing.assert_allclose(dropped[changed], means[changed], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("strength", ["weak", "strong"])
@pytest.mark.parametrize("x", [IMAGES, VECTORS], ids=["images", "vectors"])
def test_padding_rows_poison_no_other(x, strength):
    view = getattr(augmentation_by_name("auto"), strength)
    weight = jnp.ones(x.shape[0]).at[-1].set(0.0)
    junk = x.at[-1].set(jnp.nan)
    seen, again = view(KEY, junk, weight), view(KEY, x.at[-1].set(1e6), weight)
    assert bool(jnp.isfinite(seen[:-1]).all())
    assert np.array_equal(seen[:-1], again[:-1])


def test_trees_of_inputs_have_a_draw_per_leaf():
    x = {"a": VECTORS, "b": VECTORS}
    seen = augmentation_by_name("auto").weak(KEY, x, None)
    assert sorted(seen) == ["a", "b"]
    assert not np.array_equal(seen["a"], seen["b"])


def test_seeds_batched_see_what_they_see_alone():
    view = augmentation_by_name("auto").strong
    keys = jax.random.split(KEY, 3)
    batched = jax.vmap(lambda k: view(k, IMAGES, None))(keys)
    for i in range(3):
        np.testing.assert_allclose(batched[i], view(keys[i], IMAGES, None), atol=1e-6)


def test_bad_names_and_inputs_are_named():
    with pytest.raises(ValueError, match=r"augmentation 'image'.*'images'"):
        augmentation_by_name("image")
    with pytest.raises(ValueError, match=r"\[n, h, w, c\].*\"vectors\""):
        augmentation_by_name("images").weak(KEY, VECTORS, None)
    with pytest.raises(TypeError, match=r"int32.*\"none\""):
        augmentation_by_name("auto").weak(KEY, jnp.zeros((2, 3), jnp.int32), None)
    tokens = jnp.zeros((2, 3), jnp.int32)
    assert augmentation_by_name("none").strong(KEY, tokens, None) is tokens
