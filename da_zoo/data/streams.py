"""A stream of training rows: a pool stored once, and per seed which rows to read."""

from typing import Any, NamedTuple

import jax
import numpy as np
from jaxtyping import PyTree

from da_zoo.data.checks import check_inputs, check_labels
from da_zoo.data.random_access import joined_pools

__all__ = ["Stream", "make_stream", "pool_streams"]


class Stream(NamedTuple):
    """One stream of training rows, for a group of seeds.

    The pool is shared; only indices carry the seed axis ``s``. Rows past a seed's
    ``count`` are padding that the sampler never draws.
    """

    pool: PyTree
    """Inputs [m, ...]: float32, or uint8 pixels, which batches get scaled to [0, 1], or
    int32 ids (of tokens, say), which stay. An array, or rows that are read on demand:
    see :mod:`da_zoo.data.random_access`."""
    rows: np.ndarray
    """int32 [s, n]: which rows of the pool."""
    labels: np.ndarray | None
    """int32 [s, n], or float32 [s, n, k] for continuous targets, or None: an
    unlabelled stream HAS no labels."""
    count: np.ndarray  # type: ignore[assignment]
    """int64 [s]: how many rows each seed has."""
    weight: np.ndarray | None = None
    """float32 [s, n], or None where every row counts one."""
    domain: np.ndarray | None = None
    """int32 [s, n], or None where there is one domain."""
    blocks: np.ndarray | None = None
    """int64 [s, d]: rows of each of several domains, which lie one after another and
    get equal shares of a batch; None draws from all rows alike."""


def make_stream(x: Any, y: Any = None, *, name: str = "source") -> Stream:
    """Builds the stream of one data set, for one seed.

    Args:
        x: inputs [n, ...], or a dict of such ({"tokens": ..., "segments": ...}, for
            networks that take one), or rows that are read on demand.
        y: integer labels [n], continuous targets (floats) [n, k], or None.
        name: how errors call it.

    Raises:
        TypeError: for non-numeric inputs, or labels that are neither integers [n] nor
            floats [n, k].
        ValueError: for NaN, empty inputs, or shapes that do not fit.

    Example:
        >>> make_stream([[1.0], [2.0]], [0, 1]).count
        array([2])
    """
    pool = check_inputs(f"{name} inputs", x)
    count = len(jax.tree.leaves(pool)[0])
    labels = None if y is None else check_labels(f"{name} labels", y, count)
    return Stream(
        pool,
        np.arange(count, dtype=np.int32)[None],
        None if labels is None else labels[None],
        np.array([count]),
    )


def _kind(rows: Any) -> str:
    return f"{rows.shape[1:]} of {rows.dtype}"


def pool_streams(streams: list[Stream], *, balanced: bool) -> Stream:
    """Joins streams of one seed into one, whose ``domain`` numbers them.

    Args:
        streams: one per domain, of rows of equal shape and type.
        balanced: draw equal shares of each batch from every domain, rather than rows
            of the whole at random.

    Raises:
        ValueError: if shapes or types differ, or there is no stream.
    """
    if not streams:
        raise ValueError("source is an empty list; give at least one pair (x, y)")
    kinds = [jax.tree.map(_kind, stream.pool) for stream in streams]
    if any(kind != kinds[0] for kind in kinds):
        told = ", ".join(map(str, kinds))
        raise ValueError(
            f"all sources must have rows of one shape and type, got {told}"
        )
    sizes = [int(stream.count[0]) for stream in streams]
    domain = np.repeat(np.arange(len(sizes)), sizes).astype(np.int32)
    total = sum(sizes)
    first = streams[0]
    return first._replace(
        pool=jax.tree.map(lambda *rows: joined_pools(rows), *(s.pool for s in streams)),
        rows=np.arange(total, dtype=np.int32)[None],
        labels=np.concatenate([s.labels for s in streams if s.labels is not None], 1),
        count=np.array([total]),
        domain=domain[None],
        blocks=np.array([sizes]) if balanced else None,
    )
