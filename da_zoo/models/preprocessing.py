"""How the images were prepared that a network's weights come from."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, UInt8

__all__ = ["IMAGENET", "Preprocessing", "preprocess"]


class Preprocessing(NamedTuple):
    """Resize the shorter side, cut the centre out, subtract and divide.

    Example:
        >>> Preprocessing().crop
        224
    """

    mean: tuple[float, ...] = (0.485, 0.456, 0.406)
    """By channel, of pixels in [0, 1]; the default is ImageNet's."""
    std: tuple[float, ...] = (0.229, 0.224, 0.225)
    """By channel, positive."""
    resize: int = 256
    """Pixels of the shorter side."""
    crop: int = 224
    """Side of the centre square; no larger than ``resize``."""
    interpolation: str = "linear"
    """As ``jax.image.resize`` calls it: "linear" or "cubic"."""


IMAGENET = Preprocessing()
"""Of torchvision's networks."""


def preprocess(
    x: Float[Array | np.ndarray, "n h w c"] | UInt8[Array | np.ndarray, "n h w c"],
    preprocessing: Preprocessing = IMAGENET,
) -> Float[Array, "n s s c"]:
    """Prepares images as those were that a network's weights were learned from.

    Args:
        x: images of one size [n, h, w, c]; pixels in [0, 1], or uint8. Grey ones
            (c = 1) are normalised by the mean over channels of ``mean`` and ``std``.
        preprocessing: what to do, ``module.preprocessing``.

    Returns:
        [n, crop, crop, c], about zero mean and unit variance.

    Raises:
        ValueError: if ``x`` is no batch of images of 1 or ``len(mean)`` channels, or
            the crop is larger than the side.

    Example:
        >>> preprocess(jnp.full((2, 300, 400, 3), 0.485)).shape
        (2, 224, 224, 3)
    """
    mean, std, side, crop, interpolation = preprocessing
    if not 1 <= crop <= side:
        raise ValueError(f"crop must be 1..resize, got crop={crop}, resize={side}")
    if x.ndim != 4 or x.shape[3] not in (1, len(mean)):
        raise ValueError(
            f"x must be images [n, height, width, {len(mean)} or 1], got {x.shape}"
        )
    images = jnp.asarray(x)
    if images.dtype == jnp.uint8:
        images = images.astype(jnp.float32) / 255
    n, height, width, channels = images.shape
    shorter = min(height, width)
    if shorter != side:
        # The longer side is truncated, as torchvision does.
        height, width = (side * length // shorter for length in (height, width))
        images = jax.image.resize(images, (n, height, width, channels), interpolation)
    top, left = (round((length - crop) / 2) for length in (height, width))
    images = images[:, top : top + crop, left : left + crop]
    centre, scale = jnp.asarray(mean, images.dtype), jnp.asarray(std, images.dtype)
    if channels == 1:
        centre, scale = centre.mean(keepdims=True), scale.mean(keepdims=True)
    return (images - centre[None, None, None]) / scale[None, None, None]
