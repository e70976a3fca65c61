"""What every encoder can do: make inputs of raw rows, and be written as JSON."""

from typing import Any, Protocol, runtime_checkable

import numpy as np

__all__ = ["Encoder"]


@runtime_checkable
class Encoder(Protocol):
    """Raw rows to a network's inputs; fitted on a source's training rows alone.

    A module of ``da_zoo.data.encoders`` has ``fit(data, **options) -> Encoder`` and
    ``from_json(told) -> Encoder`` beside its class.
    """

    def apply(self, x: Any) -> np.ndarray:
        """Returns float32, uint8 (pixels) or int32 (ids) [n, ...]."""
        ...

    def to_json(self) -> dict[str, Any]:
        """Returns plain JSON values, from which ``from_json`` makes its equal."""
        ...
