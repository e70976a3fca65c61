"""Random views of inputs, drawn inside the step: a weak and a strong augmentation.

Pure functions of a key and of the rows; every row has draws of its own. Nothing here
mirrors unless asked to, because digits and letters are not what their mirror images
are.

Shapes: images [n, h, w, c], vectors [n, d] (or any other rank, as vectors).
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PyTree, Shaped

from da_zoo.color_jitter import color_jitter
from da_zoo.corruption import shuffle_features
from da_zoo.crops import crop_images
from da_zoo.losses.weighting import weighted_mean
from da_zoo.naming import choose
from da_zoo.random_augment import rand_augment
from da_zoo.types import Key

__all__ = [
    "AUGMENTATIONS",
    "Augmentation",
    "add_noise",
    "adjust_light",
    "augmentation_by_name",
    "cut_out",
    "drop_features",
    "flip_images",
    "shift_images",
]

Images = Float[Array, "n h w c"]
Rows = Float[Array, "n *shape"]
Weight = Float[Array, " n"] | None
View = Callable[[Key, PyTree, Weight], PyTree]

SHIFT = 1 / 8
"""The largest shift, as a share of the side."""
CUT = 1 / 2
"""The largest cut-out, as a share of the side."""
CONTRAST = 0.5
BRIGHTNESS = 0.2
WEAK_NOISE = 0.1
STRONG_NOISE = 0.3
DROP = 0.2
SHUFFLED = 0.6
"""Share of shuffled features, as in SCARF."""


class Augmentation(NamedTuple):
    """Two functions ``(key, x, weight) -> x``; ``weight`` [n] is 0 where x is padding.

    Shapes and dtypes stay as they are.
    """

    weak: View
    strong: View


def shift_images(key: Key, x: Images, *, share: float = SHIFT) -> Images:
    """Moves each image by up to ``share`` of its sides; its edge fills the gap.

    Args:
        key: of the draws.
        x: [n, h, w, c].
        share: in [0, 1].

    Example:
        >>> x = jnp.arange(64.0).reshape(1, 8, 8, 1)
        >>> shift_images(jax.random.key(0), x).shape
        (1, 8, 8, 1)
    """
    for axis, key_axis in zip((1, 2), jax.random.split(key), strict=True):
        side = x.shape[axis]
        limit = int(share * side)
        offset = jax.random.randint(key_axis, (x.shape[0],), -limit, limit + 1)
        index = jnp.arange(side)[None, :] + offset[:, None]
        index = jnp.clip(index, 0, side - 1)
        # On a CPU one gather per axis beats slices per row, selects and products.
        x = jax.vmap(lambda row, i, a=axis - 1: jnp.take(row, i, axis=a))(x, index)
    return x


def flip_images(key: Key, x: Images) -> Images:
    """Mirrors each image from left to right with probability 1/2.

    Args:
        key: of the draws.
        x: [n, h, w, c].

    Example:
        >>> flip_images(jax.random.key(0), jnp.ones((2, 3, 3, 1))).shape
        (2, 3, 3, 1)
    """
    mirrored = jax.random.bernoulli(key, 0.5, (x.shape[0], 1, 1, 1))
    return jnp.where(mirrored, x[:, :, ::-1], x)


def cut_out(key: Key, x: Images, *, share: float = CUT) -> Images:
    """Covers a rectangle of each image with the image's mean colour.

    Its sides are uniform between 0 and ``share`` of the image's, and its centre is any
    pixel, so that it may hang over the edge (DeVries and Taylor 2017).

    Args:
        key: of the draws.
        x: [n, h, w, c].
        share: in [0, 1].

    Example:
        >>> cut_out(jax.random.key(0), jnp.ones((2, 4, 4, 1))).shape
        (2, 4, 4, 1)
    """
    n = x.shape[0]
    key_size, key_centre = jax.random.split(key)
    size = share * jax.random.uniform(key_size, (n, 1))
    centre = jax.random.uniform(key_centre, (n, 2))
    inside = []
    for axis, side in enumerate(x.shape[1:3]):
        pixel = (jnp.arange(side) + 0.5) / side
        inside.append(jnp.abs(pixel[None, :] - centre[:, axis, None]) < size / 2)
    covered = inside[0][:, :, None, None] & inside[1][:, None, :, None]
    return jnp.where(covered, jnp.mean(x, axis=(1, 2), keepdims=True), x)


def adjust_light(
    key: Key,
    x: Images,
    *,
    contrast: float = CONTRAST,
    brightness: float = BRIGHTNESS,
) -> Images:
    """Draws contrast and brightness of each image anew.

    Distances from the image's mean are multiplied by a uniform factor in ``1 +-
    contrast``; then a uniform number in ``+- brightness`` is added. The result is
    clipped to [0, 1], or to the image's own range where that is wider (standardised
    pixels).

    Args:
        key: of the draws.
        x: [n, h, w, c].
        contrast: in [0, 1].
        brightness: at least 0.

    Example:
        >>> x = adjust_light(jax.random.key(0), jnp.ones((2, 4, 4, 1)))
        >>> bool(((x >= 0) & (x <= 1)).all())
        True
    """
    key_contrast, key_brightness = jax.random.split(key)
    shape = (x.shape[0], 1, 1, 1)
    every = (1, 2, 3)
    factor = jax.random.uniform(
        key_contrast, shape, x.dtype, 1.0 - contrast, 1.0 + contrast
    )
    offset = jax.random.uniform(key_brightness, shape, x.dtype, -brightness, brightness)
    mean = jnp.mean(x, axis=every, keepdims=True)
    low = jnp.minimum(jnp.min(x, axis=every, keepdims=True), 0.0)
    high = jnp.maximum(jnp.max(x, axis=every, keepdims=True), 1.0)
    return jnp.clip(mean + factor * (x - mean) + offset, low, high)


def _moments(x: Rows, weight: Weight) -> tuple[Array, Array]:
    """Mean and standard deviation of each feature over the rows that count, [...]."""

    def mean(values: Array) -> Array:
        flat = values.reshape(values.shape[0], math.prod(values.shape[1:]))
        averaged = jax.vmap(lambda v: weighted_mean(v, weight), in_axes=1)(flat)
        return averaged.reshape(values.shape[1:])

    centre = mean(x)
    return centre, jnp.sqrt(mean(jnp.square(x - centre[None])))


def add_noise(
    key: Key,
    x: Rows,
    weight: Weight = None,
    *,
    scale: float | Float[Array, ""] = WEAK_NOISE,
) -> Rows:
    """Adds Gaussian noise of ``scale`` standard deviations of each feature.

    Args:
        key: of the draws.
        x: [n, ...]; the batch's own standard deviations are taken.
        weight: [n]; 0 marks padding, which they leave out.
        scale: at least 0.

    Example:
        >>> x = jnp.array([[0.0, 5.0], [1.0, 5.0]])
        >>> noisy = add_noise(jax.random.key(0), x)
        >>> noisy[:, 1].tolist()  # a constant feature stays one
        [5.0, 5.0]
    """
    deviation = _moments(x, weight)[1]
    return x + scale * deviation[None] * jax.random.normal(key, x.shape, x.dtype)


def drop_features(
    key: Key, x: Rows, weight: Weight = None, *, share: float = DROP
) -> Rows:
    """Replaces each entry by its feature's mean over the batch, with this probability.

    Args:
        key: of the draws.
        x: [n, ...].
        weight: [n]; 0 marks padding, which the means leave out.
        share: probability, in [0, 1].

    Example:
        >>> drop_features(jax.random.key(0), jnp.array([[0.0], [4.0]]), share=1.0)
        Array([[2.],
               [2.]], dtype=float32)
    """
    dropped = jax.random.bernoulli(key, share, x.shape)
    return jnp.where(dropped, _moments(x, weight)[0][None], x)


def _image(x: Array) -> Array:
    if x.ndim != 4:
        raise ValueError(
            f"augmentation for images needs inputs [n, h, w, c], got {x.shape}; "
            'use augmentation="vectors" or "auto"'
        )
    return x


def _image_views(
    *, flip: bool = False, light: Callable[[Key, Array], Array] = adjust_light
) -> Augmentation:
    def weak(key: Key, x: Array, weight: Weight) -> Array:
        del weight
        key_shift, key_flip = jax.random.split(key)
        moved = shift_images(key_shift, _image(x))
        return flip_images(key_flip, moved) if flip else moved

    def strong(key: Key, x: Array, weight: Weight) -> Array:
        key_weak, key_light, key_cut = jax.random.split(key, 3)
        lit = light(key_light, weak(key_weak, x, weight))
        return cut_out(key_cut, lit)

    return Augmentation(_on_leaves(weak), _on_leaves(strong))


def _cropped_views(
    light: Callable[[Key, Array], Array] = adjust_light,
) -> Augmentation:
    def weak(key: Key, x: Array, weight: Weight) -> Array:
        del weight
        return crop_images(key, _image(x))

    def strong(key: Key, x: Array, weight: Weight) -> Array:
        key_crop, key_light = jax.random.split(key)
        return light(key_light, weak(key_crop, x, weight))

    return Augmentation(_on_leaves(weak), _on_leaves(strong))


def _shuffled_views() -> Augmentation:
    def strong(key: Key, x: Array, weight: Weight) -> Array:
        return shuffle_features(key, x, weight, share=SHUFFLED)[0]

    return Augmentation(_unchanged, _on_leaves(strong))


def _vector_views() -> Augmentation:
    def strong(key: Key, x: Array, weight: Weight) -> Array:
        key_noise, key_drop = jax.random.split(key)
        noisy = add_noise(key_noise, x, weight, scale=STRONG_NOISE)
        return drop_features(key_drop, noisy, weight)

    return Augmentation(_on_leaves(add_noise), _on_leaves(strong))


def _on_leaves(function: Callable[[Key, Array, Weight], Array]) -> View:
    """Applies a view to every leaf of an input, each with its own key."""

    def view(
        key: Key, x: PyTree[Shaped[Array, "n ..."]], weight: Weight = None
    ) -> PyTree[Shaped[Array, "n ..."]]:
        leaves, structure = jax.tree.flatten(x)
        for leaf in leaves:
            if not jnp.issubdtype(leaf.dtype, jnp.floating):
                raise TypeError(
                    f"only float inputs can be augmented, got {leaf.dtype} "
                    f'{leaf.shape}; use augmentation="none"'
                )
        changed = [
            function(jax.random.fold_in(key, i), leaf, weight)
            for i, leaf in enumerate(leaves)
        ]
        return jax.tree.unflatten(structure, changed)

    return view


def _unchanged(key: Key, x: PyTree, weight: Weight = None) -> PyTree:
    del key, weight
    return x


_IMAGES, _VECTORS = _image_views(), _vector_views()


def _by_rank(of_images: View, of_vectors: View) -> View:
    def view(key: Key, x: Array, weight: Weight) -> Array:
        return (of_images if x.ndim == 4 else of_vectors)(key, x, weight)

    return _on_leaves(view)


AUGMENTATIONS: dict[str, Augmentation] = {
    "auto": Augmentation(
        _by_rank(_IMAGES.weak, _VECTORS.weak),
        _by_rank(_IMAGES.strong, _VECTORS.strong),
    ),
    "images": _IMAGES,
    "images_flip": _image_views(flip=True),
    "images_rand": _image_views(light=rand_augment),
    "images_rand_flip": _image_views(flip=True, light=rand_augment),
    "crops": _cropped_views(),
    "crops_color": _cropped_views(color_jitter),
    "vectors": _VECTORS,
    "shuffled": _shuffled_views(),
    "none": Augmentation(_unchanged, _unchanged),
}
"""``images``: weak = shift; strong = shift, light, cut-out. ``images_rand``: strong =
shift, RandAugment, cut-out. ``..._flip``: both views may mirror too. ``crops``: weak =
crop; strong = crop, light. ``crops_color``: strong = crop, colour jitter. ``vectors``:
weak = a little noise; strong = more noise, dropped features. ``shuffled``: weak = the
input itself; strong = features swapped with other rows'. ``auto``: images for inputs of
rank 4, vectors for others. ``none``: the input itself.
"""


def augmentation_by_name(name: str) -> Augmentation:
    """Looks an augmentation up; the same object for the same name.

    Raises:
        TypeError: if ``name`` is not a string.
        ValueError: if there is none of that name.

    Example:
        >>> views = augmentation_by_name("auto")
        >>> views.strong(jax.random.key(0), jnp.ones((2, 5)), None).shape
        (2, 5)
    """
    return choose(AUGMENTATIONS, name, "augmentation")
