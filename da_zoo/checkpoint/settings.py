"""What is kept of a training, where and how often; and whose folder that is."""

import json
import os
from pathlib import Path
from typing import NamedTuple

import numpy as np

from da_zoo.checkpoint.criteria import TARGET_LOSSES
from da_zoo.checkpoint.ownership import refused_everywhere
from da_zoo.json_files import read_json
from da_zoo.naming import choose
from da_zoo.whole_files import write_whole

__all__ = [
    "FORMAT",
    "MARKER",
    "Checkpointing",
    "check_checkpointing",
    "claim_everywhere",
    "claim_folder",
]

MARKER = "da_zoo_checkpoints.json"
FORMAT = 1
"""Of what lies in the folder; another one is refused."""


class Checkpointing(NamedTuple):
    """Checkpoints of ``fit``: the same call again goes on after the newest good one.

    Args:
        folder: of this one training; made where there is none.
        every: steps of a phase between two checkpoints.
        keep: how many of the newest stay.
        keep_best: "infomax" or "entropy": the one with the highest such score on
            unlabelled target rows stays too, and ``FitResult.best`` is its state.

    Example:
        >>> Checkpointing("run", every=500, keep=3, keep_best="infomax").keep
        3
    """

    folder: str | Path
    """Of this one training; made where there is none."""
    every: int = 1000
    """Steps of a phase between two checkpoints; phases' ends get one too."""
    keep: int = 2
    """How many of the newest stay. More than one, so that a damaged one costs
    ``every`` steps and not the training."""
    keep_best: str | None = None
    """A criterion that needs no label of the target: the checkpoint where it is highest
    stays too, and ``FitResult.best`` is its state. "infomax" or "entropy"."""


def check_checkpointing(settings: Checkpointing) -> Checkpointing:
    """Refuses settings out of range.

    Returns:
        The same with numbers of Python's own, which JSON can hold.

    Raises:
        TypeError: for something else than settings, or a folder that is no path.
        ValueError: for numbers below 1 or an unknown criterion.

    Example:
        >>> check_checkpointing(Checkpointing("run", every=0))
        Traceback (most recent call last):
        ...
        ValueError: checkpoint.every must be an integer of at least 1, got 0
    """
    if not isinstance(settings, Checkpointing):
        raise TypeError(
            "checkpoint must be a da_zoo.Checkpointing(folder, every=...), got "
            f"{type(settings).__name__}"
        )
    if not isinstance(settings.folder, str | os.PathLike):
        raise TypeError(
            f"checkpoint.folder must be a path, got {type(settings.folder).__name__}"
        )
    if not os.fspath(settings.folder):
        raise ValueError('checkpoint.folder must name a folder, got ""')
    for name in ("every", "keep"):
        value = getattr(settings, name)
        whole = isinstance(value, int | np.integer) and not isinstance(value, bool)
        if not whole or value < 1:
            raise ValueError(
                f"checkpoint.{name} must be an integer of at least 1, got {value!r}"
            )
    if settings.keep_best is not None:
        choose(TARGET_LOSSES, settings.keep_best, "checkpoint.keep_best")
    return settings._replace(every=int(settings.every), keep=int(settings.keep))


def claim_everywhere(folder: Path) -> None:
    """Claims a folder once for all processes, which all hear of a refusal.

    Args:
        folder: of the checkpoints, which every process sees.

    Raises:
        ValueError: see :func:`claim_folder`.
    """
    refused_everywhere(lambda: claim_folder(folder))


def claim_folder(folder: Path) -> None:
    """Makes the folder ours, or refuses one that belongs to something else.

    Args:
        folder: of the checkpoints.

    Raises:
        ValueError: if it holds other files, is of another format, or cannot be written.

    Example:
        >>> import tempfile
        >>> folder = Path(tempfile.mkdtemp())
        >>> claim_folder(folder)
        >>> [path.name for path in folder.iterdir()]
        ['da_zoo_checkpoints.json']
    """
    marker = folder / MARKER
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if marker.exists():
            _check_marker(marker)
            return
        # A draft is what a kill left while the folder was being claimed.
        foreign = sorted(
            path.name
            for path in folder.iterdir()
            if not (path.name.startswith(".") and ".tmp" in path.name)
        )
        if foreign:
            raise ValueError(
                f"checkpoint folder '{folder}' is not empty ({', '.join(foreign[:3])}) "
                "and holds no checkpoints of ours: name an empty or a new folder"
            )
        write_whole(marker, json.dumps({"format": FORMAT}) + "\n")
    except OSError as error:
        raise ValueError(
            f"checkpoint folder '{folder}' cannot be written ({error.strerror}): name "
            "a folder that you may write to"
        ) from error


def _check_marker(marker: Path) -> None:
    try:
        found = read_json(marker)["format"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ValueError(
            f"{marker} is damaged ({type(error).__name__}): remove it if the folder "
            "holds checkpoints of ours, or name a new folder"
        ) from error
    if found != FORMAT:
        raise ValueError(
            f"'{marker.parent}' has checkpoints of format {found!r}, this da_zoo reads "
            f"and writes {FORMAT}: name a new folder"
        )
