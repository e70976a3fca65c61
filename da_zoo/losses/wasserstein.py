"""The sliced Wasserstein distance of two samples of equally many rows."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from da_zoo.types import Key

__all__ = ["sliced_wasserstein", "unit_directions"]


def unit_directions(
    key: Key, dimensions: int, count: int, *, allowed: Bool[Array, " d"] | None = None
) -> Float[Array, "d r"]:
    """Draws directions uniformly from the unit sphere.

    Args:
        key: of the draw.
        dimensions: d.
        count: r, how many.
        allowed: [d], dimensions to draw in; the directions are 0 in the others.

    Returns:
        [d, r], columns of norm 1.

    Example:
        >>> drawn = unit_directions(jax.random.key(0), 3, 5)
        >>> bool(jnp.allclose(jnp.linalg.norm(drawn, axis=0), 1.0))
        True
    """
    drawn = jax.random.normal(key, (dimensions, count))
    if allowed is not None:
        drawn = jnp.where(allowed[:, None], drawn, 0.0)
    return drawn / jnp.linalg.norm(drawn, axis=0, keepdims=True)


def sliced_wasserstein(
    x: Float[Array, "n d"],
    y: Float[Array, "n d"],
    directions: Float[Array, "d r"],
    *,
    kept: Bool[Array, " n"] | None = None,
) -> Float[Array, ""]:
    """Squared 2-Wasserstein distance of one-dimensional projections, averaged.

    On a line the optimal transport of equally many points pairs them in sorted order.

    Args:
        x: [n, d].
        y: [n, d]; its rows need not be paired with x's.
        directions: [d, r], of norm 1.
        kept: [n], rows of both samples that count; padding is left out.

    Returns:
        Mean over rows and directions of squared gaps, at least 0.

    Example:
        >>> x = jnp.array([[0.0], [1.0]])
        >>> sliced_wasserstein(x, x[::-1] + 2.0, jnp.ones((1, 1)))
        Array(4., dtype=float32)

    References:
        Lee et al., "Sliced Wasserstein Discrepancy for Unsupervised Domain
        Adaptation", CVPR 2019, equation 8.
    """
    if kept is None:
        gaps = jnp.sort(x @ directions, axis=0) - jnp.sort(y @ directions, axis=0)
        return jnp.mean(jnp.square(gaps))
    inside = kept[:, None]
    ends = []
    for sample in (x, y):
        # Select before projecting (0 * NaN is NaN), and after: what is left out of both
        # samples goes to the same end of both, and is paired with itself.
        projected = jnp.where(inside, sample, 0.0) @ directions
        ends.append(jnp.sort(jnp.where(inside, projected, jnp.inf), axis=0))
    count = jnp.sum(kept)
    within = (jnp.arange(x.shape[0]) < count)[:, None]
    first, second = (jnp.where(within, end, 0.0) for end in ends)
    total = jnp.sum(jnp.square(first - second))
    return total / (jnp.maximum(count, 1) * directions.shape[1])
