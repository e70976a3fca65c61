"""Rows of a CSV file, with errors that name the file, the line and the column."""

import csv
import io
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

__all__ = ["CsvRows", "read_csv", "read_utf8"]


class CsvRows(NamedTuple):
    """What a file holds, as text.

    Example:
        >>> rows = CsvRows("a.csv", ("x", "y"), ((2, ("1", "2")), (3, ("3", "4"))))
        >>> list(rows.column("y"))
        [(2, '2'), (3, '4')]
    """

    path: str
    header: tuple[str, ...]
    rows: tuple[tuple[int, tuple[str, ...]], ...]
    """(line on which the row begins, its cells); never empty."""

    def column(self, name: str) -> Iterator[tuple[int, str]]:
        """Returns (line, cell) of one column.

        Raises:
            ValueError: if the file has no such column.
        """
        if name not in self.header:
            raise ValueError(
                f"{self.path} has no column {name!r}; it has {list(self.header)}"
            )
        place = self.header.index(name)
        return ((line, cells[place]) for line, cells in self.rows)


def read_utf8(path: str | Path) -> str:
    """Reads a text file in UTF-8, with or without a byte-order mark.

    Raises:
        ValueError: if it is missing or not UTF-8; the message names file and line.

    Example:
        >>> read_utf8("nowhere.txt")
        Traceback (most recent call last):
        ValueError: nowhere.txt is no file
    """
    path = Path(path)
    if not path.is_file():
        raise ValueError(f"{path} is no file")
    raw = path.read_bytes()
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise ValueError(
            f"{path}, line {line}: byte 0x{raw[error.start]:02x} is not UTF-8; convert "
            "the file (iconv -f latin1 -t utf-8)"
        ) from None


def read_csv(path: str | Path, *, delimiter: str | None = ",") -> CsvRows:
    r"""Reads a CSV file: a header, then rows of as many cells; empty lines are skipped.

    Args:
        path: of a file in UTF-8, with quotes where a cell needs them.
        delimiter: between cells; None takes the commonest of comma, semicolon and tab
            in the first line.

    Raises:
        ValueError: if it is missing, empty, not UTF-8 or not CSV, if a row has another
            number of cells than the header, a cell is longer than Python's csv module
            takes (131 072 characters), or two columns have one name.

    Example:
        >>> import tempfile, pathlib
        >>> path = pathlib.Path(tempfile.mkdtemp()) / "a.csv"
        >>> _ = path.write_text('text,label\n"yes, well",1\n', encoding="utf-8")
        >>> read_csv(path).rows
        ((2, ('yes, well', '1')),)
    """
    name = str(path)
    text = read_utf8(path)
    if delimiter is None:
        delimiter = max(",;\t", key=text.split("\n", 1)[0].count)
    lines = io.StringIO(text, newline="")
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    found: list[tuple[int, tuple[str, ...]]] = []
    begins = 1
    try:
        for cells in reader:
            if cells:
                found.append((begins, tuple(cells)))
            begins = reader.line_num + 1
    except csv.Error as error:
        raise ValueError(f"{name}, line {begins}: {error}") from None
    if not found:
        raise ValueError(f"{name} is empty; it needs a header and rows")
    (_, header), *rows = found
    if len(set(header)) < len(header):
        twice = sorted({cell for cell in header if header.count(cell) > 1})
        raise ValueError(f"{name} has more than one column called {twice}")
    if not rows:
        raise ValueError(f"{name} has a header but no rows")
    for line, row in rows:
        if len(row) != len(header):
            raise ValueError(
                f"{name}, line {line}: {len(row)} cells where the header has "
                f"{len(header)} ({', '.join(header)}); quote cells that hold "
                f"{delimiter!r}"
            )
    return CsvRows(name, header, tuple(rows))
