"""Signals and time series, from an ``.npz`` archive or a long CSV file."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from da_zoo.data.csv_rows import CsvRows, read_csv
from da_zoo.data.npz import load_npz
from da_zoo.data.text import label_numbers
from da_zoo.data.windows import window_rows, windows

__all__ = ["Signals", "finite_column", "read_signals", "windows"]


class Signals(NamedTuple):
    """Windows of one domain.

    Example:
        >>> Signals(np.zeros((2, 8, 1), np.float32), None, ()).x.shape
        (2, 8, 1)
    """

    x: Float[np.ndarray, "n t c"]
    """float32 [n, time, channels], in the file's units."""
    y: Int[np.ndarray, " n"] | None
    """int32 classes; None where there are none."""
    classes: tuple[str, ...]
    """Names of the classes; () where the file has numbers, or none."""


def read_signals(
    path: str | Path,
    *,
    length: int | None = None,
    hop: int | None = None,
    label: str | None = "label",
    series: str | None = None,
    classes: Sequence[str] | None = None,
) -> Signals:
    """Reads windows from an ``.npz`` archive, or cuts them from a long CSV file.

    The archive holds ``x`` [n, time, channels], or [n, time] of one channel, and maybe
    ``y`` [n], integers from 0. The CSV file has a header and one row a sample, in the
    order of time: a column for each channel, maybe one of class names, and maybe one
    that names the recording, whose windows then never mix with another's. A window
    whose samples have several labels is left out.

    Args:
        path: of the file, which ends in ``.npz`` or ``.csv``.
        length: samples in a window of a CSV file.
        hop: samples from one start to the next; None means ``length``.
        label: the CSV's column of class names; None reads no labels.
        series: the CSV's column of recordings; None means that there is one.
        classes: the names in the order of their numbers, from the source say; None
            sorts those found.

    Returns:
        The windows, not scaled: see :func:`da_zoo.data.z_score.fit_z_score`.

    Raises:
        ValueError: for a file that is missing, of another type, empty, pickled, ragged
            or not UTF-8, for a cell that is no finite number, or if no window fits; the
            message names file, line and column.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "signals.npz"
        >>> np.savez(path, x=np.zeros((3, 16)), y=np.array([0, 1, 1]))
        >>> read_signals(path).x.shape
        (3, 16, 1)
    """
    path = Path(path)
    if path.suffix == ".npz":
        return _from_npz(path)
    if path.suffix != ".csv":
        raise ValueError(f"{path} must end in .npz or .csv")
    if length is None:
        raise ValueError(f"{path} is a long table: give the windows' length=")
    hop = length if hop is None else hop
    return _from_csv(read_csv(path), length, hop, label, series, classes)


def _from_npz(path: Path) -> Signals:
    arrays = load_npz(path, ("x",), optional=("y",))
    x, y = arrays["x"], arrays.get("y")
    if x.dtype.kind not in "biuf" or x.ndim not in (2, 3) or not x.size:
        raise ValueError(
            f"{path}: x must be numbers [n, time, channels], got {x.dtype} {x.shape}"
        )
    x = x.astype(np.float32)
    bad = ~np.isfinite(x.reshape(len(x), -1)).all(axis=1)
    if bad.any():
        raise ValueError(
            f"{path}: x has NaN or infinite values in {int(bad.sum())} windows, the "
            f"first is {int(np.argmax(bad))}"
        )
    if y is not None:
        plain = y.dtype.kind in "iu" and y.shape == x.shape[:1]
        if not plain or y.min() < 0:
            raise ValueError(
                f"{path}: y must be {len(x)} integers from 0, got {y.dtype} {y.shape}"
            )
        y = y.astype(np.int32)
    return Signals(x.reshape(*x.shape[:2], -1), y, ())


def _from_csv(
    table: CsvRows,
    length: int,
    hop: int,
    label: str | None,
    series: str | None,
    classes: Sequence[str] | None,
) -> Signals:
    apart = [name for name in (label, series) if name is not None]
    channels = [name for name in table.header if name not in apart]
    if not channels:
        raise ValueError(f"{table.path} has no column of numbers beside {apart}")
    x = np.stack([finite_column(table, name) for name in channels], axis=1)
    numbers: Int[np.ndarray, " n"] | None = None
    names: tuple[str, ...] = ()
    if label is not None:
        where = [
            (f"{table.path}, line {line}, column {label!r}", cell.strip())
            for line, cell in table.column(label)
        ]
        numbers, names = label_numbers(where, classes)
    recordings: list[str] = [""] * len(x)
    if series is not None:
        recordings = [cell for _, cell in table.column(series)]
    try:
        rows, _ = window_rows(recordings, length, hop)
    except ValueError as error:
        raise ValueError(f"{table.path}: {error}") from None
    if numbers is None:
        return Signals(x[rows], None, ())
    each = numbers[rows]
    pure = (each == each[:, :1]).all(axis=1)
    if not pure.any():
        raise ValueError(
            f"{table.path}: no window of length={length} has one label throughout"
        )
    return Signals(x[rows[pure]], each[pure, 0], names)


def finite_column(table: CsvRows, name: str) -> Float[np.ndarray, " n"]:
    """Reads a column of finite numbers as float32.

    Raises:
        ValueError: for any other cell, naming its line.

    Example:
        >>> finite_column(CsvRows("a.csv", ("x",), ((2, ("0.5",)),)), "x").tolist()
        [0.5]
    """
    values = np.empty(len(table.rows), np.float32)
    for row, (line, cell) in enumerate(table.column(name)):
        try:
            values[row] = float(cell)
        except ValueError:
            values[row] = np.nan
        if not np.isfinite(values[row]):
            raise ValueError(
                f"{table.path}, line {line}, column {name!r}: {cell!r} is no finite "
                "number; impute it or drop the recording"
            )
    return values
