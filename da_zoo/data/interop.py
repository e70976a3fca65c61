"""Batches of other libraries: torch's DataLoader, Hugging Face datasets, tf.data.

Whatever yields arrays is taken; none of these libraries is imported here.
"""

import itertools
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from da_zoo.data.array_record_writer import write_array_records
from da_zoo.data.batch_parts import batch_parts
from da_zoo.data.checks import check_features
from da_zoo.data.domain_data import DomainData, make_domain_data

__all__ = ["from_batches", "write_batches"]


def from_batches(
    batches: Iterable[Any],
    *,
    name: str,
    kind: str = "features",
    inputs: str | int | None = None,
    label: str | int | None = None,
    classes: Sequence[str] | None = None,
    regression: bool = False,
    channels_first: bool = False,
    limit: int | None = None,
) -> DomainData:
    """Joins batches to data in memory; for more than fits, see :func:`write_batches`.

    Args:
        batches: each an array [n, ...], a tuple or list ``(x, y)``, or a dict of arrays
            by name. Arrays are what ``np.asarray`` takes: NumPy's, JAX's, torch tensors
            on the CPU. A ``tf.data.Dataset`` is read through its ``as_numpy_iterator``.
        name: how messages call the data.
        kind: what rows are, see :data:`da_zoo.data.domain_data.KINDS`.
        inputs: which part of a batch: a place in a tuple (None is the first), or a name
            in a dict (None where the rest is the label's).
        label: the same for labels; None reads none.
        classes: names of the classes. Integer labels are places in them, and -1 is no
            label, unless the names are numbers themselves.
        regression: whether labels are values.
        channels_first: whether images are [n, c, h, w], as torch's are.
        limit: rows to take at most; an endless iterator needs it.

    Raises:
        ValueError: for no batches, ragged rows, rows of several shapes, NaN, or a part
            that a batch lacks.
        TypeError: for rows that are text or other objects.

    Example:
        >>> loader = [(np.ones((2, 3)), [0, 1]), (np.zeros((1, 3)), [1])]
        >>> data = from_batches(loader, name="loader", label=1)
        >>> data.x.shape, data.labels.tolist()
        ((3, 3), [0, 1, 1])
    """
    if limit is not None and limit < 1:
        raise ValueError(f"limit must be at least 1, got {limit}")
    rows: list[np.ndarray] = []
    labels: list[Any] = []
    notes: list[str] = []
    count = 0
    for x, y in batch_parts(batches, name, kind, inputs, label, channels_first):
        rows.append(x)
        labels += y
        count += len(x)
        if limit is not None and count >= limit:
            notes = [f"reading stopped after {limit} rows, the limit"]
            break
    if not rows:
        raise ValueError(f"{name} yielded no batches; an iterator is read only once")
    joined = check_features(name, np.concatenate(rows)[:limit])
    return make_domain_data(
        name,
        kind,
        joined,
        None if label is None else _named(labels[:limit], classes, regression),
        classes=classes,
        regression=regression,
        notes=notes,
    )


def write_batches(
    folder: str | Path,
    batches: Iterable[Any],
    *,
    name: str | None = None,
    kind: str = "images",
    inputs: str | int | None = None,
    label: str | int | None = None,
    classes: Sequence[str] | None = None,
    regression: bool = False,
    channels_first: bool = False,
    limit: int | None = None,
    **options: Any,
) -> Path:
    """Writes batches to a folder of array records, a batch at a time in memory.

    Args:
        folder: to be made, see
            :func:`da_zoo.data.array_record_writer.write_array_records`.
        batches: as :func:`from_batches` takes them, and so are the next ones.
        name: how messages call the data; None means the folder's name.
        kind: what rows are.
        inputs: which part of a batch holds the rows.
        label: which part holds labels; None writes none.
        classes: names of the classes.
        regression: whether labels are values.
        channels_first: whether images are [n, c, h, w].
        limit: rows to write at most.
        **options: of ``write_array_records``: ``encoding``, ``shard_bytes``, ``notes``.

    Returns:
        The folder.

    Raises:
        ValueError: as from_batches and write_array_records do.
        TypeError: for rows that are text or other objects.

    Example:
        >>> import tempfile
        >>> from da_zoo.data.readers.array_records import read_array_records
        >>> folder = Path(tempfile.mkdtemp()) / "rows"
        >>> loader = ((np.ones((2, 3)), [i, i]) for i in range(4))
        >>> _ = write_batches(folder, loader, kind="features", label=1)
        >>> read_array_records(folder, label="label").x.shape
        (8, 3)
    """
    named = name or Path(folder).name
    found = batch_parts(batches, named, kind, inputs, label, channels_first)
    rows: Iterator[Any]
    values: Iterator[Any] | None = None
    if label is None:
        rows = itertools.islice((row for x, _ in found for row in x), limit)
    else:
        pairs = itertools.islice(
            (
                pair
                for x, y in found
                for pair in zip(x, _named(y, classes, regression), strict=True)
            ),
            limit,
        )
        # The writer asks for a row and a label in turn: no more than one waits.
        first, second = itertools.tee(pairs)
        rows, values = (row for row, _ in first), (value for _, value in second)
    return write_array_records(
        folder,
        rows,
        values,
        name=named,
        kind=kind,
        classes=classes,
        regression=regression,
        **options,
    )


def _named(
    labels: list[Any], classes: Sequence[str] | None, regression: bool
) -> list[Any]:
    """Exchanges places in a list of classes for names, unless those are numbers."""
    if classes is None or regression:
        return labels
    numbers = all(name.lstrip("-").isdigit() for name in classes)

    def named(cell: Any) -> Any:
        if not isinstance(cell, int) or str(cell) in classes:
            return cell
        if cell == -1:
            return None
        return classes[cell] if not numbers and 0 <= cell < len(classes) else cell

    return [named(cell) for cell in labels]
