"""The oracle column: the best checkpoint by target-test labels, as many papers report.

It is stored beside the realistic accuracy and never ranked, and nothing is chosen by
it: no checkpoint leaves this file.
"""

from typing import Any

import numpy as np

from da_zoo.bench.scoring import answers, predict_split
from da_zoo.scenarios import ScenarioData
from da_zoo.types import Adapter, TrainState

__all__ = ["Oracle"]


class Oracle:
    """Keeps target-test accuracies of the states that it is shown.

    An observer of :class:`da_zoo.bench.looks.Watch`.

    Args:
        data: of each run; runs of one scenario and several configurations repeat it.
        predicts_unknown: whether the method has a class for the unknown.

    Example:
        >>> Oracle([]).best(0, 0.5)
        0.5
    """

    def __init__(
        self, data: list[ScenarioData], predicts_unknown: bool = False
    ) -> None:
        self._data = data
        self._predicts_unknown = predicts_unknown
        self._found: dict[int, dict[int, float]] = {}

    def see(self, adapter: Adapter, state: TrainState, member: int, step: int) -> None:
        """Scores a run's state; a regression has no accuracy."""
        data = self._data[member]
        if data.continuous:
            return
        logits = predict_split(adapter, state, data.target_test, "target", "target")
        if logits is None:  # a source phase without a head for the target's task
            return
        given = answers(logits, data, self._predicts_unknown).argmax(1)
        hits = float(np.mean(given == data.target_test.labels))
        self._found.setdefault(member, {})[step] = hits

    def seen(self, member: int, step: int) -> float | None:
        """Returns what a run's state had at a step, or None where it has none."""
        return self._found.get(member, {}).get(step)

    def best(self, member: int, last: float | None) -> float | None:
        """Returns a run's best accuracy, its last one (None if it failed) included."""
        if last is None:
            return None
        return max([last, *self._found.get(member, {}).values()])

    def curve(self, member: int) -> dict[str, list[Any]] | None:
        """Returns a run's accuracies by steps since its start, or None without one."""
        seen = self._found.get(member)
        if not seen:
            return None
        rounded = [round(value, 4) for value in seen.values()]
        return {"step": list(seen), "accuracy": rounded}
