"""Keeps what selection criteria need of a training's checkpoints, for afterwards.

A group's file, ``checkpoints/<group>.npz``, has for every seed and look a checkpoint's
logits and features of validation rows, and the labels of the SOURCE's. Of the target's
labels it has one trace: ``accuracy``, the accuracy on target-test rows, by which
criteria are judged and nothing is chosen.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from da_zoo.bench.clock import Clock
from da_zoo.bench.criteria import Candidate
from da_zoo.bench.looks import Looks
from da_zoo.bench.scoring import answers, run_state
from da_zoo.data.splits import Split
from da_zoo.diagnostics import subsample
from da_zoo.predicting import predict_rows
from da_zoo.scenarios import ScenarioData
from da_zoo.types import Adapter, Phase, TrainState

__all__ = ["MIXTURE", "MOST_ROWS", "Checkpoints", "Stored", "candidates_in"]

MOST_ROWS = 400
"""Of a validation split that are kept."""
PAIRS = 200
MIXTURE = 0.55
"""Share of the heavier row in a mixture; the paper's."""


class Stored(NamedTuple):
    """One checkpoint as a file has it."""

    seed: int
    candidate: Candidate
    accuracy: float
    """On target-test rows: what a criterion is judged by, never shown to it."""


class Checkpoints:
    """Watches a training (``fit(on_state=checkpoints.look)``) and keeps predictions.

    Args:
        data: of each run; runs of one scenario and several configurations repeat it.
        seeds: of the runs of one configuration, in order.
        lengths: steps of the phases, by name.

    Example:
        >>> Checkpoints([], [], {"adapt": 100}).arrays(0)
        {}
    """

    def __init__(
        self,
        data: Sequence[ScenarioData],
        seeds: Sequence[int],
        lengths: Mapping[str, int],
    ) -> None:
        self.seconds = 0.0
        """Spent looking, compilation apart."""
        self._data = data
        self._seeds = list(seeds)
        self._looks = Looks(lengths)
        self._kept: dict[int, list[dict[str, np.ndarray]]] = {}

    def look(
        self, phase: Phase, done: int, state: TrainState, members: np.ndarray
    ) -> None:
        """Keeps the runs whose states are shown, where their time has come."""
        with Clock() as looking:
            for i in self._looks.due(phase.name, done, members):
                member = int(members[i])
                kept = self._taken(
                    phase.adapter, run_state(state, (i,)), self._data[member]
                )
                if kept is not None:
                    kept["step"] = np.array(self._looks.step(phase.name, done))
                    self._kept.setdefault(member, []).append(kept)
        self.seconds += looking.running

    def _taken(
        self, adapter: Adapter, state: TrainState, data: ScenarioData
    ) -> dict[str, np.ndarray] | None:
        if data.continuous or data.open_set:
            return None  # the criteria are about known classes
        rows = subsample(len(data.target_val.rows), MOST_ROWS)
        x = _scaled(data.target_val, rows)
        target = predict_rows(adapter, state, x, domain="target")
        logits = target.logits.get("target")
        if logits is None:
            return None
        pairs = _pairs(len(x))
        mixed = MIXTURE * x[pairs[:, 0]] + (1 - MIXTURE) * x[pairs[:, 1]]
        own = subsample(len(data.source_val.rows), MOST_ROWS)
        source = predict_rows(
            adapter, state, _scaled(data.source_val, own), domain="source"
        )
        test = predict_rows(adapter, state, data.target_test.x, domain="target")
        hits = answers(np.asarray(test.logits["target"]), data).argmax(1)
        blended = predict_rows(adapter, state, mixed, domain="target")
        kept = {
            "target_features": _flat(np.asarray(target.features)),
            "target_logits": np.asarray(logits)[:, : data.target_classes],
            "mixed_logits": np.asarray(blended.logits["target"])[
                :, : data.target_classes
            ],
            "mixed_pairs": pairs,
            "source_features": _flat(np.asarray(source.features)),
            "source_labels": data.source_val.labels[own],
            "accuracy": np.mean(hits == data.target_test.labels),
        }
        back = source.logits.get("source")
        if back is not None:
            kept["source_logits"] = np.asarray(back)[:, : data.source_classes]
        return kept

    def arrays(self, number: int) -> dict[str, np.ndarray]:
        """Returns what is to be stored of one configuration, by array name.

        Args:
            number: of the configuration among those trained together.
        """
        found = {}
        for i, seed in enumerate(self._seeds):
            for j, kept in enumerate(self._kept.get(number * len(self._seeds) + i, [])):
                for name, array in kept.items():
                    found[f"{seed}/{j}/{name}"] = _half(np.asarray(array))
        return found


def candidates_in(arrays: Mapping[str, np.ndarray]) -> list[Stored]:
    """Reads a group's checkpoints back, by seed and step.

    Args:
        arrays: of one file, as :meth:`Checkpoints.arrays` named them.

    Raises:
        ValueError: if the names or shapes are not those of checkpoints.

    Example:
        >>> candidates_in({})
        []
    """
    parts: dict[tuple[int, int], dict[str, np.ndarray]] = {}
    for name, array in arrays.items():
        seed, _, rest = name.partition("/")
        place, _, field = rest.partition("/")
        if not (seed.isdigit() and place.isdigit()):
            raise ValueError(f"{name!r} is no array of a checkpoint: run it again")
        parts.setdefault((int(seed), int(place)), {})[field] = array
    found = []
    for (number, _), own in sorted(parts.items()):
        fields = {k: v for k, v in own.items() if k not in ("accuracy", "step")}
        try:
            candidate = Candidate(
                **{"source_logits": None} | fields,  # type: ignore[arg-type]
                step=int(own["step"]),
            )
            found.append(Stored(number, candidate, float(own["accuracy"])))
        except (KeyError, TypeError) as error:
            raise ValueError(
                f"a checkpoint of seed {number} is not whole ({error}): run it again"
            ) from error
    return found


def _scaled(split: Split, rows: Int[np.ndarray, " n"]) -> np.ndarray:
    x = split.x[rows]
    return x / np.float32(255) if x.dtype == np.uint8 else x


def _pairs(count: int) -> Int[np.ndarray, "p 2"]:
    """Draws pairs of rows, the same for every checkpoint of a run."""
    generator = np.random.default_rng([count, 0x313])
    return generator.integers(count, size=(min(PAIRS, 4 * count), 2))


def _flat(features: np.ndarray) -> Float[np.ndarray, "n d"]:
    return features.reshape(len(features), -1)


def _half(array: np.ndarray) -> np.ndarray:
    """Features and logits as float16, whose limits nothing sensible reaches."""
    if array.dtype.kind != "f" or not array.ndim:
        return array
    most = float(np.finfo(np.float16).max)
    return np.clip(array, -most, most).astype(np.float16)
