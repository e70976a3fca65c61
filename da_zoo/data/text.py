"""Texts with or without labels, from a CSV file or a folder of files."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Int

from da_zoo.data.csv_rows import read_csv, read_utf8

__all__ = ["Texts", "label_numbers", "read_texts"]


class Texts(NamedTuple):
    """Texts of one domain.

    Example:
        >>> Texts(["good"], np.array([0], np.int32), ("praise",)).classes
        ('praise',)
    """

    texts: list[str]
    labels: Int[np.ndarray, " n"] | None
    """int32 places in ``classes``; None where no labels were asked for."""
    classes: tuple[str, ...]
    """Names of the classes; () without labels."""


def label_numbers(
    names: Sequence[tuple[str, str]], classes: Sequence[str] | None = None
) -> tuple[Int[np.ndarray, " n"], tuple[str, ...]]:
    """Numbers class names.

    Args:
        names: (where it stands, name of the class) of each row; the former is for
            errors only.
        classes: the names in the order of their numbers, from another domain's data
            say; None sorts those that there are.

    Returns:
        int32 [n] numbers from 0, and the names in their order.

    Raises:
        ValueError: for an empty name, or one that is not among ``classes``.

    Example:
        >>> label_numbers([("line 2", "spam"), ("line 3", "ham")])
        (array([1, 0], dtype=int32), ('ham', 'spam'))
    """
    for where, name in names:
        if not name:
            raise ValueError(f"{where}: the label is empty; name a class or drop it")
        if classes is not None and name not in classes:
            raise ValueError(
                f"{where}: the label {name!r} is not one of classes={tuple(classes)}"
            )
    known = tuple(sorted({name for _, name in names}) if classes is None else classes)
    number = {name: place for place, name in enumerate(known)}
    return np.array([number[name] for _, name in names], np.int32), known


def read_texts(
    path: str | Path,
    *,
    text: str = "text",
    label: str | None = None,
    classes: Sequence[str] | None = None,
) -> Texts:
    r"""Reads texts from a CSV file with a header, or from ``folder/class/*.txt``.

    Read the source first and hand its ``classes`` to the target, so that a number
    means one class in both.

    Args:
        path: a CSV file, or a folder with one folder of ``.txt`` files a class. UTF-8.
        text: the CSV's column of texts.
        label: the CSV's column of class names; None reads no labels. A folder always
            has them.
        classes: the names in the order of their numbers; None sorts those found.

    Returns:
        The texts in the order of the rows, or of class and file name.

    Raises:
        ValueError: for a file that is missing, empty, ragged or not UTF-8, a column
            that is not there, an empty cell, or a class outside ``classes``; the
            message names file, line and column.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "mail.csv"
        >>> _ = path.write_text("text,label\nhello,ham\nbuy now,spam\n")
        >>> read_texts(path, label="label").labels
        array([0, 1], dtype=int32)
    """
    path = Path(path)
    if path.is_dir():
        return _from_folder(path, classes)
    table = read_csv(path)
    texts = []
    for line, cell in table.column(text):
        if not cell.strip():
            raise ValueError(
                f"{path}, line {line}, column {text!r}: the text is empty; drop the row"
            )
        texts.append(cell)
    if label is None:
        return Texts(texts, None, ())
    where = [
        (f"{path}, line {line}, column {label!r}", cell.strip())
        for line, cell in table.column(label)
    ]
    return Texts(texts, *label_numbers(where, classes))


def _from_folder(path: Path, classes: Sequence[str] | None) -> Texts:
    """Reads ``path/class/*.txt``."""
    folders = sorted(
        folder
        for folder in path.iterdir()
        if folder.is_dir() and not folder.name.startswith(".")
    )
    if not folders:
        raise ValueError(f"{path} holds no folders; it needs one of .txt files a class")
    texts, where = [], []
    for folder in folders:
        files = sorted(folder.glob("*.txt"))
        if not files:
            raise ValueError(f"{folder} holds no .txt files")
        for file in files:
            content = read_utf8(file)
            if not content.strip():
                raise ValueError(f"{file} is empty; drop it")
            texts.append(content)
            where.append((str(file), folder.name))
    return Texts(texts, *label_numbers(where, classes))
