"""Runs of a sweep in groups of one program each, and their results as one again."""

import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from da_zoo.data.arrays import select_seeds
from da_zoo.phases import Job, Trained
from da_zoo.sweep import with_members
from da_zoo.types import Recipe

__all__ = ["deal_out", "joined", "stacked"]


def deal_out(
    recipe: Recipe, job: Job, points: list[dict[str, float]], width: int
) -> list[tuple[Recipe, Job]]:
    """Deals points times seeds out into groups of one program each.

    Args:
        recipe: of the method; each group's has the hyper-parameters of its runs.
        job: data and keys of all seeds; each group's has its own runs'.
        points: of the sweep.
        width: runs per group; repeats fill the last one up.
    """
    keys = jnp.atleast_1d(job.key)
    seeds = keys.shape[0]
    members = len(points) * seeds
    groups = []
    for start in range(0, members, width):
        chosen = np.minimum(np.arange(start, start + width), members - 1)
        seed = chosen % seeds
        own = with_members(recipe, [points[i] for i in chosen // seeds])
        data = select_seeds(job.data, seed)
        # Repeats that fill the last group up are shown as the run they repeat.
        groups.append((own, job._replace(data=data, key=keys[seed], members=chosen)))
    return groups


def joined(groups: list[Trained], axes: tuple[int, ...]) -> Trained:
    """Joins groups, drops what filled the last one up, and names no axis twice."""
    members = math.prod(axes)

    def shape(*parts: Any) -> Any:
        joined = (jnp if isinstance(parts[0], jax.Array) else np).concatenate(parts)
        return joined[:members].reshape(*axes, *joined.shape[1:])

    return Trained(
        jax.tree.map(shape, *(group.state for group in groups)),
        {k: shape(*(group.history[k] for group in groups)) for k in groups[0].history},
        shape(*(group.finite for group in groups)),
        tuple(failure for group in groups for failure in group.failures),
        sum(group.compile_seconds for group in groups),
        sum(group.fit_seconds for group in groups),
        _of_all(groups, shape),
    )


def _of_all(groups: list[Trained], join: Any) -> Any:
    """Joins the best states, where every group has one."""
    best = [group.best for group in groups]
    return None if any(one is None for one in best) else jax.tree.map(join, *best)


def stacked(runs: list[Trained]) -> Trained:
    """Joins seeds that were trained one after another."""
    first = runs[0]
    return Trained(
        jax.tree.map(lambda *leaves: jnp.stack(leaves), *(run.state for run in runs)),
        {k: np.stack([run.history[k] for run in runs]) for k in first.history},
        np.stack([run.finite for run in runs]),
        tuple(failure for run in runs for failure in run.failures),
        sum(run.compile_seconds for run in runs),
        sum(run.fit_seconds for run in runs),
        _of_all(runs, lambda *leaves: jnp.stack(leaves)),
    )
