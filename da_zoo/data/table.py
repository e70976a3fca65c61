"""``Table``: named columns of numbers or text, as they stand in a file."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Int, Shaped

from da_zoo.data.domain_data import fingerprint

__all__ = ["BLANKS", "NO_LABEL", "Table", "column_of_cells", "text_cells"]

BLANKS = ("", "?", "na", "n/a", "nan", "none", "null")
"""What a cell without a value holds, in lower case."""
NO_LABEL = ("", "?", "nan")
"""What a cell without a label holds: "none" and "NA" may be names of classes."""


def column_of_cells(
    cells: Sequence[str], blanks: Sequence[str] = BLANKS
) -> Shaped[np.ndarray, " n"]:
    """Turns cells into numbers where all of them are, else into text.

    Args:
        cells: text; a blank one is missing.
        blanks: what such a cell holds, in lower case.

    Returns:
        float64 with NaN where a value is missing, or text with "" there. A column
        without any value is one of numbers.

    Example:
        >>> column_of_cells(["1", "?", "2.5"]), column_of_cells(["a", ""]).tolist()
        (array([1. , nan, 2.5]), ['a', ''])
    """
    there = [cell.strip().lower() not in blanks for cell in cells]
    try:
        return np.array(
            [
                float(cell) if here else np.nan
                for cell, here in zip(cells, there, strict=True)
            ],
            np.float64,
        )
    except ValueError:
        return np.array(
            [
                cell.strip() if here else ""
                for cell, here in zip(cells, there, strict=True)
            ],
            str,
        )


def text_cells(values: Shaped[np.ndarray, " n"]) -> list[str]:
    """Writes a column as text: whole numbers without a point, "" where it is missing.

    Example:
        >>> text_cells(np.array([1234567.0, 0.1, np.nan])), text_cells(np.array(["a"]))
        (['1234567', '0.1', ''], ['a'])
    """
    if values.dtype.kind == "U":
        return [str(value) for value in values]
    return ["" if value != value else f"{value:.15g}" for value in values.tolist()]


class Table:
    """Columns of equal length; indexing takes rows.

    Args:
        columns: by name, each float64 (NaN: missing) or text ("": missing).

    Raises:
        ValueError: if there is no column, or they have other lengths.
        TypeError: if a column is neither numbers nor text.

    Example:
        >>> table = Table({"age": np.array([50.0, np.nan]), "sex": np.array(["f", ""])})
        >>> len(table), table[np.array([1])]["sex"].tolist()
        (2, [''])
    """

    def __init__(self, columns: Mapping[str, Shaped[np.ndarray, " n"]]) -> None:
        self._columns = {}
        for name, values in columns.items():
            values = np.asarray(values)
            if values.ndim != 1 or values.dtype.kind not in "biufU":
                raise TypeError(
                    f"column {name!r} must be numbers or text [n], got {values.dtype} "
                    f"{values.shape}"
                )
            numbers = values.dtype.kind != "U"
            self._columns[name] = values.astype(np.float64) if numbers else values
        lengths = {name: len(values) for name, values in self._columns.items()}
        if len(set(lengths.values())) != 1:
            raise ValueError(
                f"a table needs columns of one length, got {lengths or 'no column'}"
            )

    def __len__(self) -> int:
        return len(next(iter(self._columns.values())))

    def __getitem__(self, chosen: Any) -> Any:
        """Returns a column by its name, or the rows of an array of row numbers."""
        if isinstance(chosen, str):
            return self._columns[chosen]
        return Table({name: values[chosen] for name, values in self._columns.items()})

    @property
    def names(self) -> tuple[str, ...]:
        """Of the columns, in the file's order."""
        return tuple(self._columns)

    def numeric(self, name: str) -> bool:
        """Whether a column holds numbers."""
        return bool(self._columns[name].dtype.kind == "f")

    def missing(self, name: str) -> Int[np.ndarray, " k"]:
        """Returns the rows that lack a value in a column."""
        values = self._columns[name]
        gone = np.isnan(values) if values.dtype.kind == "f" else values == ""
        return np.flatnonzero(gone)

    def select(self, names: Sequence[str]) -> "Table":
        """Returns some of the columns, in the order named."""
        return Table({name: self._columns[name] for name in names})

    def fingerprint(self) -> str:
        """Returns the sha256 of names and values."""
        return fingerprint(
            *(part for name, own in self._columns.items() for part in (name, own))
        )
