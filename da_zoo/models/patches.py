"""Images as rows of patches."""

from jaxtyping import Array, Float

__all__ = ["patches_of"]


def patches_of(x: Float[Array, "n h w c"], size: int) -> Float[Array, "n t d"]:
    """Cuts images into patches, row by row.

    Args:
        x: [n, h, w, c], sides multiples of ``size``.
        size: side of a patch in pixels.

    Returns:
        [n, patches, size * size * c].

    Example:
        >>> import jax.numpy as jnp
        >>> patches_of(jnp.arange(16.0).reshape(1, 4, 4, 1), 2)[0, 1].tolist()
        [2.0, 3.0, 6.0, 7.0]
    """
    n, h, w, c = x.shape
    grid = x.reshape(n, h // size, size, w // size, size, c).transpose(0, 1, 3, 2, 4, 5)
    return grid.reshape(n, (h // size) * (w // size), size * size * c)
