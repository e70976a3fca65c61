"""Cross-entropy with row weights."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from da_zoo.losses.weighting import weighted_mean

__all__ = ["cross_entropy"]


def cross_entropy(
    logits: Float[Array, "n k"],
    labels: Int[Array, " n"],
    *,
    weight: Float[Array, " n"] | None = None,
    label_smoothing: float = 0.0,
) -> Float[Array, ""]:
    """Mean negative log-likelihood of the labels.

    Args:
        logits: [n, k]; a class masked with -1e9 has probability 0 and no gradient.
        labels: [n], 0..k-1. They are not checked: an out-of-range one clamps.
        weight: [n] row weights, 0 = padding; all 0 gives 0.
        label_smoothing: in [0, 1), probability spread evenly over the classes that are
            not masked (Szegedy et al. 2016).

    Returns:
        Nats, at least 0.

    Raises:
        ValueError: if ``label_smoothing`` is out of range.

    Example:
        >>> round(float(cross_entropy(jnp.zeros((2, 4)), jnp.array([0, 3]))), 4)
        1.3863
    """
    if not 0.0 <= label_smoothing < 1.0:
        raise ValueError(f"label_smoothing must be in [0, 1), got {label_smoothing}")
    log_probabilities = jax.nn.log_softmax(logits, axis=1)
    picked = jnp.take_along_axis(log_probabilities, labels[:, None], axis=1)[:, 0]
    if label_smoothing:
        allowed = logits > -1e8
        spread = jnp.sum(jnp.where(allowed, log_probabilities, 0.0), axis=1)
        even = spread / jnp.maximum(jnp.sum(allowed, axis=1), 1)
        picked = (1.0 - label_smoothing) * picked + label_smoothing * even
    return weighted_mean(-picked, weight)
