"""``fit``: trains a recipe, a sweep's points and seeds together, in the right loop."""

import threading
import time
from collections.abc import Callable
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
from jax.sharding import Mesh

from da_zoo.checkpoint.identity import identity
from da_zoo.checkpoint.keeper import Keeper
from da_zoo.checkpoint.ownership import refuse_others, refused_everywhere
from da_zoo.checkpoint.program_marks import program_marks
from da_zoo.checkpoint.scoring import Scorer
from da_zoo.checkpoint.settings import (
    Checkpointing,
    check_checkpointing,
    claim_everywhere,
)
from da_zoo.compose import is_refreshing
from da_zoo.data.arrays import ArrayData, in_memory, on_demand
from da_zoo.distributed import telling_losses
from da_zoo.feed import Seeds, resolve_pools
from da_zoo.fit_plan import phase_steps, plan_runs, shapes_of
from da_zoo.fit_result import FitResult
from da_zoo.groups import deal_out, joined, stacked
from da_zoo.phases import (
    Job,
    NonFiniteLossError,
    OnMetrics,
    OnState,
    Trained,
    run_phases,
)
from da_zoo.progress import training_bar
from da_zoo.requirements import check_fit
from da_zoo.sharding import Layout, check_mesh, sharded_update
from da_zoo.skipping import skipping_update
from da_zoo.stopping import refuse_to_go_on, stop_on_signals
from da_zoo.sweep import (
    GROUP_MEMORY,
    SweepLike,
    resolve_sweep,
)
from da_zoo.threads import one_at_a_time, side_by_side, worker_count
from da_zoo.types import Key, Phase, Recipe

__all__ = ["FitResult", "NonFiniteLossError", "fit", "phase_steps"]


def fit(
    recipe: Recipe,
    data: ArrayData,
    key: Key,
    *,
    steps: int,
    batch_size: int = 64,
    seeds: int = 1,
    sweep: SweepLike | None = None,
    loop: str = "auto",
    seeds_mode: str = "auto",
    memory: int = GROUP_MEMORY,
    pools: str = "auto",
    workers: int | None = None,
    most_at_once: int | None = None,
    on_nonfinite: str = "raise",
    on_metrics: OnMetrics | None = None,
    on_state: OnState | None = None,
    checkpoint: Checkpointing | None = None,
    mesh: Mesh | None = None,
    shard_parameters: bool = False,
    progress: bool = False,
    name: str = "recipe",
) -> FitResult:
    """Trains a recipe.

    Args:
        recipe: the phases of a method, from its factory.
        data: the streams; a phase gets those it uses and no others.
        key: a key, or an array of keys: one per seed, trained together.
        steps: training steps, shared out among the phases.
        batch_size: rows per stream and step.
        seeds: how many seeds to derive from a single ``key``; 1 adds no seed axis.
        sweep: ``{name: values}`` trains every combination of these hyper-parameters
            (one result axis each), a list of ``{name: value}`` these points (one axis,
            "point"); all times the seeds, in one compiled program. A seed has the
            same initial weights and batches at every point.
        loop: "scan", "unroll", "python" or "auto" (by backend and network).
        seeds_mode: "vmap", "map", "sequential" or "auto".
        memory: bytes that runs trained together may take, by an upper estimate; more
            runs than fit are trained in groups of equal width, one after another,
            which a warning says.
        pools: where inputs lie: on the "device"; on the "host" (an array, a memory map
            or rows on disk), from which each chunk's rows are sent while the one before
            trains; or "auto", the host only for rows on disk, and where the device has
            no room (never for a method that goes through all rows at once).
        workers: threads, each training a group of the runs. XLA keeps one core of a
            CPU busy with a batch of small networks, so None means one per core there
            (and 1 elsewhere). Their number sets how many runs share a program, which
            rounding depends on: name one for equal digits on every machine.
        most_at_once: runs trained together at most; None leaves it to ``memory``.
        on_nonfinite: "raise" stops at the first NaN; "mark" carries on and reports the
            run in ``FitResult.finite``; "skip" leaves out steps that would bring one in
            and counts them in the metric "skipped".
        on_metrics: called once per chunk with phase, steps done, steps of the phase,
            and the chunk's metrics; from one thread at a time.
        on_state: called once per chunk with the phase, its steps done, the state
            [runs, ...] and the runs' numbers (in the order of the flattened axes), from
            one thread at a time. It must not keep the state: the next step reuses its
            buffers.
        checkpoint: where and how often to keep the state on disk. The same call again,
            after whatever ended this one, goes on from the newest good checkpoint and
            ends with the same bits; callbacks see only what is left. SIGTERM and the
            first SIGINT end in a checkpoint.
        mesh: devices to split every batch over, see :func:`da_zoo.make_mesh`; of
            several hosts each process calls ``fit`` with the same arguments, see
            :mod:`da_zoo.distributed`. Seeds are then trained one after another.
        shard_parameters: split large parameters and optimiser states over the mesh too,
            for networks that one device cannot hold.
        progress: draw a bar on stderr.
        name: how errors and the bar call the method.

    Returns:
        The last state with everything the runner and reports need.

    Raises:
        ValueError: for data that a phase needs and lacks, or numbers out of range.
        NonFiniteLossError: for a non-finite metric, with step and last finite values.
        TrainingStoppedError: after SIGTERM or SIGINT, where there is a ``checkpoint``.

    Example:
        >>> import numpy as np
        >>> from da_zoo import methods, network_by_name
        >>> x, y = np.random.default_rng(0).normal(size=(32, 4)), np.arange(32) % 2
        >>> recipe = methods.source_only(network_by_name("mlp"), classes=2)
        >>> result = fit(
        ...     recipe,
        ...     ArrayData((x, y)),
        ...     jax.random.key(0),
        ...     steps=5,
        ...     seeds=2,
        ...     sweep={"learning_rate": [0.1, 0.01, 0.001]},
        ... )
        >>> result.axes
        {'learning_rate': (0.1, 0.01, 0.001), 'seed': (0, 1)}
        >>> result.history["source/task_loss"].shape
        (3, 2, 5)
    """
    if not isinstance(recipe, tuple) or not all(isinstance(p, Phase) for p in recipe):
        raise TypeError(
            "recipe must be a tuple of phases, as da_zoo.methods' functions return it; "
            f"got {type(recipe).__name__}"
        )
    if not isinstance(key, jax.Array):
        raise TypeError(
            f"key must come from jax.random.key(seed), got {type(key).__name__}"
        )
    check_fit(recipe, data, steps, batch_size, seeds, memory, on_nonfinite)
    # NumPy's integers too, of which a checkpoint's description could not be written.
    steps, batch_size, seeds = int(steps), int(batch_size), int(seeds)
    if checkpoint is not None:
        checkpoint = check_checkpointing(checkpoint)
    layout = None
    if mesh is not None:
        layout = Layout(check_mesh(mesh, batch_size, seeds_mode), shard_parameters)
        seeds_mode, workers = "sequential", 1
    elif shard_parameters:
        raise ValueError("shard_parameters needs a mesh: mesh=da_zoo.make_mesh()")
    adapter = recipe[-1].adapter
    if on_nonfinite == "skip":
        recipe = _with_updates(recipe, skipping_update)
    if most_at_once is not None and most_at_once < 1:
        raise ValueError(f"most_at_once must be at least 1, got {most_at_once}")
    points = resolve_sweep(recipe, sweep)
    if seeds > 1:
        key = jax.vmap(lambda s: jax.random.fold_in(key, s))(jnp.arange(seeds))
    axes = dict(points.axes)
    if key.ndim:
        axes["seed"] = tuple(range(key.shape[0]))
    refreshes = any(is_refreshing(phase.adapter) for phase in recipe)
    where = resolve_pools(pools, data)
    if refreshes and pools == "auto" and not on_demand(data):
        where = "device"
    if refreshes and where == "host":
        raise ValueError(
            f"{name} goes through all rows at once, so they must lie on the device: "
            'pools="device", which reads rows that are on disk into memory'
        )
    if where == "device" and on_demand(data):
        data = in_memory(data)
    job = Job(data, key, batch_size, on_nonfinite, on_metrics, name)
    job = job._replace(on_state=one_at_a_time(on_state), pools=where, layout=layout)
    lengths = phase_steps(recipe, steps)
    threads = worker_count(workers)
    # All phases: what is wrong with a later one is said before the first has trained.
    shapes = [shapes_of(phase, job) for phase in recipe]
    plan, width = plan_runs(
        recipe,
        shapes[0],
        job,
        len(points.points),
        loop,
        seeds_mode,
        memory,
        threads,
        most_at_once,
        swept=bool(axes),
    )
    groups = deal_out(recipe, job, points.points, width) if axes else [(recipe, job)]
    one_by_one = bool(axes) and plan.seeds == "sequential"
    units = [
        (members, own, number)
        for members, own in groups
        for number in (range(width) if one_by_one else [None])
    ]
    identities: list[dict[str, Any]] = []
    if checkpoint is not None:
        programs = program_marks(recipe, shapes, job)  # the same for every group
        # Of all groups: none is to train where another one's checkpoints are refused.
        identities = [
            identity(
                members,
                programs,
                lengths,
                own,
                loop="+".join(plan) if Seeds(width, number).grouped else plan.loop,
                width=width,
                number=number,
                every=checkpoint.every,
            )
            for members, own, number in units
        ]
        folder = Path(checkpoint.folder)
        claim_everywhere(folder)
        refused_everywhere(lambda: refuse_others(folder, identities))
    began = time.perf_counter()
    total = sum(lengths) * len(units)
    with (
        training_bar(name, total, on_metrics) if progress else nullcontext() as tell,
        telling_losses(name, checkpoint and checkpoint.folder),
    ):
        told = one_at_a_time(tell or on_metrics)
        ended = threading.Event()

        def train(numbered: tuple[int, tuple[Recipe, Job, int | None]]) -> Trained:
            unit, (members, own, number) = numbered
            own = own._replace(on_metrics=told, ended=ended)
            if checkpoint is not None:
                # The scorer first: it may refuse, and a keeper holds threads.
                if checkpoint.keep_best:
                    own = own._replace(scorer=Scorer(checkpoint.keep_best, own.data))
                mark, kind = identities[unit], jax.random.key_impl(key)
                keeper = Keeper(checkpoint, unit, mark, kind, layout)
                own = own._replace(keeper=keeper, stop=stop)
            if layout is not None:
                members = _with_updates(members, partial(sharded_update, layout=layout))
            with own.keeper or nullcontext():
                return run_phases(members, lengths, own, plan, Seeds(width, number))

        with stop_on_signals(checkpoint is not None) as stop:
            trained = side_by_side(train, list(enumerate(units)), threads, ended)
        # A signal may have come while the last checkpoint was written. Looked at when
        # signals are given back, so that none comes between.
        if checkpoint is not None:
            refuse_to_go_on(stop, name, checkpoint.folder)
    if one_by_one:
        trained = [stacked(trained)]
    whole = joined(trained, tuple(map(len, axes.values()))) if axes else trained[0]
    wall = time.perf_counter() - began
    return FitResult(
        whole.state,
        adapter,
        whole.history,
        whole.finite,
        whole.compile_seconds,
        max(0.0, wall - whole.compile_seconds),
        plan,
        whole.failures,
        axes,
        1 if one_by_one else width,
        whole.best,
    )


def _with_updates(recipe: Recipe, wrap: Callable[[Any], Any]) -> Recipe:
    """Exchanges the updates of all phases."""
    return tuple(
        phase._replace(
            adapter=phase.adapter._replace(update=wrap(phase.adapter.update))
        )
        for phase in recipe
    )
