"""Tables to vectors: imputed and standardised numbers, one-hot categories."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

from da_zoo.data.domain_data import DomainData
from da_zoo.data.table import Table, column_of_cells, text_cells

__all__ = ["MOST_CATEGORIES", "TableEncoder", "fit", "from_json"]

MOST_CATEGORIES = 50
"""Of a column; the rarer ones share the column's "none of these", as new ones do."""


class _Number(NamedTuple):
    name: str
    mean: float
    deviation: float


class _Category(NamedTuple):
    name: str
    values: tuple[str, ...]


class TableEncoder(NamedTuple):
    """What was learned of each column.

    Example:
        >>> from da_zoo.data.domain_data import make_domain_data
        >>> table = Table({"age": np.array([40.0, np.nan, 60.0])})
        >>> encoder = fit(make_domain_data("a", "table", table, mark=""))
        >>> encoder.apply(table)[:, 0].tolist()
        [-1.0, 0.0, 1.0]
    """

    numbers: tuple[_Number, ...]
    categories: tuple[_Category, ...]
    notes: tuple[str, ...] = ()
    """Columns left out, in sentences."""

    @property
    def names(self) -> tuple[str, ...]:
        """Of the columns of the encoded array."""
        return (
            *(one.name for one in self.numbers),
            *(f"{one.name}={value}" for one in self.categories for value in one.values),
        )

    @property
    def needed(self) -> tuple[str, ...]:
        """The columns that a table must have."""
        numbers = tuple(one.name for one in self.numbers)
        return (*numbers, *(one.name for one in self.categories))

    def apply(self, x: Table) -> Float[np.ndarray, "n d"]:
        """Encodes rows of any domain.

        A missing number becomes the source's mean, 0; a missing or new category is
        none of those known: all its places are 0.

        Raises:
            ValueError: if the table lacks a column, or one of numbers holds text.
        """
        if not isinstance(x, Table):
            raise TypeError(f"x must be a Table, got {type(x).__name__}")
        if absent := [name for name in self.needed if name not in x.names]:
            raise ValueError(
                f"the table lacks the columns {absent}, which the encoder was fitted "
                f"on; it has {list(x.names)}"
            )
        encoded = np.zeros((len(x), len(self.names)), np.float32)
        for place, one in enumerate(self.numbers):
            values = x[one.name]
            if not x.numeric(one.name):
                values = column_of_cells(text_cells(values))
            if values.dtype.kind == "U":
                row = next(i for i, v in enumerate(values) if not _is_number(v))
                raise ValueError(
                    f"column {one.name!r} holds numbers in the source, and "
                    f"{str(values[row])!r} in data row {row + 1} here"
                )
            with np.errstate(over="ignore"):  # infinity is refused where it matters
                scaled = (values - one.mean) / one.deviation
                encoded[:, place] = np.where(np.isnan(scaled), 0.0, scaled)
        place = len(self.numbers)
        for own in self.categories:
            cells = _as_text(x, own.name)
            for value in own.values:
                encoded[:, place] = cells == value
                place += 1
        return encoded

    def strangers(self, x: Table) -> list[str]:
        """Says which columns of a table hold categories that the source has not.

        Example:
            >>> from da_zoo.data.domain_data import make_domain_data
            >>> own, other = (Table({"city": np.array([c] * 4)}) for c in "ab")
            >>> encoder = fit(make_domain_data("a", "table", own, mark=""))
            >>> encoder.strangers(other)
            ['city: 4 rows with values that the source has not, such as b']
        """
        told = []
        for own in self.categories:
            cells = _as_text(x, own.name)
            new = (cells != "") & ~np.isin(cells, own.values)
            if new.any():
                told.append(
                    f"{own.name}: {int(new.sum())} rows with values that the source "
                    f"has not, such as {cells[np.argmax(new)]}"
                )
        return told

    def to_json(self) -> dict[str, Any]:
        """Returns plain values."""
        return {
            "numbers": [list(one) for one in self.numbers],
            "categories": [[one.name, list(one.values)] for one in self.categories],
        }


def _is_number(cell: Any) -> bool:
    try:
        float(cell)
    except ValueError:
        return cell == ""
    return True


def _as_text(x: Table, name: str) -> np.ndarray:
    # A column of codes may be all numbers in one file and not in the other.
    return np.array(text_cells(x[name]), str)


def fit(
    data: DomainData,
    *,
    columns: Sequence[str] | None = None,
    categorical: Sequence[str] = (),
) -> TableEncoder:
    """Learns mean, deviation and categories from the source's training rows.

    Args:
        data: those rows, of kind "table".
        columns: which to take, those that the target has too say; None takes all.
        categorical: columns of numbers that are codes, not quantities.

    Returns:
        The encoder. Columns without any value, and of categories that hardly ever come
        twice (names, ids, dates), are left out, which its ``notes`` say.

    Raises:
        ValueError: if nothing is left, or a column is not there.

    Example:
        >>> from da_zoo.data.domain_data import make_domain_data
        >>> table = Table({"sex": np.array(["f", "m", "f"])})
        >>> fit(make_domain_data("a", "table", table, mark="")).names
        ('sex=f', 'sex=m')
    """
    table = data.x
    if not isinstance(table, Table):
        raise TypeError(f"{data.name} must hold a Table, got {type(table).__name__}")
    wanted = table.names if columns is None else tuple(columns)
    if absent := [n for n in (*wanted, *categorical) if n not in table.names]:
        raise ValueError(f"{data.name} lacks the columns {absent}")
    numbers, categories, notes = [], [], []
    for name in wanted:
        if len(table.missing(name)) == len(table):
            notes.append(f"Column {name} has no value in {data.name}: left out.")
        elif table.numeric(name) and name not in categorical:
            values = table[name][~np.isnan(table[name])]
            # Of a constant column, rounding leaves the mean a little beside it and a
            # deviation of about 1e-16: by 0 and 1 it stays what it should be, 0.
            varies = float(np.ptp(values)) > 0
            mean = values.mean() if varies else values[0]
            deviation = values.std() if varies else 1.0
            numbers.append(_Number(name, float(mean), float(deviation)))
        else:
            cells = _as_text(table, name)
            found, count = np.unique(cells[cells != ""], return_counts=True)
            if len(found) > max(20, 0.5 * count.sum()):
                notes.append(
                    f"Column {name} has {len(found)} values in {count.sum()} rows of "
                    f"{data.name}, as names and ids do: left out."
                )
                continue
            kept = np.sort(found[np.argsort(-count, kind="stable")[:MOST_CATEGORIES]])
            if len(kept) < len(found):
                notes.append(
                    f"Column {name}: the {MOST_CATEGORIES} commonest of {len(found)} "
                    "categories are told apart."
                )
            categories.append(_Category(name, tuple(kept.tolist())))
    if not numbers and not categories:
        raise ValueError(f"{data.name} has no usable column: {' '.join(notes)}")
    return TableEncoder(tuple(numbers), tuple(categories), tuple(notes))


def from_json(told: Any) -> TableEncoder:
    """Undoes :meth:`TableEncoder.to_json`.

    Raises:
        ValueError: if the values are no encoder's.

    Example:
        >>> from_json({"numbers": [["age", 50.0, 10.0]], "categories": []}).names
        ('age',)
    """
    try:
        numbers = tuple(
            _Number(str(name), float(mean), float(deviation))
            for name, mean, deviation in told["numbers"]
        )
        categories = tuple(
            _Category(str(name), tuple(map(str, values)))
            for name, values in told["categories"]
        )
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"these are no table encoder's values: {error!r}") from None
    if not all(
        np.isfinite([one.mean, one.deviation]).all() and one.deviation > 0
        for one in numbers
    ):
        raise ValueError("a table encoder's means and deviations must be finite")
    return TableEncoder(numbers, categories)
