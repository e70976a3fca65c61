"""Occlusion: by how much a logit falls when a patch of the image is covered."""

from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, Shaped

from da_zoo.interpret.model import as_floats, chosen_classes
from da_zoo.interpret.saliency import Logits, compiled

__all__ = ["occlusion"]


def _score(logits: Logits, images: Array) -> Array:
    return logits(images)


def occlusion(
    logits: Logits,
    x: Shaped[Any, "n ..."],
    *,
    classes: int | Int[Any, " n"] | None = None,
    patch: int = 4,
    fill: float = 0.0,
) -> Float[Array, "n h w"]:
    """Covers an image patch by patch.

    Args:
        logits: images [n, h, w, c] -> logits [n, k], row by row (evaluation mode).
        x: images [n, h, w, c].
        classes: which logit: one for all rows or one a row; None the largest at ``x``.
        patch: side of a patch in pixels; patches do not overlap, the last ones are cut
            off by the border.
        fill: value of covered pixels.

    Returns:
        For each pixel by how much the logit falls when its patch is covered, in
        logits; below 0 where covering helps. Unlike a gradient it sees large changes.

    Raises:
        TypeError: for inputs that are no numbers, ids too.
        ValueError: for inputs that are no images, a patch that is larger than they are,
            or unknown classes.

    Example:
        >>> bright = lambda x: x.sum(axis=(1, 2))  # one logit: the sum of all pixels
        >>> occlusion(bright, jnp.ones((1, 4, 4, 1)), patch=2)[0, 0]
        Array([4., 4., 4., 4.], dtype=float32)

    References:
        Zeiler and Fergus, "Visualizing and Understanding Convolutional Networks", ECCV
        2014, section 4.2.
    """
    images = as_floats(x)
    if images.ndim != 4:
        raise ValueError(f"x must be images [n, h, w, c], got {images.shape}")
    _, height, width, _ = images.shape
    if not 1 <= patch <= min(height, width):
        raise ValueError(f"patch must be 1..{min(height, width)}, got {patch}")
    score = compiled(_score, logits)
    whole = score(images)
    which = chosen_classes(whole, classes)[:, None]
    found = np.empty(images.shape[:3], np.float32)
    for top in range(0, height, patch):
        for left in range(0, width, patch):
            place = np.s_[:, top : top + patch, left : left + patch]
            covered = score(images.at[place].set(fill))
            fall = jnp.take_along_axis(whole - covered, which, axis=1)
            found[place] = np.asarray(fall)[:, :, None]
    return jnp.asarray(found)
