"""Criteria that rank a training's states by unlabelled target rows alone."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

__all__ = ["TARGET_CRITERIA", "TARGET_ROWS", "confidence", "information"]

TARGET_ROWS = 1024
"""Target rows that a criterion looks at, at most: the first ones."""


def confidence(logits: Float[Array, "n k"]) -> Float[Array, ""]:
    """Returns minus the mean entropy of the predictions, in nats; higher is better.

    A collapsed model is sure of itself: prefer :func:`information`.

    Source: Grandvalet and Bengio, 2005, "Semi-supervised Learning by Entropy
    Minimization".

    Args:
        logits: of target rows.

    Example:
        >>> round(float(confidence(jnp.zeros((3, 2)))), 4)
        -0.6931
    """
    log_p = jax.nn.log_softmax(logits, axis=-1)
    return jnp.mean(jnp.sum(jnp.exp(log_p) * log_p, axis=-1))


def information(logits: Float[Array, "n k"]) -> Float[Array, ""]:
    """Returns the information that predictions hold of the rows, in nats.

    The entropy of the mean prediction less the mean entropy of the predictions; high
    where each row is sure and all classes occur.

    Source: Bridle, Heading and MacKay, 1991, "Unsupervised Classifiers, Mutual
    Information and 'Phantom Targets'".

    Args:
        logits: of target rows.

    Example:
        >>> round(float(information(100 * jnp.eye(2))), 4)
        0.6931
    """
    mean = jnp.mean(jax.nn.softmax(logits, axis=-1), axis=0)
    spread = -jnp.sum(jnp.where(mean > 0, mean * jnp.log(mean), 0.0))
    return spread + confidence(logits)


TARGET_CRITERIA: dict[str, Callable[[Array], Array]] = {
    "infomax": information,
    "entropy": confidence,
}
"""By the names that the benchmark's criteria have; MORE is better."""
