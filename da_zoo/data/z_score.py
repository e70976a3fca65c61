"""Standardisation whose mean and deviation come from one domain: the source."""

from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, Num

__all__ = ["ZScore", "fit_z_score"]


class ZScore(NamedTuple):
    """Mean and deviation by channel, the last axis.

    Example:
        >>> ZScore(np.array([1.0]), np.array([2.0])).apply(np.array([[5.0]]))
        array([[2.]], dtype=float32)
    """

    mean: Float[np.ndarray, " c"]
    deviation: Float[np.ndarray, " c"]

    def apply(self, x: Num[Any, "..."]) -> Float[np.ndarray, "..."]:
        """Returns (x - mean) / deviation as float32, of rows of any domain.

        Args:
            x: [n, ..., c].

        Raises:
            ValueError: if it has another number of channels.
        """
        values = np.asarray(x)
        if values.shape[-1:] != self.mean.shape:
            raise ValueError(
                f"x has shape {values.shape} and the scaler {len(self.mean)} channels; "
                "the last axis must be the channels it was fitted on"
            )
        with np.errstate(over="ignore"):  # infinity is refused where it matters
            return ((values - self.mean) / self.deviation).astype(np.float32)


def fit_z_score(x: Num[Any, "..."]) -> ZScore:
    """Takes mean and standard deviation of every channel over all other axes.

    Fit it on the source's training rows and apply it to every domain. Fitted on the
    target as well, it would be an adaptation method of its own, and on test rows a
    leak.

    Args:
        x: [n, ..., c]: tables [n, c], signals [n, time, c].

    Returns:
        The scaler, in float64. A constant channel has deviation 1: it becomes 0.

    Raises:
        ValueError: if ``x`` is empty, has one axis, or holds NaN or infinity.

    Example:
        >>> source = np.array([[0.0, 5.0], [2.0, 5.0]])
        >>> fit_z_score(source).apply(source)
        array([[-1.,  0.],
               [ 1.,  0.]], dtype=float32)
    """
    values = np.asarray(x, np.float64)
    if values.ndim < 2 or not values.size:
        raise ValueError(
            f"x must have shape [n, ..., channels] and rows, got {values.shape}"
        )
    if not np.isfinite(values).all():
        raise ValueError("x has NaN or infinite values; impute or drop them first")
    axes = tuple(range(values.ndim - 1))
    deviation = values.std(axis=axes)
    # Rounding leaves a constant channel a deviation of about 1e-16 of its mean.
    constant = np.ptp(values, axis=axes) == 0
    return ZScore(values.mean(axis=axes), np.where(constant, 1.0, deviation))
