"""Does a method adapt at all? One step with its term, and one without, are compared.

A term that never reaches the encoder (a stopped gradient, a threshold that nothing
passes, a weight of 0) trains the source and nothing else, and its accuracy alone does
not tell. The programs of the training run both steps: nothing is compiled.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from da_zoo.compose import is_refreshing, named_key
from da_zoo.data.arrays import ArrayData
from da_zoo.feed import Feed, Seeds, resolve_pools
from da_zoo.groups import deal_out
from da_zoo.loop import FitResult, phase_steps
from da_zoo.phases import Job
from da_zoo.programs import (
    Plan,
    advance_function,
    compiled,
    dispatches,
    initialise_function,
    refresh_function,
)
from da_zoo.sweep import resolve_sweep
from da_zoo.types import Key, Phase, Recipe, TrainState

__all__ = ["INERT", "adaptation_effect"]

INERT = 1e-5
"""Below this, a method is called inert. A gradient that is cut gives 0 exactly, for
the same program computes both steps; rounding alone stays far below."""


def adaptation_effect(
    recipe: Recipe,
    data: ArrayData,
    keys: Key,
    result: FitResult,
    *,
    steps: int,
    batch_size: int,
    sweep: Sequence[Mapping[str, Any]] | None = None,
) -> Float[np.ndarray, " members"] | None:
    """Measures what adaptation adds to one step, for every run of a ``fit``.

    From the trained state, in the middle of the schedules, a step is made as it is and
    once more without adaptation: with every ``trade_off`` at 0, or, in a method that
    has none, with other rows of the target (what a method does once per epoch counts as
    adaptation there). A method that does nothing there is given
    a second chance from its initial weights.

    Args:
        recipe: as given to ``fit``; so are the next two, and those after ``result``.
        data: the streams.
        keys: one per seed.
        result: what ``fit`` returned.
        steps: of training.
        batch_size: rows per stream and step.
        sweep: points, or None.

    Returns:
        The norm of the difference of both steps' results over the norm of the longer
        step, in [0, 2], points times seeds in order; None where no phase reads the
        unlabelled target. Compared is the encoder, and, where there is no
        ``trade_off``, everything the step writes that predictions may depend on.
    """
    lengths = phase_steps(recipe, steps)
    reading = [
        number
        for number, phase in enumerate(recipe)
        if "target" in phase.uses and lengths[number]
    ]
    weighted = [number for number in reading if _weights(recipe[number])]
    if not reading:
        return None
    points = resolve_sweep(recipe, sweep).points
    members = result.finite.size
    flat = _flat(result, members)
    effect = np.zeros(members)
    pools = resolve_pools("auto", data)
    whole = Job(data, keys, batch_size, "mark", None, "probe")
    for own_recipe, job in deal_out(recipe, whole, points, result.width):
        one_by_one = result.plan.seeds == "sequential"
        for run in range(result.width) if one_by_one else [None]:
            seeds = Seeds(result.width, run)
            chosen = np.asarray(job.members)
            at = chosen if run is None else chosen[run]
            for number in weighted or reading:
                last = number == len(recipe) - 1
                found = _Probe(
                    own_recipe[number], lengths[number], job, seeds, result.plan, pools
                ).effect(jax.tree.map(lambda leaf, i=at: leaf[i], flat), last)
                effect[at] = np.maximum(effect[at], found)
    return effect


def _flat(result: FitResult, members: int) -> tuple[Any, Any, Any]:
    """What training left, with one axis of runs."""
    axes = result.finite.ndim
    state = result.state
    return jax.tree.map(
        lambda leaf: leaf.reshape(members, *leaf.shape[axes:]),
        (state.params, state.stats, state.extra),
    )


def _weights(phase: Phase) -> list[str]:
    """Names of the hyper-parameters that adaptation is multiplied by."""
    hparams = getattr(phase.adapter.init, "keywords", {}).get("hparams", {})
    return [name for name in hparams if name.startswith("trade_off")]


def _alike(a: Any, b: Any) -> bool:
    structures: Any = (jax.tree.structure(a), jax.tree.structure(b))
    if structures[0] != structures[1]:
        return False
    pairs = zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True)
    return all(x.shape == y.shape and x.dtype == y.dtype for x, y in pairs)


def _taken(fresh: dict[str, Any], trained: dict[str, Any]) -> dict[str, Any]:
    """Takes over the groups that both have."""
    return {
        name: trained[name] if _alike(value, trained.get(name)) else value
        for name, value in fresh.items()
    }


def _copied(state: TrainState) -> TrainState:
    """Copies what a program may overwrite: it is given its arguments for good."""
    return jax.tree.map(lambda leaf: leaf.copy(), state)


def _share(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    return np.where(part > 0, part / np.maximum(whole, 1e-30), 0.0)


class _Probe:
    """One phase of one group of runs, ready to make single steps."""

    def __init__(
        self, phase: Phase, length: int, job: Job, seeds: Seeds, plan: Plan, pools: str
    ) -> None:
        self.phase, self.length, self.seeds = phase, length, seeds
        self.weights = _weights(phase)
        key = job.key if seeds.number is None else job.key[seeds.number]
        named: Any = named_key
        if seeds.grouped:
            named = jax.vmap(named, in_axes=(0, None))
        self.weights_key = named(key, "weights")
        self.batch = job.batch_size
        order = named(key, "probe")
        self.feed = Feed(job.data, phase.uses, order, seeds, job.batch_size, pools)
        self.chunks = list(self.feed.chunks([(0, 1), (1, 2)]))
        # The program that training ran: one step of a chunk, or the only one.
        self.program, self.first = dispatches(plan, 1)[0]

    def effect(self, trained: tuple[Any, Any, Any], last: bool) -> np.ndarray:
        """The relative difference of two steps, [] or [width]."""
        fresh = self._fresh()
        params, stats, extra = trained
        after = fresh._replace(
            params=_taken(fresh.params, params),
            stats=_taken(fresh.stats, stats),
            extra=_taken(fresh.extra, extra) if last else fresh.extra,
        )
        found = self._difference(after)
        if np.all(found > INERT):
            return found
        return np.asarray(np.maximum(found, self._difference(self._fresh())))

    def _fresh(self) -> TrainState:
        init: Any = self.phase.adapter.init
        if self.seeds.number is not None:
            init = jax.tree.map(lambda value: value[self.seeds.number], init)
        own = (init, self.weights_key, self.feed.streams)
        function = initialise_function(self.seeds.grouped)
        state = compiled(function, *own, static=(self.batch,))[0](*own)
        shape = (self.seeds.width,) if self.seeds.grouped else ()
        # In the middle, so that ramps from 0 do not hide what a method adds.
        return state._replace(
            step=jnp.full(shape, self.length // 2, jnp.int32),
            total_steps=jnp.full(shape, max(self.length, 1), jnp.float32),
        )

    def _difference(self, state: TrainState) -> np.ndarray:
        state, refreshed = self._refreshed(state)
        before = self._compared(state)
        with_it = self._step(state, 0)
        if self.weights:
            zeros = {
                name: jnp.zeros_like(value) if name in self.weights else value
                for name, value in state.hparams.items()
            }
            without = self._step(state._replace(hparams=zeros), 0)
        else:
            without = self._step(state, 1)
        longer = np.asarray(
            np.maximum(self._norm(with_it, before), self._norm(without, before))
        )
        gap = _share(self._norm(with_it, without), longer)
        return np.asarray(np.maximum(refreshed, gap))

    def _refreshed(self, state: TrainState) -> tuple[TrainState, np.ndarray]:
        """Goes through the whole target once, where a method does; says what it did.

        That counts where no weight can switch adaptation off: it may be all there is.
        """
        shape = (self.seeds.width,) if self.seeds.grouped else ()
        if not is_refreshing(self.phase.adapter):
            return state, np.zeros(shape)
        function = refresh_function(self.phase.adapter.refresh, self.feed.grouped)
        seen = (state, self.feed.streams, self.feed.own_rows())
        after = compiled(function, *seen)[0](*seen)
        if self.weights:
            return after, np.zeros(shape)
        before, now = self._compared(state), self._compared(after)
        if [leaf.shape for leaf in before] != [leaf.shape for leaf in now]:
            return after, np.ones(shape)  # a bank that was given its size
        nothing = [np.zeros_like(leaf) for leaf in now]
        return after, _share(self._norm(now, before), self._norm(now, nothing))

    def _step(self, state: TrainState, chunk: int) -> list[np.ndarray]:
        streams, indices = self.chunks[0]
        if chunk:  # other rows of the target, the same of everything else
            other, others = self.chunks[chunk]
            streams = streams | {"target": other["target"]}
            indices = indices | {"target": others["target"]}
        update = self.phase.adapter.update
        function = advance_function(update, self.program, self.feed.grouped)
        # A chunk program counts its steps, one without a loop is told its first.
        count = self.first if self.program.loop != "scan" else 1
        own = (_copied(state), streams, indices, jnp.int32(count))
        return self._compared(compiled(function, *own)[0](*own)[0])

    def _compared(self, state: TrainState) -> list[np.ndarray]:
        tree: Any = {k: v for k, v in state.params.items() if k.startswith("encoder")}
        if not self.weights:
            tree = (tree, state.stats, state.extra)
        return [
            np.asarray(leaf, np.float64)
            for leaf in jax.tree.leaves(tree)
            if jnp.issubdtype(leaf.dtype, jnp.floating)
        ]

    def _norm(self, a: list[np.ndarray], b: list[np.ndarray]) -> np.ndarray:
        first = 1 if self.seeds.grouped else 0
        squares = [
            ((x - y) ** 2).sum(axis=tuple(range(first, x.ndim)))
            for x, y in zip(a, b, strict=True)
        ]
        shape = (self.seeds.width,) if self.seeds.grouped else ()
        return np.asarray(np.sqrt(np.sum([np.zeros(shape), *squares], axis=0)))
