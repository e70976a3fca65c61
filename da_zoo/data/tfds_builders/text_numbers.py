"""Numbers in columns of plain text, as UCI and statistics' teachers publish them."""

import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float

from da_zoo.data.archives import gunzip

__all__ = ["read_numbers"]


def read_numbers(
    path: Path,
    columns: int | None = None,
    *,
    delimiter: str | None = None,
    missing: Sequence[str] = (),
) -> Float[np.ndarray, "n d"]:
    r"""Reads a file of as many numbers in each line, gzipped or not, without a header.

    Args:
        path: of the file; what it is decides, not its name.
        columns: how many numbers a line must have; None takes the first line's.
        delimiter: between numbers; None means blanks.
        missing: cells without a value, which become NaN.

    Raises:
        ValueError: for an empty or damaged file, and a line with another number of
            cells or with one that is no number; the message names file and line.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "a.data"
        >>> _ = path.write_text("1,2\n3,?\n")
        >>> read_numbers(path, delimiter=",", missing="?")
        array([[ 1.,  2.],
               [ 3., nan]])
    """
    try:
        raw = path.read_bytes()
        if raw[:2] == b"\x1f\x8b":
            raw = gunzip(raw)
        text = raw.decode("ascii")
    except (OSError, EOFError, zlib.error, UnicodeDecodeError) as error:
        raise ValueError(f"{path} cannot be read as text of numbers: {error}") from None
    lines = [(n, line) for n, line in enumerate(text.splitlines(), 1) if line.strip()]
    if not lines:
        raise ValueError(f"{path} is empty")
    rows = []
    for number, line in lines:
        cells = line.split(delimiter)
        columns = len(cells) if columns is None else columns
        if len(cells) != columns:
            raise ValueError(
                f"{path}, line {number}: {len(cells)} cells instead of {columns}"
            )
        if missing:
            cells = ["nan" if cell.strip() in missing else cell for cell in cells]
        try:
            rows.append(np.array(cells, np.float64))
        except ValueError as error:
            raise ValueError(f"{path}, line {number}: {error}") from None
    return np.stack(rows)
