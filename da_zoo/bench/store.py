"""Rows on disk: append-only JSON lines that survive a kill at any moment.

A benchmark folder holds ``manifest.json`` (whose folder it is), ``rows.jsonl`` (one
run per line) and ``logits/`` (float16 logits, one file per row group). A **row
group** is one method on one scenario, track, label fraction and configuration with
all its seeds; it is written by one ``write`` and is complete or run again.
"""

import errno
import gc
import json
import os
import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from da_zoo.bench.rows import (
    SCHEMA_VERSION,
    Row,
    last_complete,
    row_flaw,
)
from da_zoo.json_files import plain_texts, read_json, refuse_constant, strict_json
from da_zoo.whole_files import sync_folder, whole_file, write_whole

__all__ = ["Problem", "RowStore"]

_MARKER = "da_zoo benchmark"
_MANIFEST = "manifest.json"
# Left behind by a kill while the folder is being made: ours, though no manifest yet.
_MANIFEST_DRAFT = re.compile(r"manifest\.json\.tmp|\.[0-9a-f]{8}\.tmp\.json")
_ROWS = "rows.jsonl"
# Where a control character may be: its escapes in JSON, or itself from 0x7f on.
_UNSAFE = re.compile(rb"\\[ubfr]|\x7f|\xc2")
_ABSENT = {"suite": "", "label_fraction": None, "reason": ""}
_FLOAT16_LIMIT = float(np.finfo(np.float16).max)


class Problem(NamedTuple):
    """A line of ``rows.jsonl`` that could not be used."""

    line: int
    """Line number, from 1."""
    reason: str

    def __str__(self) -> str:
        return f"rows.jsonl, line {self.line}: {self.reason}"


class RowStore:
    """The rows of one benchmark folder; make one with :meth:`open`.

    Example:
        >>> import tempfile
        >>> store = RowStore.open(tempfile.mkdtemp())
        >>> cell = {"group": "a1", "scenario": "s", "track": "U", "method": "dann"}
        >>> row = {**cell, "case": 3, "configuration": 0, "status": "na"}
        >>> store.append_group([{**row, "seed": seed} for seed in (0, 1)])
        >>> rows, problems = store.read()
        >>> len(rows), problems
        (2, [])
        >>> store.complete_groups({"a1": (0, 1), "b2": (0, 1)})
        {'a1'}
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.rows_path = folder / _ROWS
        self._known: tuple[tuple[int, int], dict[str, dict[int, str]]] = ((-1, -1), {})

    @classmethod
    def open(cls, out: str | Path, *, create: bool = True) -> "RowStore":
        """Opens a benchmark folder, and makes it where there is none.

        Args:
            out: the folder.
            create: False refuses a folder that is not a benchmark's yet, for commands
                that only read.

        Raises:
            ValueError: where the folder cannot be written, holds files that are not
                a benchmark's, or has rows of another schema version.

        Example:
            >>> import tempfile
            >>> RowStore.open(tempfile.mkdtemp(), create=False)
            Traceback (most recent call last):
            ...
            ValueError: out='...' holds no benchmark...
        """
        folder = Path(out)
        manifest = folder / _MANIFEST
        if not create:
            if not manifest.is_file():
                raise ValueError(
                    f"out='{folder}' holds no benchmark (no {_MANIFEST}): name the "
                    "folder that `da-zoo bench --out` wrote"
                )
            _check_manifest(manifest)
            return cls(folder)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            if manifest.exists():
                _check_manifest(manifest)
            else:
                _check_empty(folder)
                content = {"marker": _MARKER, "schema_version": SCHEMA_VERSION}
                write_whole(manifest, json.dumps(content) + "\n")
            store = cls(folder)
            if not store.rows_path.exists():
                store.rows_path.touch()
                sync_folder(folder)
            os.close(os.open(store.rows_path, os.O_WRONLY | os.O_APPEND))
        except OSError as error:
            raise ValueError(
                f"out='{folder}' cannot be written ({error.strerror}): "
                "name a folder that you may write to"
            ) from error
        return store

    def append_group(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Appends all rows of one group by a single write, and waits for the disk.

        Non-finite numbers are stored as null. Each row also gets ``group_rows``, the
        number of rows written together, so that a torn group is recognised later.

        Args:
            rows: one per seed, all of the same ``group``.

        Raises:
            ValueError: for no rows, rows of two groups, a seed given twice, or a row
                without the fields that identify a run.
            OSError: where the disk takes only a part, for example when it is full.
                What was written is ignored later.
        """
        if not rows:
            raise ValueError("rows must hold at least one row, got none")
        if len({row.get("group") for row in rows}) > 1:
            raise ValueError("rows must be of one group: append each group by itself")
        if len({row.get("seed") for row in rows}) < len(rows):
            raise ValueError("rows must have one row per seed, got a seed twice")
        lines = []
        for row in rows:
            full = strict_json(
                {"schema_version": SCHEMA_VERSION, **row, "group_rows": len(rows)}
            )
            if flaw := row_flaw(full):
                raise ValueError(f"a row to append {flaw}")
            lines.append(json.dumps(full, allow_nan=False) + "\n")
        created = not self.rows_path.exists()
        descriptor = os.open(
            self.rows_path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o644
        )
        try:
            size = os.fstat(descriptor).st_size
            # After a torn write the new rows must not continue its half line.
            torn = size > 0 and os.pread(descriptor, 1, size - 1) != b"\n"
            data = ("\n" * torn + "".join(lines)).encode()
            written = os.write(descriptor, data)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        if created:
            sync_folder(self.folder)
        if written < len(data):
            raise OSError(
                errno.ENOSPC,
                f"{self.rows_path}: only {written} of {len(data)} bytes were written; "
                "is the disk full? The group will be run again",
            )

    def read(self) -> tuple[list[Row], list[Problem]]:
        """Reads all usable rows; a bad line costs that line only.

        Where a group was written more than once, its last complete writing counts;
        where none is complete, its last row of each seed.

        Returns:
            the rows in the order of the file, and the lines that are left out, why.
        """
        if not self.rows_path.exists():
            return [], []
        numbered: list[tuple[int, Row]] = []
        problems: list[Problem] = []
        with self.rows_path.open("rb") as file, _no_collections():
            for number, line in enumerate(file, start=1):
                if not line.strip():
                    continue
                row, flaw = _parsed(line)
                if flaw:
                    problems.append(Problem(number, flaw))
                else:
                    numbered.append((number, row))
            return last_complete(numbered), problems

    def complete_groups(
        self, expected: Mapping[str, Iterable[int]], *, retry: Iterable[str] = ()
    ) -> set[str]:
        """Says which groups need not be run again.

        Args:
            expected: for each group, its seeds.
            retry: statuses that do not count as final, such as "failed".

        Returns:
            the groups of which every seed has a final row.
        """
        statuses, again = self._statuses(), set(retry)
        seeds = {
            group: {s for s, st in statuses.get(group, {}).items() if st not in again}
            for group in expected
        }
        return {g for g, wanted in expected.items() if set(wanted) <= seeds[g]}

    def _statuses(self) -> dict[str, dict[int, str]]:
        """How each seed of each group ended; read again only where the file changed."""
        if not self.rows_path.exists():
            return {}
        found = self.rows_path.stat()
        stamp = (found.st_size, found.st_mtime_ns)
        if self._known[0] != stamp:
            statuses: dict[str, dict[int, str]] = {}
            for row in self.read()[0]:
                statuses.setdefault(row["group"], {})[row["seed"]] = row["status"]
            self._known = (stamp, statuses)
        return self._known[1]

    def save_logits(self, group: str, arrays: Mapping[str, np.ndarray]) -> Path:
        """Stores a group's logits as float16, whole or not at all.

        Args:
            group: hexadecimal key of the group.
            arrays: any number of arrays [n, k] by name; values beyond float16's
                range are clipped to it.

        Returns:
            the file, ``logits/<group>.npz``.
        """
        return self._save("logits", group, arrays)

    def save_checkpoints(self, group: str, arrays: Mapping[str, np.ndarray]) -> Path:
        """Stores what selection criteria need of a group's checkpoints.

        Args:
            group: key of the row group.
            arrays: of :meth:`da_zoo.bench.checkpoints.Checkpoints.arrays`.

        Returns:
            the file, ``checkpoints/<group>.npz``.
        """
        return self._save("checkpoints", group, arrays)

    def remove_checkpoints(self, group: str) -> None:
        """Forgets a group's checkpoints, if there are any."""
        self._path("checkpoints", group).unlink(missing_ok=True)

    def has_checkpoints(self, group: str) -> bool:
        """Whether a group's checkpoints are stored."""
        return self._path("checkpoints", group).is_file()

    def _save(self, kind: str, group: str, arrays: Mapping[str, np.ndarray]) -> Path:
        path = self._path(kind, group)
        path.parent.mkdir(exist_ok=True)
        with whole_file(path) as draft, draft.open("wb") as file:
            halves = {name: _half(array) for name, array in arrays.items()}
            np.savez_compressed(file, **halves)  # type: ignore[arg-type]
        return path

    def load_logits(self, group: str) -> dict[str, np.ndarray]:
        """Reads back what :meth:`save_logits` stored: float16 arrays by name.

        Raises:
            ValueError: where the group has no logits, or the file is damaged.
        """
        return self._load("logits", group)

    def load_checkpoints(self, group: str) -> dict[str, np.ndarray]:
        """Reads back what :meth:`save_checkpoints` stored.

        Raises:
            ValueError: where the group has none, or the file is damaged.
        """
        return self._load("checkpoints", group)

    def _load(self, kind: str, group: str) -> dict[str, np.ndarray]:
        path = self._path(kind, group)
        try:
            # Opened here: NumPy leaves a file that is no archive open.
            with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
                return {name: archive[name] for name in archive.files}
        except Exception as error:
            raise ValueError(
                f"{path} cannot be read ({error}): run the group again"
            ) from error

    def _path(self, kind: str, group: str) -> Path:
        # The name becomes a file name, so nothing but a key may come through.
        if not re.fullmatch(r"[0-9a-f]+", group):
            raise ValueError(f"group must be a hexadecimal key, got {group!r}")
        return self.folder / kind / f"{group}.npz"


def _parsed(line: bytes) -> tuple[Row, str]:
    """Reads a line: the row, and what is wrong with it, "" where it can be used."""
    if not line.endswith(b"\n"):
        return {}, "is cut off (no line end)"
    try:
        row = json.loads(line.decode(), parse_constant=refuse_constant)
    except (ValueError, RecursionError) as error:  # Unicode errors are values too
        return {}, f"is not JSON: {error}"
    if flaw := row_flaw(row):
        return {}, flaw
    if _UNSAFE.search(line):  # few lines have any
        row = plain_texts(row)
    # What rows of other hands may lack, and everything that reads rows looks at.
    row |= {name: _ABSENT[name] for name in _ABSENT if row.get(name) is None}
    # Half of a row's memory is the names of its fields, unless rows share them.
    return {sys.intern(name): value for name, value in row.items()}, ""


@contextmanager
def _no_collections() -> Iterator[None]:
    """Keeps the garbage collector from going through all rows again and again."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def _half(array: np.ndarray) -> np.ndarray:
    """Arrays of numbers as float16, clipped to its range; others as they are."""
    if array.dtype.kind != "f" or not array.ndim:
        return array
    return np.clip(array, -_FLOAT16_LIMIT, _FLOAT16_LIMIT).astype(np.float16)


def _check_empty(folder: Path) -> None:
    names = sorted(path.name for path in folder.iterdir())
    foreign = [name for name in names if not _MANIFEST_DRAFT.fullmatch(name)]
    if foreign:
        raise ValueError(
            f"out='{folder}' is not empty ({', '.join(foreign[:3])}) and holds no "
            f"benchmark (no {_MANIFEST}): name an empty or a new folder"
        )


def _check_manifest(manifest: Path) -> None:
    try:
        content = read_json(manifest)
        marker, version = content["marker"], content["schema_version"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ValueError(
            f"out='{manifest.parent}' has a {_MANIFEST} that is not da_zoo's "
            f"({type(error).__name__}): name an empty or a new folder"
        ) from error
    if marker != _MARKER:
        raise ValueError(
            f"out='{manifest.parent}' belongs to something else ({_MANIFEST} says "
            f"{marker!r:.80}): name an empty or a new folder"
        )
    if version != SCHEMA_VERSION:
        raise ValueError(
            f"out='{manifest.parent}' has rows of schema version {version!r:.80}, this "
            f"da_zoo writes {SCHEMA_VERSION}: name a new folder"
        )
