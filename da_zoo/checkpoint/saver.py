"""When a phase's states are kept, and a training ends because it was asked to."""

from typing import NamedTuple

from da_zoo.checkpoint.keeper import Position
from da_zoo.stopping import TrainingStoppedError
from da_zoo.training_watch import TrainingWatch
from da_zoo.types import Phase, TrainState

__all__ = ["Saver"]


class Saver(NamedTuple):
    """Keeps the states of a phase, and ends the training where that was asked for."""

    number: int
    start: int
    """Steps of the phases before."""
    length: int
    last: bool
    watch: TrainingWatch

    def save(self, phase: Phase, done: int, state: TrainState) -> None:
        """Keeps a state whose time has come, and the last one before a stop."""
        job = self.watch.job
        signal = job.stop.asked() if job.stop is not None else 0
        if job.keeper is None:
            return
        due = job.keeper.due(done, self.length)
        if not (signal or due):
            return
        finished = self.last and done == self.length
        position = Position(self.start + done, self.number, done, finished)
        score = None
        # One that only a signal brought about is no candidate for the best: a training
        # that never ended would not have it.
        if job.scorer is not None and self.last and due:
            score = job.scorer.score(phase.adapter, state, self.watch.seeds)
        job.keeper.save(
            position,
            state,
            self.watch.history(),
            self.watch.finite,
            tuple(self.watch.failures),
            score,
        )
        if signal:  # also at the very end: what comes after is not to begin
            raise TrainingStoppedError(
                f"{job.name}: stopped by signal {signal} at step {done} of "
                f"{self.length} of phase {phase.name!r}; the same "
                "call or command goes on from "
                f"the checkpoint in '{job.keeper.folder.parent}'",
                signal,
            )
