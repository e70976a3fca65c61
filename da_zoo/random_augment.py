"""RandAugment: a few operations out of a list, drawn anew for each image.

Pure functions of a key and of the images, inside jitted programs: every row draws its
own operations, and a row's result depends on no other row.

Departures from the paper: magnitudes are shares of the largest one; gaps take the
edge's colour; autocontrast is as strong as the magnitude says; no equalize, sharpness
or invert, whose histograms and strength do not go with a magnitude.
"""

import functools
import math
from collections.abc import Sequence

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from da_zoo.naming import choose
from da_zoo.types import Key

__all__ = ["OPERATIONS", "rand_augment", "warp"]

OPERATIONS = (
    "identity",
    "autocontrast",
    "posterize",
    "solarize",
    "brightness",
    "contrast",
    "color",
    "rotate",
    "shear_x",
    "shear_y",
    "translate_x",
    "translate_y",
)
GEOMETRIC = frozenset(OPERATIONS[7:])
_NUMBERS = {name: number for number, name in enumerate(OPERATIONS)}
FACTOR = 0.9
"""Brightness, contrast and colour are multiplied by 0.1 to 1.9."""
BITS = 4
"""Posterized, of 8 bits so many are lost."""
ANGLE = math.pi / 6
SHEAR = 0.3
TRANSLATE = 0.3
"""Of the side: the authors' 100 of 331 pixels."""
GREY = (0.299, 0.587, 0.114)
"""What red, green and blue count for brightness (ITU-R 601)."""

Image = Float[Array, "h w c"]
Number = Float[Array, ""]


def rand_augment(
    key: Key,
    x: Float[Array, "n h w c"],
    *,
    operations: int = 2,
    magnitude: float | Number = 0.5,
    kinds: Sequence[str] = OPERATIONS,
) -> Float[Array, "n h w c"]:
    """Applies operations, drawn with replacement, to each image in turn.

    Args:
        key: of the draws.
        x: pixels in [0, 1], or in another range (standardised, say), which then is each
            image's own.
        operations: how many an image goes through, the paper's N.
        magnitude: in [0, 1], the paper's M by its largest, 10; at 0 images stay.
        kinds: what to draw from, of :data:`OPERATIONS`. "color" does nothing unless
            there are three channels.

    Returns:
        Images in the range of before.

    Raises:
        ValueError: for unknown operations, or numbers out of range.

    Example:
        >>> x = jnp.linspace(0.0, 1.0, 48).reshape(1, 4, 4, 3)
        >>> rand_augment(jax.random.key(0), x).shape
        (1, 4, 4, 3)

    References:
        Cubuk et al., "RandAugment: Practical automated data augmentation with a reduced
        search space", NeurIPS 2020, https://arxiv.org/abs/1909.13719.
    """
    if operations < 0:
        raise ValueError(f"operations must be at least 0, got {operations}")
    if isinstance(magnitude, (int, float)) and not 0 <= magnitude <= 1:
        raise ValueError(f"magnitude must lie in [0, 1], got {magnitude}")
    if not kinds:
        raise ValueError("kinds is empty; name at least one operation")
    places = [choose(_NUMBERS, kind, "operation") for kind in kinds]
    every = (1, 2, 3)
    low = jnp.minimum(jnp.min(x, axis=every, keepdims=True), 0.0)
    high = jnp.maximum(jnp.max(x, axis=every, keepdims=True), 1.0)
    share = (x - low) / (high - low)
    level = jnp.asarray(magnitude, x.dtype)
    warped = bool(GEOMETRIC & set(kinds))
    for key_operation in jax.random.split(key, operations):
        key_kind, key_sign = jax.random.split(key_operation)
        drawn = jax.random.randint(key_kind, (x.shape[0],), 0, len(places))
        sign = jax.random.rademacher(key_sign, (x.shape[0],), x.dtype)
        kind = jnp.array(places)[drawn]
        one = functools.partial(_operation, level=level, warped=warped)
        share = jax.vmap(one)(share, kind, sign)
    return share * (high - low) + low


def _operation(
    image: Image, kind: Int[Array, ""], sign: Number, *, level: Number, warped: bool
) -> Image:
    """One operation on pixels in [0, 1]: all are computed, one is chosen."""

    def on(name: str) -> Array:
        return kind == _NUMBERS[name]

    strength = sign * level
    # Three blends, each away from or towards an image that lacks something.
    mean = jnp.mean(_grey(image))
    without = jnp.where(on("contrast"), mean, jnp.where(on("color"), _grey(image), 0.0))
    blended = on("brightness") | on("contrast") | on("color")
    factor = jnp.where(blended, FACTOR * strength, 0.0)
    result = jnp.clip(image + factor * (image - without), 0.0, 1.0)
    result = jnp.where(on("autocontrast"), _autocontrast(image, level), result)
    result = jnp.where(on("posterize"), _posterized(image, level), result)
    inverted = on("solarize") & (image > 1.0 - level)
    result = jnp.where(inverted, 1.0 - image, result)
    if not warped:
        return result
    height, width, _ = image.shape
    angle = jnp.where(on("rotate"), ANGLE * strength, 0.0)
    shear_x = jnp.where(on("shear_x"), SHEAR * strength, 0.0)
    shear_y = jnp.where(on("shear_y"), SHEAR * strength, 0.0)
    cosine, sine = jnp.cos(angle), jnp.sin(angle)
    matrix = jnp.array([[cosine, shear_y - sine], [shear_x + sine, cosine]])
    shift = jnp.array(
        [
            jnp.where(on("translate_y"), TRANSLATE * height * strength, 0.0),
            jnp.where(on("translate_x"), TRANSLATE * width * strength, 0.0),
        ]
    )
    return warp(result, matrix, shift)


def _grey(image: Image) -> Float[Array, "h w _"]:
    """Brightness; of other than three channels, none is known to be a colour."""
    if image.shape[2] != len(GREY):
        return image
    weights = jnp.array(GREY, image.dtype)
    return (image * weights[None, None]).sum(axis=2, keepdims=True)


def _autocontrast(image: Image, level: Number) -> Image:
    """Stretches each channel to [0, 1], at level 1 wholly."""
    low = jnp.min(image, axis=(0, 1), keepdims=True)
    span = jnp.max(image, axis=(0, 1), keepdims=True) - low
    stretched = (image - low) / jnp.where(span > 0, span, 1.0)
    return image + level * jnp.where(span > 0, stretched - image, 0.0)


def _posterized(image: Image, level: Number) -> Image:
    """Keeps 8 to 4 bits of a pixel, rounding down as dropping bits does."""
    step = jnp.exp2(jnp.round(BITS * level)) / 255.0
    kept = jnp.floor(image / step + 1e-4) * step
    return jnp.where(level * BITS >= 0.5, jnp.minimum(kept, image), image)


def warp(image: Image, matrix: Float[Array, "2 2"], shift: Float[Array, " 2"]) -> Image:
    """Reads each pixel (row, column) where a linear map around the centre leads.

    Args:
        image: [h, w, c].
        matrix: on (row, column), from the new image to the old one.
        shift: in pixels, added to it.

    Returns:
        The image, bilinearly interpolated; outside of it, its edge goes on.

    Example:
        >>> image = jnp.arange(4.0).reshape(1, 4, 1)
        >>> warp(image, jnp.eye(2), jnp.array([0.0, 1.0]))[0, :, 0].tolist()
        [1.0, 2.0, 3.0, 3.0]
    """
    height, width, channels = image.shape
    centre = jnp.array([(height - 1) / 2, (width - 1) / 2], image.dtype)
    grid = jnp.meshgrid(jnp.arange(height), jnp.arange(width), indexing="ij")
    place = jnp.stack(grid, axis=-1).astype(image.dtype) - centre[None, None]
    at = jnp.einsum("hwi,ji->hwj", place, matrix, precision="highest")
    at = at + (shift + centre)[None, None]
    rows = jnp.clip(at[..., 0], 0.0, height - 1.0)
    columns = jnp.clip(at[..., 1], 0.0, width - 1.0)
    top, left = jnp.floor(rows), jnp.floor(columns)
    flat = image.reshape(height * width, channels)

    def pixel(row: Array, column: Array) -> Array:
        inside = jnp.minimum(row, height - 1), jnp.minimum(column, width - 1)
        return flat[(inside[0] * width + inside[1]).astype(jnp.int32)]

    down, right = (rows - top)[..., None], (columns - left)[..., None]
    upper = pixel(top, left) * (1 - right) + pixel(top, left + 1) * right
    lower = pixel(top + 1, left) * (1 - right) + pixel(top + 1, left + 1) * right
    return upper * (1 - down) + lower * down
