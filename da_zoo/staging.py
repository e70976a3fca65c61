"""Streams on their way to the device: whole, or the rows that some steps need."""

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from da_zoo.data.arrays import ArrayData
from da_zoo.data.batches import on_device
from da_zoo.data.random_access import fill_rows
from da_zoo.data.streams import Stream
from da_zoo.sharding import Layout, from_rows, replicated

__all__ = ["Seeds", "place"]


class Seeds(NamedTuple):
    """Whose run it is.

    A group's (``number`` None, ``width`` > 0), that of one seed of a group run one by
    one (both), or a single key's (``width`` 0).
    """

    width: int
    number: int | None = None

    @property
    def grouped(self) -> bool:
        """Whether arrays have a leading axis of runs."""
        return self.width > 0 and self.number is None


def place(
    data: ArrayData,
    uses: frozenset[str],
    seeds: Seeds,
    indices: dict[str, np.ndarray] | None = None,
    layout: Layout | None = None,
) -> dict[str, Any]:
    """Moves the streams that a phase uses to the device.

    Args:
        data: all streams.
        uses: which.
        seeds: whose runs.
        indices: int [seeds?, ...] by stream: send no inputs but those of these rows;
            None sends all.
        layout: of the training, where it is on several devices. Of inputs that are sent
            on, each host reads only those of its own devices' rows.
    """
    placed = {}
    put: Any = jnp.asarray if layout is None else partial(replicated, mesh=layout.mesh)
    for name, stream in data.streams().items():
        if name not in uses:
            continue
        split = None
        if indices is not None and layout is not None:
            split = _split(stream, seeds, indices[name], layout)
            stream = stream._replace(pool=None)
        elif indices is not None:
            stream = _staged(stream, seeds, indices[name])
        device = on_device(stream, max(seeds.width, 1), put)
        if not seeds.grouped:
            number = seeds.number or 0
            own = jax.tree.map(lambda a, n=number: a[n], device._replace(pool=None))
            device = own._replace(pool=device.pool)
        if split is not None:
            device = device._replace(pool=split, rows=None)
        placed[name] = device
    return placed


def _split(stream: Stream, seeds: Seeds, indices: np.ndarray, layout: Layout) -> Any:
    """A chunk's inputs [..., batch, ...] in their order, split along the batch."""
    rows = stream.rows[min(seeds.number or 0, len(stream.rows) - 1)]
    wanted = rows[indices]
    axis = wanted.ndim - 1

    def spread(leaf: Any) -> Any:
        def read(part: slice) -> np.ndarray:
            own = wanted[..., part]
            found, place = np.unique(own, return_inverse=True)
            values = np.zeros((len(found), *leaf.shape[1:]), leaf.dtype)
            fill_rows(values, leaf, found)
            return values[place.reshape(own.shape)]

        shape = (*wanted.shape, *leaf.shape[1:])
        return from_rows(read, shape, layout.mesh, axis)

    return jax.tree.map(spread, stream.pool)


def _staged(stream: Stream, seeds: Seeds, indices: np.ndarray) -> Stream:
    """A stream whose pool holds only what some row numbers need, in a constant size."""
    width = max(seeds.width, 1)
    rows = np.broadcast_to(stream.rows, (width, stream.rows.shape[1]))
    chosen = indices.reshape(indices.shape[0] if seeds.grouped else 1, -1)
    members = range(width) if seeds.grouped else [seeds.number or 0]
    wanted = np.stack([rows[m][i] for m, i in zip(members, chosen, strict=True)])
    found = np.unique(wanted)
    # A chunk's, whatever repeats in it: programs keep their shapes.
    capacity = min(wanted.size, len(jax.tree.leaves(stream.pool)[0]))
    place_of = np.zeros((width, rows.shape[1]), np.int32)
    for member, index, row in zip(members, chosen, wanted, strict=True):
        place_of[member, index] = np.searchsorted(found, row)

    def read(leaf: Any) -> np.ndarray:
        own = np.zeros((capacity, *leaf.shape[1:]), leaf.dtype)
        fill_rows(own, leaf, found)
        return own

    pool = jax.tree.map(read, stream.pool)
    return stream._replace(pool=pool, rows=place_of)
