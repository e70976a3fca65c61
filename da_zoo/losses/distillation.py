"""Distillation: predictions that are to stay what another model's were."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from da_zoo.losses.weighting import weighted_mean, without_padding

__all__ = ["distillation", "soft_cross_entropy"]


def distillation(
    logits: Float[Array, "n k"],
    recorded: Float[Array, "n k"],
    temperature: float | Float[Array, ""] = 1.0,
    *,
    weight: Float[Array, " n"] | None = None,
) -> Float[Array, ""]:
    """Mean Kullback-Leibler divergence from recorded predictions, both softened.

    It is not multiplied by the square of the temperature: its gradient falls with it.

    Args:
        logits: [n, k], of the model that trains.
        recorded: [n, k], of the other; they get no gradient.
        temperature: above 0; what both are divided by.
        weight: [n], 0 = padding.

    Returns:
        Nats, at least 0; 0 where both say the same.

    Example:
        >>> logits = jnp.array([[1.0, 0.0]])
        >>> abs(float(distillation(logits, logits + 5.0, 3.0))) < 1e-6
        True

    References:
        Hinton, Vinyals and Dean, "Distilling the Knowledge in a Neural Network", 2015.
    """
    ours, theirs = (
        jax.nn.log_softmax(without_padding(rows, weight) / temperature, axis=1)
        for rows in (logits, jax.lax.stop_gradient(recorded))
    )
    return weighted_mean(jnp.sum(jnp.exp(theirs) * (theirs - ours), axis=1), weight)


def soft_cross_entropy(
    logits: Float[Array, "n k"],
    probabilities: Float[Array, "n k"],
    *,
    weight: Float[Array, " n"] | None = None,
) -> Float[Array, ""]:
    """Mean cross-entropy with a distribution as each row's label.

    Args:
        logits: [n, k].
        probabilities: [n, k], rows on the simplex, or of zeros, which count 0; they get
            no gradient.
        weight: [n], 0 = padding.

    Returns:
        Nats, at least 0.

    Example:
        >>> even = jnp.full((1, 2), 0.5)
        >>> round(float(soft_cross_entropy(jnp.zeros((1, 2)), even)), 4)
        0.6931
    """
    logs = jax.nn.log_softmax(without_padding(logits, weight), axis=1)
    target = jax.lax.stop_gradient(without_padding(probabilities, weight))
    return weighted_mean(-jnp.sum(target * logs, axis=1), weight)
