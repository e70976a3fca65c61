"""``ArrayData``: what ``fit`` trains on."""

from typing import Any

import jax
import numpy as np
from jaxtyping import Int

from da_zoo.data.random_access import all_rows, is_random_access
from da_zoo.data.streams import Stream, make_stream, pool_streams

__all__ = ["ArrayData", "in_memory", "on_demand", "select_seeds"]

STREAMS = ("source", "target", "target_labelled")


class ArrayData:
    """What ``fit`` trains on: up to three streams.

    Args:
        source: ``(x, y)`` with x [n, ...] and y int [n] (or continuous targets: float
            [n, k]), or None. A list of such pairs is several sources: their rows are
            pooled, and ``Examples.domain`` numbers the pairs from 0. Methods that do
            not read it take the pool for one source.
        target: unlabelled target inputs [m, ...], or None. Labels cannot be passed.
        target_labelled: ``(x, y)``, the labelled share of the target, or None.

            Inputs are arrays, dicts of them, or rows that stay on disk and are read
            when they are needed: :class:`~da_zoo.data.array_records.ArrayRecordPool`,
            or what else :mod:`da_zoo.data.random_access` describes.
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


def on_demand(data: ArrayData) -> bool:
    """Says whether any inputs are rows that are read when they are needed.

    Example:
        >>> on_demand(ArrayData(target=np.ones((3, 2))))
        False
    """
    pools = [stream.pool for stream in data.streams().values()]
    return any(is_random_access(leaf) for leaf in jax.tree.leaves(pools))


def in_memory(data: ArrayData) -> ArrayData:
    """Reads all rows that are read on demand; a pool that streams share, once.

    Example:
        >>> data = ArrayData(target=np.ones((3, 2)))
        >>> in_memory(data).target.pool is data.target.pool
        True
    """
    read: dict[int, np.ndarray] = {}

    def whole(leaf: Any) -> np.ndarray:
        if id(leaf) not in read:
            read[id(leaf)] = all_rows(leaf)
        return read[id(leaf)]

    read_streams: dict[str, Any] = {
        name: stream._replace(pool=jax.tree.map(whole, stream.pool))
        for name, stream in data.streams().items()
    }
    return ArrayData(**read_streams)


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
