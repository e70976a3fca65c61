"""Kernels on rows, and the median rule for their bandwidth."""

import numpy as np
from jaxtyping import Float
from sklearn.metrics.pairwise import euclidean_distances, rbf_kernel

from da_zoo.shallow.arrays import check_positive, check_square

__all__ = [
    "KERNELS",
    "gaussian_kernel",
    "kernel_anchors",
    "kernel_features",
    "median_distance",
    "resolve_bandwidth",
]

KERNELS = ("primal", "linear", "rbf")
"""``primal`` is no kernel: components are linear maps of the columns themselves."""
MEDIAN_ROWS = 1000


def _some(x: Float[np.ndarray, "n d"]) -> Float[np.ndarray, "k d"]:
    """At most :data:`MEDIAN_ROWS` rows, evenly spaced: no random draw to explain."""
    chosen = np.linspace(0, len(x) - 1, min(len(x), MEDIAN_ROWS)).round().astype(int)
    return x[chosen]


def median_distance(x: Float[np.ndarray, "n d"], y: Float[np.ndarray, "m d"]) -> float:
    """Median Euclidean distance between the rows of two sets, above 0.

    Args:
        x: rows of the one set.
        y: rows of the other. Of each set at most 1 000 are used.

    Returns:
        The median over pairs that differ; 1 where all rows are one point.

    Example:
        >>> median_distance(np.array([[0.0], [0.0]]), np.array([[3.0], [3.0]]))
        3.0
    """
    distances = euclidean_distances(_some(x), _some(y))
    positive = distances[distances > 0]
    return float(np.median(positive)) if positive.size else 1.0


def gaussian_kernel(
    x: Float[np.ndarray, "n d"], y: Float[np.ndarray, "m d"], bandwidth: float
) -> Float[np.ndarray, "n m"]:
    """Gaussian kernel ``exp(-|x - y|^2 / (2 bandwidth^2))``.

    Example:
        >>> gaussian_kernel(np.zeros((1, 2)), np.zeros((1, 2)), 1.0)
        array([[1.]])
    """
    return np.asarray(rbf_kernel(x, y, gamma=0.5 / bandwidth**2))


def resolve_bandwidth(
    bandwidth: float | None, x: Float[np.ndarray, "n d"], y: Float[np.ndarray, "m d"]
) -> float:
    """Returns the given bandwidth, or the median distance between two sets of rows.

    Raises:
        ValueError: for a bandwidth that is not positive.

    Example:
        >>> resolve_bandwidth(2.0, np.eye(2), np.eye(2))
        2.0
    """
    if bandwidth is None:
        return median_distance(x, y)
    check_positive(bandwidth=bandwidth)
    return float(bandwidth)


def kernel_anchors(
    rows: Float[np.ndarray, "n d"], kernel: str
) -> Float[np.ndarray, "m d"]:
    """Rows that :func:`kernel_features` takes kernel values with.

    Combinations of linear kernel columns depend on the rows' Gram matrix ``X^T X``
    alone, so for "linear" at most d rows of the same Gram matrix stand in for all.

    Args:
        rows: of both domains.
        kernel: of :data:`KERNELS`.

    Raises:
        ValueError: if a kernel of all rows would not fit into memory.

    Example:
        >>> rows = np.random.default_rng(0).normal(size=(50, 2))
        >>> anchors = kernel_anchors(rows, "linear")
        >>> anchors.shape, bool(np.allclose(anchors.T @ anchors, rows.T @ rows))
        ((2, 2), True)
    """
    if kernel == "primal":
        return rows[:0]
    if kernel == "linear":
        _, values, axes = np.linalg.svd(rows, full_matrices=False)
        return values[:, None] * axes
    check_square(len(rows), f"the {kernel} kernel")
    return rows


def kernel_features(
    x: Float[np.ndarray, "n d"],
    anchors: Float[np.ndarray, "m d"],
    kernel: str,
    bandwidth: float,
) -> Float[np.ndarray, "n p"]:
    """Rows as the linear maps of transfer components see them.

    Args:
        x: rows.
        anchors: of :func:`kernel_anchors`.
        kernel: "primal" (the rows themselves), "linear" or "rbf" (kernel values with
            the anchors).
        bandwidth: of "rbf".

    Example:
        >>> kernel_features(np.eye(2), np.ones((3, 2)), "linear", 1.0).shape
        (2, 3)
    """
    if kernel == "primal":
        return x
    if kernel == "linear":
        return x @ anchors.T
    return gaussian_kernel(x, anchors, bandwidth)
