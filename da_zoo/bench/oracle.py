"""The oracle column: the best checkpoint by target-test labels, as many papers report.

It is stored beside the realistic accuracy and never ranked, and nothing is chosen by
it: no checkpoint leaves this file.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from da_zoo.bench.clock import Clock
from da_zoo.bench.looks import Looks
from da_zoo.bench.scoring import answers, predict_split, run_state
from da_zoo.scenarios import ScenarioData
from da_zoo.types import Phase, TrainState

__all__ = ["Oracle"]


class Oracle:
    """Watches a training (``fit(on_state=oracle.look)``) and keeps its accuracies.

    Args:
        data: of each run; runs of one scenario and several configurations repeat it.
        lengths: steps of the phases, by name.
        predicts_unknown: whether the method has a class for the unknown.

    Example:
        >>> Oracle([], {"adapt": 100}).best(0, 0.5)
        0.5
    """

    def __init__(
        self,
        data: list[ScenarioData],
        lengths: Mapping[str, int],
        predicts_unknown: bool = False,
    ) -> None:
        self.seconds = 0.0
        """Spent looking, compilation apart, which is no part of training."""
        self._data = data
        self._predicts_unknown = predicts_unknown
        self._looks = Looks(lengths)
        self._found: dict[int, dict[int, float]] = {}

    def look(
        self, phase: Phase, done: int, state: TrainState, members: np.ndarray
    ) -> None:
        """Scores the runs whose states are shown, where their time has come."""
        with Clock() as looking:
            self._look(phase, done, state, members)
        # Without compilation, which the training's clock leaves out as well.
        self.seconds += looking.running

    def _look(
        self, phase: Phase, done: int, state: TrainState, members: np.ndarray
    ) -> None:
        for i in self._looks.due(phase.name, done, members):
            own, member = run_state(state, (i,)), int(members[i])
            split = self._data[member].target_test
            if split.labels.dtype.kind == "f":  # a regression has no accuracy
                continue
            logits = predict_split(phase.adapter, own, split, "target", "target")
            if logits is None:  # a source phase without a head for the target's task
                continue
            scored = answers(logits, self._data[member], self._predicts_unknown)
            hits = scored.argmax(1) == split.labels
            step = self._looks.step(phase.name, done)
            self._found.setdefault(member, {})[step] = float(np.mean(hits))

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
