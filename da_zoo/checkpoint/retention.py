"""Which checkpoints stay on the disk: the newest good ones, and the best."""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from typing import Any

__all__ = ["NewestAndBest"]


class NewestAndBest:
    """Which checkpoints stay; Orbax's own rules would read files that may be damaged.

    Args:
        keep: how many of the newest.
        scores: by step; grows while training runs.
        damaged: those that were passed over; they must not push out good ones.
    """

    def __init__(
        self, keep: int, scores: Mapping[int, float], damaged: AbstractSet[int]
    ) -> None:
        self._keep, self._scores, self._damaged = keep, scores, damaged

    def should_preserve(self, checkpoints: Any, *, context: Any) -> list[bool]:
        """Answers for each of them."""
        del context
        steps = [one.step for one in checkpoints]
        good = [step for step in steps if step not in self._damaged]
        stay = set(sorted(good)[-self._keep :])
        if scored := [step for step in good if step in self._scores]:
            # Of equal ones the last, as it is read back: a checkpoint more, after a
            # signal, must not make another one the best.
            stay.add(max(scored, key=lambda step: (self._scores[step], step)))
        return [step in stay for step in steps]
