"""Compiled programs: which loop suits which network, compiled once, timed apart.

XLA:CPU runs the backward pass of a convolution inside a compiled loop, or batched over
seeds, many times slower than outside; a small dense network is the opposite. The same
``update`` goes into every loop.
"""

import functools
import threading
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array

from da_zoo.backend import compiler_options
from da_zoo.data.batches import DeviceStream, batch_at, gather
from da_zoo.naming import choose
from da_zoo.sharding import Layout
from da_zoo.step import chunk_function, traced_once
from da_zoo.types import Batch, TrainState, Views

__all__ = ["LOOPS", "SEEDS", "Plan", "compiled", "forget_programs", "plan_loop"]

LOOPS = ("auto", "scan", "unroll", "python")
"""scan: a chunk of steps in one compiled loop; unroll: :data:`UNROLLED` steps written
out in one program; python: one jitted step per dispatch."""
UNROLLED = 8
SEEDS = ("auto", "vmap", "map", "sequential")
"""vmap: seeds as a batch axis; map: one after another inside the program; sequential:
one after another outside it."""

PER_SEED = DeviceStream(pool=None, rows=0, labels=0, weight=0, domain=0)  # type: ignore[arg-type]


class Plan(NamedTuple):
    """The resolved choice; it goes into a row's provenance."""

    loop: str
    seeds: str


def _has_convolution(jaxpr: Any) -> bool:
    for equation in jaxpr.eqns:
        if equation.primitive.name == "conv_general_dilated":
            return True
        for value in jax.tree.leaves(
            list(equation.params.values()),
            is_leaf=lambda v: hasattr(v, "eqns") or hasattr(v, "jaxpr"),
        ):
            inner = getattr(value, "jaxpr", value)
            if hasattr(inner, "eqns") and _has_convolution(inner):
                return True
    return False


def plan_loop(
    update: Callable[..., Any], state: TrainState, batch: Batch, loop: str, seeds: str
) -> Plan:
    """Resolves "auto" by rule: convolutions on a CPU stay out of loops and batches.

    Args:
        update: an adapter's update.
        state: one seed's state, or its shapes.
        batch: one seed's batch, or its shapes.
        loop: one of :data:`LOOPS`.
        seeds: one of :data:`SEEDS`.

    Raises:
        ValueError: for an unknown loop or seeds mode.
    """
    choose(dict.fromkeys(LOOPS, 0), loop, "loop")
    choose(dict.fromkeys(SEEDS, 0), seeds, "seeds mode")
    if "auto" in (loop, seeds):
        slow = jax.default_backend() == "cpu" and _has_convolution(
            jax.make_jaxpr(traced_once(update))(state, batch).jaxpr
        )
        loop = ("python" if slow else "scan") if loop == "auto" else loop
        seeds = ("sequential" if slow else "vmap") if seeds == "auto" else seeds
    return Plan(loop, seeds)


def dispatches(plan: Plan, steps: int) -> list[tuple[Plan, int]]:
    """Returns the programs that run ``steps`` steps, each with its number.

    The number is how many steps a compiled loop does, or the first step of a program
    without one.

    Example:
        >>> dispatches(Plan("scan", "vmap"), 150)
        [(Plan(loop='scan', seeds='vmap'), 150)]
        >>> [(plan.loop, first) for plan, first in dispatches(Plan("unroll", "map"), 9)]
        [('unroll', 0), ('python', 8)]
    """
    if plan.loop == "scan":
        return [(plan, steps)]
    whole = steps // UNROLLED * UNROLLED if plan.loop == "unroll" else 0
    written_out = [(plan, first) for first in range(0, whole, UNROLLED)]
    single = plan._replace(loop="python")
    return written_out + [(single, first) for first in range(whole, steps)]


def advance_function(
    update: Callable[..., Any], plan: Plan, grouped: bool, layout: Layout | None = None
) -> Any:
    """Jits what a loop dispatches: a chunk of steps, or one step, for all seeds.

    On several devices ``update`` is one of :func:`da_zoo.sharding.sharded_update`.
    """
    # Not cached here: an argument that is left out would make another entry.
    return _advance_function(update, plan, grouped, layout)


@functools.lru_cache(maxsize=512)
def _advance_function(
    update: Callable[..., Any], plan: Plan, grouped: bool, layout: Layout | None
) -> Any:
    if plan.loop == "scan":
        one_seed = chunk_function(update)
    else:
        steps = UNROLLED if plan.loop == "unroll" else 1
        update = traced_once(update)

        def one_seed(state: Any, streams: Any, indices: Any, first: Array) -> Any:
            history = []
            for i in range(steps):
                state, metrics = update(state, batch_at(streams, indices, first + i))
                history.append(metrics)
            return state, jax.tree.map(lambda *values: jnp.stack(values), *history)

    if layout is not None:
        run = layout.ending(one_seed)
    elif not grouped:
        run = one_seed
    elif plan.seeds == "map":

        def run(state: Any, streams: Any, indices: Any, count: Array) -> Any:
            own = {k: v._replace(pool=None) for k, v in streams.items()}

            def seed(args: Any) -> Any:
                state, own, indices = args
                full = {k: v._replace(pool=streams[k].pool) for k, v in own.items()}
                return one_seed(state, full, indices, count)

            return jax.lax.map(seed, (state, own, indices))

    else:

        def run(state: Any, streams: Any, indices: Any, count: Array) -> Any:
            axes = (0, dict.fromkeys(streams, PER_SEED), 0, None)
            return jax.vmap(one_seed, in_axes=axes)(state, streams, indices, count)

    return jax.jit(run, donate_argnums=0)


def initialise_function(grouped: bool, layout: Layout | None = None) -> Any:
    """Jits ``(init, keys, streams) -> state``, which lies as ``layout`` says.

    ``init`` is a Partial: its hparams are traced, one program serves all their values.
    """
    return _initialise_function(grouped, layout)


@functools.lru_cache(maxsize=16)
def _initialise_function(grouped: bool, layout: Layout | None) -> Any:

    def one_seed(init: Any, key: Any, streams: Any, size: int) -> TrainState:
        index = jnp.arange(size) % jnp.maximum(size, 1)
        rows = {}
        for name, stream in streams.items():
            there = size if stream.rows is None else stream.rows.shape[0]
            rows[name] = gather(stream, index % there)
        state = init(key, Batch(**rows))
        return state if layout is None else layout.constrain(state)

    def run(init: Any, key: Any, streams: Any, size: int) -> TrainState:
        if not grouped:
            return one_seed(init, key, streams, size)
        axes = (0, 0, dict.fromkeys(streams, PER_SEED))
        each = jax.vmap(lambda i, k, s: one_seed(i, k, s, size), in_axes=axes)
        return each(init, key, streams)

    return jax.jit(run, static_argnums=3)


@functools.lru_cache(maxsize=512)
def refresh_function(refresh: Callable[..., Any], grouped: bool) -> Any:
    """Jits an adapter's refresh over whole training sets.

    ``counts`` says how many rows of each stream are a seed's own. The state is not
    donated: the first refresh may give a memory bank its size.
    """

    def one_seed(state: TrainState, streams: Any, counts: Any) -> TrainState:
        def view(name: str) -> Any:
            stream = streams.get(name)
            if stream is None:
                return None
            index = jnp.arange(stream.rows.shape[0])
            rows = gather(stream, index)
            own = (index < counts[name]).astype(jnp.float32)
            return rows._replace(
                weight=own if rows.weight is None else own * rows.weight
            )

        return refresh(state, Views(*map(view, Views._fields)))

    def run(state: TrainState, streams: Any, counts: Any) -> TrainState:
        if not grouped:
            return one_seed(state, streams, counts)
        axes = (0, dict.fromkeys(streams, PER_SEED), 0)
        return jax.vmap(one_seed, in_axes=axes)(state, streams, counts)

    return jax.jit(run)


MOST_PROGRAMS = 128
"""Programs kept at once. On CPU each holds some 250 memory maps, of which Linux gives a
process 65 530 in all and ends it, in the middle of a compilation, without an error."""

_EXECUTABLES: dict[Any, Any] = {}
_LOCKS: dict[Any, threading.Lock] = {}


def compiled(
    function: Any, *args: Any, static: tuple[Any, ...] = ()
) -> tuple[Any, float]:
    """Compiles a jitted function for these arguments ahead of time, once.

    Returns:
        The executable (call it without the static arguments) and the seconds that
        compiling took in this call, 0 where it was there already.
    """
    leaves, structure = jax.tree.flatten(args)
    shapes = tuple(
        (jnp.shape(leaf), jax.typeof(leaf).dtype, _spread(leaf)) for leaf in leaves
    )
    key = (function, structure, shapes, static)
    # Threads compile different programs side by side, and the same one once.
    with _LOCKS.setdefault(key, threading.Lock()):
        program, seconds = _EXECUTABLES.get(key), 0.0
        if program is None:
            if len(_EXECUTABLES) >= MOST_PROGRAMS:
                forget_programs()
            start = time.perf_counter()
            lowered = function.lower(*args, *static)
            program = lowered.compile(compiler_options())
            seconds = time.perf_counter() - start
            _EXECUTABLES[key] = program
    return program, seconds


def _spread(leaf: Any) -> Any:
    """How an array lies over several devices; a program is compiled for that."""
    sharding = getattr(leaf, "sharding", None)
    return sharding if sharding and len(sharding.device_set) > 1 else None


def forget_programs() -> None:
    """Drops every compiled program and trace, also those of other code in the process.

    JAX's own caches hold the programs too, so they are emptied; what runs goes on. With
    a persistent compilation cache nothing is compiled twice, only traced and loaded.
    ``fit`` calls it once :data:`MOST_PROGRAMS` are there.

    Example:
        >>> forget_programs()
    """
    _EXECUTABLES.clear()
    for key, lock in list(_LOCKS.items()):
        if not lock.locked():
            _LOCKS.pop(key, None)
    jax.clear_caches()
