"""Class weights for a target that has only some of the source's classes."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from da_zoo.losses.weighting import weighted_mean, without_padding

__all__ = ["class_weighted_mean", "class_weights"]


def class_weights(
    probabilities: Float[Array, "n k"], weight: Float[Array, " n"] | None = None
) -> Float[Array, " k"]:
    """Mean prediction per class over the target, the largest set to 1; no gradient.

    A class that the target lacks is predicted rarely, so its weight is near 0.

    Args:
        probabilities: [n, k] class probabilities of target rows.
        weight: [n] row weights, 0 = padding.

    Returns:
        [k], in [0, 1]; all ones where no row counts.

    Example:
        >>> class_weights(jnp.array([[0.5, 0.5, 0.0], [0.7, 0.1, 0.0]]))
        Array([1. , 0.5, 0. ], dtype=float32)

    References:
        Cao et al., "Partial Adversarial Domain Adaptation", ECCV 2018, equation 3.
    """
    rows = jnp.ones(probabilities.shape[0]) if weight is None else weight
    kept = without_padding(probabilities, rows)
    mass = jax.lax.stop_gradient(rows @ kept)
    largest = jnp.max(mass)
    return jnp.where(largest > 0, mass / jnp.where(largest > 0, largest, 1.0), 1.0)


def class_weighted_mean(
    losses: Float[Array, " n"],
    labels: Int[Array, " n"],
    by_class: Float[Array, " k"],
    weight: Float[Array, " n"] | None = None,
) -> Float[Array, ""]:
    """Mean over rows of ``by_class[label] * loss``; over ALL rows, as the paper's 1/n.

    Dividing by the sum of the weights instead would undo them where all rows of a
    batch are of unlikely classes.

    Args:
        losses: [n], one per row.
        labels: [n], 0..k-1.
        by_class: [k], from :func:`class_weights`.
        weight: [n] row weights, 0 = padding.

    Example:
        >>> losses, labels = jnp.array([2.0, 4.0]), jnp.array([0, 1])
        >>> float(class_weighted_mean(losses, labels, jnp.array([1.0, 0.0])))
        1.0

    References:
        Cao et al., "Partial Adversarial Domain Adaptation", ECCV 2018, equation 4.
    """
    return weighted_mean(losses * by_class[labels], weight)
