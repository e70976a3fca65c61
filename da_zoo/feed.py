"""What a phase's programs are handed: its streams, and row numbers chunk by chunk.

Pools lie on the device, whole, and batches are gathered inside the program. Where they
do not fit, or lie on disk, a chunk's own rows are read and sent ahead of it, while the
chunk before trains.
"""

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from da_zoo.data.arrays import ArrayData, on_demand
from da_zoo.data.domains import stream_order
from da_zoo.data.random_access import row_bytes
from da_zoo.naming import choose
from da_zoo.programs import UNROLLED
from da_zoo.sharding import Layout, replicated
from da_zoo.staging import Seeds, place
from da_zoo.types import Key

__all__ = [
    "CHUNK",
    "CHUNK_BYTES",
    "POOLS",
    "Feed",
    "Seeds",
    "place",
    "resolve_pools",
]

CHUNK = 200
"""Steps per dispatch: this often metrics leave the device and a progress bar moves."""
CHUNK_BYTES = 128 * 2**20
"""Inputs of a chunk, at most, that are sent from the host: its steps are fewer where
rows are large. One chunk trains while the next is read."""
POOLS = ("auto", "device", "host")
"""Where inputs lie: on the device, or in host memory or on disk and sent on."""
ROOM = 0.5
"""Share of the device's memory that pools may take; states and steps need the rest."""

Indices = dict[str, jax.Array]


def resolve_pools(pools: str, data: ArrayData) -> str:
    """Says where a data set's inputs lie: "device", or "host" where they do not fit.

    Args:
        pools: one of :data:`POOLS`; "auto" compares with the device's memory. A CPU's
            is the host's, so only a pool that outgrows it is worth "host" there. Rows
            that are read on demand stay where they are: "host".
        data: the streams.

    Raises:
        ValueError: for another word.

    Example:
        >>> resolve_pools("auto", ArrayData(target=np.ones((3, 2))))
        'device'
    """
    choose(dict.fromkeys(POOLS, 0), pools, "pools")
    if pools != "auto":
        return pools
    limit = (jax.local_devices()[0].memory_stats() or {}).get("bytes_limit")
    if on_demand(data):
        return "host"
    distinct = {
        id(leaf): leaf.nbytes
        for stream in data.streams().values()
        for leaf in jax.tree.leaves(stream.pool)
    }
    fits = limit is None or sum(distinct.values()) <= ROOM * limit
    return "device" if fits else "host"


class Feed:
    """A phase's streams and batch order, drawn chunk by chunk.

    Args:
        data: all streams.
        uses: those of the phase.
        key: of the order, [] or [seeds].
        seeds: whose runs.
        batch: rows per stream and step.
        pools: "device" or "host".
        layout: of the training, where it is on several devices.
    """

    def __init__(
        self,
        data: ArrayData,
        uses: frozenset[str],
        key: Key,
        seeds: Seeds,
        batch: int,
        pools: str,
        layout: Layout | None = None,
    ) -> None:
        self.data, self.uses, self.seeds, self.batch = data, uses, seeds, batch
        self.grouped, self.layout = seeds.grouped, layout
        self.on_host = pools == "host"
        words = np.asarray(jax.random.key_data(key))
        lines = words.reshape(seeds.width if seeds.grouped else 1, -1)
        self._words = [tuple(int(w) for w in line) for line in lines]
        self._counts: dict[str, list[int]] = {}
        self._blocks: dict[str, list[tuple[int, ...] | None]] = {}
        for name, stream in data.streams().items():
            if name in uses:
                counts = self._own(stream.count)
                self._counts[name] = [int(count) for count in counts]
                self._blocks[name] = [None] * len(counts)
                if stream.blocks is not None:
                    own = self._own(stream.blocks)
                    self._blocks[name] = [tuple(map(int, sizes)) for sizes in own]
        self.chunk = self._steps_per_chunk() if self.on_host else CHUNK
        """Steps per dispatch, at most."""
        # On the host, init sees the first rows; a chunk brings its own.
        first = self._first() if self.on_host else None
        self.streams = place(data, uses, seeds, first, layout)

    def _steps_per_chunk(self) -> int:
        pools = [self.data.streams()[name].pool for name in self._counts]
        each = sum(row_bytes(leaf) for leaf in jax.tree.leaves(pools))
        step = each * self.batch * len(self._words)
        fitting = min(CHUNK, CHUNK_BYTES // max(1, step))
        # Whole programs of steps written out, or rounding would depend on the chunk.
        return fitting // UNROLLED * UNROLLED or max(1, fitting)

    def _own(self, values: np.ndarray) -> np.ndarray:
        width = max(self.seeds.width, 1)
        every = np.broadcast_to(values, (width, *values.shape[1:]))
        return every if self.grouped else every[[self.seeds.number or 0]]

    def _first(self) -> dict[str, np.ndarray]:
        shape = (len(self._words), self.batch) if self.grouped else (self.batch,)
        return {
            name: np.broadcast_to(
                np.arange(self.batch) % self.data.streams()[name].rows.shape[1], shape
            )
            for name in self._counts
        }

    def _draw(self, start: int, stop: int) -> dict[str, np.ndarray]:
        """int32 [seeds?, chunk, batch]; steps past ``stop`` are padding."""
        result = {}
        for name, counts in self._counts.items():
            padded = np.zeros((len(self._words), self.chunk, self.batch), np.int32)
            drawn: dict[Any, np.ndarray] = {}  # a sweep's points share their seeds'
            members = zip(self._words, counts, self._blocks[name], strict=True)
            for i, own in enumerate(members):
                if own not in drawn:
                    words, count, blocks = own
                    steps = (start, stop, self.batch)
                    drawn[own] = stream_order(words, name, count, blocks, *steps)
                padded[i, : stop - start] = drawn[own]
            result[name] = padded if self.grouped else padded[0]
        return result

    def _chunk(self, bounds: tuple[int, int]) -> tuple[dict[str, Any], Indices]:
        indices = self._draw(*bounds)
        streams = self.streams
        if self.on_host:
            streams = place(self.data, self.uses, self.seeds, indices, self.layout)
        return streams, {name: self.put(index) for name, index in indices.items()}

    def put(self, values: Any) -> jax.Array:
        """Moves a small array to the device, or to all of the mesh."""
        if self.layout is None:
            return jnp.asarray(values)
        whole: jax.Array = replicated(values, self.layout.mesh)
        return whole

    def chunks(
        self, bounds: Iterable[tuple[int, int]]
    ) -> Iterator[tuple[dict[str, Any], Indices]]:
        """Yields streams and row numbers of steps ``start`` to ``stop``, in turn.

        From the host, the next chunk's inputs are sent while the current one trains.
        """
        if not self.on_host:
            yield from map(self._chunk, bounds)
            return
        with ThreadPoolExecutor(1, "feed") as pool:
            ahead = None
            for one in bounds:
                following = pool.submit(self._chunk, one)
                if ahead is not None:
                    yield ahead.result()
                ahead = following
            if ahead is not None:
                yield ahead.result()

    def own_rows(self) -> Indices:
        """int32 [seeds?] by stream: how many rows there are, without padding."""
        return {
            name: self.put(np.array(counts if self.grouped else counts[0], np.int32))
            for name, counts in self._counts.items()
        }

    def steps_per_epoch(self) -> int:
        """Of the target where the phase has one, else of its first stream."""
        counts = self._counts.get("target") or next(iter(self._counts.values()))
        return max(1, -(-max(counts) // self.batch))
