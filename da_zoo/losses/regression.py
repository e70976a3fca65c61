"""Squared error with row weights."""

import jax.numpy as jnp
from jaxtyping import Array, Float

from da_zoo.losses.weighting import weighted_mean

__all__ = ["squared_error"]


def squared_error(
    predicted: Float[Array, "n k"],
    values: Float[Array, "n k"],
    *,
    weight: Float[Array, " n"] | None = None,
) -> Float[Array, ""]:
    """Mean over rows and outputs of the squared difference.

    Args:
        predicted: [n, k].
        values: [n, k], the continuous targets.
        weight: [n] row weights, 0 = padding; all 0 gives 0.

    Returns:
        At least 0, in squared units of the target.

    Raises:
        ValueError: if the shapes differ: broadcasting [n, 1] against [n] would
            compare every row with every other.

    Example:
        >>> float(squared_error(jnp.array([[1.0, 2.0]]), jnp.array([[0.0, 4.0]])))
        2.5
    """
    if predicted.shape != values.shape:
        raise ValueError(
            f"predicted and values must have one shape [n, k], got {predicted.shape} "
            f"and {values.shape}"
        )
    # Select before subtracting: a padding row may hold NaN, and so would its gradient.
    if weight is not None:
        kept = weight[:, None] > 0
        predicted = jnp.where(kept, predicted, 0.0)
        values = jnp.where(kept, values, 0.0)
    return weighted_mean(jnp.mean(jnp.square(predicted - values), axis=1), weight)
