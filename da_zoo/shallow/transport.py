"""Entropic optimal transport between samples, in NumPy."""

import numpy as np
from jaxtyping import Float, Shaped
from scipy.special import logsumexp

__all__ = ["class_regularised_plan", "sinkhorn_plan"]

STEPS = 50
"""Plain scaling steps between two in the log domain."""
LARGEST_SCALING = 1e100
CONCAVE_POWER = 0.5
CONCAVE_OFFSET = 1e-3
"""Of the class regulariser: sum over classes of (mass + offset)^power."""


def sinkhorn_plan(
    cost: Float[np.ndarray, "n m"],
    entropy: float,
    *,
    tolerance: float = 1e-6,
    max_steps: int = 1000,
) -> Float[np.ndarray, "n m"]:
    """Plan between uniform marginals that minimises ``<plan, cost> - entropy H(plan)``.

    Args:
        cost: any real numbers.
        entropy: above 0.
        tolerance: stop when the row marginals are off by less, summed.
        max_steps: stop after as many.

    Returns:
        The plan; its columns sum to 1/m exactly, its rows to 1/n up to the tolerance.

    Example:
        >>> plan = sinkhorn_plan(np.array([[0.0, 9.0], [9.0, 0.0]]), 0.5)
        >>> np.round(plan, 3).tolist()
        [[0.5, 0.0], [0.0, 0.5]]
    """
    n, m = cost.shape
    scaled = -cost / entropy
    f, g = np.zeros(n), np.zeros(m)
    plan = np.empty_like(cost)
    for _ in range(max(1, max_steps // STEPS)):
        # In the log domain nothing overflows; scaling vectors are ten times as fast.
        f = -np.log(n) - logsumexp(scaled + g, axis=1)
        g = -np.log(m) - logsumexp(scaled + f[:, None], axis=0)
        plan = np.exp(scaled + f[:, None] + g)
        if np.abs(plan.sum(axis=1) - 1.0 / n).sum() < tolerance:
            break
        u, v = np.ones(n), np.ones(m)
        for _ in range(STEPS):
            with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
                new_u = 1.0 / (n * (plan @ v))
                new_v = 1.0 / (m * (plan.T @ new_u))
            largest = max(new_u.max(), new_v.max())
            if not largest < LARGEST_SCALING or min(new_u.min(), new_v.min()) <= 0.0:
                break
            u, v = new_u, new_v
        f, g = f + np.log(u), g + np.log(v)
    return plan


def class_regularised_plan(
    cost: Float[np.ndarray, "n m"],
    labels: Shaped[np.ndarray, " n"],
    entropy: float,
    class_weight: float,
    *,
    iterations: int = 10,
) -> Float[np.ndarray, "n m"]:
    """Entropic plan in which a target row gets its mass from few source classes.

    The regulariser ``class_weight * sum_j sum_c (mass of class c in column j)^(1/2)``
    is concave; each iteration replaces it by its tangent.

    Args:
        cost: any real numbers.
        labels: of the source rows.
        entropy: above 0.
        class_weight: at least 0.
        iterations: of the tangents, at least 1.

    Example:
        >>> cost = np.array([[0.0, 1.0], [0.2, 1.0], [1.0, 0.0]])
        >>> plan = class_regularised_plan(cost, np.array([0, 0, 1]), 1.0, 1.0)
        >>> bool(np.allclose(plan.sum(axis=0), 0.5))
        True
    """
    plan = sinkhorn_plan(cost, entropy)
    members = (np.unique(labels)[:, None] == labels).astype(np.float64)
    for _ in range(iterations - 1):
        mass = members @ plan + CONCAVE_OFFSET
        slope = CONCAVE_POWER * mass ** (CONCAVE_POWER - 1.0)
        plan = sinkhorn_plan(cost + class_weight * (members.T @ slope), entropy)
    return plan
