"""Several domains in one stream: which rows are whose, drawn in equal shares."""

import numpy as np
from jaxtyping import Int

from da_zoo.data.order import order

__all__ = ["balanced_order", "domain_blocks", "stream_order"]


def domain_blocks(
    domain: Int[np.ndarray, "s n"], count: Int[np.ndarray, " s"], domains: int
) -> Int[np.ndarray, "s d"]:
    """Counts each domain's rows; they must lie one domain after another.

    Args:
        domain: ids by seed, 0..domains-1; entries past a seed's count are padding.
        count: rows of each seed.
        domains: how many.

    Raises:
        ValueError: if the ids are not ascending, or a domain has no rows.

    Example:
        >>> domain_blocks(np.array([[0, 0, 1]]), np.array([3]), 2)
        array([[2, 1]])
    """
    own = [ids[:rows] for ids, rows in zip(domain, count, strict=True)]
    if any((np.diff(ids) < 0).any() for ids in own):
        raise ValueError("domain ids must be ascending; sort the rows by domain")
    blocks = np.stack([np.bincount(ids, minlength=domains) for ids in own])
    if not blocks.all():
        absent = int(np.argmin(blocks.min(axis=0)))
        raise ValueError(f"domain {absent} of 0..{domains - 1} has no rows")
    return blocks


def balanced_order(
    words: tuple[int, ...],
    name: str,
    blocks: tuple[int, ...],
    start: int,
    stop: int,
    batch: int,
) -> Int[np.ndarray, "steps b"]:
    """Returns row numbers as ``order`` does, with equal shares of every domain.

    Each domain goes through permutations of its own; what does not divide evenly goes
    to the first domains.

    Args:
        words: the seed, as integers (a key's data).
        name: of the stream.
        blocks: rows of each domain; they lie one domain after another.
        start: first step.
        stop: past the last step.
        batch: rows per step, at least one for each domain.

    Raises:
        ValueError: if the batch is smaller than the number of domains.

    Example:
        >>> balanced_order((0,), "source", (5, 1), 0, 2, 2)[:, 1].tolist()
        [5, 5]
    """
    domains = len(blocks)
    if batch < domains:
        raise ValueError(
            f"batch_size={batch} is under the number of sources, {domains}; raise it, "
            "or pass balanced=False to draw from all of them at random"
        )
    parts, offset = [], 0
    for number, count in enumerate(blocks):
        share = batch // domains + (number < batch % domains)
        own = order(words, f"{name}/{number}", count, start, stop, share)
        parts.append(offset + own)
        offset += count
    return np.concatenate(parts, axis=1)


def stream_order(
    words: tuple[int, ...],
    name: str,
    count: int,
    blocks: tuple[int, ...] | None,
    start: int,
    stop: int,
    batch: int,
) -> Int[np.ndarray, "steps b"]:
    """Returns the row numbers of a stream's steps: balanced where it has ``blocks``.

    Args:
        words: the seed, as integers (a key's data).
        name: of the stream.
        count: its rows.
        blocks: rows of each domain, or None.
        start: first step.
        stop: past the last step.
        batch: rows per step.

    Example:
        >>> stream_order((0,), "source", 6, (5, 1), 0, 2, 2)[:, 1].tolist()
        [5, 5]
    """
    if blocks is None:
        return order(words, name, count, start, stop, batch)
    return balanced_order(words, name, blocks, start, stop, batch)
