"""Pooling to a fixed size, whatever the size of the image."""

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

__all__ = ["adaptive_mean_pool"]


def _averages(length: int, cells: int) -> Float[np.ndarray, "cells length"]:
    """Cell i averages from floor(i l / c) up to, excluding, ceil((i + 1) l / c)."""
    weights = np.zeros((cells, length))
    for i in range(cells):
        start, stop = i * length // cells, -(-(i + 1) * length // cells)
        weights[i, start:stop] = 1 / (stop - start)
    return weights


def adaptive_mean_pool(
    x: Float[Array, "n h w c"], height: int, width: int
) -> Float[Array, "n p q c"]:
    """Means over cells that cover the image evenly; cells overlap where they must.

    Args:
        x: [n, h, w, c].
        height: rows of cells, at least 1; there may be more cells than pixels.
        width: columns of cells.

    Returns:
        [n, height, width, c]; ``x`` itself where it has that size.

    Example:
        >>> adaptive_mean_pool(jnp.arange(3.0).reshape(1, 3, 1, 1), 2, 1)[0, :, 0, 0]
        Array([0.5, 1.5], dtype=float32)
    """
    # A sum of products per axis: a handful of pixels, and any cell size.
    if x.shape[1] != height:
        rows = _averages(x.shape[1], height).astype(x.dtype)
        x = jnp.einsum("ph,nhwc->npwc", rows, x)
    if x.shape[2] != width:
        columns = _averages(x.shape[2], width).astype(x.dtype)
        x = jnp.einsum("qw,nhwc->nhqc", columns, x)
    return x
