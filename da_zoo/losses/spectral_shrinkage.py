"""Batch spectral shrinkage: press down the weakest directions of a batch's features."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from da_zoo.losses.decompositions import svd
from da_zoo.losses.weighting import without_padding

__all__ = ["batch_spectral_shrinkage"]


def batch_spectral_shrinkage(
    features: Float[Array, "n d"],
    k: int = 1,
    *,
    weight: Float[Array, " n"] | None = None,
) -> Float[Array, ""]:
    """Sum of the squares of the k smallest singular values.

    Args:
        features: [n, d] of one batch, not centred.
        k: how many, at least 1; of a batch with fewer singular values, all.
        weight: [n], 0 = padding; rows that count at all count alike.

    Returns:
        At least 0. Its gradient, ``2 sum_i s_i u_i v_i'``, is finite everywhere.

    Raises:
        ValueError: if ``k`` is below 1.

    Example:
        >>> x = jnp.diag(jnp.array([3.0, 2.0, 1.0]))
        >>> round(float(batch_spectral_shrinkage(x, 2)), 4)
        5.0

    References:
        Chen et al., "Catastrophic Forgetting Meets Negative Transfer: Batch Spectral
        Shrinkage for Safe Transfer Learning", NeurIPS 2019.
    """
    if k < 1:
        raise ValueError(f"k must be at least 1, got {k}")
    rows = jnp.ones(features.shape[0]) if weight is None else weight
    kept = without_padding(features, rows)
    # Rows of padding add singular values of 0, which are not the batch's.
    count = jnp.minimum(jnp.sum(rows > 0), features.shape[1])
    place = jnp.arange(min(features.shape))
    chosen = ((place >= count - k) & (place < count)).astype(features.dtype)
    return _sum_of_squares(kept, chosen)


@jax.custom_vjp
def _sum_of_squares(
    matrix: Float[Array, "n d"], chosen: Float[Array, " r"]
) -> Float[Array, ""]:
    return jnp.sum(chosen * jnp.square(svd(matrix)[1]))


def _forward(matrix: Array, chosen: Array) -> tuple[Array, tuple[Array, Array]]:
    u, s, vt = svd(matrix)
    kept = chosen * s
    return jnp.sum(chosen * jnp.square(s)), ((2.0 * u * kept[None, :]) @ vt, chosen)


def _backward(saved: tuple[Array, Array], cotangent: Array) -> tuple[Array, Array]:
    slope, chosen = saved
    return cotangent * slope, jnp.zeros_like(chosen)


_sum_of_squares.defvjp(_forward, _backward)
