"""Multilinear maps: features crossed with class predictions, exactly or at random."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from da_zoo.losses.weighting import without_padding
from da_zoo.types import Key

__all__ = [
    "conditional_map",
    "conditional_width",
    "multilinear",
    "random_multilinear",
    "random_projections",
]

EXACT_UP_TO = 4096
"""Wider outer products are drawn at random instead (Long et al. 2018)."""

# Axes of their own names: a misfit gets a ValueError that says how to draw them.
Projections = tuple[Float[Array, "d_drawn r"], Float[Array, "k_drawn r_drawn"]]


def multilinear(
    features: Float[Array, "n d"],
    predictions: Float[Array, "n k"],
    *,
    weight: Float[Array, " n"] | None = None,
) -> Float[Array, "n d*k"]:
    """The outer product of each row's features and predictions, flattened.

    Args:
        features: [n, d].
        predictions: [n, k], as a rule class probabilities.
        weight: [n] row weights; a row of weight 0 (padding) maps to zeros, and other
            weights change nothing here.

    Returns:
        [n, d * k]; entry ``i * k + j`` is ``features[:, i] * predictions[:, j]``.

    Example:
        >>> multilinear(jnp.array([[1.0, 2.0]]), jnp.array([[0.25, 0.75]])).tolist()
        [[0.25, 0.75, 0.5, 1.5]]

    References:
        Long et al., "Conditional Adversarial Domain Adaptation", NeurIPS 2018.
    """
    features = without_padding(features, weight)
    predictions = without_padding(predictions, weight)
    (n, d), k = features.shape, predictions.shape[1]
    return (features[:, :, None] * predictions[:, None, :]).reshape(n, d * k)


def random_projections(key: Key, d: int, k: int, r: int) -> Projections:
    """Draws the two standard normal matrices of ``random_multilinear``.

    Draw them once per run, and keep them out of the trained parameters.

    Args:
        key: a typed key.
        d: width of the features.
        k: width of the predictions.
        r: width of the result; the map's inner products have a variance in 1/r.

    Returns:
        Matrices of shapes [d, r] and [k, r].

    Raises:
        ValueError: if a width is below 1.

    Example:
        >>> [p.shape for p in random_projections(jax.random.key(0), 5, 3, 8)]
        [(5, 8), (3, 8)]
    """
    for name, width in (("d", d), ("k", k), ("r", r)):
        if width < 1:
            raise ValueError(f"{name} must be at least 1, got {width}")
    key_features, key_predictions = jax.random.split(key)
    return (
        jax.random.normal(key_features, (d, r)),
        jax.random.normal(key_predictions, (k, r)),
    )


def random_multilinear(
    features: Float[Array, "n d"],
    predictions: Float[Array, "n k"],
    projections: Projections,
    *,
    weight: Float[Array, " n"] | None = None,
) -> Float[Array, "n r"]:
    """A random map with the multilinear map's inner products, in expectation.

    ``(features R_f) * (predictions R_g) / sqrt(r)``: no [n, d, k] tensor is formed.

    Args:
        features: [n, d].
        predictions: [n, k].
        projections: the pair of [d, r] and [k, r] from ``random_projections``.
        weight: [n] row weights; a row of weight 0 (padding) maps to zeros.

    Returns:
        [n, r].

    Raises:
        ValueError: if the projections do not fit the widths.

    Example:
        >>> pair = random_projections(jax.random.key(0), 2, 3, 16)
        >>> random_multilinear(jnp.ones((5, 2)), jnp.ones((5, 3)), pair).shape
        (5, 16)

    References:
        Long et al., "Conditional Adversarial Domain Adaptation", NeurIPS 2018;
        Kar and Karnick, "Random Feature Maps for Dot Product Kernels", AISTATS 2012.
    """
    for_features, for_predictions = projections
    d, k, r = features.shape[1], predictions.shape[1], for_features.shape[1]
    if for_features.shape != (d, r) or for_predictions.shape != (k, r):
        raise ValueError(
            f"projections have shapes {for_features.shape} and {for_predictions.shape}"
            f", features and predictions are {d} and {k} wide; draw them with"
            f" random_projections(key, {d}, {k}, r)"
        )
    left = without_padding(features, weight) @ for_features
    right = without_padding(predictions, weight) @ for_predictions
    return left * right / jnp.sqrt(jnp.asarray(r, left.dtype))


def conditional_width(d: int, k: int, r: int = 1024) -> int:
    """Width of what ``conditional_map`` returns: the discriminator's input.

    Args:
        d: width of the features.
        k: width of the predictions.
        r: width of the random map.

    Example:
        >>> conditional_width(256, 10), conditional_width(2048, 345)
        (2560, 1024)
    """
    return d * k if d * k <= EXACT_UP_TO else r


def conditional_map(
    features: Float[Array, "n d"],
    predictions: Float[Array, "n k"],
    projections: Projections | None = None,
    *,
    weight: Float[Array, " n"] | None = None,
) -> Float[Array, "n width"]:
    """The exact map where d * k is at most 4096, the random one above.

    Args:
        features: [n, d].
        predictions: [n, k].
        projections: from ``random_projections``; unused, and may be None, where the
            exact map is taken.
        weight: [n] row weights; a row of weight 0 (padding) maps to zeros.

    Returns:
        [n, ``conditional_width(d, k, r)``].

    Raises:
        ValueError: if d * k exceeds 4096 and there are no projections, or they do not
            fit.

    Example:
        >>> conditional_map(jnp.ones((5, 8)), jnp.ones((5, 3))).shape
        (5, 24)

    References:
        Long et al., "Conditional Adversarial Domain Adaptation", NeurIPS 2018.
    """
    d, k = features.shape[1], predictions.shape[1]
    if d * k <= EXACT_UP_TO:
        return multilinear(features, predictions, weight=weight)
    if projections is None:
        raise ValueError(
            f"projections is None, but d * k = {d} * {k} exceeds {EXACT_UP_TO}: pass"
            f" random_projections(key, {d}, {k}, r=1024)"
        )
    return random_multilinear(features, predictions, projections, weight=weight)
