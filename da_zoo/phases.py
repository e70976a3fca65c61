"""Runs a recipe's phases for one seed, or for a group of seeds at once."""

import time
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from da_zoo.compose import is_refreshing, named_key
from da_zoo.data.arrays import ArrayData
from da_zoo.feed import Feed, Seeds
from da_zoo.programs import (
    Plan,
    advance_function,
    compiled,
    dispatches,
    initialise_function,
    refresh_function,
)
from da_zoo.types import Key, Phase, Recipe, TrainState

__all__ = [
    "Job",
    "NonFiniteLossError",
    "OnMetrics",
    "OnState",
    "Trained",
    "run_phases",
]

OnMetrics = Callable[[str, int, int, dict[str, np.ndarray]], None]
OnState = Callable[[Phase, int, TrainState, np.ndarray], None]


class NonFiniteLossError(FloatingPointError):
    """Training met a NaN or an infinity; the message says where."""


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


def run_phases(
    recipe: Recipe, lengths: list[int], job: Job, plan: Plan, seeds: Seeds
) -> Trained:
    """Trains all phases in order.

    Args:
        recipe: the phases.
        lengths: steps of each.
        job: data, key and options.
        plan: which loop.
        seeds: whose run it is.

    Raises:
        NonFiniteLossError: unless non-finite seeds are only to be marked.
    """
    key = job.key if seeds.number is None else job.key[seeds.number]
    fold: Any = jax.random.fold_in
    named: Any = named_key
    if seeds.grouped:
        fold = jax.vmap(fold, in_axes=(0, None))
        named = jax.vmap(named, in_axes=(0, None))
    key_weights, key_order, key_steps = (
        named(key, use) for use in ("weights", "order", "steps")
    )
    watch = _Watch(job, seeds)
    state: TrainState | None = None
    for number, (phase, length) in enumerate(zip(recipe, lengths, strict=True)):
        order = fold(key_order, number)
        feed = Feed(job.data, phase.uses, order, seeds, job.batch_size, job.pools)
        first: Any = phase.adapter.init
        if seeds.number is not None:
            first = jax.tree.map(lambda value: value[seeds.number], first)
        function = initialise_function(seeds.grouped)
        own = (first, key_weights, feed.streams)
        init = watch.compile(function, *own, static=(job.batch_size,))
        fresh = init(*own)
        if state is not None and phase.warm_start is not None:
            fresh = phase.warm_start(state, fresh)
        shape = (seeds.width,) if seeds.grouped else ()
        state = fresh._replace(
            key=fold(key_steps, number),
            step=jnp.zeros(shape, jnp.int32),
            total_steps=jnp.full(shape, max(length, 1), jnp.float32),
        )
        state = _run_phase(phase, length, plan, state, feed, watch)
        watch.judge_state(phase, state)
    if state is None:
        raise ValueError("a recipe must have at least one phase")
    jax.block_until_ready(state)
    return watch.trained(state)


def _bounds(length: int, epoch: int, chunk: int) -> list[tuple[int, int]]:
    """First and last step of every chunk; with an ``epoch``, none goes past one's end.

    Example:
        >>> _bounds(450, 0, 200)
        [(0, 200), (200, 400), (400, 450)]
        >>> _bounds(450, 250, 200)
        [(0, 200), (200, 250), (250, 450)]
    """
    bounds, done = [], 0
    while done < length:
        stop = min(done + chunk, length)
        if epoch:
            stop = min(stop, (done // epoch + 1) * epoch)
        bounds.append((done, stop))
        done = stop
    return bounds


def _run_phase(
    phase: Phase,
    length: int,
    plan: Plan,
    state: TrainState,
    feed: Feed,
    watch: "_Watch",
) -> TrainState:
    refreshing = is_refreshing(phase.adapter)
    epoch = feed.steps_per_epoch() if refreshing else 0
    if refreshing and phase.refresh_once:
        epoch = max(length, 1)
    bounds = _bounds(length, epoch, feed.chunk)
    for (done, stop), (streams, indices) in zip(
        bounds, feed.chunks(bounds), strict=True
    ):
        if refreshing and done % epoch == 0:
            function = refresh_function(phase.adapter.refresh, feed.grouped)
            seen = (state, streams, feed.own_rows())
            state = watch.compile(function, *seen)(*seen)
        parts = []
        for program, number in dispatches(plan, stop - done):
            function = advance_function(phase.adapter.update, program, feed.grouped)
            own = (state, streams, indices, jnp.int32(number))
            state, metrics = watch.compile(function, *own)(*own)
            parts.append(metrics)
        # Only now: reading a metric waits for its step, and the next must not.
        history = {
            k: np.concatenate([np.asarray(part[k]) for part in parts], axis=-1)
            for k in parts[0]
        }
        history = {k: values[..., : stop - done] for k, values in history.items()}
        watch.record(phase, done, stop, length, history)
        watch.job.show(phase, stop, state, watch.seeds)
    return state


class _Watch:
    """Keeps history, compile time and health while phases run."""

    def __init__(self, job: Job, seeds: Seeds) -> None:
        self.job = job
        self.seeds = seeds
        self.began = time.perf_counter()
        self.compiling = 0.0
        self.parts: dict[str, list[np.ndarray]] = {}
        self.finite = np.ones(seeds.width if seeds.grouped else (), bool)
        self.failures: list[str] = []

    def compile(self, function: Any, *args: Any, static: tuple[Any, ...] = ()) -> Any:
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
        for name, values in metrics.items():
            self.parts.setdefault(f"{phase.name}/{name}", []).append(values)
        if metrics:
            self._judge(phase, start, metrics)
        if self.job.on_metrics is not None:
            self.job.on_metrics(phase.name, done, length, metrics)

    def _judge(self, phase: Phase, done: int, metrics: dict[str, np.ndarray]) -> None:
        """Marks or raises on the first non-finite metric of a chunk."""
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

    def judge_state(self, phase: Phase, state: TrainState) -> None:
        """Looks at the statistics of a phase that has no metric to tell by."""
        if any(name.startswith(f"{phase.name}/") for name in self.parts):
            return
        first = 1 if self.seeds.grouped else 0
        good = np.ones(self.finite.shape, bool)
        for leaf in jax.tree.leaves(state.stats):
            # A copy: the next phase may be given the buffer for good.
            finite = np.isfinite(np.array(leaf))
            good = good & finite.all(axis=tuple(range(first, finite.ndim)))
        if not good.all():
            self._condemn(
                good,
                f"{self.job.name}: the batch statistics of phase {phase.name!r} are "
                "not finite; standardise the inputs, or check them for huge values",
            )

    def _condemn(self, good: np.ndarray, message: str) -> None:
        if self.job.on_nonfinite == "raise":
            raise NonFiniteLossError(message)
        healthy = self.finite & good
        if (healthy != self.finite).any():
            self.failures.append(message)
        self.finite = healthy

    def trained(self, state: TrainState) -> Trained:
        wall = time.perf_counter() - self.began
        history = {k: np.concatenate(v, axis=-1) for k, v in self.parts.items()}
        return Trained(
            state,
            history,
            np.asarray(self.finite),
            tuple(self.failures),
            self.compiling,
            max(0.0, wall - self.compiling),
        )
