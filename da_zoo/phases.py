"""Runs a recipe's phases for one seed, or for a group of seeds at once."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from da_zoo.checkpoint.saver import Saver
from da_zoo.compose import is_refreshing, named_key
from da_zoo.feed import Feed, Seeds
from da_zoo.job import Job, OnMetrics, OnState, Trained
from da_zoo.logs import log_event
from da_zoo.programs import (
    Plan,
    advance_function,
    dispatches,
    initialise_function,
    refresh_function,
)
from da_zoo.sharding import replicated
from da_zoo.training_watch import NonFiniteLossError, TrainingWatch
from da_zoo.types import Phase, Recipe, TrainState

__all__ = [
    "Job",
    "NonFiniteLossError",
    "OnMetrics",
    "OnState",
    "Trained",
    "run_phases",
]


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
    layout = job.layout
    if layout is not None:
        key_weights = replicated(key_weights, layout.mesh)
    watch = TrainingWatch(job, seeds)

    def begin(number: int) -> tuple[Feed, Any, tuple[Any, ...]]:
        """What a phase reads, and how its first state is made."""
        phase = recipe[number]
        order = fold(key_order, number)
        feed = Feed(
            job.data, phase.uses, order, seeds, job.batch_size, job.pools, layout
        )
        first: Any = phase.adapter.init
        if seeds.number is not None:
            first = jax.tree.map(lambda value: value[seeds.number], first)
        function = initialise_function(seeds.grouped, layout)
        return feed, function, (first, key_weights, feed.streams)

    shapes: dict[int, Any] = {}

    def structure(number: int) -> Any:
        if number not in shapes:  # kept: a phase's inputs lie on the device but once
            _, function, own = begin(number)
            shapes[number] = function.eval_shape(*own, job.batch_size)
        return shapes[number]

    resumed = job.keeper.newest(structure) if job.keeper else None
    if resumed is not None and job.keeper is not None:
        at = resumed.position
        log_event(
            "resumed",
            f"{job.name}: {'done already' if at.finished else 'going on'}, from step "
            f"{at.done} of phase {recipe[at.phase].name!r}, by the checkpoint in "
            f"{job.keeper.folder.parent}",
            step=at.number,
            finished=at.finished,
        )
    state: TrainState | None = None
    for number, (phase, length) in enumerate(zip(recipe, lengths, strict=True)):
        done = 0
        if resumed is not None and number <= resumed.position.phase:
            if number < resumed.position.phase:
                continue
            state, done = resumed.state, resumed.position.done
            watch.restore(resumed)
            if done == length:  # kept by a version that judged a phase after that
                watch.judge_state(phase, state)
                if number < len(recipe) - 1:
                    continue
        feed, function, own = begin(number)
        if job.keeper is not None:
            shapes[number] = function.eval_shape(*own, job.batch_size)
        if resumed is None or number > resumed.position.phase:
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
            if layout is not None:
                state = replicated(state, layout.mesh)
        if state is None:
            raise AssertionError("a phase begins with a state")
        last = number == len(recipe) - 1
        saver = Saver(number, sum(lengths[:number]), length, last, watch)
        state = _run_phase(phase, length, plan, state, feed, watch, saver, done)
    if state is None:
        raise ValueError("a recipe must have at least one phase")
    jax.block_until_ready(state)
    best = None
    if job.keeper is not None:
        job.keeper.finish()
        if job.scorer is not None:
            best = job.keeper.best(structure)
    return watch.trained(state)._replace(best=best)


def _bounds(
    length: int, epoch: int, chunk: int, every: int = 0, already: int = 0
) -> list[tuple[int, int]]:
    """First and last step of every chunk from ``already`` on.

    None goes past the end of an ``epoch``, nor past a checkpoint's step, so that a
    training that is taken up there has the same chunks as one that never ended.

    Example:
        >>> _bounds(450, 0, 200)
        [(0, 200), (200, 400), (400, 450)]
        >>> _bounds(90, 0, 200, every=50, already=40)
        [(40, 50), (50, 90)]
        >>> _bounds(450, 250, 200)
        [(0, 200), (200, 250), (250, 450)]
    """
    bounds, done = [], already
    while done < length:
        stop = min(done + chunk, length)
        for gap in (epoch, every):
            if gap:
                stop = min(stop, (done // gap + 1) * gap)
        bounds.append((done, stop))
        done = stop
    return bounds


def _run_phase(
    phase: Phase,
    length: int,
    plan: Plan,
    state: TrainState,
    feed: Feed,
    watch: TrainingWatch,
    saver: Saver,
    already: int,
) -> TrainState:
    refreshing = is_refreshing(phase.adapter)
    epoch = feed.steps_per_epoch() if refreshing else 0
    if refreshing and phase.refresh_once:
        epoch = max(length, 1)
    every = watch.job.keeper.settings.every if watch.job.keeper is not None else 0
    bounds = _bounds(length, epoch, feed.chunk, every, already)
    for (done, stop), (streams, indices) in zip(
        bounds, feed.chunks(bounds), strict=True
    ):
        watch.job.give_up()
        if refreshing and done % epoch == 0:
            function = refresh_function(phase.adapter.refresh, feed.grouped)
            seen = (state, streams, feed.own_rows())
            state = watch.compile(function, *seen)(*seen)
        parts = []
        for program, number in dispatches(plan, stop - done):
            function = advance_function(
                phase.adapter.update, program, feed.grouped, feed.layout
            )
            own = (state, streams, indices, feed.put(np.int32(number)))
            state, metrics = watch.compile(function, *own)(*own)
            if feed.layout is not None and jax.default_backend() == "cpu":
                # Steps in flight take each other's threads there, and none gets all
                # that its collectives need.
                jax.block_until_ready(metrics)
            parts.append(metrics)
        # Only now: reading a metric waits for its step, and the next must not.
        history = {
            k: np.concatenate([np.asarray(part[k]) for part in parts], axis=-1)
            for k in parts[0]
        }
        history = {k: values[..., : stop - done] for k, values in history.items()}
        watch.record(phase, done, stop, length, history)
        watch.judge_skipping(phase, stop, length, history, state)
        watch.job.show(phase, stop, state, watch.seeds)
        if stop == length:  # before it is kept: a phase that failed is never taken up
            watch.judge_state(phase, state)
        saver.save(phase, stop, state)
    if not length:
        watch.judge_state(phase, state)
        saver.save(phase, 0, state)
    return state
