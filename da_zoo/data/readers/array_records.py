"""Folders of array_record files: rows that stay on disk."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from da_zoo.data.array_record_header import read_header
from da_zoo.data.array_record_writer import DOMAIN, LABELS
from da_zoo.data.array_records import ArrayRecordPool
from da_zoo.data.domain_data import DomainData, fingerprint, renumbered

__all__ = ["read_array_records"]


def read_array_records(
    path: str | Path,
    *,
    label: bool | str | None = None,
    classes: Sequence[str] | None = None,
) -> DomainData:
    """Opens a folder that ``write_array_records`` wrote; its rows are read when needed.

    Args:
        path: of the folder.
        label: True, or what its labels are called ("label", unless it was written with
            another name); None or False reads none.
        classes: names in the order of their numbers, from a source say; None takes the
            folder's own.

    Returns:
        Data whose ``x`` is an :class:`~da_zoo.data.array_records.ArrayRecordPool`; its
        ``take`` reads no rows either.

    Raises:
        ValueError: for another folder, missing or shortened files, a label that it does
            not have, or classes that lack one of its own.

    Example:
        >>> import tempfile
        >>> from da_zoo.data.array_record_writer import write_array_records
        >>> folder = Path(tempfile.mkdtemp()) / "rows"
        >>> _ = write_array_records(folder, np.uint8([[1], [2]]), ["b", "a"])
        >>> data = read_array_records(folder, label="label")
        >>> data.x.shape, data.labels.tolist(), data.classes
        ((2, 1), [1, 0], ('a', 'b'))
    """
    path = Path(path)
    header = read_header(path)
    pool = ArrayRecordPool(path)
    domain = np.zeros(len(pool), np.int32)
    if (path / DOMAIN).exists():
        domain = _numbers(path / DOMAIN, len(pool), np.int32, len(header.domains))
    labels = None
    labelled = np.zeros(len(pool), bool)
    known: tuple[str, ...] = ()
    if label is not None and label is not False:
        if header.label is None:
            raise ValueError(f"{path} has no labels: it was written without")
        if label not in (True, header.label):
            raise ValueError(f"{path} has no labels {label!r}; it has {header.label!r}")
        kind = np.float32 if header.regression else np.int32
        known = header.classes
        labels = _numbers(path / LABELS, len(pool), kind, len(known))
        labelled = ~np.isnan(labels) if header.regression else labels >= 0
        labels = np.where(labelled, labels, 0).astype(kind)
    mark = fingerprint(
        header.rows_sha256,
        "" if labels is None else labels,
        labelled,
        domain,
        repr(known),
    )
    data = DomainData(
        header.name,
        header.kind,
        pool,
        labels,
        labelled,
        known,
        domain,
        header.domains,
        mark,
        header.notes,
    )
    return data if classes is None else renumbered(data, classes)


def _numbers(path: Path, count: int, kind: type, names: int) -> np.ndarray:
    """Reads labels or domains, one a row."""
    try:
        values = np.load(path, allow_pickle=False)
    except (OSError, EOFError, ValueError) as error:
        raise ValueError(f"{path} cannot be read: {error}") from None
    if values.shape != (count,) or values.dtype != kind:
        raise ValueError(
            f"{path} must be {np.dtype(kind)} [{count}], got {values.dtype} "
            f"{values.shape}"
        )
    if kind is np.int32 and not -1 <= values.min() <= values.max() < names:
        raise ValueError(
            f"{path} must be -1..{names - 1}, got {values.min()}..{values.max()}"
        )
    return values
