"""``StepSource``: the batch of any step, in the order of ``fit``, as NumPy arrays."""

import copy
import hashlib
import threading
from collections.abc import Callable, Sequence
from typing import Any

import jax
import numpy as np
from jaxtyping import Int

from da_zoo.data.arrays import ArrayData
from da_zoo.data.domains import stream_order
from da_zoo.data.random_access import fill_rows, row_bytes
from da_zoo.data.streams import Stream
from da_zoo.types import Examples

__all__ = ["StepSource"]

ORDER_STEPS = 256
"""Steps whose order is drawn at once: a permutation costs far more than a batch."""
KEPT_BLOCKS = 4
"""Blocks of that many steps that are remembered, over all streams."""


class StepSource:
    """Batches by their step's number; it can be pickled and read by several threads.

    Args:
        data: the streams, of one seed.
        words: the order's seed, as integers (a key's data).
        batch_size: rows per stream and step, over all hosts.
        uses: names of the streams to read; None reads all.
        shard: ``(index, count)``: of every batch, the ``index``-th of ``count`` equal
            parts.

    Raises:
        ValueError: for several seeds, unknown streams, or a batch that does not divide.

    Example:
        >>> data = ArrayData(target=np.arange(8.0).reshape(4, 2))
        >>> source = StepSource(data, (0, 0), 2)
        >>> sorted(np.concatenate([source[i]["target"].index for i in (0, 1)]).tolist())
        [0, 1, 2, 3]
    """

    def __init__(
        self,
        data: ArrayData,
        words: tuple[int, ...],
        batch_size: int,
        *,
        uses: Sequence[str] | None = None,
        shard: tuple[int, int] = (0, 1),
    ) -> None:
        there = data.streams()
        names = list(there) if uses is None else list(uses)
        if not names or set(names) - set(there):
            raise ValueError(
                f"uses must name streams of the data, {list(there)}, got {names}"
            )
        self.streams: dict[str, Stream] = {name: there[name] for name in names}
        for name, stream in self.streams.items():
            if len(stream.rows) != 1:
                raise ValueError(
                    f"{name} holds {len(stream.rows)} seeds' rows; batches are read "
                    "for one: select_seeds(data, np.array([seed]))"
                )
        index, count = shard
        if not 0 <= index < count or batch_size < 1 or batch_size % count:
            raise ValueError(
                "batch_size must be a multiple of the shards, and shard (index, count) "
                f"with 0 <= index < count; got batch_size={batch_size}, shard={shard}"
            )
        part = batch_size // count
        self.words, self.batch_size, self.shard = words, batch_size, shard
        self._part = slice(index * part, (index + 1) * part)
        self._orders: dict[tuple[str, int], np.ndarray] = {}
        self._lock = threading.Lock()

    def __getstate__(self) -> dict[str, Any]:
        kept = {k: v for k, v in self.__dict__.items() if k != "_lock"}
        return kept | {"_orders": {}}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state, _lock=threading.Lock())

    def __len__(self) -> int:
        return 2**62  # training may go on for ever

    def __repr__(self) -> str:
        return f"StepSource({sorted(self.streams)}, {self.batch_size}, {self.shard})"

    def __getitem__(self, step: int) -> dict[str, Examples]:
        """Returns the rows of one step: pixels still uint8, see ``as_inputs``."""
        return {
            name: _examples(stream, self._order(name, int(step)))
            for name, stream in self.streams.items()
        }

    def moved(self, move: Callable[[Any], Any]) -> "StepSource":
        """Returns it with its pools exchanged, for another process say."""
        own = copy.copy(self)
        own.streams = {
            name: stream._replace(pool=jax.tree.map(move, stream.pool))
            for name, stream in self.streams.items()
        }
        return own

    @property
    def step_bytes(self) -> int:
        """Size of a step's inputs."""
        pools = [stream.pool for stream in self.streams.values()]
        rows = self._part.stop - self._part.start
        return rows * sum(row_bytes(leaf) for leaf in jax.tree.leaves(pools))

    @property
    def mark(self) -> str:
        """What the order depends on: equal marks mean that equal rows are drawn."""
        parts = [
            (name, stream.count.tolist(), _told(stream.blocks))
            for name, stream in sorted(self.streams.items())
        ]
        told = repr((self.words, parts, self.batch_size, self.shard))
        return hashlib.sha256(told.encode()).hexdigest()[:16]

    def _order(self, name: str, step: int) -> Int[np.ndarray, " b"]:
        block = step // ORDER_STEPS
        with self._lock:
            drawn = self._orders.get((name, block))
            if drawn is None:
                while len(self._orders) >= max(KEPT_BLOCKS, 2 * len(self.streams)):
                    self._orders.pop(next(iter(self._orders)))
                stream = self.streams[name]
                own = stream.blocks
                blocks = None if own is None else tuple(map(int, own[0]))
                first = block * ORDER_STEPS
                steps = (first, first + ORDER_STEPS, self.batch_size)
                count = int(stream.count[0])
                drawn = stream_order(self.words, name, count, blocks, *steps)
                self._orders[name, block] = drawn
        return drawn[step % ORDER_STEPS][self._part]


def _told(blocks: np.ndarray | None) -> Any:
    return None if blocks is None else blocks.tolist()


def _examples(stream: Stream, index: Int[np.ndarray, " b"]) -> Examples:
    """What ``gather`` does inside a program, outside of one."""
    # Ascending and without repeats, as a pool is asked.
    found, place = np.unique(stream.rows[0][index], return_inverse=True)

    def read(leaf: Any) -> np.ndarray:
        out = np.empty((len(found), *leaf.shape[1:]), leaf.dtype)
        fill_rows(out, leaf, found)
        return out[place]

    def chosen(values: np.ndarray | None) -> Any:
        return None if values is None else values[0][index]

    zeros: Any = np.zeros(len(index), np.int32)
    unlabelled = stream.labels is None
    labelled: Any = np.full(len(index), not unlabelled)
    numbers: Any = index.astype(np.int32)
    return Examples(
        x=jax.tree.map(read, stream.pool),
        y=zeros if unlabelled else chosen(stream.labels),
        labelled=labelled,
        index=numbers,
        domain=zeros if stream.domain is None else chosen(stream.domain),
        weight=chosen(stream.weight),
    )
