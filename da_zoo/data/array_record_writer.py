"""Writes rows into array_record files, one after another, never all in memory."""

import hashlib
import io
import itertools
import json
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from da_zoo.data.array_record_header import ENCODINGS, HEADER, Header, Shard
from da_zoo.data.array_records import array_record, decode_image
from da_zoo.data.domain_data import KINDS
from da_zoo.data.streamed_labels import NOT_GIVEN, StreamedLabels
from da_zoo.naming import choose

__all__ = ["DOMAIN", "LABELS", "SHARD_BYTES", "write_array_records"]

SHARD_BYTES = 256 * 2**20
"""A shard's rows before compression: enough files to be read side by side."""
LABELS, DOMAIN = "labels.npy", "domain.npy"
OPTIONS = {"raw": "group_size:1,zstd:1", "image": "group_size:1,uncompressed"}
"""Groups of one row, or reading a row at random would read its neighbours too."""


def write_array_records(
    folder: str | Path,
    rows: Iterable[Any],
    labels: Iterable[Any] | None = None,
    *,
    name: str | None = None,
    kind: str = "images",
    encoding: str = "raw",
    channels: int = 3,
    classes: Sequence[str] | None = None,
    regression: bool = False,
    domain: Iterable[str] | None = None,
    label: str = "label",
    shard_bytes: int = SHARD_BYTES,
    notes: Sequence[str] = (),
) -> Path:
    """Writes a data set row by row; the folder appears once it is complete.

    Args:
        folder: to be made; it must not exist.
        rows: numbers, one row after another, all of one shape and type: an array
            [n, ...], or a generator. uint8 (pixels) and int32 (ids) stay, other
            numbers become float32. With ``encoding="image"``, PNG or JPEG files as
            bytes, or uint8 pixels [h, w, 1 or 3].
        labels: as many: names of classes, or numbers of a regression; None, NaN or ""
            is no label.
        name: how messages call the data; None means the folder's name.
        kind: what the rows are, see :data:`da_zoo.data.domain_data.KINDS`.
        encoding: "raw" writes a row's bytes; "image" writes files (pixels as PNG,
            without loss) that are decoded whenever they are read.
        channels: of decoded images, 1 or 3.
        classes: names in the order of their numbers; None sorts those found.
        regression: whether labels are values.
        domain: as many: the name of each row's domain.
        label: what the labels are called; a reader has to ask for it.
        shard_bytes: when a new file is begun.
        notes: see :class:`da_zoo.data.domain_data.DomainData`.

    Returns:
        The folder.

    Raises:
        ValueError: for a folder that exists, no rows, rows of several shapes or types,
            NaN, damaged images, or labels that are too few, too many or unknown.
        TypeError: for rows that are no numbers.

    Example:
        >>> root = Path(tempfile.mkdtemp())
        >>> pictures = (np.full((4, 4, 3), i, np.uint8) for i in range(5))
        >>> folder = write_array_records(root / "grey", pictures, "aabba")
        >>> sorted(path.name for path in folder.iterdir())
        ['header.json', 'labels.npy', 'rows-00000.array_record']
    """
    folder = Path(folder)
    if folder.exists():
        raise ValueError(f"{folder} exists already; remove it or name another folder")
    choose(dict.fromkeys(KINDS, 0), kind, "kind")
    choose(dict.fromkeys(ENCODINGS, 0), encoding, "encoding")
    if channels not in (1, 3):
        raise ValueError(f"channels must be 1 or 3, got {channels}")
    if regression and classes:
        raise ValueError(f"a regression has no classes, got {list(classes)}")
    folder.parent.mkdir(parents=True, exist_ok=True)
    partial = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        named = name or folder.name
        writer = _Rows(partial, named, encoding, channels, shard_bytes)
        values = StreamedLabels(named, regression, classes)
        domains = StreamedLabels(f"domain of {named}", False, None)
        given = itertools.repeat(NOT_GIVEN) if labels is None else labels
        whose = itertools.repeat(NOT_GIVEN) if domain is None else domain
        for row, value, owner in _in_step(named, rows, given, whose):
            writer.add(row)
            values.add(value)
            domains.add(owner)
        writer.close()
        if labels is not None:
            np.save(partial / LABELS, values.numbers(), allow_pickle=False)
        if domain is not None:
            places = domains.numbers()
            if (places < 0).any():
                row = int(np.argmin(places))
                raise ValueError(f"{named}, row {row} has no name of a domain")
            np.save(partial / DOMAIN, places, allow_pickle=False)
        header = Header(
            named,
            kind,
            writer.shape,
            writer.dtype,
            encoding,
            tuple(writer.shards),
            writer.digest.hexdigest(),
            None if labels is None else label,
            regression,
            values.names() if labels is not None else (),
            domains.names() if domain is not None else (named,),
            tuple(notes),
        )
        told = json.dumps(header.to_json(), indent=1, ensure_ascii=False)
        (partial / HEADER).write_text(told + "\n", encoding="utf-8")
        partial.chmod(0o755)  # mkdtemp's folders are the user's alone
        partial.rename(folder)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise
    return folder


def _in_step(name: str, *parts: Iterable[Any]) -> Iterator[tuple[Any, ...]]:
    """Goes through iterables side by side; one that ends early is an error."""
    endless = [isinstance(part, itertools.repeat) for part in parts]
    iterators = [iter(part) for part in parts]
    end = object()
    for place in itertools.count():
        found = tuple(next(own, end) for own in iterators)
        ended = [one is end for one in found]
        if not any(ended):
            yield found
        elif all(e or n for e, n in zip(ended, endless, strict=True)):
            return
        else:
            raise ValueError(
                f"{name}: rows, labels and domain must be equally many; after {place} "
                f"there is no {('row', 'label', 'domain')[ended.index(True)]} any more"
            )


class _Rows:
    """Checks rows and writes them into shards."""

    def __init__(
        self, folder: Path, name: str, encoding: str, channels: int, size: int
    ) -> None:
        self.folder, self.name, self.size = folder, name, size
        self.encoding, self.channels = encoding, channels
        self.shape: tuple[int, ...] = ()
        self.dtype = np.dtype(np.uint8)
        self.digest = hashlib.sha256()
        self.shards: list[Shard] = []
        self._file: Any = None
        self._written = self._count = self._total = 0

    def add(self, row: Any) -> None:
        raw, shape, dtype = (
            self._image(row) if self.encoding == "image" else self._numbers(row)
        )
        if not self._total:
            self.shape, self.dtype = shape, dtype
            self.digest.update(f"{dtype.str}{shape}".encode())
        if (shape, dtype) != (self.shape, self.dtype):
            raise ValueError(
                f"{self.name}, row {self._total}: {dtype} {shape}, and the rows before "
                f"it are {self.dtype} {self.shape}; resize, pad or convert them first"
            )
        self.digest.update(f"{len(raw)}:".encode() + raw)
        if self._file is not None and self._written + len(raw) > self.size:
            self._end()
        if self._file is None:
            self._path = self.folder / f"rows-{len(self.shards):05d}.array_record"
            self._file = array_record("array_record_module").ArrayRecordWriter(
                str(self._path), OPTIONS[self.encoding]
            )
            self._written = self._count = 0
        self._file.write(raw)
        self._written += len(raw)
        self._count += 1
        self._total += 1

    def close(self) -> None:
        if not self._total:
            raise ValueError(f"{self.name} has no rows")
        self._end()

    def _end(self) -> None:
        self._file.close()
        size = self._path.stat().st_size
        self.shards.append(Shard(self._path.name, self._count, size))
        self._file = None

    def _numbers(self, row: Any) -> tuple[bytes, tuple[int, ...], np.dtype]:
        values = np.asarray(row)
        if values.dtype.kind not in "biuf" or not values.size or not values.ndim:
            raise TypeError(
                f"{self.name}, row {self._total}: a row must be numbers of at least "
                f"one axis, got {values.dtype} {values.shape}"
            )
        if values.dtype not in (np.uint8, np.int32):
            values = values.astype(np.float32)
            if not np.isfinite(values).all():
                raise ValueError(
                    f"{self.name}, row {self._total} has NaN or infinite values; "
                    "impute or drop it"
                )
        return values.tobytes(), values.shape, values.dtype

    def _image(self, row: Any) -> tuple[bytes, tuple[int, ...], np.dtype]:
        where = f"{self.name}, row {self._total}"
        if not isinstance(row, bytes):
            pixels = np.asarray(row)
            if pixels.dtype != np.uint8 or pixels.shape[2:] != (self.channels,):
                raise ValueError(
                    f"{where}: an image must be the bytes of a file or uint8 "
                    f"[h, w, {self.channels}], got {pixels.dtype} {pixels.shape}"
                )
            file = io.BytesIO()
            plain = pixels[:, :, 0] if self.channels == 1 else pixels
            Image.fromarray(plain).save(file, "PNG")
            return file.getvalue(), pixels.shape, pixels.dtype
        try:
            pixels = decode_image(row, self.channels)
        except (OSError, ValueError) as error:
            raise ValueError(f"{where} is no readable image: {error}") from None
        return row, pixels.shape, pixels.dtype
