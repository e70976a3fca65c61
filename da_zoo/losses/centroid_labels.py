"""Pseudo-labels by class centroids: one soft round, then a hard one, as in SHOT."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

__all__ = ["centroid_labels"]


def _nearest(
    rows: Float[Array, "n d"],
    affinity: Float[Array, "n k"],
    used: Float[Array, " k"],
) -> Int[Array, " n"]:
    """The class whose centroid makes the smallest angle; only used classes count."""
    # A centroid's length does not matter to an angle, so sums serve as means.
    centroids = affinity.T @ rows
    squares = jnp.sum(jnp.square(centroids), axis=1, keepdims=True)
    units = centroids * jax.lax.rsqrt(jnp.maximum(squares, 1e-12))
    cosine = jnp.where(used[None, :] > 0, rows @ units.T, -jnp.inf)
    return jnp.argmax(cosine, axis=1).astype(jnp.int32)


def centroid_labels(
    features: Float[Array, "n d"],
    logits: Float[Array, "n k"],
    *,
    weight: Float[Array, " n"] | None = None,
) -> Int[Array, " n"]:
    """Labels rows by the nearest class centroid of their own features.

    Centroids are first means weighted by the predicted probabilities, then means over
    the rows that the first round gave each class: one round of hard k-means. Distances
    are cosine, on features with a 1 appended. A class that no row was labelled with in
    the round before is left out, so that it cannot come back.

    Args:
        features: [n, d] of the whole unlabelled set.
        logits: [n, k] of the classifier on them; masked classes (-1e9) get no row.
        weight: [n]; rows of weight 0 are labelled too, and shape no centroid.

    Returns:
        int32 [n], without a gradient.

    Example:
        >>> features = jnp.array([[1.0, 0.0], [0.9, 0.1], [0.0, 1.0]])
        >>> logits = jnp.array([[2.0, 0.0], [0.0, 0.2], [0.0, 2.0]])
        >>> centroid_labels(features, logits)  # the second row changes sides
        Array([0, 0, 1], dtype=int32)

    References:
        Liang et al., "Do We Really Need to Access the Source Data? Source Hypothesis
        Transfer for Unsupervised Domain Adaptation", ICML 2020, equations 4 to 6 (and
        the authors' code, corrected in June 2022).
    """
    features, logits = jax.lax.stop_gradient((features, logits))
    n, k = logits.shape
    count = jnp.ones(n) if weight is None else weight
    rows = jnp.concatenate([features, jnp.ones((n, 1), features.dtype)], axis=1)
    rows = rows / jnp.sqrt(jnp.sum(jnp.square(rows), axis=1, keepdims=True))
    # A padding row may hold anything, a NaN too: select before multiplying.
    shaping = jnp.where(count[:, None] > 0, rows, 0.0)
    affinity = jax.nn.softmax(logits, axis=1)
    labels = jnp.argmax(logits, axis=1)
    for _ in range(2):
        affinity = jnp.where(count[:, None] > 0, affinity, 0.0) * count[:, None]
        used = jax.nn.one_hot(labels, k).T @ count
        labels = _nearest(shaping, affinity, used)
        affinity = jax.nn.one_hot(labels, k)
    return labels
