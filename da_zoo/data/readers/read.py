"""``read``: whatever a user has, by the reader that knows it."""

import inspect
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from da_zoo.data.domain_data import DomainData
from da_zoo.naming import choose

__all__ = ["READERS", "guess", "read", "reader_options"]

READERS = {
    "table": ("tables", "read_table"),
    "features": ("features", "read_features"),
    "images": ("images", "read_images"),
    "signals": ("signals", "read_signal_windows"),
    "audio": ("audio", "read_audio"),
    "text": ("texts", "read_text_data"),
    "bag_of_words": ("bag_of_words", "read_bag_of_words"),
    "ratings": ("ratings", "read_ratings"),
    "array_records": ("array_records", "read_array_records"),
    "tfds": ("tfds", "read_tfds"),
}
"""What data can be: the module of its reader, and the function."""

BY_SUFFIX = {
    ".csv": "table",
    ".tsv": "table",
    ".parquet": "table",
    ".npz": "features",
    ".npy": "features",
    ".mat": "features",
    ".jsonl": "text",
    ".svm": "bag_of_words",
    ".svmlight": "bag_of_words",
    ".libsvm": "bag_of_words",
}
IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".webp")
IN_FOLDERS = {
    **dict.fromkeys(IMAGE_SUFFIXES, "images"),
    ".wav": "audio",
    ".txt": "text",
    ".array_record": "array_records",
    ".arrayrecord": "array_records",
    ".csv": "table",
    ".parquet": "table",
}
FILES_COUNTED = 1000
"""Of a folder, at least, before its kind is taken to be known."""
TELLING = {"text": "text", "length": "signals", "user": "ratings"}
"""Options that say what a CSV file is."""


def guess(path: str | Path, options: Sequence[str] = ()) -> str:
    """Says which reader a file or folder wants.

    Args:
        path: of it, or "tfds:<name>".
        options: names of the options given, which tell CSV files apart.

    Raises:
        ValueError: if nothing is there, or it holds nothing that a reader knows.

    Example:
        >>> guess("tfds:mnist")
        'tfds'
    """
    if str(path).startswith("tfds:"):
        return "tfds"
    path = Path(path)
    if path.is_dir():
        return _guess_folder(path)
    if not path.exists():
        raise ValueError(f"{path} does not exist")
    suffix = path.suffix.lower()
    if suffix == ".csv":
        for option, kind in TELLING.items():
            if option in options:
                return kind
    if suffix == ".npz" and _is_sparse(path):
        return "bag_of_words"
    if suffix not in BY_SUFFIX:
        raise ValueError(
            f"{path} is of no known type; give one of {', '.join(BY_SUFFIX)}, a folder "
            "of images, .wav or .txt files, or tfds:<name>, or say what it is: "
            f"{', '.join(READERS)}"
        )
    return BY_SUFFIX[suffix]


def _guess_folder(path: Path) -> str:
    seen = 0
    count: dict[str, int] = {}
    for _, folders, files in os.walk(path):
        folders[:] = sorted(f for f in folders if not f.startswith("."))
        for file in sorted(files):
            seen += 1
            if (kind := IN_FOLDERS.get(Path(file).suffix.lower())) is not None:
                count[kind] = count.get(kind, 0) + 1
        if seen > FILES_COUNTED:
            break
    if count:  # the commonest: a tree of images may have a README.txt
        return max(count, key=lambda kind: count[kind])
    raise ValueError(
        f"{path} holds no images, .wav, .txt, .csv or .array_record files"
        + (f" among its {seen} files" if seen else ": it is empty")
    )


def _is_sparse(path: Path) -> bool:
    """Whether an archive is a matrix that SciPy saved."""
    import zipfile

    if not zipfile.is_zipfile(path):
        return False
    try:
        with zipfile.ZipFile(path) as archive:
            return {"indices.npy", "indptr.npy"} <= set(archive.namelist())
    except (zipfile.BadZipFile, ValueError, NotImplementedError):
        return False  # its reader says what is wrong with it


def read(
    path: str | Path | Sequence[str | Path], *, kind: str | None = None, **options: Any
) -> DomainData:
    r"""Reads a file, a folder or a catalogue's data set.

    Args:
        path: of it; "tfds:<name>" for a set of tensorflow-datasets; several files are
            several domains of one table.
        kind: a key of :data:`READERS`; None guesses, see :func:`guess`.
        **options: of its reader, such as ``label``, ``domain``, ``drop``; None counts
            as not given.

    Raises:
        ValueError: for what is not there or not of the kind, or an option that the
            reader does not take, with the nearest ones.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "a.csv"
        >>> _ = path.write_text("x,y\n1,no\n2,yes\n")
        >>> read(path, label="y").kind
        'table'
    """
    given = {name: value for name, value in options.items() if value is not None}
    first = path if isinstance(path, str | Path) else next(iter(path))
    if kind is None:
        kind = guess(first, list(given))
    if (
        kind == "table"
        and not str(first).startswith("tfds:")
        and Path(first).is_dir()
        and isinstance(path, str | Path)
    ):
        path = sorted(
            one
            for one in Path(path).iterdir()
            if one.suffix.lower() in (".csv", ".tsv", ".parquet")
        )
    reader = _reader(kind)
    known = reader_options(kind)
    for name in given:
        choose(dict.fromkeys(known), name, f"option of {kind} data")
    data: DomainData = reader(path, **given)
    return data


def reader_options(kind: str) -> list[str]:
    """Names the options of a kind of data.

    Example:
        >>> "regression" in reader_options("table")
        True
    """
    return [
        name
        for name, one in inspect.signature(_reader(kind)).parameters.items()
        if one.kind is inspect.Parameter.KEYWORD_ONLY
    ]


def _reader(kind: str) -> Callable[..., DomainData]:
    import importlib

    module, function = choose(READERS, kind, "kind of data")
    found: Callable[..., DomainData] = getattr(
        importlib.import_module(f"da_zoo.data.readers.{module}"), function
    )
    return found
