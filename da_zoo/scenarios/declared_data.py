"""Rows and labels of a declared domain, read once while its files stay as they are."""

import functools
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from da_zoo.data.domain_data import DomainData, fingerprint
from da_zoo.data.table import Table
from da_zoo.naming import choose
from da_zoo.scenarios.declared import OWN, DeclaredDomain, DeclaredTask
from da_zoo.scenarios.taxonomy import Side

__all__ = ["SideRows", "declared_parts", "read_side"]

LABELS: dict[str, Any] = {
    "features": "y",
    "array_records": True,
    "audio": True,
    "bag_of_words": True,
    "images": True,
    "signals": "y",
    "text": True,
    "tfds": True,
}
"""What ``label`` is where a domain does not say: the usual array, or the folders'
names. Columns of tables have no usual name."""

Pair = tuple[DeclaredDomain, DeclaredTask]


class SideRows(NamedTuple):
    """Rows of one file of a side, all of them with a label that counts."""

    data: DomainData
    names: tuple[str, ...]
    """The class of each row, as the task has it; () for values."""
    notes: tuple[str, ...]
    """What was left out."""


def declared_parts(side: Side) -> Pair:
    """Returns a side's domain and task, which a suite file must have declared.

    Raises:
        TypeError: if it is one of the pools that the package knows.

    Example:
        >>> from da_zoo.scenarios import load_suite
        >>> side = load_suite("hospitals").scenarios[0].source
        >>> declared_parts(side)[0].file
        'heart_cleveland.npz'
    """
    domain, task = side.domain, side.task
    if not isinstance(domain, DeclaredDomain) or not isinstance(task, DeclaredTask):
        raise TypeError(f"{domain.pool!r} and {task.label_space!r} are not declared")
    return domain, task


def read_side(side: Side, data_dir: str | Path | None) -> tuple[SideRows, ...]:
    """Reads the rows of a side, and what its task calls their labels.

    Args:
        side: of a declared domain and task.
        data_dir: folder of the files, before that of the suite file.

    Returns:
        One part; two, the second of test rows, where the set has its own.

    Raises:
        ValueError: if files are missing or not what they should be, or hold classes
            that the task does not know.
    """
    domain, _ = declared_parts(side)
    where = _located(domain, domain.file, data_dir)
    if domain.test_file:
        test = _located(domain, domain.test_file, data_dir)
        return _part(side, where, data_dir), _part(side, test, data_dir)
    if domain.test == OWN:
        return tuple(_part(side, where, data_dir, split) for split in ("train", "test"))
    return (_part(side, where, data_dir),)


def _located(domain: DeclaredDomain, file: str, data_dir: str | Path | None) -> str:
    if file.startswith("tfds:"):
        return file
    path = Path(file).expanduser()
    folders = [] if data_dir is None else [Path(data_dir).expanduser()]
    folders += [Path(domain.folder)] if domain.folder else []
    found = [folder / path for folder in folders if (folder / path).exists()]
    if path.is_absolute() and path.exists():
        return str(path)
    if found:
        return str(found[0])
    if domain.prepared and file == domain.file and _prepared(domain.prepared, data_dir):
        return domain.prepared
    searched = " or ".join(map(str, folders))
    where = f" is not in {searched}" if searched else " is needed"
    make = (
        f", or run da-zoo data prepare {domain.prepared.removeprefix('tfds:')}"
        if domain.prepared
        else ""
    )
    raise ValueError(
        f"domain {domain.pool!r}: {file}{where}; name the folder that holds it with "
        f"--data (data_dir=...){make}"
    )


def _prepared(name: str, data_dir: str | Path | None) -> dict[str, Any]:
    """Options with which a set of tensorflow-datasets is found; {} where it is not."""
    from da_zoo.data.tfds_sets import parse_name, prepared_folders

    if data_dir is not None and prepared_folders(parse_name(name), data_dir):
        return {"data_dir": str(data_dir)}
    return {"data_dir": None} if prepared_folders(parse_name(name)) else {}


def _part(
    side: Side, where: str, data_dir: str | Path | None, split: str = ""
) -> SideRows:
    domain, task = declared_parts(side)
    options = dict(domain.reading)
    if where.startswith("tfds:"):
        options = _prepared(where, data_dir) | options
    if split:
        options["split"] = split
    frozen = tuple(sorted(options.items()))
    data = _read(where, _stamp(where), frozen, task.reads_values)
    if domain.part:
        data = data.of(domain.part)
    if domain.missing_in:
        data = _blanked(data, domain)
    if data.labels is None:
        raise ValueError(
            f"domain {domain.pool!r}: {where} was read without labels; say which they "
            "are with label = ..."
        )
    names: list[str] = []
    counted = data.labelled
    if not task.continuous:
        names = task.names(data, domain.classes)
        counted = np.array([bool(name) for name in names])
    if not counted.any():
        raise ValueError(
            f"domain {domain.pool!r}: no row of {where} has a label"
            + (f" of {list(domain.classes)}" if domain.classes else "")
        )
    notes = [f"{domain.pool}: {note}" for note in data.notes]
    if not counted.all():
        notes.append(
            f"{domain.pool}: {int((~counted).sum())} of {data.rows} rows have no label"
            + (f" of {', '.join(domain.classes)}" if domain.classes else "")
            + " and are left out."
        )
        data = data.take(np.flatnonzero(counted))
    kept = tuple(name for name in names if name)
    return SideRows(data, kept, tuple(notes))


def _blanked(data: DomainData, domain: DeclaredDomain) -> DomainData:
    """Takes values that stand for a missing one out of a table."""
    table = data.x
    if not isinstance(table, Table):
        raise ValueError(
            f"domain {domain.pool!r}: missing_in is for tables; {data.name} holds "
            f"{data.kind}"
        )
    columns = {name: table[name] for name in table.names}
    notes = list(data.notes)
    for name, values in domain.missing_in:
        own = choose(columns, name, f"missing_in column of {data.name}")
        numbers = table.numeric(name)
        wanted = [float(v) if numbers else str(v) for v in values]
        gone = np.isin(own, wanted)
        columns[name] = np.where(gone, np.nan if numbers else "", own)
        if gone.any():
            notes.append(f"{int(gone.sum())} values of {name} count as missing.")
    mark = fingerprint(data.fingerprint, repr(domain.missing_in))
    return data._replace(x=Table(columns), fingerprint=mark, notes=tuple(notes))


def _stamp(where: str) -> tuple[Any, ...]:
    """What changes when a file does, or when one comes to a folder or goes."""
    path = Path(where)
    if not path.exists():
        return ()
    looked = [path]
    if path.is_dir():
        inner = [one for one in path.iterdir() if one.is_dir()]
        looked += [*inner, *(two for one in inner for two in one.iterdir())]
    return tuple(
        (str(one), (told := one.stat()).st_mtime_ns, told.st_size)
        for one in sorted(looked)
        if one.is_dir() or one.parent == path or one == path
    )


@functools.lru_cache(maxsize=16)
def _read(
    where: str, stamp: tuple[Any, ...], options: tuple[Any, ...], values: bool
) -> DomainData:
    del stamp
    from da_zoo.data.label_values import as_values
    from da_zoo.data.readers.read import guess, read, reader_options

    given = dict(options)
    kind = given.get("kind") or guess(where, list(given))
    given.setdefault("label", LABELS.get(kind))
    if not values:
        return read(where, **given)
    if "regression" in reader_options(kind):
        return read(where, **given | {"regression": True})
    return as_values(read(where, **given))
