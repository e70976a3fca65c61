"""Rows and labels out of the batches of any library, told apart and checked."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

__all__ = ["batch_parts"]


def batch_parts(
    batches: Any,
    name: str,
    kind: str,
    inputs: str | int | None,
    label: str | int | None,
    channels_first: bool = False,
) -> Iterator[tuple[np.ndarray, list[Any]]]:
    """Yields rows and labels of each batch; all rows have one shape.

    Args:
        batches: see :func:`da_zoo.data.interop.from_batches`, and the next ones too.
        name: how messages call the data.
        kind: what rows are.
        inputs: which part of a batch holds them.
        label: which part holds labels; None reads none.
        channels_first: whether images are [n, c, h, w].

    Raises:
        ValueError: for a part that a batch lacks, arrays that are not on the CPU, and
            rows or labels of a wrong shape; the message names the batch.
        TypeError: for rows that are no numbers.

    Example:
        >>> ((x, y),) = batch_parts([(np.ones((2, 3)), [0, 1])], "a", "features", 0, 1)
        >>> x.shape, y
        ((2, 3), [0, 1])
    """
    if hasattr(batches, "as_numpy_iterator"):
        batches = batches.as_numpy_iterator()
    shape: tuple[int, ...] | None = None
    for number, batch in enumerate(batches):
        where = f"{name}, batch {number}"
        given = _part(where, batch, _place(where, batch, inputs, label))
        x = _array(where, given)
        if x.dtype.kind not in "biuf":
            raise TypeError(
                f"{where}: rows must be numbers, got {x.dtype}; encode them first "
                "(text: da_zoo.data.readers.texts)"
            )
        if x.ndim < 2:
            raise ValueError(
                f"{where}: a batch must be an array [n, ...], got shape {x.shape}; "
                "iterate over batches, not over single rows"
            )
        if kind == "images":
            x = _images(where, x, channels_first)
        shape = shape or x.shape[1:]
        if x.shape[1:] != shape:
            raise ValueError(
                f"{where} has rows of shape {x.shape[1:]}, and those before it have "
                f"{shape}; resize or pad them to one shape"
            )
        labels = [] if label is None else _labels(where, batch, label, len(x))
        yield x, labels


def _place(
    where: str, batch: Any, inputs: str | int | None, label: str | int | None
) -> str | int | None:
    """Which part of a batch holds the rows."""
    if inputs is not None:
        return inputs
    if isinstance(batch, Mapping):
        others = [key for key in batch if key != label]
        if len(others) != 1:
            raise ValueError(
                f"{where} has the parts {list(batch)}; name the one to read with "
                "inputs=, and labels with label="
            )
        return others[0]
    return 0 if isinstance(batch, (tuple, list)) else None


def _part(where: str, batch: Any, place: str | int | None) -> Any:
    if place is None:
        return batch
    if isinstance(batch, Mapping):
        if place not in batch:
            raise ValueError(f"{where} has no part {place!r}; it has {list(batch)}")
        return batch[place]
    if not isinstance(batch, (tuple, list)) or not isinstance(place, int):
        raise ValueError(
            f"{where} is a {type(batch).__name__}, which has no part {place!r}"
        )
    if not -len(batch) <= place < len(batch):
        raise ValueError(f"{where} has {len(batch)} parts, and none is number {place}")
    return batch[place]


def _array(where: str, values: Any) -> np.ndarray:
    try:
        array = np.asarray(values)
    except ValueError as error:
        raise ValueError(
            f"{where}: rows are not all of one shape ({error}); pad or resize them"
        ) from None
    except (TypeError, RuntimeError) as error:  # torch's: on a GPU, or with gradients
        raise ValueError(
            f"{where}: {type(values).__name__} is no array on the CPU ({error}); "
            "detach it and move it there first"
        ) from None
    if array.dtype == object:
        raise TypeError(
            f"{where}: {type(values).__name__} holds objects, no numbers of one shape; "
            "pad or encode them"
        )
    return array


def _images(where: str, x: np.ndarray, channels_first: bool) -> np.ndarray:
    if x.ndim == 3:
        return x[..., None]
    if x.ndim != 4:
        raise ValueError(f"{where}: images must be [n, h, w, c], got shape {x.shape}")
    if channels_first:
        return np.ascontiguousarray(np.moveaxis(x, 1, 3))
    if x.shape[1] in (1, 3) and x.shape[3] not in (1, 3):
        raise ValueError(
            f"{where}: images must be [n, h, w, c], and shape {x.shape} looks like "
            "[n, c, h, w]; give channels_first=True"
        )
    return x


def _labels(where: str, batch: Any, label: str | int, count: int) -> list[Any]:
    values = _array(f"{where}, labels", _part(where, batch, label))
    if values.shape == (count, 1):
        values = values[:, 0]
    if values.shape != (count,):
        raise ValueError(
            f"{where}: labels must be one a row, shape ({count},), got {values.shape}; "
            "of one-hot rows take the argmax"
        )
    cells = values.tolist()
    return [cell.decode() if isinstance(cell, bytes) else cell for cell in cells]
