"""Checks of what the scores are handed, and the decomposition that three of them use.

Shapes: n rows, d features, z source classes.
"""

from typing import Any

import numpy as np
from jaxtyping import Float, Int

from da_zoo.shallow.arrays import check_matrix

__all__ = [
    "check_classes",
    "check_features",
    "check_probabilities",
    "check_rows",
    "check_values",
    "column_space",
]

SUM_TOLERANCE = 1e-3
"""How far a row of probabilities may sum from 1: half precision needs about this."""


def check_features(
    name: str, features: Any, least: int = 2
) -> Float[np.ndarray, "n d"]:
    """Returns finite float64 features [n, d].

    Args:
        name: of the argument, for messages.
        features: anything that NumPy turns into numbers.
        least: how many rows are needed.

    Raises:
        TypeError: if they are not numeric.
        ValueError: for another number of axes, too few rows, NaN or infinity.

    Example:
        >>> check_features("features", np.eye(3, dtype=np.float32)).dtype
        dtype('float64')
    """
    array = check_matrix(name, features)
    if len(array) < least:
        raise ValueError(f"{name} needs at least {least} rows, got {len(array)}")
    return array


def check_rows(**arrays: np.ndarray) -> None:
    """Checks that arrays have equally many rows.

    Raises:
        ValueError: naming the first two that differ.

    Example:
        >>> check_rows(features=np.zeros((3, 2)), labels=np.zeros(3))
    """
    (first, one), *others = arrays.items()
    for name, other in others:
        if len(other) != len(one):
            raise ValueError(
                f"{first} and {name} must describe the same rows in the same order, "
                f"got {len(one)} and {len(other)} rows"
            )


def check_classes(name: str, labels: Any, least: int = 2) -> Int[np.ndarray, " n"]:
    """Returns class labels [n], renumbered 0 .. C - 1 without gaps.

    A class without rows has no mean and no covariance; renumbering drops it.

    Args:
        name: of the argument, for messages.
        labels: integers, at least 0.
        least: how many classes must occur.

    Raises:
        TypeError: for labels that are not integers.
        ValueError: for another number of axes, no rows, negative labels, or too few
            classes.

    Example:
        >>> check_classes("labels", np.array([5, 2, 5])).tolist()
        [1, 0, 1]
    """
    array = np.asarray(labels)
    if array.dtype.kind not in "biu":
        raise TypeError(
            f"{name} must be integer class numbers, got dtype {array.dtype}; encode "
            "them (np.unique(labels, return_inverse=True)[1])"
        )
    if array.ndim != 1 or not array.size:
        raise ValueError(
            f"{name} must have shape [n], one class number a row, got {array.shape}"
        )
    if array.min() < 0:
        raise ValueError(
            f"{name} must be at least 0, got {array.min()}; drop unlabelled rows first"
        )
    classes, codes = np.unique(array, return_inverse=True)
    if len(classes) < least:
        raise ValueError(
            f"{name} must hold at least {least} classes, got only class "
            f"{classes.tolist()}; there is nothing to tell apart"
        )
    return codes


def check_values(name: str, values: Any) -> Float[np.ndarray, "n k"]:
    """Returns the values of a regression as float64 columns [n, k].

    Args:
        name: of the argument, for messages.
        values: numbers [n] or [n, k].

    Raises:
        TypeError: if they are not numeric.
        ValueError: for another number of axes, one row, NaN or infinity, or a column
            of zeros.

    Example:
        >>> check_values("labels", np.array([0.5, 1.5])).shape
        (2, 1)
    """
    array = np.asarray(values)
    columns = check_features(name, array[:, None] if array.ndim == 1 else array)
    zero = np.flatnonzero(~columns.any(axis=0))
    if zero.size:
        raise ValueError(
            f"{name} is 0 in every row of column {zero[0]}; drop that column"
        )
    return columns


def check_probabilities(name: str, probabilities: Any) -> Float[np.ndarray, "n z"]:
    """Returns float64 probabilities [n, z] whose rows sum to 1.

    Args:
        name: of the argument, for messages.
        probabilities: at least 0; rows within 1e-3 of 1, whose rounding is divided out.

    Raises:
        TypeError: if they are not numeric.
        ValueError: for another number of axes, negative entries, or other sums.

    Example:
        >>> check_probabilities("p", np.array([[0.25, 0.75]])).sum()
        np.float64(1.0)
    """
    array = check_matrix(name, probabilities)
    if array.min() < 0:
        raise ValueError(
            f"{name} must be at least 0, got {array.min():.6g}; apply softmax to logits"
        )
    sums = array.sum(axis=1, keepdims=True)
    worst = int(np.argmax(np.abs(sums - 1.0)))
    if abs(sums[worst, 0] - 1.0) > SUM_TOLERANCE:
        raise ValueError(
            f"{name} must have rows that sum to 1, row {worst} sums to "
            f"{sums[worst, 0]:.6g}; apply softmax to logits"
        )
    return array / sums


def column_space(
    features: Float[np.ndarray, "n d"],
) -> tuple[Float[np.ndarray, "n r"], Float[np.ndarray, " r"]]:
    """Left singular vectors and singular values, those of rounding size left out.

    Args:
        features: float64 [n, d].

    Returns:
        Orthonormal columns [n, r] and r values above 0, largest first; r is the rank.

    Example:
        >>> basis, values = column_space(np.ones((4, 3)))
        >>> basis.shape, values.round(3).tolist()
        ((4, 1), [3.464])
    """
    basis, values, _ = np.linalg.svd(features, full_matrices=False)
    tolerance = values[0] * max(features.shape) * np.finfo(np.float64).eps
    rank = int(np.sum(values > tolerance))
    return basis[:, :rank], values[:rank]
