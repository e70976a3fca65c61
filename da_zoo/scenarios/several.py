"""Several sources in one split: pooled rows, and which source each is from."""

import numpy as np

from da_zoo.data.splits import Split

__all__ = ["join_sources", "share"]


def share(parts: tuple[np.ndarray, ...], number: int, of: int) -> list[np.ndarray]:
    """Returns every ``of``-th row of each part.

    Sources that share out one source's rows have as many of them together as it has
    alone, and none twice.

    Example:
        >>> share((np.arange(5),), 1, 2)[0].tolist()
        [1, 3]
    """
    return [rows[number::of] for rows in parts]


def join_sources(sources: list[list[Split]]) -> list[Split]:
    """Joins the splits of several sources, part by part, one source after another.

    Args:
        sources: for each source its train, val and test split, of one pool each.

    Returns:
        Three splits of one pool, with domain ids; a single source stays as it is.

    Example:
        >>> one = [Split(np.zeros((2, 1)), np.arange(2), np.arange(2))] * 3
        >>> joined = join_sources([one, one])
        >>> joined[0].rows.tolist(), joined[0].domain.tolist()
        ([0, 1, 2, 3], [0, 0, 1, 1])
    """
    if len(sources) == 1:
        return sources[0]
    pools = [splits[0].pool for splits in sources]
    offsets = np.cumsum([0, *(len(pool) for pool in pools[:-1])])
    pool = np.concatenate(pools)
    joined = []
    for parts in zip(*sources, strict=True):
        sizes = [len(part.rows) for part in parts]
        rows = [p.rows + start for p, start in zip(parts, offsets, strict=True)]
        joined.append(
            Split(
                pool,
                np.concatenate(rows).astype(np.int32),
                np.concatenate([part.labels for part in parts]),
                np.repeat(np.arange(len(sizes)), sizes).astype(np.int32),
            )
        )
    return joined
