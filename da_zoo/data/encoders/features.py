"""Feature vectors to inputs: rows to shares if they are counts, then z-scores."""

from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, Shaped

from da_zoo.data.domain_data import DomainData
from da_zoo.data.z_score import ZScore, fit_z_score
from da_zoo.naming import choose

__all__ = ["NORMALISATIONS", "FeatureEncoder", "fit", "from_json"]

NORMALISATIONS = ("none", "sum", "length")
"""What each row is divided by first: nothing, its sum (counts become shares, as the
SURF protocol has it), or its Euclidean length."""


class FeatureEncoder(NamedTuple):
    """Mean and deviation of each column, after rows were normalised.

    Example:
        >>> encoder = FeatureEncoder("sum", ZScore(np.zeros(2), np.ones(2)))
        >>> encoder.apply(np.array([[1, 3]])).tolist()
        [[0.25, 0.75]]
    """

    normalise: str
    scale: ZScore

    def apply(self, x: Shaped[Any, "n d"]) -> Float[np.ndarray, "n d"]:
        """Returns float32 [n, d], of rows of any domain.

        Raises:
            ValueError: for another number of columns.
        """
        return self.scale.apply(_normalised(np.asarray(x), self.normalise))

    def to_json(self) -> dict[str, Any]:
        """Returns plain values."""
        return {
            "normalise": self.normalise,
            "mean": self.scale.mean.tolist(),
            "deviation": self.scale.deviation.tolist(),
        }


def _normalised(x: np.ndarray, how: str) -> np.ndarray:
    values = x.astype(np.float64)
    if how == "none":
        return values
    size = (
        values.sum(axis=1, keepdims=True)
        if how == "sum"
        else np.linalg.norm(values, axis=1, keepdims=True)
    )
    return values / np.where(size == 0, 1.0, size)


def fit(data: DomainData, *, normalise: str = "none") -> FeatureEncoder:
    """Learns the columns' scale from the source's training rows.

    Args:
        data: those rows, x [n, d].
        normalise: one of :data:`NORMALISATIONS`.

    Raises:
        ValueError: for another word, or inputs of another rank.

    Example:
        >>> from da_zoo.data.domain_data import make_domain_data
        >>> data = make_domain_data("a", "features", np.array([[0.0], [2.0]]))
        >>> fit(data).apply(data.x).tolist()
        [[-1.0], [1.0]]
    """
    choose(dict.fromkeys(NORMALISATIONS), normalise, "normalise")
    x = np.asarray(data.x)
    if x.ndim != 2:
        raise ValueError(f"{data.name}: features are [n, d], got {x.shape}")
    return FeatureEncoder(normalise, fit_z_score(_normalised(x, normalise)))


def from_json(told: Any) -> FeatureEncoder:
    """Undoes :meth:`FeatureEncoder.to_json`.

    Raises:
        ValueError: if the values are no encoder's.

    Example:
        >>> from_json({"normalise": "none", "mean": [0.0], "deviation": [2.0]}).scale
        ZScore(mean=array([0.]), deviation=array([2.]))
    """
    try:
        choose(dict.fromkeys(NORMALISATIONS), told["normalise"], "normalise")
        mean = np.array(told["mean"], np.float64)
        deviation = np.array(told["deviation"], np.float64)
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"these are no feature encoder's values: {error}") from None
    whole = mean.ndim == 1 and mean.shape == deviation.shape
    if not whole or not np.isfinite(mean).all() or not (deviation > 0).all():
        raise ValueError("a feature encoder's means and deviations must be finite")
    return FeatureEncoder(told["normalise"], ZScore(mean, deviation))
