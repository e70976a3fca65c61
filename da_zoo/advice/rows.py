"""Rows of one side as a user has them: arrays, or a ``.npz`` or ``.csv`` file."""

import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool, Num, Shaped

from da_zoo.data.csv_rows import CsvRows, read_csv
from da_zoo.data.npz import load_npz
from da_zoo.data.table import BLANKS
from da_zoo.naming import choose

__all__ = ["FEWEST_ROWS", "Rows", "from_arrays", "read_file"]

FEWEST_ROWS = 8
"""A proxy A-distance halves the rows of a side, and needs some in either half."""


class Rows(NamedTuple):
    """Rows of one domain."""

    name: str
    x: Num[np.ndarray, "n ..."]
    """float32, NaN where a table lacks a value, or uint8 pixels."""
    y: Shaped[np.ndarray, " n"] | None
    """Class names as text, or float64 numbers; None where there are no labels."""
    labelled: Bool[np.ndarray, " n"]
    """Which entries of ``y`` are labels."""
    columns: tuple[str, ...] = ()
    """Of a table whose file names them."""

    @property
    def continuous(self) -> bool:
        """Whether labels are numbers (a regression), not classes."""
        return self.y is not None and self.y.dtype.kind == "f"

    def take(self, index: Shaped[np.ndarray, " k"]) -> "Rows":
        """Returns some of the rows."""
        y = None if self.y is None else self.y[index]
        return self._replace(x=self.x[index], y=y, labelled=self.labelled[index])


def from_arrays(
    name: str, x: Any, y: Any = None, *, regression: bool | None = None
) -> Rows:
    """Checks arrays.

    Args:
        name: how messages call this side.
        x: numbers [n, ...], at least :data:`FEWEST_ROWS` rows; NaN marks a missing
            value of a table.
        y: labels [n]: whole numbers or text are classes, numbers with a fraction make a
            regression; None, NaN or "" marks a row without a label.
        regression: True takes whole numbers for values too, False refuses fractions.

    Raises:
        TypeError: for inputs that are not numeric.
        ValueError: for too few rows, other shapes, infinity, or missing pixels.

    Example:
        >>> from_arrays("source", np.ones((8, 2)), [0, 1, 0, 1, 0, 1, None, 1]).y[0]
        np.str_('0')
    """
    inputs = np.asarray(x)
    if inputs.dtype.kind not in "biuf":
        raise TypeError(f"{name}: inputs must be numbers, got dtype {inputs.dtype}")
    if inputs.ndim < 2 or len(inputs) < FEWEST_ROWS or not inputs[0].size:
        raise ValueError(
            f"{name}: inputs must have shape [n, ...] with at least {FEWEST_ROWS} rows "
            f"and a column, got {inputs.shape}"
        )
    if inputs.dtype != np.uint8 or inputs.ndim == 2:  # columns are no pixels
        inputs = inputs.astype(np.float32)
        if np.isinf(inputs).any():
            raise ValueError(f"{name}: inputs hold infinite values; drop those rows")
        if inputs.ndim > 2 and np.isnan(inputs).any():
            raise ValueError(
                f"{name}: inputs of shape {inputs.shape} hold NaN; only tables [n, d] "
                "may lack values"
            )
    if y is None:
        return Rows(name, inputs, None, np.zeros(len(inputs), bool))
    labels = np.asarray(y)
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    if labels.shape != (len(inputs),):
        raise ValueError(
            f"{name}: labels must have shape ({len(inputs)},), one a row, got "
            f"{labels.shape}"
        )
    values, labelled = _labels(name, labels, regression)
    return Rows(name, inputs, values if labelled.any() else None, labelled)


def _labels(
    name: str, labels: np.ndarray, regression: bool | None
) -> tuple[np.ndarray, np.ndarray]:
    """Class names as text or float64 values, and which of them are there."""
    cells = labels.tolist()
    there = np.array([c is not None and c == c and c != "" for c in cells], bool)
    numbers = np.full(len(cells), np.nan)
    try:
        numbers[there] = [float(c) for c, use in zip(cells, there, strict=True) if use]
    except (TypeError, ValueError):
        if regression:
            raise ValueError(f"{name}: labels are text, so no regression") from None
        return np.array([str(c) for c in cells]), there
    if np.isinf(numbers).any():
        raise ValueError(f"{name}: labels hold infinite values; drop those rows")
    whole = bool((numbers[there] % 1 == 0).all())
    if regression or (regression is None and not whole):
        return numbers, there
    if not whole:
        raise ValueError(
            f"{name}: labels hold numbers with a fraction, which are no classes"
        )
    # As text, so that 1 in one file is "1" in the other; True is 1.
    return np.array([str(int(n)) if n == n else "" for n in numbers]), there


def read_file(
    path: str | Path,
    *,
    label: str | None = None,
    drop: Iterable[str] = (),
    regression: bool | None = None,
    need_labels: bool = False,
) -> Rows:
    """Reads a ``.npz`` or ``.csv`` file.

    Args:
        path: of the file. An archive holds ``x`` (or ``x_train``: test rows are left
            alone); a table's first line names its columns, cells are numbers, and
            commas, semicolons or tabs part them.
        label: the column with labels, or the array with labels (default ``y_train`` or
            ``y``). A file that lacks it has no labels.
        drop: columns of a table to leave out.
        regression: see :func:`from_arrays`.
        need_labels: whether a file without labels is an error.

    Raises:
        ValueError: for a file that is missing, unreadable, or holds something else.

    Example:
        >>> read_file("nowhere.csv")
        Traceback (most recent call last):
        ValueError: nowhere.csv does not exist
    """
    path = Path(path)
    if not path.is_file():
        raise ValueError(
            f"{path} does not exist" if not path.exists() else f"{path} is no file"
        )
    drop = tuple(drop)
    if path.suffix.lower() == ".npz":
        if drop:
            raise ValueError(f"{path} has no named columns to drop, got drop={drop}")
        rows = _npz(path, label, regression)
    elif path.suffix.lower() == ".csv":
        rows = _csv(path, label, drop, regression, need_labels)
    else:
        raise ValueError(f"{path} must be a .npz or .csv file")
    if need_labels and rows.y is None:
        raise ValueError(
            f"{path} has no labels; name their "
            + ("array" if path.suffix.lower() == ".npz" else "column")
            + " with --label"
        )
    return rows


def _npz(path: Path, label: str | None, regression: bool | None) -> Rows:
    if not zipfile.is_zipfile(path):
        raise ValueError(f"{path} is no .npz archive, or a truncated one")
    with zipfile.ZipFile(path) as archive:
        names = [n.removesuffix(".npy") for n in archive.namelist()]
    inputs = next((n for n in ("x_train", "x") if n in names), None)
    if inputs is None:
        raise ValueError(f"{path} lacks the array x (or x_train); it has {names}")
    default = "y_train" if inputs == "x_train" else "y"
    labels = label if label is not None else default
    if labels == inputs:
        raise ValueError(f"{path}: {labels!r} is the inputs, and cannot be the labels")
    arrays = load_npz(path, (inputs, labels) if labels in names else (inputs,))
    return from_arrays(
        str(path), arrays[inputs], arrays.get(labels), regression=regression
    )


def _csv(
    path: Path,
    label: str | None,
    drop: tuple[str, ...],
    regression: bool | None,
    need_label: bool,
) -> Rows:
    file = _table(path)
    header = file.header
    if label is None:
        raise ValueError(
            f"{path}: say which column holds the labels with --label; it has "
            f"{', '.join(header)}"
        )
    if need_label:  # before the inputs: a typo makes the labels one of them
        choose(dict.fromkeys(header), label, f"--label column of {path}")
    for name in drop:
        choose(dict.fromkeys(header), name, f"column to drop from {path}")
    kept = [c for c in header if c != label and c not in drop]
    if not kept:
        raise ValueError(f"{path} has no input columns left")
    table = np.empty((len(file.rows), len(kept)), np.float32)
    for number, name in enumerate(kept):
        table[:, number] = [_number(cell, name, path) for _, cell in file.column(name)]
    y = None
    if label in header:
        cells = [cell.strip() for _, cell in file.column(label)]
        y = np.array([None if c.lower() in BLANKS else c for c in cells], object)
    rows = from_arrays(str(path), table, y, regression=regression)
    return rows._replace(columns=tuple(kept))


def _table(path: Path) -> CsvRows:
    table = read_csv(path, delimiter=None)
    table = table._replace(header=tuple(name.strip() for name in table.header))
    if all(_is_number(name) for name in table.header):
        raise ValueError(
            f"{path}: the first line must name the columns, got {table.header}"
        )
    return table


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _number(cell: str, column: str, path: Path) -> float:
    cell = cell.strip()
    if cell.lower() in BLANKS:
        return float("nan")
    try:
        return float(cell)
    except ValueError:
        raise ValueError(
            f"{path}: column {column!r} holds text such as {cell!r}; encode it as "
            f"numbers, or leave it out with --drop {column}"
        ) from None
