"""Random crops at the original size: an image's place and scale stop to matter."""

import math

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from da_zoo.types import Key

__all__ = ["crop_images"]

SMALLEST = 0.2
"""Of the image's area. The papers' 0.08 is for photographs of 224 pixels a side."""
STRETCH = 4 / 3
"""The largest ratio of a crop's sides, relative to the image's."""


def crop_images(
    key: Key, x: Float[Array, "n h w c"], *, smallest: float = SMALLEST
) -> Float[Array, "n h w c"]:
    """Cuts a random rectangle out of each image and resizes it to the image's size.

    Its area is uniform between ``smallest`` and 1 of the image's, the logarithm of its
    aspect ratio between 3/4 and 4/3 of the image's, and its place uniform inside.

    Args:
        key: of the draws.
        x: [n, h, w, c].
        smallest: area, in (0, 1].

    Returns:
        The crops, bilinearly interpolated.

    Raises:
        ValueError: if ``smallest`` is out of range.

    Example:
        >>> x = jnp.arange(64.0).reshape(1, 8, 8, 1)
        >>> crop_images(jax.random.key(0), x).shape
        (1, 8, 8, 1)

    References:
        Szegedy et al., "Going Deeper with Convolutions", CVPR 2015.
    """
    if not 0 < smallest <= 1:
        raise ValueError(f"smallest must lie in (0, 1], got {smallest}")
    n = x.shape[0]
    key_area, key_ratio, key_place = jax.random.split(key, 3)
    area = jax.random.uniform(key_area, (n,), x.dtype, smallest, 1.0)
    limit = math.log(STRETCH)
    half = jax.random.uniform(key_ratio, (n,), x.dtype, -limit, limit) / 2
    places = jax.random.uniform(key_place, (2, n), x.dtype)
    sides = jnp.sqrt(area) * jnp.exp(half), jnp.sqrt(area) * jnp.exp(-half)
    rows, columns = (
        _interpolation(jnp.minimum(side, 1.0), place, pixels)
        for side, place, pixels in zip(sides, places, x.shape[1:3], strict=True)
    )
    return jnp.einsum("noi,nijc,npj->nopc", rows, x, columns)


def _interpolation(
    side: Float[Array, " n"], place: Float[Array, " n"], pixels: int
) -> Float[Array, "n o i"]:
    """How much each pixel counts for each of a crop's, along one axis."""
    start = place * (1.0 - side)
    centres = (jnp.arange(pixels) + 0.5) / pixels
    at = start[:, None] + side[:, None] * centres[None, :]
    at = jnp.clip(at * pixels - 0.5, 0.0, pixels - 1.0)
    gap = jnp.abs(at[:, :, None] - jnp.arange(pixels, dtype=at.dtype)[None, None, :])
    return jnp.maximum(0.0, 1.0 - gap)
