"""What a checkpoint holds beside its arrays, and whether it is what was written."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from da_zoo.checkpoint.state_arrays import describe
from da_zoo.json_files import digest
from da_zoo.tensor_files import hash_arrays
from da_zoo.types import TrainState

__all__ = [
    "Position",
    "Resumed",
    "check_marks",
    "checked",
    "checked_history",
    "description",
]


class Position(NamedTuple):
    """Where in a training a state is."""

    number: int
    """Steps since its start; names the checkpoint."""
    phase: int
    done: int
    """Steps of that phase."""
    finished: bool


class Resumed(NamedTuple):
    """A checkpoint, read back."""

    position: Position
    state: TrainState
    history: dict[str, np.ndarray]
    finite: np.ndarray
    failures: tuple[str, ...]


def description(
    identity: Mapping[str, Any],
    position: Position,
    state: TrainState,
    marks: Mapping[str, int],
    history: Mapping[str, np.ndarray],
    finite: np.ndarray,
    failures: tuple[str, ...],
    score: tuple[str, float] | None,
) -> dict[str, Any]:
    """Describes a checkpoint as JSON, with a checksum of the description.

    Args:
        identity: of the training.
        position: in it.
        state: its arrays are described.
        marks: of the arrays, by name.
        history: curves so far; each is stored under a short name.
        finite: of each run.
        failures: so far.
        score: by which the best is chosen, behind its criterion; or None.
    """
    told: dict[str, Any] = {
        "identity": dict(identity),
        "position": list(position),
        "arrays": describe(state),
        "marks": dict(marks),
        "history": {
            f"h{number:03d}": {
                "name": name,
                "shape": list(curve.shape),
                "dtype": str(curve.dtype),
                "mark": hash_arrays({name: curve}),
            }
            for number, (name, curve) in enumerate(history.items())
        },
        "finite": np.asarray(finite).tolist(),
        "failures": list(failures),
        "score": None if score is None else list(score),
    }
    return {**told, "content": digest(told)}


def checked(told: Any) -> dict[str, Any]:
    """Returns a description without its checksum, if that is right.

    Raises:
        ValueError: if it is not what :func:`description` gave.
    """
    if not isinstance(told, dict) or told.pop("content", None) != digest(told):
        raise ValueError("its description is not what was written")
    return told


def checked_history(
    told: Mapping[str, Any], found: dict[str, Any]
) -> dict[str, np.ndarray]:
    """Takes the curves out of what was read, by their names.

    Args:
        told: the description.
        found: arrays by short name; the curves are taken out.

    Raises:
        ValueError: for a curve that is not what was written.
    """
    history = {}
    for short, curve in told["history"].items():
        empty = np.zeros(curve["shape"], curve["dtype"])
        values = np.asarray(found.pop(short)) if empty.size else empty
        if hash_arrays({curve["name"]: values}) != curve["mark"]:
            raise ValueError(f"its history of {curve['name']} is not what was kept")
        history[curve["name"]] = values
    return history


def check_marks(told: Mapping[str, Any], marks: Mapping[str, int]) -> None:
    """Compares arrays with what was written.

    Args:
        told: the description.
        marks: of what was read.

    Raises:
        ValueError: naming the first array that differs.
    """
    for name, mark in marks.items():
        if mark != told["marks"][name]:
            raise ValueError(
                f"its {told['arrays'][name]['path']} is not what was written"
            )
