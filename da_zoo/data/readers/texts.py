"""Texts from CSV, JSON lines, or folders of files, with labels if asked for."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from da_zoo.data.csv_rows import read_csv, read_utf8
from da_zoo.data.domain_data import DomainData, make_domain_data
from da_zoo.data.readers.folders import FolderFiles, walk_folder

__all__ = ["read_text_data"]

PLAIN = (str, int, float, bool, type(None))


class _Found(NamedTuple):
    texts: list[str]
    labels: list[Any] | None
    domains: list[str] | None
    notes: tuple[str, ...] = ()


def read_text_data(
    path: str | Path,
    *,
    text: str = "text",
    label: bool | str | None = None,
    domain: str | None = None,
    classes: Sequence[str] | None = None,
    layout: str | None = None,
    regression: bool = False,
) -> DomainData:
    r"""Reads texts in UTF-8.

    Args:
        path: of a ``.csv`` or ``.tsv`` file with a header, a ``.jsonl`` file of one
            object a line, a ``.txt`` file, or a folder of such: ``root/domain/class/*``
            as images lie, see :func:`da_zoo.data.readers.images.read_images`.
        text: the column, or field, of texts.
        label: the column, or field, of labels, "label" for True; of folders anything
            but None and False reads the class folders' names. Without, nothing of them
            is looked at. Empty cells and null are no labels.
        domain: the column, or field, of domains, or the only domain folder to read;
            None makes a file one domain.
        classes: names in the order of their numbers; None sorts those found.
        layout: of folders.
        regression: whether labels are values.

    Returns:
        Rows of kind "text": an array of strings.

    Raises:
        ValueError: for a file that is missing, empty, ragged or not UTF-8, a line that
            is no JSON object or lacks a field, or an empty text; the message names file
            and line.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "mail.jsonl"
        >>> _ = path.write_text('{"text": "hello"}\n{"text": "buy now"}\n')
        >>> read_text_data(path).x.tolist()
        ['hello', 'buy now']
    """
    path, suffix = Path(path), Path(path).suffix.lower()
    wanted = label not in (None, False)
    column = None if not wanted else "label" if label is True else str(label)
    if path.is_dir():
        found = _folder(path, wanted, domain, classes, layout)
    elif suffix == ".txt":
        if wanted:
            raise ValueError(f"{path} is one text, which has no folder of a class")
        found = _files(FolderFiles((path,), None, None, ()), False)
    elif suffix in (".csv", ".tsv"):
        found = _csv(path, "\t" if suffix == ".tsv" else ",", text, column, domain)
    elif suffix in (".jsonl", ".ndjson"):
        found = _json_lines(path, text, column, domain)
    else:
        raise ValueError(
            f"{path} must be a .csv, .tsv, .jsonl or .txt file, or a folder of .txt "
            "files"
        )
    return make_domain_data(
        str(path),
        "text",
        np.array(found.texts, object),
        found.labels,
        classes=classes,
        regression=regression,
        domain=found.domains,
        notes=found.notes,
    )


def _csv(
    path: Path, delimiter: str, text: str, label: str | None, domain: str | None
) -> _Found:
    table = read_csv(path, delimiter=delimiter)
    texts = []
    for line, cell in table.column(text):
        _refuse_empty(f"{path}, line {line}, column {text!r}: the text", cell)
        texts.append(cell)
    labels = None
    if label is not None:
        labels = [cell.strip() for _, cell in table.column(label)]
    domains = None
    if domain is not None:
        domains = []
        for line, cell in table.column(domain):
            _refuse_empty(f"{path}, line {line}, column {domain!r}: the domain", cell)
            domains.append(cell.strip())
    return _Found(texts, labels, domains)


def _refuse_empty(what: str, cell: str) -> None:
    if not cell.strip():
        raise ValueError(f"{what} is empty; drop the row")


def _objects(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    # At \n alone: texts may hold other characters that split a text into lines.
    for number, line in enumerate(read_utf8(path).split("\n"), 1):
        where = f"{path}, line {number}"
        if not line.strip():
            continue
        try:
            found = json.loads(line, object_pairs_hook=_without_repeats)
        except (ValueError, RecursionError) as error:
            raise ValueError(f"{where}: {error}; a line is one JSON object") from None
        if not isinstance(found, dict):
            raise ValueError(
                f"{where}: {type(found).__name__} where a JSON object should be"
            )
        yield where, found


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("an object has a field twice")
    return found


def _json_lines(path: Path, text: str, label: str | None, domain: str | None) -> _Found:
    columns: dict[str, list[Any]] = {
        name: [] for name in (text, label, domain) if name is not None
    }
    for where, found in _objects(path):
        for name, column in columns.items():
            if name not in found:
                raise ValueError(f"{where}: no field {name!r}; it has {sorted(found)}")
            value = found[name]
            if name == label:
                if not isinstance(value, PLAIN):
                    raise ValueError(f"{where}: field {name!r} is no text or number")
            elif not isinstance(value, str):
                raise ValueError(
                    f"{where}: field {name!r} must be text, got {type(value).__name__}"
                )
            else:
                _refuse_empty(f"{where}, field {name!r}: the text", value)
            column.append(value)
    if not columns[text]:
        raise ValueError(f"{path} is empty; it needs a JSON object a line")
    return _Found(
        columns[text],
        None if label is None else columns[label],
        None if domain is None else [one.strip() for one in columns[domain]],
    )


def _folder(
    path: Path,
    wanted: bool,
    domain: str | None,
    classes: Sequence[str] | None,
    layout: str | None,
) -> _Found:
    found = walk_folder(
        path,
        (".txt",),
        what="texts (.txt)",
        label=wanted,
        layout=layout,
        domain=domain,
        classes=classes,
    )
    return _files(found, wanted)


def _files(found: FolderFiles, wanted: bool) -> _Found:
    texts = []
    for file in found.files:
        content = read_utf8(file)
        _refuse_empty(str(file), content)
        texts.append(content)
    labels = list(found.classes) if wanted and found.classes else None
    domains = None if found.domains is None else list(found.domains)
    return _Found(texts, labels, domains, found.notes)
