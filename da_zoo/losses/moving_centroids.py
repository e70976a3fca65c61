"""Class centroids that move from batch to batch, and their distance between domains."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from da_zoo.losses.weighting import without_padding

__all__ = ["centroid_distance", "moved_centroids"]


def moved_centroids(
    old: Float[Array, "k d"],
    features: Float[Array, "n d"],
    labels: Int[Array, " n"],
    *,
    decay: float = 0.7,
    weight: Float[Array, " n"] | None = None,
) -> Float[Array, "k d"]:
    """Moves each class's centroid towards the batch's mean of that class.

    Args:
        old: [k, d]; no gradient flows into it.
        features: [n, d]; gradients flow into the batch's share.
        labels: [n], 0..k-1; true ones or pseudo-labels.
        decay: how much of the old centroid is kept, in [0, 1).
        weight: [n]; 0 marks padding.

    Returns:
        [k, d]; the centroid of a class that the batch lacks stays as it is.

    Example:
        >>> old = jnp.zeros((2, 1))
        >>> moved_centroids(old, jnp.array([[1.0], [3.0]]), jnp.array([1, 1]))[:, 0]
        Array([0. , 0.6], dtype=float32)

    References:
        Xie et al., "Learning Semantic Representations for Unsupervised Domain
        Adaptation", ICML 2018, algorithm 1.
    """
    old = jax.lax.stop_gradient(old)
    member = jax.nn.one_hot(labels, old.shape[0], dtype=features.dtype)
    if weight is not None:
        # A padding row may hold anything, a NaN too: select before multiplying.
        features = without_padding(features, weight)
        member = member * weight[:, None]
    count = jnp.sum(member, axis=0)
    mean = (member.T @ features) / jnp.maximum(count, 1e-12)[:, None]
    moved = decay * old + (1.0 - decay) * mean
    return jnp.where(count[:, None] > 0, moved, old)


def centroid_distance(
    source: Float[Array, "k d"], target: Float[Array, "k d"], classes: Float[Array, ""]
) -> Float[Array, ""]:
    """Squared distance between the domains' centroids: mean over classes and features.

    Args:
        source: [k, d].
        target: [k, d].
        classes: how many of the k classes there are; the rest is padding.

    Example:
        >>> one, zero = jnp.ones((2, 3)), jnp.zeros((2, 3))
        >>> float(centroid_distance(one, zero, jnp.float32(2)))
        1.0
    """
    per_class = jnp.mean(jnp.square(source - target), axis=1)
    real = jnp.arange(source.shape[0]) < classes
    return jnp.sum(jnp.where(real, per_class, 0.0)) / classes
