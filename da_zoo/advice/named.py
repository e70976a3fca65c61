"""Sides by name: what scenarios are made of, such as ``digits8:over07``."""

from pathlib import Path
from typing import NamedTuple

import numpy as np

from da_zoo.advice.rows import Rows, from_arrays
from da_zoo.data.splits import Split
from da_zoo.naming import nearest
from da_zoo.scenarios import Domain, Scenario, Side, Task, build
from da_zoo.scenarios.build import FILE_POOLS
from da_zoo.scenarios.maps import LABEL_MAPS, SELECTIONS
from da_zoo.scenarios.regression import REGRESSION_POOLS, WINE_POOLS
from da_zoo.scenarios.suite import POOL_MAPS

__all__ = ["NamedPair", "named_pair"]

TASKS = {
    "breast_cancer": ("benign",),
    "diabetes": ("progression",),
    **dict.fromkeys(WINE_POOLS, ("quality",)),
}
"""Tasks of a pool, its default first; the other pools hold digits."""
DIGIT_TASKS = ("digit", "parity", "loops", "at_least_5")
FAMILIES = (
    ("digits8",),
    ("breast_cancer",),
    REGRESSION_POOLS,
    tuple(pool for pool in FILE_POOLS if pool not in WINE_POOLS),
)
"""Pools that are built by one rule, and can stand on two sides."""


class NamedPair(NamedTuple):
    """Two named sides: their rows, and what their definitions say."""

    source: Rows
    target: Rows
    same_task: bool
    label_sets: str


def named_pair(
    source: str, target: str, *, seed: int, data_dir: str | Path | None
) -> NamedPair:
    """Builds two named sides, of which no training row is in both.

    Args:
        source: a pool, and after colons, in any order, its input map, task and
            selection where they are not the default: ``digits8:over07:parity``.
        target: likewise.
        seed: of the split.
        data_dir: folder of the pools that are read from files.

    Raises:
        ValueError: for unknown names, pools that no scenario brings together, or files
            that are missing.

    Example:
        >>> pair = named_pair("digits8", "digits8:parity", seed=0, data_dir=None)
        >>> pair.source.x.shape, pair.same_task
        ((560, 8, 8, 3), False)
    """
    first, second = _side(source), _side(target)
    pools = [side.domain.pool for side in (first, second)]
    if not any(set(pools) <= set(family) for family in FAMILIES):
        raise ValueError(
            f"{pools[0]} and {pools[1]} are built by different rules; give two pools "
            f"of one group: {'; '.join(', '.join(f) for f in FAMILIES)}"
        )
    scenario = Scenario(f"{source} to {target}", first, second)
    data = build(scenario, seed=seed, data_dir=data_dir)
    return NamedPair(
        _rows(source, data.source_train),
        _rows(target, data.target_train),
        scenario.same_task,
        scenario.label_sets,
    )


def _side(name: str) -> Side:
    pool, *words = name.split(":")
    if pool not in POOL_MAPS:
        raise ValueError(
            f"{name!r} is neither a .npz or .csv file nor a known data set; "
            f"{nearest(pool, POOL_MAPS)}"
        )
    maps = list(POOL_MAPS[pool])
    tasks = TASKS.get(pool, DIGIT_TASKS)
    chosen = {"map": maps[0], "task": tasks[0], "selection": "all"}
    kinds = {"map": maps, "task": list(tasks), "selection": list(SELECTIONS)}
    for word in words:
        kind = next((k for k, known in kinds.items() if word in known), None)
        if kind is None:
            known = [w for group in kinds.values() for w in group]
            raise ValueError(
                f"unknown part {word!r} of {name!r}; {nearest(word, known)}"
            )
        chosen[kind] = word
    return Side(
        Domain(pool, chosen["selection"], chosen["map"]),
        Task(LABEL_MAPS[chosen["task"]].label_space, chosen["task"]),
    )


def _rows(name: str, split: Split) -> Rows:
    continuous = split.labels.dtype.kind == "f"
    return from_arrays(name, split.x, np.asarray(split.labels), regression=continuous)
