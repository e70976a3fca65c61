"""Runs a recipe's phases for one seed, or for a group of seeds at once."""

import time
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from da_zoo.compose import is_refreshing, named_key
from da_zoo.data.arrays import ArrayData, on_device, order
from da_zoo.data.domains import balanced_order
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
    "CHUNK",
    "Job",
    "NonFiniteLossError",
    "OnMetrics",
    "OnState",
    "Trained",
    "run_phases",
]

CHUNK = 200
"""Steps per dispatch: this often metrics leave the device and a progress bar moves."""

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
    members: np.ndarray | None = None
    """Which runs of the whole a group's are, or None for a single key's."""

    def show(self, phase: Phase, done: int, state: TrainState, seeds: "Seeds") -> None:
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


class Seeds(NamedTuple):
    """Whose run it is.

    A group's (``number`` None, ``width`` > 0), that of one seed of a group run one by
    one (both), or a single key's (``width`` 0).
    """

    width: int
    number: int | None = None

    @property
    def grouped(self) -> bool:
        return self.width > 0 and self.number is None


def place(data: ArrayData, uses: frozenset[str], seeds: Seeds) -> dict[str, Any]:
    """Moves the streams that a phase uses to the device."""
    placed = {}
    for name, stream in data.streams().items():
        if name not in uses:
            continue
        device = on_device(stream, max(seeds.width, 1))
        if not seeds.grouped:
            number = seeds.number or 0
            own = jax.tree.map(lambda a, n=number: a[n], device._replace(pool=None))
            device = own._replace(pool=device.pool)
        placed[name] = device
    return placed


class _Order:
    """The batch order of a phase: row numbers by stream, drawn chunk by chunk."""

    def __init__(self, job: Job, phase: Phase, key: Key, seeds: Seeds) -> None:
        self.batch = job.batch_size
        self.grouped = seeds.grouped
        words = np.asarray(jax.random.key_data(key))
        lines = words.reshape(seeds.width if seeds.grouped else 1, -1)
        self.words = [tuple(int(w) for w in line) for line in lines]
        self.counts: dict[str, list[int]] = {}
        self.blocks: dict[str, list[tuple[int, ...] | None]] = {}
        for name, stream in job.data.streams().items():
            if name in phase.uses:
                counts = self._own(stream.count, seeds)
                self.counts[name] = [int(count) for count in counts]
                self.blocks[name] = [None] * len(counts)
                if stream.blocks is not None:
                    own = self._own(stream.blocks, seeds)
                    self.blocks[name] = [tuple(map(int, sizes)) for sizes in own]

    def _own(self, values: np.ndarray, seeds: Seeds) -> np.ndarray:
        every = np.broadcast_to(values, (max(seeds.width, 1), *values.shape[1:]))
        return every if seeds.grouped else every[[seeds.number or 0]]

    def chunk(self, start: int, stop: int) -> dict[str, jax.Array]:
        """int32 [seeds?, CHUNK, batch]; steps past ``stop`` are padding."""
        result = {}
        for name, counts in self.counts.items():
            padded = np.zeros((len(self.words), CHUNK, self.batch), np.int32)
            drawn: dict[Any, np.ndarray] = {}  # a sweep's points share their seeds'
            members = zip(self.words, counts, self.blocks[name], strict=True)
            for i, own in enumerate(members):
                if own not in drawn:
                    words, count, blocks = own
                    steps = (start, stop, self.batch)
                    drawn[own] = (
                        order(words, name, count, *steps)
                        if blocks is None
                        else balanced_order(words, name, blocks, *steps)
                    )
                padded[i, : stop - start] = drawn[own]
            result[name] = jnp.asarray(padded if self.grouped else padded[0])
        return result

    def own_rows(self) -> dict[str, jax.Array]:
        """int32 [seeds?] by stream: how many rows there are, without padding."""
        return {
            name: jnp.asarray(counts if self.grouped else counts[0], jnp.int32)
            for name, counts in self.counts.items()
        }

    def steps_per_epoch(self) -> int:
        """Of the target where the phase has one, else of its first stream."""
        counts = self.counts.get("target") or next(iter(self.counts.values()))
        return max(1, -(-max(counts) // self.batch))


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
        streams = place(job.data, phase.uses, seeds)
        first: Any = phase.adapter.init
        if seeds.number is not None:
            first = jax.tree.map(lambda value: value[seeds.number], first)
        function = initialise_function(seeds.grouped)
        own = (first, key_weights, streams)
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
        rows = _Order(job, phase, fold(key_order, number), seeds)
        state = _run_phase(phase, length, plan, state, streams, rows, watch)
    if state is None:
        raise ValueError("a recipe must have at least one phase")
    jax.block_until_ready(state)
    return watch.trained(state)


def _run_phase(
    phase: Phase,
    length: int,
    plan: Plan,
    state: TrainState,
    streams: dict[str, Any],
    rows: _Order,
    watch: "_Watch",
) -> TrainState:
    refreshing = is_refreshing(phase.adapter)
    epoch = rows.steps_per_epoch() if refreshing else 0
    done = 0
    while done < length:
        stop = min(done + CHUNK, length)
        if refreshing:
            stop = min(stop, (done // epoch + 1) * epoch)
            if done % epoch == 0:
                function = refresh_function(phase.adapter.refresh, rows.grouped)
                seen = (state, streams, rows.own_rows())
                state = watch.compile(function, *seen)(*seen)
        indices = rows.chunk(done, stop)
        parts = []
        for program, number in dispatches(plan, stop - done):
            function = advance_function(phase.adapter.update, program, rows.grouped)
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
        done = stop
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
        if self.job.on_nonfinite == "raise":
            raise NonFiniteLossError(message)
        healthy = self.finite & good.all(axis=-1)
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
