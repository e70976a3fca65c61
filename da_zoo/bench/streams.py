"""What a group trains on: the seeds' splits as streams, target labels kept out."""

from typing import Any

import numpy as np

from da_zoo.bench.plan import Cell
from da_zoo.data.arrays import ArrayData
from da_zoo.data.domains import domain_blocks
from da_zoo.data.splits import Split
from da_zoo.data.streams import Stream
from da_zoo.scenarios import ScenarioData, labelled_rows

__all__ = ["training_data"]

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
