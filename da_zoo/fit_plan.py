"""How a recipe will be run: steps by phase, the loop, and runs that share a program."""

import warnings
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from da_zoo.data.batches import gather_batch
from da_zoo.job import Job
from da_zoo.programs import Plan, initialise_function, plan_loop
from da_zoo.staging import Seeds, place
from da_zoo.sweep import group_width
from da_zoo.types import Batch, Key, Phase, Recipe, TrainState

__all__ = ["first_inputs", "phase_steps", "plan_runs", "shapes_of"]


def phase_steps(recipe: Recipe, steps: int) -> list[int]:
    """Shares ``steps`` out among the training phases, exactly and in order.

    Example:
        >>> from da_zoo import methods, network_by_name
        >>> recipe = methods.fine_tuning(network_by_name("mlp"), classes=2)
        >>> phase_steps(recipe, 1000)
        [600, 400]
    """
    shares = np.array([0.0 if p.steps is not None else p.share for p in recipe])
    ends = np.rint(np.cumsum(shares) / max(shares.sum(), 1e-12) * steps).astype(int)
    own = np.diff(ends, prepend=0)
    return [
        int(n if p.steps is None else p.steps) for p, n in zip(recipe, own, strict=True)
    ]


def shapes_of(phase: Phase, job: Job) -> tuple[TrainState, Batch]:
    """A phase's first state and batch, as shapes, of one seed: nothing is computed.

    By way of a jitted function, which remembers its traces from one fit to the next.
    """
    (key, streams), size = first_inputs(phase, job), job.batch_size
    state = initialise_function(False).eval_shape(
        phase.adapter.init, key, streams, size
    )
    index = jnp.zeros(size, jnp.int32)
    batch = jax.eval_shape(gather_batch, streams, dict.fromkeys(streams, index))
    return state, batch


def first_inputs(phase: Phase, job: Job) -> tuple[Key, dict[str, Any]]:
    """A key and streams as of one seed, for their shapes: inputs of one row alone."""
    width = job.key.shape[0] if job.key.ndim else 0
    one_row = {name: np.zeros(1, int) for name in phase.uses}
    streams = place(job.data, phase.uses, Seeds(width, 0 if width else None), one_row)
    return job.key[0] if width else job.key, streams


def plan_runs(
    recipe: Recipe,
    shapes: tuple[TrainState, Batch],
    job: Job,
    points: int,
    loop: str,
    seeds_mode: str,
    memory: int,
    threads: int,
    most_at_once: int | None,
    *,
    swept: bool,
) -> tuple[Plan, int]:
    """One plan for all phases, by the first one's step (they share the network).

    Args:
        recipe: its phases.
        shapes: state and batch of the first phase, of one run.
        job: data, keys and options.
        points: of the sweep.
        loop: which kind, or "auto".
        seeds_mode: how seeds share a program, or "auto".
        memory: bytes that runs trained together may take.
        threads: that each train a group.
        most_at_once: runs trained together at most, or None.
        swept: whether there is a leading axis at all.

    Returns:
        The plan, and how many runs share a program (0 where there is one without axis).

    Raises:
        ValueError: for an unknown loop or seeds mode.
    """
    state, batch = shapes
    width = job.key.shape[0] if job.key.ndim else 0
    update = recipe[0].adapter.update
    plan = plan_loop(update, state, batch, loop, seeds_mode)
    members = points * max(width, 1)
    if not swept and not width:
        return plan, 0
    if plan.seeds == "sequential":
        return plan, members  # one at a time: no batch to fit into memory
    each = min(-(-members // threads), most_at_once or members)
    if plan.seeds == "map":
        return plan, each
    fitting = group_width(members, update, state, batch, memory // threads)
    if fitting < each:
        warnings.warn(
            f"{each} runs at once would not fit into memory={memory} bytes: they are "
            f"trained in groups of {fitting}",
            stacklevel=3,
        )
    return plan, min(each, fitting)
