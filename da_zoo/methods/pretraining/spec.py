"""What the registry knows of a pre-training task."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Shaped

from da_zoo.types import Recipe

__all__ = ["INPUTS", "TaskSpec"]

INPUTS = ("any", "images", "table", "tokens")
"""Kinds of inputs: arrays [n, ...]; square or other images [n, h, w, c] with pixels in
[0, 1]; rows of numbers, signals among them; integer sequences [n, length]."""

Check = Callable[[Shaped[np.ndarray, "n ..."], Mapping[str, Any]], None]


class TaskSpec(NamedTuple):
    """A pre-training task's registry entry."""

    name: str
    factory: Callable[..., Recipe]
    """``network, **options -> recipe`` of one phase."""
    summary: str
    inputs: str
    """One of :data:`INPUTS`."""
    paper: str
    """Authors, title, venue, year."""
    year: int | None
    bibtex: str
    departures: str = ""
    labelled: bool = False
    """Whether it reads the labelled stream "source"; others read "target"."""
    check: Check | None = None
    """``(x, options)``: refuses inputs that the task is not defined for."""
