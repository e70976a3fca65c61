"""Signals to network inputs: every channel standardised by the source."""

from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

from da_zoo.data.domain_data import DomainData
from da_zoo.data.encoders.told import told_numbers, told_whole
from da_zoo.data.z_score import ZScore, fit_z_score

__all__ = ["SignalEncoder", "fit", "from_json"]


class SignalEncoder(NamedTuple):
    """The source's mean and deviation of each channel, and how long windows are.

    Example:
        >>> encoder = SignalEncoder(ZScore(np.array([1.0]), np.array([2.0])), 2)
        >>> encoder.apply(np.array([[[5.0], [1.0]]])).tolist()
        [[[2.0], [0.0]]]
    """

    scaler: ZScore
    time: int

    def apply(self, x: Any) -> Float[np.ndarray, "n t c"]:
        """Scales windows of any domain.

        Raises:
            ValueError: for another length or number of channels, NaN or infinity.
        """
        values = np.asarray(x)
        shape = (self.time, len(self.scaler.mean))
        if values.ndim != 3 or values.shape[1:] != shape:
            raise ValueError(
                f"signals must be [n, {shape[0]}, {shape[1]}], time and channels of "
                f"the source, got {values.shape}; cut windows of one length, and "
                "choose the same channels"
            )
        if not np.isfinite(values).all():
            raise ValueError("signals hold NaN or infinite values")
        return self.scaler.apply(values)

    def to_json(self) -> dict[str, Any]:
        """Returns plain values."""
        mean, deviation = self.scaler
        return {
            "time": self.time,
            "mean": mean.tolist(),
            "deviation": deviation.tolist(),
        }


def fit(data: DomainData) -> SignalEncoder:
    """Takes mean and deviation from the source's training windows.

    Args:
        data: those windows, of kind "signals".

    Raises:
        ValueError: if they are not [n, time, channels], or hold NaN or infinity.

    Example:
        >>> from da_zoo.data.domain_data import make_domain_data
        >>> x = np.array([[[0.0], [2.0]]])
        >>> fit(make_domain_data("a", "signals", x)).apply(x).ravel().tolist()
        [-1.0, 1.0]
    """
    x = np.asarray(data.x)
    if x.ndim != 3:
        raise ValueError(
            f"{data.name}: signals must be [n, time, channels], got {x.shape}"
        )
    return SignalEncoder(fit_z_score(x), x.shape[1])


def from_json(told: Any) -> SignalEncoder:
    """Undoes :meth:`SignalEncoder.to_json`.

    Raises:
        ValueError: if the values are no encoder's.

    Example:
        >>> from_json({"time": 8, "mean": [0.0], "deviation": [1.0]}).time
        8
    """
    mean, deviation = told_numbers(told, "mean"), told_numbers(told, "deviation")
    if not len(mean) or mean.shape != deviation.shape or not (deviation > 0).all():
        raise ValueError(
            "the encoder's 'mean' and 'deviation' must be of one length, the latter "
            f"above 0; got {len(mean)} and {len(deviation)} numbers"
        )
    return SignalEncoder(ZScore(mean, deviation), told_whole(told, "time", 1, 10**9))
