"""``ArrayRecordPool``: rows of one shape on disk, in array_record files.

A folder holds the rows in shards, a header that says what they are, and maybe labels;
:mod:`da_zoo.data.array_record_writer` writes it.
"""

import hashlib
import importlib
import io
import math
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Int, Shaped, UInt8
from PIL import Image

from da_zoo.data.array_record_header import read_header
from da_zoo.data.image_files import FORMATS
from da_zoo.data.random_access import READ_BYTES, all_rows, row_bytes

__all__ = ["ArrayRecordPool", "array_record", "decode_image"]


def array_record(module: str) -> Any:
    """Imports a module of array_record, which is not to be had everywhere.

    Raises:
        ImportError: naming the package, where it is absent.
    """
    try:
        return importlib.import_module(f"array_record.python.{module}")
    except ImportError as error:
        raise ImportError(
            'rows on disk need array_record: pip install "da-zoo[streaming]" (it has '
            "no wheels for Windows)"
        ) from error


class ArrayRecordPool:
    """Rows on disk, read by their numbers: what a stream's inputs may be.

    It holds file names and row numbers, no rows; it can be pickled, and several threads
    may read at once.

    Args:
        folder: written by ``write_array_records``.
        rows: int [n], which of its rows; None means all.

    Raises:
        ValueError: if it is no such folder, or files are missing or cut off.

    Example:
        >>> import tempfile
        >>> from da_zoo.data.array_record_writer import write_array_records
        >>> folder = Path(tempfile.mkdtemp()) / "rows"
        >>> _ = write_array_records(folder, np.uint8([[1, 2], [3, 4], [5, 6]]))
        >>> pool = ArrayRecordPool(folder)
        >>> pool.shape, pool[np.array([2, 0])].tolist()
        ((3, 2), [[5, 6], [1, 2]])
        >>> pool.shard(1, 2)[:].tolist()
        [[3, 4]]
    """

    def __init__(
        self, folder: str | Path, rows: Int[np.ndarray, " n"] | None = None
    ) -> None:
        self.folder = Path(folder)
        self.header = read_header(folder)
        self._rows = None if rows is None else np.asarray(rows)
        count = self.header.rows if self._rows is None else len(self._rows)
        self.dtype = self.header.dtype
        self.shape = (count, *self.header.shape)
        self.ndim = len(self.shape)
        self.nbytes = math.prod(self.shape) * self.dtype.itemsize
        self._open()

    def _open(self) -> None:
        sources = array_record("array_record_data_source")
        # With a shard's length in its name it is opened when it is first read.
        self._source = sources.ArrayRecordDataSource(
            [f"{self.folder / s.file}[0:{s.rows}]" for s in self.header.shards]
        )

    def __getstate__(self) -> dict[str, Any]:
        return {k: v for k, v in self.__dict__.items() if k != "_source"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._open()

    def __len__(self) -> int:
        return self.shape[0]

    def __repr__(self) -> str:
        return f"ArrayRecordPool({str(self.folder)!r}, {self.dtype} {self.shape})"

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        """Reads all rows into memory."""
        if copy is False:
            raise ValueError("rows on disk become an array only by being read")
        return all_rows(self).astype(dtype or self.dtype, copy=False)

    def __getitem__(self, key: Any) -> Shaped[np.ndarray, "..."]:
        """Reads rows: int [k] gives [k, ...]; a slice or a mask, those of all.

        Raises:
            IndexError: for a row that is not there.
            ValueError: for a damaged file.
        """
        if isinstance(key, (int, np.integer)):
            return self[np.array([key])][0]
        rows = self._numbers(key)
        records = self._records(rows.tolist())
        out = np.empty((len(rows), *self.shape[1:]), self.dtype)
        if self.header.encoding == "image":
            self._decode(records, rows, out)
            return out
        for place, (row, record) in enumerate(zip(rows, records, strict=True)):
            if len(record) != out[place].nbytes:
                raise ValueError(f"{self.folder}: row {row} has {len(record)} bytes")
            out[place] = np.frombuffer(record, self.dtype).reshape(self.shape[1:])
        return out

    def _records(self, rows: list[int]) -> list[bytes]:
        try:
            return self._source.__getitems__(rows) if rows else []
        except RuntimeError as error:  # its own checksums; or the file is gone
            raise ValueError(f"{self.folder} cannot be read: {error}") from None

    def _numbers(self, key: Any) -> Int[np.ndarray, " k"]:
        """Row numbers in the folder."""
        count = len(self)
        if isinstance(key, slice):
            key = np.arange(count)[key]
        key = np.asarray(key)
        if key.dtype == bool and key.shape == (count,):
            key = np.flatnonzero(key)
        if key.ndim != 1 or (key.size and key.dtype.kind not in "iu"):
            raise IndexError(f"rows must be integers [k], got {key.dtype} {key.shape}")
        key = key.astype(np.int64)
        if key.size and not -count <= key.min() <= key.max() < count:
            raise IndexError(
                f"rows must be 0..{count - 1}, got {key.min()}..{key.max()}"
            )
        key = np.where(key < 0, key + count, key)
        return key if self._rows is None else self._rows[key]

    def _decode(self, records: Any, rows: np.ndarray, out: np.ndarray) -> None:
        def one(place: int) -> None:
            try:
                out[place] = decode_image(records[place], self.shape[-1])
            except (OSError, ValueError) as error:  # damaged, or of another size
                raise ValueError(f"{self.folder}, row {rows[place]}: {error}") from None

        with ThreadPoolExecutor(os.cpu_count()) as threads:  # Pillow lets others run
            list(threads.map(one, range(len(records))))

    def verify(self) -> None:
        """Reads the whole folder and compares it with the header's checksum.

        Raises:
            ValueError: if a row is another than was written.
        """
        digest = hashlib.sha256(f"{self.dtype.str}{self.header.shape}".encode())
        part = max(1, READ_BYTES // max(1, row_bytes(self)))
        for start in range(0, self.header.rows, part):
            rows = range(start, min(start + part, self.header.rows))
            for record in self._records(list(rows)):
                digest.update(f"{len(record)}:".encode() + record)
        if digest.hexdigest() != self.header.rows_sha256:
            raise ValueError(
                f"{self.folder} holds other rows than when it was written: their "
                f"sha256 is {digest.hexdigest()}, not {self.header.rows_sha256}"
            )

    def subset(self, rows: Int[np.ndarray, " k"]) -> "ArrayRecordPool":
        """Returns the pool of some rows; none is read."""
        return ArrayRecordPool(self.folder, self._numbers(rows))

    def shard(self, index: int, count: int) -> "ArrayRecordPool":
        """Returns every ``count``-th row from ``index`` on: one host's share.

        Raises:
            ValueError: unless 0 <= index < count <= rows.
        """
        if not 0 <= index < count <= len(self):
            raise ValueError(
                f"shard needs 0 <= index < count <= {len(self)} rows, got "
                f"{index} of {count}"
            )
        return self.subset(np.arange(index, len(self), count))


def decode_image(record: bytes, channels: int) -> UInt8[np.ndarray, "h w c"]:
    """Decodes a PNG or JPEG file.

    Args:
        record: the file.
        channels: 3, or 1 to make it grey.

    Raises:
        OSError: if it is damaged, in Pillow's words.

    Example:
        >>> decode_image(b"GIF89a", 3)
        Traceback (most recent call last):
        PIL.UnidentifiedImageError: cannot identify image file ...
    """
    with Image.open(io.BytesIO(record), formats=FORMATS) as image:
        pixels = np.asarray(image.convert("L" if channels == 1 else "RGB"))
    return pixels.reshape(*pixels.shape[:2], channels)
