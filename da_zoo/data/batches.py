"""Streams on the device, and batches read out of them inside the compiled program."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Int, PyTree, Shaped

from da_zoo.data.streams import Stream
from da_zoo.types import Batch, Examples

__all__ = [
    "DeviceStream",
    "as_inputs",
    "batch_at",
    "gather",
    "gather_batch",
    "on_device",
]


class DeviceStream(NamedTuple):
    """What a compiled program gets of a Stream (no counts: those are the sampler's)."""

    pool: PyTree
    rows: Array | None
    """None where the pool holds a batch's own rows, in its order."""
    labels: Array | None
    weight: Array | None
    domain: Array | None


def _across_seeds(values: np.ndarray, seeds: int) -> np.ndarray:
    return np.broadcast_to(values, (seeds, *values.shape[1:]))


def on_device(
    stream: Stream, seeds: int, put: Callable[[Any], Array] = jnp.asarray
) -> DeviceStream:
    """Moves a stream to the device, once per fit, with rows for every seed.

    Args:
        stream: of training rows.
        seeds: how many.
        put: moves one array: to a device, or to all of a mesh.
    """

    def place(values: np.ndarray | None) -> Array | None:
        return None if values is None else put(_across_seeds(values, seeds))

    return DeviceStream(
        jax.tree.map(put, stream.pool),
        put(_across_seeds(stream.rows, seeds)),
        place(stream.labels),
        place(stream.weight),
        place(stream.domain),
    )


def as_inputs(x: Any) -> Shaped[Array, "..."]:
    """Turns rows into what the batches of training are: float32, or int32 ids.

    Example:
        >>> float(as_inputs(np.uint8([255]))[0])
        1.0
    """
    array = x if isinstance(x, jax.Array) else np.asarray(x)
    if array.dtype == np.int32:  # ids stay, as in check_features
        return jnp.asarray(array)
    if array.dtype == np.uint8:
        return _scaled(jnp.asarray(array))
    return jnp.asarray(array, jnp.float32)


def _scaled(leaf: Array) -> Array:
    return leaf.astype(jnp.float32) / 255 if leaf.dtype == jnp.uint8 else leaf


def gather(stream: DeviceStream, index: Int[Array, " b"]) -> Examples:
    """Reads one seed's batch out of the pool, inside the compiled program."""
    rows = stream.rows

    def read(pool: Array) -> Array:
        return _scaled(pool if rows is None else pool[rows[index]])

    zeros = jnp.zeros(index.shape, jnp.int32)
    return Examples(
        x=jax.tree.map(read, stream.pool),
        y=zeros if stream.labels is None else stream.labels[index],
        labelled=jnp.full(index.shape, stream.labels is not None),
        index=index,
        domain=zeros if stream.domain is None else stream.domain[index],
        weight=None if stream.weight is None else stream.weight[index],
    )


def gather_batch(
    streams: dict[str, DeviceStream], indices: dict[str, Int[Array, " b"]]
) -> Batch:
    """Reads a batch of every stream; the others stay None."""
    return Batch(**{name: gather(streams[name], indices[name]) for name in streams})


def batch_at(
    streams: dict[str, DeviceStream], indices: dict[str, Int[Array, "c b"]], step: Any
) -> Batch:
    """Reads the batch of one step of a chunk.

    Args:
        streams: by name; a pool without row numbers leads with the chunk's steps.
        indices: row numbers of the chunk's steps.
        step: which, from 0.
    """

    def own(stream: DeviceStream) -> DeviceStream:
        if stream.rows is not None:
            return stream
        return stream._replace(pool=jax.tree.map(lambda a: a[step], stream.pool))

    here = {name: own(stream) for name, stream in streams.items()}
    return gather_batch(here, {name: index[step] for name, index in indices.items()})
