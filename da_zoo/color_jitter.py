"""Colour jitter: brightness, contrast, saturation and hue of each image, drawn anew."""

import math

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from da_zoo.types import Key

__all__ = ["color_jitter"]

BRIGHTNESS = CONTRAST = SATURATION = 0.4
HUE = 0.1
"""Half of SimCLR's strength, which later work takes for small images."""
YIQ = np.array(
    [[0.299, 0.587, 0.114], [0.5959, -0.2746, -0.3213], [0.2115, -0.5227, 0.3112]]
)
"""From red, green and blue to brightness and two axes of colour (NTSC 1953)."""


def color_jitter(
    key: Key,
    x: Float[Array, "n h w c"],
    *,
    brightness: float = BRIGHTNESS,
    contrast: float = CONTRAST,
    saturation: float = SATURATION,
    hue: float = HUE,
) -> Float[Array, "n h w c"]:
    """Changes the colours of each image by draws of its own.

    Brightness, contrast and saturation are multiplied by uniform factors in 1 +- their
    argument, the hue is turned by a uniform share of a circle in +- its own; all 0
    leaves images as they are. The order is fixed (torchvision's is random), and the
    turn is one of the YIQ colour plane, which keeps brightness.

    Args:
        key: of the draws.
        x: pixels in [0, 1], or in another range (standardised, say), which then is each
            image's own. Saturation and hue need three channels.
        brightness: in [0, 1].
        contrast: in [0, 1].
        saturation: in [0, 1].
        hue: in [0, 0.5].

    Returns:
        Images in the range of before.

    Raises:
        ValueError: if a number is out of range.

    Example:
        >>> x = jnp.linspace(0.0, 1.0, 48).reshape(1, 4, 4, 3)
        >>> color_jitter(jax.random.key(0), x).shape
        (1, 4, 4, 3)

    References:
        Chen et al., "A Simple Framework for Contrastive Learning of Visual
        Representations", ICML 2020, appendix A, https://arxiv.org/abs/2002.05709.
    """
    ranges = {"brightness": 1, "contrast": 1, "saturation": 1, "hue": 0.5}
    given = (brightness, contrast, saturation, hue)
    for (name, most), value in zip(ranges.items(), given, strict=True):
        if not 0 <= value <= most:
            raise ValueError(f"{name} must lie in [0, {most}], got {value}")
    shape, every = (x.shape[0], 1, 1, 1), (1, 2, 3)
    draws = [
        jax.random.uniform(own, shape, x.dtype, -limit, limit)
        for own, limit in zip(jax.random.split(key, 4), given, strict=True)
    ]
    low = jnp.minimum(jnp.min(x, axis=every, keepdims=True), 0.0)
    high = jnp.maximum(jnp.max(x, axis=every, keepdims=True), 1.0)
    image = (x - low) / (high - low)
    image = jnp.clip(image + draws[0] * image, 0.0, 1.0)
    grey = _brightness(image)
    mean = jnp.mean(grey, axis=every, keepdims=True)
    image = jnp.clip(image + draws[1] * (image - mean), 0.0, 1.0)
    if x.shape[3] == len(YIQ):
        grey = _brightness(image)
        image = jnp.clip(image + draws[2] * (image - grey), 0.0, 1.0)
        if hue:
            image = jnp.clip(_turned(image, 2 * math.pi * draws[3]), 0.0, 1.0)
    return image * (high - low) + low


def _brightness(image: Float[Array, "n h w c"]) -> Float[Array, "n h w 1"]:
    if image.shape[3] != len(YIQ):
        return image.mean(axis=3, keepdims=True)
    weights = jnp.asarray(YIQ[0], image.dtype)
    return (image * weights[None, None, None]).sum(axis=3, keepdims=True)


def _turned(
    image: Float[Array, "n h w 3"], angle: Float[Array, "n 1 1 1"]
) -> Float[Array, "n h w 3"]:
    forth = jnp.asarray(YIQ, image.dtype)
    back = jnp.asarray(np.linalg.inv(YIQ), image.dtype)
    cosine, sine = jnp.cos(angle[:, 0, 0, 0]), jnp.sin(angle[:, 0, 0, 0])
    zero, one = jnp.zeros_like(cosine), jnp.ones_like(cosine)
    turn = jnp.stack(
        [
            jnp.stack([one, zero, zero], -1),
            jnp.stack([zero, cosine, -sine], -1),
            jnp.stack([zero, sine, cosine], -1),
        ],
        axis=-2,
    )
    whole = jnp.einsum("ij,njk,kl->nil", back, turn, forth, precision="highest")
    return jnp.einsum("nil,nhwl->nhwi", whole, image, precision="highest")
