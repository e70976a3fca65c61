"""Keeps what selection criteria need of a training's checkpoints, for afterwards.

A group's file, ``checkpoints/<group>.npz``, has for every seed and look a checkpoint's
logits and features of validation rows, and the labels of the SOURCE's. Of the target's
labels it has one trace: ``accuracy``, the accuracy on target-test rows, by which
criteria are judged and nothing is chosen.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Int

from da_zoo.bench.criteria import Candidate
from da_zoo.data.batches import as_inputs
from da_zoo.diagnostics import subsample
from da_zoo.predicting import predict_rows
from da_zoo.scenarios import ScenarioData
from da_zoo.types import Adapter, TrainState

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
    """Keeps predictions of the states that it is shown.

    An observer of :class:`da_zoo.bench.looks.Watch`.

    Args:
        data: of each run; runs of one scenario and several configurations repeat it.
        seeds: of the runs of one configuration, in order.
        accuracy: of a run at a step on target-test rows, or None where there is none:
            :meth:`da_zoo.bench.oracle.Oracle.seen`, which is shown a state before.

    Example:
        >>> Checkpoints([], [], lambda member, step: None).arrays(0)
        {}
    """

    def __init__(
        self,
        data: Sequence[ScenarioData],
        seeds: Sequence[int],
        accuracy: Callable[[int, int], float | None],
    ) -> None:
        self._data = data
        self._seeds = list(seeds)
        self._accuracy = accuracy
        self._kept: dict[int, list[dict[str, np.ndarray]]] = {}

    def see(self, adapter: Adapter, state: TrainState, member: int, step: int) -> None:
        """Keeps what a run's state predicts of validation rows."""
        data, accuracy = self._data[member], self._accuracy(member, step)
        if accuracy is None or data.open_set:
            return  # the criteria are about known classes
        rows = subsample(len(data.target_val.rows), MOST_ROWS)
        # Mixtures are of what the network is given, not of bytes.
        x = np.asarray(as_inputs(data.target_val.x[rows]))
        pairs = _pairs(len(x))
        mixed = MIXTURE * x[pairs[:, 0]] + (1 - MIXTURE) * x[pairs[:, 1]]
        own = subsample(len(data.source_val.rows), MOST_ROWS)
        target = predict_rows(adapter, state, x, domain="target")
        blend = predict_rows(adapter, state, mixed, domain="target")
        source = predict_rows(adapter, state, data.source_val.x[own], domain="source")
        kept = {
            "step": step,
            "accuracy": accuracy,
            "target_features": target.features,
            "target_logits": target.logits["target"][:, : data.target_classes],
            "mixed_logits": blend.logits["target"][:, : data.target_classes],
            "mixed_pairs": pairs,
            "source_features": source.features,
            "source_labels": data.source_val.labels[own],
        }
        if "source" in source.logits:
            kept["source_logits"] = source.logits["source"][:, : data.source_classes]
        arrays = {name: np.asarray(value) for name, value in kept.items()}
        self._kept.setdefault(member, []).append(arrays)

    def arrays(self, number: int) -> dict[str, np.ndarray]:
        """Returns what is to be stored of one configuration, by array name.

        Args:
            number: of the configuration among those trained together.
        """
        found: dict[str, np.ndarray] = {}
        for i, seed in enumerate(self._seeds):
            for j, kept in enumerate(self._kept.get(number * len(self._seeds) + i, [])):
                found |= {f"{seed}/{j}/{name}": array for name, array in kept.items()}
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


def _pairs(count: int) -> Int[np.ndarray, "p 2"]:
    """Draws pairs of rows, the same for every checkpoint of a run."""
    generator = np.random.default_rng([count, 0x313])
    return generator.integers(count, size=(min(PAIRS, 4 * count), 2))
