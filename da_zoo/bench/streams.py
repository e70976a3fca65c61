"""What a group trains on: the seeds' splits as streams, target labels kept out."""

from typing import Any

import numpy as np

from da_zoo.bench.plan import Cell
from da_zoo.data.arrays import ArrayData
from da_zoo.data.domains import domain_blocks
from da_zoo.data.splits import Split
from da_zoo.data.streams import Stream
from da_zoo.scenarios import ScenarioData, labelled_rows

__all__ = ["same_width", "training_data"]

LABELLED_MULTIPLE = 64
"""Labelled rows are padded to it, so that shares that differ by a few rows have one
compiled program."""


def _stream(
    splits: list[Split], positions: list[Any], labelled: bool, multiple: int = 1
) -> Stream:
    """Joins the seeds' rows, padded; a pool that they share is stored once."""
    shared = all(split.pool is splits[0].pool for split in splits)
    pools = [split.pool for split in splits]
    offsets = np.cumsum([0, *(len(pool) for pool in pools)])
    count = np.array([len(p) for p in positions])
    room = -(-count.max() // multiple) * multiple
    rows = np.zeros((len(splits), room), np.int32)
    values = splits[0].labels
    labels = np.zeros((*rows.shape, *values.shape[1:]), values.dtype)
    for i, (split, chosen) in enumerate(zip(splits, positions, strict=True)):
        rows[i, : count[i]] = split.rows[chosen] + (0 if shared else offsets[i])
        labels[i, : count[i]] = split.labels[chosen]
    pool = pools[0] if shared else np.concatenate(pools)
    stream = Stream(pool, rows, labels if labelled else None, count)
    if all(split.domain is None for split in splits):
        return stream
    domain = np.zeros(rows.shape, np.int32)
    for i, (split, chosen) in enumerate(zip(splits, positions, strict=True)):
        if split.domain is not None:
            domain[i, : count[i]] = split.domain[chosen]
    blocks = domain_blocks(domain, count, int(domain.max()) + 1)
    return stream._replace(domain=domain, blocks=blocks)


def same_width(data: dict[int, ScenarioData]) -> dict[int, ScenarioData]:
    """Gives all seeds' rows as many columns, for they are trained together.

    An encoder knows the categories of a source's training rows, which differ with the
    seed; what a seed lacks are columns of zeros at the end.

    Args:
        data: by seed.

    Example:
        >>> same_width({})
        {}
    """
    widths = [d.source_train.pool.shape[1:] for d in data.values()]
    if len(set(widths)) < 2 or any(len(width) != 1 for width in widths):
        return data
    most = max(width[0] for width in widths)
    return {seed: _widened(one, most) for seed, one in data.items()}


def _widened(data: ScenarioData, width: int) -> ScenarioData:
    pools: dict[int, np.ndarray] = {}

    def wide(split: Split) -> Split:
        pool = split.pool
        if id(pool) not in pools:
            room = ((0, 0), (0, width - pool.shape[1]))
            pools[id(pool)] = np.pad(pool, room)
        return split._replace(pool=pools[id(pool)])

    return data._replace(
        source_train=wide(data.source_train),
        source_val=wide(data.source_val),
        source_test=wide(data.source_test),
        target_train=wide(data.target_train),
        target_val=wide(data.target_val),
        target_test=wide(data.target_test),
    )


def training_data(
    cell: Cell, data: list[ScenarioData]
) -> tuple[ArrayData, list[int] | None]:
    """Hands a method its information set and nothing else."""
    source = [d.source_train for d in data]
    target = [d.target_train for d in data]
    everything = [np.arange(len(split.rows)) for split in target]
    few, counts = None, None
    if cell.label_fraction is not None:
        chosen = [
            labelled_rows(split.labels, cell.label_fraction, seed=seed)
            for split, seed in zip(target, cell.seeds, strict=True)
        ]
        few = _stream(target, chosen, labelled=True, multiple=LABELLED_MULTIPLE)
        counts = [len(rows) for rows in chosen]
    whole = [np.arange(len(split.rows)) for split in source]
    streams = ArrayData(
        _stream(source, whole, labelled=True),
        _stream(target, everything, labelled=False),
        few,
    )
    return streams, counts
