"""Tables from CSV or Parquet files: numbers, categories and missing values."""

from collections.abc import Collection, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from da_zoo.data.csv_rows import read_csv
from da_zoo.data.domain_data import DomainData, make_domain_data
from da_zoo.data.table import (
    BLANKS,
    NO_LABEL,
    Table,
    column_of_cells,
    text_cells,
)
from da_zoo.naming import choose

__all__ = ["MOST_COLUMNS", "read_table"]

MOST_COLUMNS = 20_000
"""A wider file is no table of measurements: it belongs into arrays."""


def read_table(
    path: str | Path | Sequence[str | Path],
    *,
    label: str | None = None,
    drop: Collection[str] = (),
    columns: Iterable[str] | None = None,
    domain: str | None = None,
    classes: Sequence[str] | None = None,
    regression: bool = False,
    missing: Collection[str] = (),
    as_text: Collection[str] = (),
) -> DomainData:
    r"""Reads a table from a CSV or Parquet file, or one domain a file from several.

    A column is numeric if all its values are numbers, else a category. Cells that are
    empty, ``?``, ``NA``, ``none``, ``null`` or ``nan`` are missing; a label is only
    where its cell is empty, ``?`` or ``nan``. Nothing is imputed or scaled here: see
    :mod:`da_zoo.data.encoders.tables`.

    Args:
        path: of a ``.csv`` (UTF-8 with a header; commas, semicolons or tabs), a
            ``.tsv`` or a ``.parquet`` file; several are as many domains, called by
            their files' stems.
        label: the column of labels; None reads none.
        drop: columns to leave out, where they are there; a column of labels that must
            not be read, say: its cells are not looked at.
        columns: the only columns to take as inputs; None takes all.
        domain: the column that names each row's domain; None makes the file one.
        classes: names of the classes in the order of their numbers; None sorts those
            that are found.
        regression: whether labels are values.
        missing: more cells that mean a missing value, such as "-9".
        as_text: columns whose cells stay as they are written, where all are numbers
            too: ids, of which a float would lose digits.

    Raises:
        ValueError: for a file that is missing, empty, unreadable, too wide, ragged or
            not UTF-8, or that lacks a column named here; the message names the file,
            and the line where there is one.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "patients.csv"
        >>> _ = path.write_text("age,sex,sick\n63,m,1\n?,f,0\n")
        >>> data = read_table(path, label="sick")
        >>> data.x.names, data.labels.tolist(), data.classes
        (('age', 'sex'), [1, 0], ('0', '1'))
    """
    if isinstance(path, str | Path):
        cells, name = _cells(Path(path), drop, missing, as_text, label), str(path)
        origin = None
        notes: list[str] = []
    else:
        parts = [_cells(Path(one), drop, missing, as_text, label) for one in path]
        name = " + ".join(map(str, path))
        cells, notes = _joined([str(one) for one in path], parts)
        stems = [Path(one).stem for one in path]
        if len(set(stems)) < len(stems):  # a/x.csv and b/x.csv are two domains
            stems = [str(one) for one in path]
        origin = [
            stem
            for stem, part in zip(stems, parts, strict=True)
            for _ in range(len(next(iter(part.values()))))
        ]
    known = dict.fromkeys(cells)
    for what, column in (("label", label), ("domain", domain)):
        if column is not None:
            choose(known, column, f"{what} column of {name}")
    labels = None if label is None else _labels(cells[label])
    if domain is not None:
        origin = text_cells(cells[domain])
        if blank := [row for row, cell in enumerate(origin) if not cell]:
            raise ValueError(
                f"{name}: {len(blank)} rows have no domain in column {domain!r}, the "
                f"first is data row {blank[0] + 1}"
            )
    apart = {label, domain}
    wanted = [c for c in cells if c not in apart] if columns is None else list(columns)
    for column in wanted:
        choose(known, column, f"column of {name}")
        if column in apart:
            raise ValueError(
                f"{name}: column {column!r} cannot be an input and the label or domain"
            )
    if not wanted:
        raise ValueError(f"{name} has no column beside {sorted(filter(None, apart))}")
    table = Table({column: cells[column] for column in wanted})
    return make_domain_data(
        name,
        "table",
        table,
        labels,
        classes=classes,
        regression=regression,
        domain=origin,
        mark=table.fingerprint(),
        notes=notes,
    )


def _labels(values: np.ndarray) -> list[Any]:
    """Text, or numbers; NaN and "" are no labels."""
    return [None if value == "" else value for value in values.tolist()]


def _joined(
    names: list[str], parts: list[dict[str, np.ndarray]]
) -> tuple[dict[str, np.ndarray], list[str]]:
    if not parts:
        raise ValueError("path is empty; name at least one file")
    shared = [c for c in parts[0] if all(c in part for part in parts)]
    if not shared:
        raise ValueError(f"{', '.join(names)} have no column in common")
    joined = {}
    for column in shared:
        own = [part[column] for part in parts]
        if len({values.dtype.kind for values in own}) > 1:  # text in one of them
            own = [np.array(text_cells(values), str) for values in own]
        joined[column] = np.concatenate(own)
    alone = sorted({c for part in parts for c in part} - set(shared))
    notes = []
    if alone:
        notes.append(
            f"Columns that not all of {', '.join(names)} have are left out: "
            f"{', '.join(alone)}."
        )
    return joined, notes


def _cells(
    path: Path,
    drop: Collection[str],
    missing: Collection[str],
    as_text: Collection[str],
    label: str | None,
) -> dict[str, np.ndarray]:
    """Columns by name; dropped ones are not parsed."""
    if not path.exists():
        raise ValueError(f"{path} does not exist")
    if not path.is_file():
        raise ValueError(f"{path} is no file")
    drop = set(drop)
    own = {one.strip().lower() for one in missing}
    if path.suffix.lower() == ".parquet":
        table = _parquet(path, drop)
    elif path.suffix.lower() in (".csv", ".tsv"):
        table = _csv(path, drop)
    else:
        raise ValueError(f"{path} must be a .csv, .tsv or .parquet file")
    return {
        name: _column(
            path,
            name,
            table.column(name),
            own.union(NO_LABEL if name == label else BLANKS),
            name in as_text,
        )
        for name in table.column_names
    }


def _column(
    path: Path, name: str, column: pa.ChunkedArray, blanks: set[str], text: bool
) -> np.ndarray:
    if text and not pa.types.is_nested(column.type):
        column = column.cast(pa.string())
    kind = column.type
    if pa.types.is_boolean(kind) or pa.types.is_integer(kind):
        column, kind = column.cast(pa.float64()), pa.float64()
    if pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        values = column.cast(pa.float64()).to_numpy()
        values = np.where(np.isin(values, _numbers(blanks)), np.nan, values)
        _refuse_infinity(path, name, values)
        return values
    if pa.types.is_nested(kind) or pa.types.is_binary(kind):
        raise ValueError(
            f"{path}: column {name!r} holds {kind}, which is neither a number nor a "
            "category; leave it out with --drop"
        )
    texts = ["" if v is None else str(v) for v in column.to_pylist()]
    cells = ["" if t.strip().lower() in blanks else t for t in texts]
    if text:
        return np.array([cell.strip() for cell in cells], str)
    values = column_of_cells(cells, ("",))  # the others were made so above
    if values.dtype.kind == "f":
        _refuse_infinity(path, name, values)
    return values


def _numbers(words: set[str]) -> list[float]:
    found = []
    for word in words:
        try:
            found.append(float(word))
        except ValueError:
            continue
    return found


def _refuse_infinity(path: Path, name: str, values: np.ndarray) -> None:
    if (bad := np.isinf(values)).any():
        raise ValueError(
            f"{path}: column {name!r} holds {int(bad.sum())} infinite values, the "
            f"first in data row {int(np.argmax(bad)) + 1}; drop those rows"
        )


def _parquet(path: Path, drop: set[str]) -> pa.Table:
    try:
        names = pyarrow.parquet.read_schema(path).names
        _check_header(path, names)
        kept = [name for name in names if name not in drop]
        table = pyarrow.parquet.read_table(path, columns=kept)
    except (pa.ArrowException, OSError) as error:
        raise ValueError(f"{path} is no readable Parquet file: {error}") from None
    if not table.num_rows:
        raise ValueError(f"{path} has columns but no rows")
    return table


def _header(path: Path) -> tuple[list[str], str]:
    """Column names and the delimiter, from the first line alone."""
    try:
        with path.open("rb") as file:
            first = file.readline(64 * 1024 * 1024).decode("utf-8-sig").strip("\r\n")
    except UnicodeDecodeError:
        read_csv(path, delimiter=None)  # says which line and byte
        raise
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {error}") from None
    if not first.strip():
        raise ValueError(f"{path} is empty; it needs a header and rows")
    delimiter = max(",;\t", key=first.count)
    if first.count(delimiter) >= MOST_COLUMNS:
        return [""] * (first.count(delimiter) + 1), delimiter
    import csv

    return next(csv.reader([first], delimiter=delimiter)), delimiter


def _check_header(path: Path, names: list[str]) -> None:
    if len(names) > MOST_COLUMNS:
        raise ValueError(
            f"{path} has {len(names)} columns, more than {MOST_COLUMNS}; save such "
            "rows as arrays (.npz with x and y), or a sparse matrix (svmlight)"
        )
    if len(set(names)) < len(names):
        twice = sorted({name for name in names if names.count(name) > 1})
        raise ValueError(f"{path} has more than one column called {twice}")


def _csv(path: Path, drop: set[str]) -> pa.Table:
    names, delimiter = _header(path)
    _check_header(path, names)
    kept = [name for name in names if name not in drop]
    if not kept:
        raise ValueError(f"{path} has no column beside those dropped")
    try:
        table = pyarrow.csv.read_csv(
            path,
            parse_options=pyarrow.csv.ParseOptions(
                delimiter=delimiter, newlines_in_values=True
            ),
            # As text: whether a column is of numbers must not depend on a first block.
            convert_options=pyarrow.csv.ConvertOptions(
                column_types=dict.fromkeys(kept, pa.string()),
                include_columns=kept,
                strings_can_be_null=False,
            ),
        )
    except (pa.ArrowException, OSError) as error:
        read_csv(path, delimiter=delimiter)  # most often says which line it is
        raise ValueError(f"{path} is no readable CSV file: {error}") from None
    if not table.num_rows:
        raise ValueError(f"{path} has a header but no rows")
    return table
