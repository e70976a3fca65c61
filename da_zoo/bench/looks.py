"""When to look at a training: a few times per phase, the same steps for all."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from jaxtyping import Int

from da_zoo.bench.clock import Clock
from da_zoo.bench.scoring import run_state
from da_zoo.loop import phase_steps
from da_zoo.types import Adapter, Phase, Recipe, TrainState

__all__ = ["LOOKS", "Looks", "See", "Watch", "lengths_of"]

See = Callable[[Adapter, TrainState, int, int], None]
"""What an observer is told: the adapter, one run's state, which run it is, and the
steps since the training's start."""

LOOKS = 10
"""Per phase, at most."""


def lengths_of(recipe: Recipe, steps: int) -> dict[str, int]:
    """Returns the steps of each phase, by name and in order.

    Args:
        recipe: its phases have names of their own.
        steps: of the whole training.

    Example:
        >>> from da_zoo import methods, network_by_name
        >>> lengths_of(methods.lp_ft(network_by_name("mlp"), classes=2), 10)
        {'source': 6, 'probe': 2, 'tune': 2}
    """
    lengths = phase_steps(recipe, steps)
    return {p.name: n for p, n in zip(recipe, lengths, strict=True)}


class Looks:
    """Says which runs' time has come.

    Args:
        lengths: steps of the phases, by name, in order.

    Example:
        >>> looks = Looks({"source": 600, "tune": 400})
        >>> looks.due("tune", 200, np.arange(2)), looks.due("tune", 220, np.arange(2))
        ([0, 1], [])
        >>> looks.step("tune", 200)
        800
    """

    def __init__(self, lengths: Mapping[str, int]) -> None:
        self._gap = max(1, max(lengths.values(), default=1) // LOOKS)
        self._lengths = dict(lengths)
        ends = np.cumsum([0, *lengths.values()])
        self._starts = dict(zip(lengths, ends.tolist(), strict=False))
        self._next: dict[tuple[str, int], int] = {}

    def due(self, phase: str, done: int, members: Int[np.ndarray, " n"]) -> list[int]:
        """Returns positions among ``members``; each phase's end is always looked at."""
        end = done >= self._lengths.get(phase, done + 1)
        found = []
        for i, member in enumerate(members.tolist()):
            if end or done >= self._next.get((phase, member), 0):
                self._next[phase, member] = done + self._gap
                found.append(i)
        return found

    def step(self, phase: str, done: int) -> int:
        """Counts from the training's start."""
        return int(self._starts.get(phase, 0)) + done


class Watch:
    """Shows a training (``fit(on_state=watch.look)``) to observers, a few times.

    Args:
        lengths: steps of the phases, by name, in order.
        observers: called one after the other.
    """

    def __init__(self, lengths: Mapping[str, int], observers: Sequence[See]) -> None:
        self.seconds = 0.0
        """Spent looking, compilation apart, which is no part of training."""
        self._looks = Looks(lengths)
        self._observers = observers

    def look(
        self,
        phase: Phase,
        done: int,
        state: TrainState,
        members: Int[np.ndarray, " n"],
    ) -> None:
        """Shows the runs whose time has come."""
        with Clock() as looking:
            for i in self._looks.due(phase.name, done, members):
                own = run_state(state, (i,))
                step = self._looks.step(phase.name, done)
                for see in self._observers:
                    see(phase.adapter, own, int(members[i]), step)
        # Without compilation, which the training's clock leaves out as well.
        self.seconds += looking.running
