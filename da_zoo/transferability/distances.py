"""Distances between a source's and the target's features; no labels are read.

The computations are those of :mod:`da_zoo.diagnostics` and :mod:`da_zoo.losses`, with
named arguments and checks.
"""

from typing import Any

import jax
import numpy as np
from jaxtyping import Float, Shaped

from da_zoo import diagnostics
from da_zoo.losses.coral import coral
from da_zoo.losses.mmd import mmd_squared
from da_zoo.transferability.arrays import check_features

__all__ = ["coral_distance", "mmd", "proxy_a_distance"]

_mmd_squared = jax.jit(mmd_squared, static_argnames=("bandwidths", "estimator"))
_coral = jax.jit(coral)


def _check_pair(
    source: Any, target: Any, least: int
) -> tuple[Float[np.ndarray, "n d"], Float[np.ndarray, "m d"]]:
    s = check_features("source", source, least)
    t = check_features("target", target, least)
    if s.shape[1] != t.shape[1]:
        raise ValueError(
            "source and target must be features of one model, got "
            f"{s.shape[1]} and {t.shape[1]} columns"
        )
    return s, t


def proxy_a_distance(
    *, source: Shaped[Any, "n ..."], target: Shaped[Any, "m ..."], seed: int = 0
) -> float:
    """Proxy A-distance: how well a linear classifier tells the domains apart.

    Args:
        source: [n, d] features of source rows.
        target: [m, d] features of target rows, of the same model.
        seed: of the split into training and test half.

    Returns:
        Between 0 (no better than chance) and 2 (told apart without error); lower is
        nearer. It is free of the features' scale, so models can be compared.

    Raises:
        TypeError: for features that are not numeric.
        ValueError: for fewer than four rows a side, other columns, NaN or infinity.

    Example:
        >>> x = np.random.default_rng(0).normal(size=(100, 2))
        >>> proxy_a_distance(source=x, target=x + 20.0)
        2.0

    References:
        Ben-David et al., "Analysis of Representations for Domain Adaptation", NeurIPS
        2007. Details: :func:`da_zoo.diagnostics.proxy_a_distance`.
    """
    s, t = _check_pair(source, target, 4)
    return diagnostics.proxy_a_distance(s, t, seed=seed)


def mmd(
    *,
    source: Shaped[Any, "n ..."],
    target: Shaped[Any, "m ..."],
    bandwidths: tuple[float, ...] | None = None,
    estimator: str = "u",
) -> float:
    """Squared maximum mean discrepancy under a sum of Gaussian kernels, in float32.

    Args:
        source: [n, d] features of source rows.
        target: [m, d] features of target rows, of the same model.
        bandwidths: absolute sigmas; None derives five from the mean distance, which
            makes the value free of the features' scale.
        estimator: "u" (unbiased, so it may be negative), "v" (biased, at least 0) or
            "linear" (in O(n), noisier).

    Returns:
        The square, lower is nearer; about 0 for equal distributions.

    Raises:
        TypeError: for features that are not numeric.
        ValueError: for one row a side, other columns, NaN or infinity, an unknown
            estimator, or bandwidths that are not positive.

    Example:
        >>> x, y = np.random.default_rng(0).normal(size=(2, 100, 2))
        >>> near, far = mmd(source=x, target=y), mmd(source=x, target=y + 3.0)
        >>> abs(near) < 0.1 < 1.0 < far
        True

    References:
        Gretton et al., "A Kernel Two-Sample Test", JMLR 2012. Details:
        :func:`da_zoo.losses.mmd_squared`.
    """
    s, t = (x.astype(np.float32) for x in _check_pair(source, target, 2))
    return float(_mmd_squared(s, t, bandwidths=bandwidths, estimator=estimator))


def coral_distance(
    *, source: Shaped[Any, "n ..."], target: Shaped[Any, "m ..."]
) -> float:
    """Squared Frobenius distance of covariances over 4 d^2, in float32.

    Args:
        source: [n, d] features of source rows.
        target: [m, d] features of target rows, of the same model.

    Returns:
        At least 0, lower is nearer; 0 iff the covariances coincide, wherever the means
        are. It grows with the fourth power of the features' scale: compare sources on
        features of one scale only.

    Raises:
        TypeError: for features that are not numeric.
        ValueError: for one row a side, other columns, NaN or infinity.

    Example:
        >>> x = np.array([[0.0, 1.0], [2.0, 0.0], [1.0, 5.0]])
        >>> coral_distance(source=x, target=x + 7.0)
        0.0

    References:
        Sun and Saenko, "Deep CORAL", ECCV workshops 2016, equation 1. Details:
        :func:`da_zoo.losses.coral`.
    """
    s, t = (x.astype(np.float32) for x in _check_pair(source, target, 2))
    return float(_coral(s, t))
