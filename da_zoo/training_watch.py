"""History, compile time and health of a training, while its phases run."""

import time
import warnings
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from da_zoo.checkpoint.keeper import Resumed
from da_zoo.job import Job, Trained
from da_zoo.programs import compiled
from da_zoo.skipping import SKIPPED
from da_zoo.staging import Seeds
from da_zoo.types import Phase, TrainState

__all__ = ["NonFiniteLossError", "TrainingWatch"]


SCALE = "standardise the inputs, or check them and the first weights for huge values"


class NonFiniteLossError(FloatingPointError):
    """Training met a NaN or an infinity; the message says where."""


class TrainingWatch:
    """Keeps history, compile time and health while phases run."""

    def __init__(self, job: Job, seeds: Seeds) -> None:
        self.job = job
        self.seeds = seeds
        self.began = time.perf_counter()
        self.compiling = 0.0
        self.parts: dict[str, list[np.ndarray]] = {}
        self.finite = np.ones(seeds.width if seeds.grouped else (), bool)
        self.failures: list[str] = []
        self.told_of_skipping: set[str] = set()

    def compile(self, function: Any, *args: Any, static: tuple[Any, ...] = ()) -> Any:
        """Compiles a jitted function, on its own clock."""
        program, seconds = compiled(function, *args, static=static)
        self.compiling += seconds
        return program

    def record(
        self,
        phase: Phase,
        start: int,
        done: int,
        length: int,
        metrics: dict[str, np.ndarray],
    ) -> None:
        """Takes a chunk's metrics down, judges them and hands them on."""
        for name, values in metrics.items():
            self.parts.setdefault(f"{phase.name}/{name}", []).append(values)
        if metrics:
            self._judge(phase, start, metrics)
        if self.job.on_metrics is not None:
            self.job.on_metrics(phase.name, done, length, metrics)

    def _judge(self, phase: Phase, done: int, metrics: dict[str, np.ndarray]) -> None:
        """Marks or raises on the first non-finite metric of a chunk."""
        if SKIPPED in metrics:
            return  # those steps were left out
        good = np.stack([np.isfinite(v) for v in metrics.values()]).all(axis=0)
        if good.all():
            return
        at = int(np.argmin(good.reshape(-1, good.shape[-1]).all(axis=0)))
        bad = [k for k, v in metrics.items() if not np.isfinite(v[..., at]).all()]
        series = {
            name: np.concatenate(self.parts[f"{phase.name}/{name}"], axis=-1)
            for name in metrics
        }
        last = {
            name: np.round(values[..., done + at - 1], 4).tolist()
            for name, values in series.items()
            if done + at > 0
        }
        message = (
            f"{self.job.name}: {', '.join(bad)} became non-finite at step {done + at} "
            f"of phase {phase.name!r}; the metrics of the step before were "
            f"{last or 'none'}. A smaller learning_rate or trade_off usually helps; "
            "check the scale of the inputs too"
        )
        self._condemn(np.asarray(good.all(axis=-1)), message)

    def judge_skipping(
        self,
        phase: Phase,
        done: int,
        length: int,
        metrics: dict[str, np.ndarray],
        state: TrainState,
    ) -> None:
        """Looks at the first chunk of a phase of which every step was left out.

        Args:
            phase: that trains.
            done: its steps so far.
            length: all of them.
            metrics: of the chunk.
            state: after it.

        Raises:
            NonFiniteLossError: if no run has a finite state, and so none ever trains.
        """
        skipped = metrics.get(SKIPPED)
        if skipped is None or phase.name in self.told_of_skipping:
            return
        left_out, steps = np.asarray(skipped.all(axis=-1)), skipped.shape[-1]
        if not left_out.any() or steps == length:  # of a whole phase, judge_state tells
            return
        self.told_of_skipping.add(phase.name)
        trained = (state.params, state.stats, state.opt_state)
        if left_out.all() and not self._finite_runs(trained).any():
            self._condemn(
                np.zeros(self.finite.shape, bool),
                f"{self.job.name}: phase {phase.name!r} begins with weights, "
                "statistics or an optimiser state that are not finite, so that every "
                f"step would be left out; {SCALE}",
            )
        which = f"{left_out.sum()} of {left_out.size} runs" if left_out.ndim else "it"
        warnings.warn(
            f"{self.job.name}: the last {steps} steps to step {done} of {length} of "
            f"phase {phase.name!r} were all left out for {which}, whose loss or "
            f"gradient was not finite; {SCALE}",
            stacklevel=2,
        )

    def _finite_runs(self, tree: Any) -> np.ndarray:
        """Of which runs all numbers of a state are finite."""
        first = 1 if self.seeds.grouped else 0
        good = np.ones(self.finite.shape, bool)
        for leaf in jax.tree.leaves(tree):
            if jnp.issubdtype(leaf.dtype, jnp.floating):
                # Where the leaf lies: it may be spread over several hosts.
                finite = jnp.isfinite(leaf).all(axis=tuple(range(first, leaf.ndim)))
                good = good & np.asarray(finite)
        return np.asarray(good)

    def judge_state(self, phase: Phase, state: TrainState) -> None:
        """Looks at what no chunk's metrics tell: steps left out, statistics alone."""
        skipped = self.parts.get(f"{phase.name}/{SKIPPED}")
        if skipped:
            left_out = np.concatenate(skipped, axis=-1).all(axis=-1)
            if left_out.any():
                self._condemn(
                    np.asarray(~left_out),
                    f"{self.job.name}: every step of phase {phase.name!r} was left "
                    f"out, for its loss or its gradient was not finite; {SCALE}",
                )
        if any(name.startswith(f"{phase.name}/") for name in self.parts):
            return
        good = self._finite_runs(state.stats)
        if not good.all():
            self._condemn(
                good,
                f"{self.job.name}: the batch statistics of phase {phase.name!r} are "
                "not finite; standardise the inputs, or check them for huge values",
            )

    def _condemn(self, good: np.ndarray, message: str) -> None:
        if self.job.on_nonfinite != "mark":
            raise NonFiniteLossError(message)
        healthy = np.asarray(self.finite & good)
        if (healthy != self.finite).any():
            self.failures.append(message)
        self.finite = healthy

    def history(self) -> dict[str, np.ndarray]:
        """All metrics so far, by phase and name."""
        return {k: np.concatenate(v, axis=-1) for k, v in self.parts.items()}

    def restore(self, resumed: Resumed) -> None:
        """Takes over what an earlier part of the training saw."""
        self.parts = {name: [values] for name, values in resumed.history.items()}
        self.finite = resumed.finite.reshape(self.finite.shape)
        self.failures = list(resumed.failures)

    def trained(self, state: TrainState) -> Trained:
        """Puts together what the phases leave."""
        wall = time.perf_counter() - self.began
        return Trained(
            state,
            self.history(),
            np.asarray(self.finite),
            tuple(self.failures),
            self.compiling,
            max(0.0, wall - self.compiling),
        )
