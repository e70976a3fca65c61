"""Distances of moments: central ones, tensor powers, and those of many domains."""

import itertools

import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from da_zoo.losses.weighting import (
    pair_mean,
    pair_weights,
    weighted_mean,
    without_padding,
)

__all__ = [
    "central_moment_discrepancy",
    "higher_order_moments",
    "multi_source_moments",
]


def _norm(vectors: Float[Array, "*n d"]) -> Float[Array, "*n"]:
    """Euclidean norms with gradient 0, not NaN, at 0."""
    square = jnp.sum(jnp.square(vectors), axis=-1)
    return jnp.where(square > 0, jnp.sqrt(jnp.where(square > 0, square, 1.0)), 0.0)


def central_moment_discrepancy(
    features_source: Float[Array, "n d"],
    features_target: Float[Array, "m d"],
    moments: int = 5,
    span: float = 1.0,
    *,
    weight_source: Float[Array, " n"] | None = None,
    weight_target: Float[Array, " m"] | None = None,
) -> Float[Array, ""]:
    """Distances of means and of marginal central moments 2 to ``moments``, summed.

    Args:
        features_source: [n, d].
        features_target: [m, d].
        moments: how many, at least 1.
        span: length of the interval that holds the features; the k-th term is divided
            by ``span ** k``.
        weight_source: [n] row weights, 0 = padding.
        weight_target: [m] row weights, 0 = padding.

    Raises:
        ValueError: if ``moments`` is below 1 or ``span`` is not positive.

    Example:
        >>> x = jnp.array([[0.0], [1.0]])
        >>> float(central_moment_discrepancy(x, x + 2.0))
        2.0

    References:
        Zellinger et al., "Central Moment Discrepancy (CMD) for Domain-Invariant
        Representation Learning", ICLR 2017, equation 8.
    """
    if moments < 1:
        raise ValueError(f"moments must be at least 1, got {moments}")
    if span <= 0:
        raise ValueError(f"span must be positive, got {span}")
    kept_source = without_padding(features_source, weight_source)
    kept_target = without_padding(features_target, weight_target)
    mean_source = weighted_mean(kept_source, weight_source)
    mean_target = weighted_mean(kept_target, weight_target)
    total = _norm(mean_source - mean_target) / span
    centred_source = kept_source - mean_source[None, :]
    centred_target = kept_target - mean_target[None, :]
    for order in range(2, moments + 1):
        gap = weighted_mean(centred_source**order, weight_source) - weighted_mean(
            centred_target**order, weight_target
        )
        total = total + _norm(gap) / span**order
    return total


def higher_order_moments(
    features_source: Float[Array, "n d"],
    features_target: Float[Array, "m d"],
    order: int = 3,
    *,
    weight_source: Float[Array, " n"] | None = None,
    weight_target: Float[Array, " m"] | None = None,
) -> Float[Array, ""]:
    """Squared distance of mean ``order``-fold tensor powers, over ``d ** order``.

    ``<x^(p), y^(p)> = <x, y>^p``, so the d^p entries are never formed: this is the
    squared MMD of a polynomial kernel, in O(n m d).

    Args:
        features_source: [n, d].
        features_target: [m, d].
        order: p, at least 1; 1 matches means, 2 uncentred second moments.
        weight_source: [n] row weights, 0 = padding.
        weight_target: [m] row weights, 0 = padding.

    Returns:
        At least 0.

    Raises:
        ValueError: if ``order`` is below 1.

    Example:
        >>> x = jnp.array([[1.0, 0.0]])
        >>> float(higher_order_moments(x, -x, order=3))
        0.5

    References:
        Chen et al., "HoMM: Higher-order Moment Matching for Unsupervised Domain
        Adaptation", AAAI 2020, equations 4 and 9.
    """
    if order < 1:
        raise ValueError(f"order must be at least 1, got {order}")
    source = without_padding(features_source, weight_source)
    target = without_padding(features_target, weight_target)
    # The scale goes in before the power, which large features would overflow.
    scale = 1.0 / source.shape[1]

    def mean(a: Array, w_a: Array | None, b: Array, w_b: Array | None) -> Array:
        powers = (scale * (a @ b.T)) ** order
        return pair_mean(powers, pair_weights(w_a, w_b, powers.shape))

    distance = (
        mean(source, weight_source, source, weight_source)
        + mean(target, weight_target, target, weight_target)
        - 2 * mean(source, weight_source, target, weight_target)
    )
    return jnp.maximum(distance, 0.0)


def multi_source_moments(
    features_source: Float[Array, "n d"],
    domain: Int[Array, " n"],
    features_target: Float[Array, "m d"],
    *,
    sources: int,
    moments: int = 2,
    weight_source: Float[Array, " n"] | None = None,
    weight_target: Float[Array, " m"] | None = None,
) -> Float[Array, ""]:
    """Distances of raw moments between all pairs of sources, and to the target.

    ``sum_k ( mean_i |m_k(S_i) - m_k(T)| + mean_{i<j} |m_k(S_i) - m_k(S_j)| )`` with
    ``m_k`` the mean of k-th powers, entry by entry, and Euclidean norms (no squares).
    A source without rows in the batch is left out of the means.

    Args:
        features_source: [n, d], rows of all sources in any order.
        domain: [n], which source a row is from, 0..sources-1.
        features_target: [m, d].
        sources: how many, at least 1; with 1 only the distance to the target is left.
        moments: how many orders k, at least 1.
        weight_source: [n] row weights, 0 = padding.
        weight_target: [m] row weights, 0 = padding.

    Returns:
        At least 0; 0 iff all domains have the same moments.

    Raises:
        ValueError: if ``sources`` or ``moments`` is below 1.

    Example:
        >>> x = jnp.array([[0.0], [3.0]])
        >>> which = jnp.array([0, 1])
        >>> float(multi_source_moments(x, which, x[:1], sources=2, moments=1))
        4.5

    References:
        Peng et al., "Moment Matching for Multi-Source Domain Adaptation", ICCV 2019,
        definition 1.
    """
    for name, value in (("sources", sources), ("moments", moments)):
        if value < 1:
            raise ValueError(f"{name} must be at least 1, got {value}")
    rows = jnp.ones(domain.shape[0]) if weight_source is None else weight_source
    member = rows[:, None] * (domain[:, None] == jnp.arange(sources)[None, :])
    counts = jnp.sum(member, axis=0)
    here = (counts > 0).astype(member.dtype)
    share = member / jnp.maximum(counts, 1e-12)[None, :]
    rows_target = (
        jnp.ones(features_target.shape[0]) if weight_target is None else weight_target
    )
    share_target = rows_target / jnp.maximum(jnp.sum(rows_target), 1e-12)
    # A padding row may hold anything, a NaN too: select before multiplying.
    kept = without_padding(features_source, rows)
    kept_target = without_padding(features_target, rows_target)
    pairs = list(itertools.combinations(range(sources), 2))
    first = jnp.array([i for i, _ in pairs], jnp.int32)
    second = jnp.array([j for _, j in pairs], jnp.int32)
    total = jnp.zeros(())
    for order in range(1, moments + 1):
        means = share.T @ kept**order
        mean_target = share_target @ kept_target**order
        total += _present_mean(_norm(means - mean_target[None, :]), here)
        if pairs:
            gaps = _norm(means[first] - means[second])
            total += _present_mean(gaps, here[first] * here[second])
    return total


def _present_mean(
    values: Float[Array, " p"], here: Float[Array, " p"]
) -> Float[Array, ""]:
    return jnp.sum(values * here) / jnp.maximum(jnp.sum(here), 1.0)
