"""In-memory training data: pools stored once, and per seed which rows to read."""

import functools
import zlib
from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Int, PyTree

from da_zoo.types import Batch, Examples

__all__ = [
    "ArrayData",
    "Stream",
    "check_features",
    "gather",
    "make_stream",
    "order",
    "pool_streams",
    "select_seeds",
]

KEPT_ORDER = 2**15
"""Row numbers of a chunk, at most, whose order is kept for the next who asks."""
STREAMS = ("source", "target", "target_labelled")


class Stream(NamedTuple):
    """One stream of training rows, for a group of seeds.

    The pool is shared; only indices carry the seed axis ``s``. Rows past a seed's
    ``count`` are padding that the sampler never draws.
    """

    pool: PyTree
    """Inputs [m, ...]: float32, or uint8 pixels, which batches get scaled to [0, 1], or
    int32 ids (of tokens, say), which stay."""
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


class _Device(NamedTuple):
    """What a compiled program gets of a Stream (no counts: those are the sampler's)."""

    pool: PyTree
    rows: Array
    labels: Array | None
    weight: Array | None
    domain: Array | None


def check_features(name: str, x: Any) -> np.ndarray:
    """Checks inputs given by a user: uint8 and int32 stay, the rest becomes float32.

    Uint8 are pixels and int32 ids, of tokens say. Plain integers (NumPy's are int64)
    are numbers like others.

    Raises:
        TypeError: if ``x`` is not numeric.
        ValueError: if it is empty, has fewer than two axes, or holds NaN or infinity.

    Example:
        >>> check_features("X", [[1, 2]]).dtype
        dtype('float32')
        >>> check_features("X", np.int32([[1, 2]])).dtype
        dtype('int32')
    """
    array = np.asarray(x)
    if array.dtype == object or array.dtype.kind not in "biuf":
        raise TypeError(
            f"{name} must be numeric, got dtype {array.dtype}; encode it first"
        )
    if array.ndim < 2:
        raise ValueError(
            f"{name} must have shape [n, ...] with at least two axes, got {array.shape}"
        )
    if array.shape[0] == 0:
        raise ValueError(f"{name} is empty (shape {array.shape}); it needs rows")
    if array.dtype in (np.uint8, np.int32):
        return array
    array = array.astype(np.float32)
    bad = ~np.isfinite(array.reshape(len(array), -1)).all(axis=1)
    if bad.any():
        raise ValueError(
            f"{name} has NaN or infinite values in {int(bad.sum())} rows, the first is "
            f"row {int(np.argmax(bad))}; impute or drop them"
        )
    return array


def _check_labels(name: str, y: Any, n: int) -> np.ndarray:
    labels = np.asarray(y)
    if labels.ndim == 2 and labels.dtype.kind == "f":
        return _check_values(name, labels, n)
    if labels.ndim != 1 or len(labels) != n:
        raise ValueError(
            f"{name} must have shape [{n}], one label a row, got {labels.shape}; "
            "continuous targets are floats [n, k]"
        )
    if labels.dtype.kind not in "biu":
        raise TypeError(
            f"{name} must be integers 0..classes-1, or for a regression floats of "
            f"shape [n, k] (y[:, None]); got {labels.dtype} {labels.shape}"
        )
    if labels.min() < 0:
        raise ValueError(f"{name} must be 0..classes-1, got {labels.min()}")
    return labels.astype(np.int32)


def _check_values(name: str, values: np.ndarray, n: int) -> np.ndarray:
    """Checks continuous targets."""
    if len(values) != n or values.shape[1] == 0:
        raise ValueError(
            f"{name} must have shape [{n}, k], k numbers a row, got {values.shape}"
        )
    bad = ~np.isfinite(values).all(axis=1)
    if bad.any():
        raise ValueError(
            f"{name} have NaN or infinite values in {int(bad.sum())} rows, the first "
            f"is row {int(np.argmax(bad))}; drop those rows"
        )
    return values.astype(np.float32)


def make_stream(x: Any, y: Any = None, *, name: str = "source") -> Stream:
    """Builds the stream of one data set, for one seed.

    Args:
        x: inputs [n, ...], or a dict of such ({"tokens": ..., "segments": ...}, for
            networks that take one).
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
    pool = _check_inputs(f"{name} inputs", x)
    count = len(jax.tree.leaves(pool)[0])
    labels = None if y is None else _check_labels(f"{name} labels", y, count)
    return Stream(
        pool,
        np.arange(count, dtype=np.int32)[None],
        None if labels is None else labels[None],
        np.array([count]),
    )


def _check_inputs(name: str, x: Any) -> PyTree:
    if not isinstance(x, Mapping):
        return check_features(name, x)
    pool = {key: check_features(f"{name}[{key!r}]", rows) for key, rows in x.items()}
    counts = {key: len(rows) for key, rows in pool.items()}
    if len(set(counts.values())) != 1:
        raise ValueError(f"{name} must be arrays of equal length, got {counts}")
    return pool


def _kind(rows: np.ndarray) -> str:
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
        pool=jax.tree.map(
            lambda *rows: np.concatenate(rows), *(s.pool for s in streams)
        ),
        rows=np.arange(total, dtype=np.int32)[None],
        labels=np.concatenate([s.labels for s in streams if s.labels is not None], 1),
        count=np.array([total]),
        domain=domain[None],
        blocks=np.array([sizes]) if balanced else None,
    )


class ArrayData:
    """What ``fit`` trains on: up to three streams.

    Args:
        source: ``(x, y)`` with x [n, ...] and y int [n] (or continuous targets: float
            [n, k]), or None. A list of such pairs is several sources: their rows are
            pooled, and ``Examples.domain`` numbers the pairs from 0. Methods that do
            not read it take the pool for one source.
        target: unlabelled target inputs [m, ...], or None. Labels cannot be passed.
        target_labelled: ``(x, y)``, the labelled share of the target, or None.
        balanced: with several sources, whether every batch has equal shares of each
            (so that none is drowned by a larger one, and none is missing); False draws
            from the pooled rows at random.

    Raises:
        TypeError: for data of a wrong type.
        ValueError: for NaN, empty inputs, or shapes that differ between domains.

    Example:
        >>> data = ArrayData(
        ...     source=(np.ones((4, 2)), [0, 1, 0, 1]), target=np.ones((3, 2))
        ... )
        >>> data.target.labels is None
        True
    """

    def __init__(
        self,
        source: tuple[Any, Any] | list[Any] | Stream | None = None,
        target: Any = None,
        target_labelled: tuple[Any, Any] | Stream | None = None,
        *,
        balanced: bool = True,
    ) -> None:
        self.source: Stream | None
        if isinstance(source, list):
            named = [(f"source[{i}]", pair) for i, pair in enumerate(source)]
            streams = [self._labelled(name, pair) for name, pair in named]
            self.source = pool_streams([s for s in streams if s], balanced=balanced)
        else:
            self.source = self._labelled("source", source)
        if target is None or isinstance(target, Stream):
            self.target = target
        elif isinstance(target, tuple):
            raise TypeError(
                "target takes inputs only; pass labelled rows as target_labelled=(x, y)"
            )
        else:
            self.target = make_stream(target, name="target")
        if self.target is not None and self.target.labels is not None:
            raise ValueError("the target stream must not hold labels")
        self.target_labelled = self._labelled("target_labelled", target_labelled)
        self._check_shapes()

    @staticmethod
    def _labelled(name: str, pair: Any) -> Stream | None:
        if pair is None or isinstance(pair, Stream):
            return pair
        if not isinstance(pair, tuple) or len(pair) != 2:
            raise TypeError(f"{name} must be a pair (x, y), got {type(pair).__name__}")
        return make_stream(pair[0], pair[1], name=name)

    def _check_shapes(self) -> None:
        shapes = {
            name: [leaf.shape[1:] for leaf in jax.tree.leaves(stream.pool)]
            for name, stream in self.streams().items()
        }
        if len({str(shape) for shape in shapes.values()}) > 1:
            raise ValueError(
                f"source and target rows must have the same shape, got {shapes}; "
                "resize the images or keep the same columns"
            )

    def streams(self) -> dict[str, Stream]:
        """Returns the streams there are, by name."""
        found = {name: getattr(self, name) for name in STREAMS}
        return {name: stream for name, stream in found.items() if stream is not None}


def select_seeds(data: ArrayData, seeds: Int[np.ndarray, " m"]) -> ArrayData:
    """Gives each of ``m`` runs the rows of a seed; pools stay shared.

    Args:
        data: its streams are for all seeds alike, or have a row list for each.
        seeds: which seed each run is.

    Example:
        >>> data = ArrayData(target=np.ones((3, 2)))
        >>> select_seeds(data, np.array([0, 0])).target.rows.shape
        (1, 3)
    """

    def chosen(values: np.ndarray | None) -> np.ndarray | None:
        return values if values is None or len(values) == 1 else values[seeds]

    def select(stream: Stream | None) -> Stream | None:
        if stream is None:
            return None
        return Stream(stream.pool, *(chosen(values) for values in stream[1:]))  # type: ignore[arg-type]

    return ArrayData(*(select(getattr(data, name)) for name in STREAMS))


def _across_seeds(values: np.ndarray, seeds: int) -> np.ndarray:
    return np.broadcast_to(values, (seeds, *values.shape[1:]))


def on_device(stream: Stream, seeds: int) -> _Device:
    """Moves a stream to the device, once per fit, with rows for every seed."""

    def place(values: np.ndarray | None) -> Array | None:
        return None if values is None else jnp.asarray(_across_seeds(values, seeds))

    return _Device(
        jax.tree.map(jnp.asarray, stream.pool),
        jnp.asarray(_across_seeds(stream.rows, seeds)),
        place(stream.labels),
        place(stream.weight),
        place(stream.domain),
    )


def _scaled(leaf: Array) -> Array:
    return leaf.astype(jnp.float32) / 255 if leaf.dtype == jnp.uint8 else leaf


def gather(stream: _Device, index: Int[Array, " b"]) -> Examples:
    """Reads one seed's batch out of the pool, inside the compiled program."""
    rows = stream.rows[index]
    zeros = jnp.zeros(index.shape, jnp.int32)
    return Examples(
        x=jax.tree.map(lambda pool: _scaled(pool[rows]), stream.pool),
        y=zeros if stream.labels is None else stream.labels[index],
        labelled=jnp.full(index.shape, stream.labels is not None),
        index=index,
        domain=zeros if stream.domain is None else stream.domain[index],
        weight=None if stream.weight is None else stream.weight[index],
    )


def gather_batch(
    streams: dict[str, _Device], indices: dict[str, Int[Array, " b"]]
) -> Batch:
    """Reads a batch of every stream; the others stay None."""
    return Batch(**{name: gather(streams[name], indices[name]) for name in streams})


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
