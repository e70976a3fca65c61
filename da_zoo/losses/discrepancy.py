"""How much two classifiers disagree on the same rows."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from da_zoo.losses.weighting import weighted_mean

__all__ = ["REDUCTIONS", "classifier_discrepancy"]

REDUCTIONS = ("mean", "sum")


def classifier_discrepancy(
    first: Float[Array, "n k"],
    second: Float[Array, "n k"],
    *,
    reduction: str = "mean",
    weight: Float[Array, " n"] | None = None,
) -> Float[Array, ""]:
    """Mean over rows of the L1 distance between two softmax outputs.

    Args:
        first: logits of one classifier; classes masked with -1e9 count nothing.
        second: logits of the other one for the same rows.
        reduction: over classes: "mean" (the paper's, which shrinks as 1/k) or "sum".
        weight: [n] row weights, 0 = padding.

    Returns:
        At least 0; at most 2 for "sum", 2 / k for "mean".

    Raises:
        ValueError: for an unknown reduction.

    Example:
        >>> z = 100.0 * jnp.eye(2)
        >>> classifier_discrepancy(z, z[::-1])
        Array(1., dtype=float32)
        >>> classifier_discrepancy(z, z[::-1], reduction="sum")
        Array(2., dtype=float32)

    References:
        Saito et al., "Maximum Classifier Discrepancy for Unsupervised Domain
        Adaptation", CVPR 2018, equation 2.
    """
    if reduction not in REDUCTIONS:
        raise ValueError(f'reduction must be "mean" or "sum", got {reduction!r}')
    gaps = jnp.abs(jax.nn.softmax(first, axis=1) - jax.nn.softmax(second, axis=1))
    distances = jnp.sum(gaps, axis=1)
    if reduction == "mean":
        distances = distances / jnp.maximum(jnp.sum(first > -1e8, axis=1), 1)
    return weighted_mean(distances, weight)
