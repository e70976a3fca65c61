"""Means over rows of which some are padding."""

import jax.numpy as jnp
from jaxtyping import Array, Float

__all__ = ["weighted_mean"]


def weighted_mean(
    values: Float[Array, " n"], weight: Float[Array, " n"] | None = None
) -> Float[Array, ""]:
    """Averages with row weights; 0 (not NaN) where they are all 0.

    Args:
        values: [n].
        weight: [n], at least 0; None weighs every row 1.

    Example:
        >>> float(weighted_mean(jnp.array([1.0, 9.0]), jnp.array([1.0, 0.0])))
        1.0
    """
    if weight is None:
        return jnp.mean(values)
    total = jnp.sum(weight)
    safe = jnp.where(total > 0, total, 1.0)
    # A padding row may hold anything, a NaN too: select before multiplying.
    return jnp.sum(jnp.where(weight > 0, values, 0.0) * weight) / safe
