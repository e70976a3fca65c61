"""Rows as a table for other tools: Parquet or CSV, derived and never read back."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from da_zoo.bench.rows import Row
from da_zoo.csv_cells import plain_cell
from da_zoo.whole_files import whole_file

__all__ = ["export_rows", "flat"]

SUFFIXES = (".parquet", ".csv")


def flat(row: Row, prefix: str = "") -> dict[str, Any]:
    """Puts nested fields beside the others, by dotted names; lists become text.

    Example:
        >>> flat({"a": 1, "b": {"c": 2.0}, "d": [1, 2]})
        {'a': 1, 'b.c': 2.0, 'd': '1, 2'}
    """
    found: dict[str, Any] = {}
    for name, value in row.items():
        if isinstance(value, dict):
            found |= flat(value, f"{prefix}{name}.")
        elif isinstance(value, list | tuple):
            found[prefix + name] = ", ".join(map(str, value))
        else:
            found[prefix + name] = value
    return found


def export_rows(rows: Iterable[Row], path: str | Path) -> int:
    """Writes rows, a column for each field that any of them has.

    Args:
        rows: as of ``RowStore.read`` or a leaderboard, with gains.
        path: of a ``.parquet`` or ``.csv`` file.

    Returns:
        How many rows there are.

    Raises:
        ValueError: for another type of file, no rows, or a file that cannot be written.

    Example:
        >>> import tempfile
        >>> export_rows([{"method": "dann"}], Path(tempfile.mkdtemp()) / "rows.csv")
        1
    """
    path = Path(path)
    if path.suffix not in SUFFIXES:
        raise ValueError(f"{path} must end in {' or '.join(SUFFIXES)}")
    table = [flat(row) for row in rows]
    if not table:
        raise ValueError("there are no rows to export")
    names = dict.fromkeys(name for row in table for name in row)
    plain = plain_cell if path.suffix == ".csv" else _as_it_is
    columns = {
        plain(name): _column([plain(row.get(name)) for row in table]) for name in names
    }
    whole = pa.table(columns)
    try:
        with whole_file(path) as draft:
            if path.suffix == ".csv":
                pyarrow.csv.write_csv(whole, draft)
            else:
                pyarrow.parquet.write_table(whole, draft)
    except OSError as error:
        raise ValueError(f"{path} cannot be written: {error}") from None
    return len(table)


def _as_it_is(value: Any) -> Any:
    return value


def _column(values: list[Any]) -> pa.Array:
    kinds = {type(value) for value in values if value is not None}
    try:
        if kinds <= {int, float} and kinds != {int}:
            return pa.array(values, pa.float64())
        if len(kinds) <= 1:
            return pa.array(values)
    except (OverflowError, pa.ArrowException):
        pass  # integers of any length, in a field that is nobody's
    # "auto" in one row and a number in another
    return pa.array([None if value is None else str(value) for value in values])
