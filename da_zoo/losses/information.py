"""Information maximisation: every prediction certain, all of them together diverse."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from da_zoo.losses.prediction import mean_entropy
from da_zoo.losses.weighting import weighted_mean

__all__ = ["information_maximisation", "marginal_entropy"]


def marginal_entropy(
    logits: Float[Array, "n k"], *, weight: Float[Array, " n"] | None = None
) -> Float[Array, ""]:
    """Entropy of the mean prediction, in nats: log k where classes are equally used.

    Args:
        logits: [n, k]; masked classes (-1e9) count nothing.
        weight: [n]; 0 marks padding.

    Example:
        >>> marginal_entropy(100 * jnp.eye(2)).round(4)
        Array(0.6931, dtype=float32)
    """
    p = jax.nn.softmax(logits, axis=1)
    mean = weighted_mean(p, weight)
    used = mean > 0
    return -jnp.sum(jnp.where(used, mean * jnp.log(jnp.where(used, mean, 1.0)), 0.0))


def information_maximisation(
    logits: Float[Array, "n k"], *, weight: Float[Array, " n"] | None = None
) -> Float[Array, ""]:
    """Mean entropy minus the entropy of the mean: minus the mutual information.

    It is computed from log-probabilities; the authors' code adds 1e-5 inside the
    logarithms instead.

    Args:
        logits: [n, k]; masked classes (-1e9) count nothing.
        weight: [n]; 0 marks padding.

    Returns:
        Between -log k (certain and diverse) and 0 (all predictions the same).

    Example:
        >>> information_maximisation(100 * jnp.eye(2)).round(4)
        Array(-0.6931, dtype=float32)

    References:
        Liang et al., "Do We Really Need to Access the Source Data? Source Hypothesis
        Transfer for Unsupervised Domain Adaptation", ICML 2020, equation 3.
    """
    return mean_entropy(logits, weight=weight) - marginal_entropy(logits, weight=weight)
