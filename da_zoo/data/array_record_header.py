"""The header of a folder of array records: what its rows are, and in which files."""

from pathlib import Path, PurePath
from typing import Any, NamedTuple

import numpy as np

from da_zoo.data.random_access import TYPES
from da_zoo.json_files import read_json

__all__ = ["ENCODINGS", "HEADER", "Header", "Shard", "read_header"]

HEADER = "header.json"
FORMAT = "da_zoo.array_records.1"
ENCODINGS = ("raw", "image")


class Shard(NamedTuple):
    """One file of rows."""

    file: str
    rows: int
    size: int
    """In bytes."""


class Header(NamedTuple):
    """What a folder of rows is."""

    name: str
    kind: str
    shape: tuple[int, ...]
    """Of a row."""
    dtype: np.dtype
    encoding: str
    """"raw": a row's bytes; "image": a PNG or JPEG file's."""
    shards: tuple[Shard, ...]
    rows_sha256: str
    label: str | None
    """What the labels are called; None where there are none."""
    regression: bool
    classes: tuple[str, ...]
    domains: tuple[str, ...]
    notes: tuple[str, ...]

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return sum(shard.rows for shard in self.shards)

    def to_json(self) -> dict[str, Any]:
        """Returns what :func:`read_header` reads."""
        own = self._asdict() | {
            "dtype": self.dtype.name,
            "shards": [shard._asdict() for shard in self.shards],
        }
        return {"format": FORMAT, "rows": self.rows, **own}


def read_header(folder: str | Path) -> Header:
    """Reads and checks the header of a folder, and that its files are all there.

    Raises:
        ValueError: if it is none, or its files are missing or of another size.

    Example:
        >>> read_header("nowhere")
        Traceback (most recent call last):
        ValueError: nowhere has no header.json, so it is no folder of array records...
    """
    folder = Path(folder)
    path = folder / HEADER
    if not path.is_file():
        raise ValueError(
            f"{folder} has no {HEADER}, so it is no folder of array records as "
            "write_array_records makes them; a set that tensorflow-datasets prepared "
            "is read as tfds:<name>"
        )
    try:
        header = _header(read_json(path))
    except (KeyError, OverflowError, TypeError, ValueError) as error:
        raise ValueError(f"{path} is no header of array records: {error!r}") from None
    for file, _, size in header.shards:
        there = (folder / file).stat().st_size if (folder / file).is_file() else None
        if there != size:
            told = "is missing" if there is None else f"has {there} bytes, not {size}"
            raise ValueError(f"{folder / file} {told}; write the folder again")
    return header


def _header(told: Any) -> Header:
    if not isinstance(told, dict) or told.get("format") != FORMAT:
        raise ValueError(f"its format is not {FORMAT!r}")
    shards = tuple(
        Shard(str(one["file"]), int(one["rows"]), int(one["size"]))
        for one in told["shards"]
    )
    label = told["label"]
    header = Header(
        str(told["name"]),
        str(told["kind"]),
        tuple(int(size) for size in told["shape"]),
        np.dtype(str(told["dtype"])),
        str(told["encoding"]),
        shards,
        str(told["rows_sha256"]),
        None if label is None else str(label),
        bool(told["regression"]),
        tuple(map(str, told["classes"])),
        tuple(map(str, told["domains"])),
        tuple(map(str, told["notes"])),
    )
    # A folder may be a stranger's: nothing outside it is opened.
    outside = [s.file for s in shards if PurePath(s.file).name != s.file]
    if outside or header.encoding not in ENCODINGS or header.dtype not in TYPES:
        raise ValueError(f"{outside}, {header.encoding}, {header.dtype}")
    if not shards or min((1, *header.shape, *(s.rows for s in shards))) < 1:
        raise ValueError(f"rows of shape {header.shape} in {len(shards)} shards")
    if header.encoding == "image" and (
        len(header.shape) != 3 or header.shape[2] not in (1, 3)
    ):
        raise ValueError(f"images of shape {header.shape}")
    return header
