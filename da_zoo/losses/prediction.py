"""Losses on unlabelled predictions: entropy, class confusion, nuclear norm."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from da_zoo.losses.decompositions import nuclear_norm
from da_zoo.losses.weighting import weighted_mean, without_padding

__all__ = [
    "batch_nuclear_norm",
    "entropies",
    "mean_entropy",
    "minimum_class_confusion",
]


def entropies(logits: Float[Array, "n k"]) -> Float[Array, " n"]:
    """Entropy of each row's softmax, in nats: between 0 and log k.

    Args:
        logits: [n, k]; masked classes (-1e9) count nothing.

    Example:
        >>> entropies(jnp.zeros((1, 2))).round(4)
        Array([0.6931], dtype=float32)
    """
    log_p = jax.nn.log_softmax(logits, axis=1)
    return -jnp.sum(jnp.exp(log_p) * log_p, axis=1)


def mean_entropy(
    logits: Float[Array, "n k"], *, weight: Float[Array, " n"] | None = None
) -> Float[Array, ""]:
    """Mean entropy of predictions, in nats.

    Args:
        logits: [n, k].
        weight: [n]; 0 marks padding.

    Example:
        >>> round(float(mean_entropy(jnp.zeros((1, 2)))), 4)
        0.6931

    References:
        Grandvalet and Bengio, "Semi-supervised Learning by Entropy Minimization",
        NeurIPS 2004.
    """
    return weighted_mean(entropies(without_padding(logits, weight)), weight)


def minimum_class_confusion(
    logits: Float[Array, "n k"],
    temperature: float | Float[Array, ""] = 2.5,
    *,
    weight: Float[Array, " n"] | None = None,
) -> Float[Array, ""]:
    """How much classes are confused within a batch's predictions.

    With P the softmax at ``temperature`` and w the certainty weights ``1 + exp(-H)``
    (mean 1, under stop-gradient), ``C = P' diag(w) P`` has its rows normalised to 1;
    the loss is the mean over classes of what lies off its diagonal.

    Args:
        logits: [n, k]; classes that nothing predicts (masked ones) do not count.
        temperature: above 0; larger is softer.
        weight: [n]; 0 marks padding.

    Returns:
        Between 0 and 1 - 1/k.

    Example:
        >>> minimum_class_confusion(jnp.zeros((4, 2))).round(4)
        Array(0.5, dtype=float32)

    References:
        Jin et al., "Minimum Class Confusion for Versatile Domain Adaptation", ECCV
        2020, equations 2 to 6.
    """
    softened = without_padding(logits, weight) / temperature
    p = jax.nn.softmax(softened, axis=1)
    rows = jnp.ones(p.shape[0]) if weight is None else weight
    p = without_padding(p, rows)
    certainty = rows * (1.0 + jnp.exp(-entropies(jnp.where(p > 0, softened, -1e9))))
    certainty = jnp.where(rows > 0, certainty, 0.0)
    certainty = jax.lax.stop_gradient(
        certainty * jnp.sum(rows) / jnp.maximum(jnp.sum(certainty), 1e-12)
    )
    confusion = (p * certainty[:, None]).T @ p
    mass = jnp.sum(confusion, axis=1)
    predicted = mass > 1e-12
    right = jnp.diagonal(confusion) / jnp.where(predicted, mass, 1.0)
    classes = jnp.maximum(jnp.sum(predicted), 1)
    return jnp.sum(jnp.where(predicted, 1.0 - right, 0.0)) / classes


def batch_nuclear_norm(
    logits: Float[Array, "n k"],
    *,
    fast: bool = False,
    weight: Float[Array, " n"] | None = None,
) -> Float[Array, ""]:
    """Nuclear norm of a batch's softmax matrix over its rows: certain AND diverse.

    Args:
        logits: [n, k].
        fast: take the sum of the min(n, k) largest column norms instead, which needs
            no singular values.
        weight: [n]; 0 marks padding.

    Returns:
        Between 1 / sqrt(n k) and sqrt(min(n, k) / n) for full batches; a loss is its
        negative.

    Example:
        >>> batch_nuclear_norm(1e3 * jnp.eye(2)).round(4)
        Array(1., dtype=float32)

    References:
        Cui et al., "Towards Discriminability and Diversity: Batch Nuclear-norm
        Maximization under Label Insufficient Situations", CVPR 2020; fast: Cui et al.,
        "Fast Batch Nuclear-norm Maximization and Minimization for Robust Domain
        Adaptation", 2021 (arXiv:2107.06154).
    """
    p = jax.nn.softmax(without_padding(logits, weight), axis=1)
    rows = jnp.ones(p.shape[0]) if weight is None else weight
    p = without_padding(p, rows)
    count = jnp.maximum(jnp.sum(rows > 0), 1)
    if not fast:
        return nuclear_norm(p) / count
    squares = jnp.sum(jnp.square(p), axis=0)
    # A masked class's column is 0, where the root has no gradient.
    norms = jnp.where(squares > 0, jnp.sqrt(jnp.where(squares > 0, squares, 1.0)), 0.0)
    return jnp.sum(jax.lax.top_k(norms, min(p.shape))[0]) / count
