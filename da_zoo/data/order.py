"""The order in which a stream's rows are seen."""

import functools
import zlib

import numpy as np
from jaxtyping import Int

__all__ = ["order"]

KEPT_ORDER = 2**15
"""Row numbers of a chunk, at most, whose order is kept for the next who asks."""


def order(
    words: tuple[int, ...], name: str, count: int, start: int, stop: int, batch: int
) -> Int[np.ndarray, "steps b"]:
    """Returns the row numbers of steps ``start`` to ``stop`` of one stream.

    Rows come as permutations of all of them, one after another, so that every row is
    seen once per epoch and a stream shorter than a batch is simply repeated. The order
    is a function of the arguments alone: any step can be resumed at.

    Args:
        words: the seed, as integers (a key's data).
        name: of the stream; each has its own order.
        count: rows of the stream.
        start: first step.
        stop: past the last step.
        batch: rows per step.

    Example:
        >>> sorted(order((0,), "source", 4, 0, 2, 2).reshape(-1).tolist())
        [0, 1, 2, 3]
    """
    if (stop - start) * batch > KEPT_ORDER:
        return _order(words, name, count, start, stop, batch)
    return _kept_order(words, name, count, start, stop, batch)


def _order(
    words: tuple[int, ...], name: str, count: int, start: int, stop: int, batch: int
) -> Int[np.ndarray, "steps b"]:
    first, last = start * batch, stop * batch
    epochs = range(first // count, (last - 1) // count + 1 if last > first else 0)
    tag = zlib.crc32(name.encode())
    permutations = [
        np.random.default_rng([*words, tag, epoch]).permutation(count)
        for epoch in epochs
    ]
    if not permutations:
        return np.zeros((0, batch), np.int32)
    flat = np.concatenate(permutations).astype(np.int32)
    offset = first - epochs[0] * count
    drawn = flat[offset : offset + last - first].reshape(-1, batch).copy()
    drawn.flags.writeable = False
    return drawn


# Every method of a benchmark trains on the same order, and a few labelled rows are
# permuted hundreds of times per chunk.
_kept_order = functools.lru_cache(maxsize=512)(_order)
