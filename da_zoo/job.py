"""What a group of runs is trained on and how, and what it leaves."""

import threading
from collections.abc import Callable
from typing import NamedTuple

import jax
import numpy as np

from da_zoo.checkpoint.keeper import Keeper
from da_zoo.checkpoint.scoring import Scorer
from da_zoo.data.arrays import ArrayData
from da_zoo.sharding import Layout
from da_zoo.staging import Seeds
from da_zoo.stopping import Stop
from da_zoo.types import Key, Phase, TrainState

__all__ = ["GivenUpError", "Job", "OnMetrics", "OnState", "Trained"]

OnMetrics = Callable[[str, int, int, dict[str, np.ndarray]], None]
OnState = Callable[[Phase, int, TrainState, np.ndarray], None]


class GivenUpError(RuntimeError):
    """A group of runs ended early, for another one has failed; that error is told."""


class Job(NamedTuple):
    """What to train on and how."""

    data: ArrayData
    key: Key
    """[] or [seeds]."""
    batch_size: int
    on_nonfinite: str
    on_metrics: OnMetrics | None
    name: str
    on_state: OnState | None = None
    pools: str = "device"
    """Where inputs lie, see :mod:`da_zoo.feed`."""
    members: np.ndarray | None = None
    """Which runs of the whole a group's are, or None for a single key's."""
    keeper: Keeper | None = None
    """Of its checkpoints."""
    scorer: Scorer | None = None
    """What ranks them."""
    stop: Stop | None = None
    """Asked at the end of each chunk."""
    ended: threading.Event | None = None
    """Set where another group's error has ended the whole training."""
    layout: Layout | None = None
    """Where arrays lie, on several devices."""

    def give_up(self) -> None:
        """Ends a group whose result nobody waits for; its checkpoints stay.

        Not after a signal: each group then ends in a checkpoint of its own.

        Raises:
            GivenUpError: if another group of the same training has failed.
        """
        signal = self.stop is not None and self.stop.number
        if self.ended is not None and self.ended.is_set() and not signal:
            raise GivenUpError(f"{self.name}: another group of runs has failed")

    def show(self, phase: Phase, done: int, state: TrainState, seeds: Seeds) -> None:
        """Hands a state out, with a leading axis of one where it has none."""
        if self.on_state is None:
            return
        members = np.zeros(1, int) if self.members is None else self.members
        if not seeds.grouped:
            state = jax.tree.map(lambda leaf: leaf[None], state)
            members = members[[seeds.number or 0]]
        self.on_state(phase, done, state, members)


class Trained(NamedTuple):
    """What the phases leave; arrays have a leading seed axis iff a group was run."""

    state: TrainState
    history: dict[str, np.ndarray]
    finite: np.ndarray
    failures: tuple[str, ...]
    compile_seconds: float
    fit_seconds: float
    best: TrainState | None = None
    """Where a criterion was highest, if one was asked for."""
