"""Bags of words that somebody counted: svmlight files, and CSR matrices in ``.npz``."""

import io
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from da_zoo.data.domain_data import (
    DomainData,
    class_name,
    fingerprint,
    make_domain_data,
)
from da_zoo.data.npz import load_npz
from da_zoo.data.sparse_rows import SparseRows, sparse_rows

__all__ = ["read_bag_of_words"]


def read_bag_of_words(
    path: str | Path,
    *,
    label: bool | str | None = None,
    domain: str | None = None,
    classes: Sequence[str] | None = None,
    regression: bool = False,
    zero_based: bool = False,
) -> DomainData:
    r"""Reads rows of counts without ever making a dense matrix of them.

    Args:
        path: of an svmlight file, ``label column:count column:count ...`` a line, or of
            an ``.npz`` archive as ``scipy.sparse.save_npz`` writes it, maybe with
            arrays of labels and domains added.
        label: anything but None and False reads an svmlight file's first entries; of an
            archive the name of the array, "y" for True. Without, they are not looked
            at, and an svmlight line need not have one.
        domain: the archive's array of domains; None makes the file one.
        classes: names in the order of their numbers; None sorts those found.
        regression: whether labels are values.
        zero_based: whether an svmlight file counts columns from 0; by custom from 1.
            Nothing is guessed, as a guess might go one way for the source and the other
            for the target.

    Returns:
        Rows of kind "features", :class:`~da_zoo.data.sparse_rows.SparseRows`. How many
        columns they have depends on what the file mentions; the encoder does not care.

    Raises:
        ValueError: for a file that is missing, empty or damaged, naming the line, or
            lacks an array.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "a.svm"
        >>> _ = path.write_text("+1 1:2 5:1\n-1 2:1 # a comment\n")
        >>> data = read_bag_of_words(path, label=True)
        >>> data.x.shape, data.labels.tolist(), data.classes
        ((2, 5), [1, 0], ('-1', '1'))
    """
    path = Path(path)
    if not path.is_file():
        raise ValueError(f"{path} is no file")
    wanted = label not in (None, False)
    labels: Sequence[Any] | None = None
    origin = None
    if path.suffix.lower() == ".npz":
        x, extra = _archive(path, [("y" if label is True else label), domain], wanted)
        labels, origin = extra
    else:
        if domain is not None:
            raise ValueError(f"{path}: svmlight files have no domains, got {domain!r}")
        x, found = _svmlight(path, wanted, zero_based)
        labels = found if wanted else None
    return make_domain_data(
        str(path),
        "features",
        x,
        labels,
        classes=classes,
        regression=regression,
        domain=origin,
        mark=fingerprint(x.data, x.indices.astype(np.int64), x.indptr.astype(np.int64)),
    )


class _Lines:
    """Lines of an svmlight file for scikit-learn's parser, their labels kept apart."""

    def __init__(self, lines: Any, wanted: bool) -> None:
        self.labels: list[str] = []
        self.number = 0
        self._lines, self._wanted = lines, wanted

    def read(self) -> bytes:
        """Tells the parser that this is an open file; it goes through the lines."""
        raise io.UnsupportedOperation("lines can be gone through, not read")

    def __iter__(self) -> Iterator[bytes]:
        for line in self._lines:
            self.number += 1
            if self.number == 1:
                line = line.removeprefix(b"\xef\xbb\xbf")
            first, *rest = line.split(b"#", 1)[0].split(None, 1) or [b""]
            if not first:
                continue
            if b":" in first:  # no label
                first, rest = b"", [first, *rest]
            if self._wanted:
                try:
                    cell = first.decode()
                except UnicodeDecodeError:
                    raise ValueError("the label is not UTF-8") from None
                self.labels.append(_name(cell))
            yield b" ".join([b"0", *rest])


def _name(cell: str) -> str:
    """Writes "+1" and "1.0" as "1"."""
    try:
        return class_name(float(cell))
    except (ValueError, OverflowError):
        return cell


def _svmlight(
    path: Path, wanted: bool, zero_based: bool
) -> tuple[SparseRows, list[str]]:
    from sklearn.datasets import load_svmlight_file

    with path.open("rb") as file:
        lines = _Lines(file, wanted)
        try:
            matrix, _ = load_svmlight_file(
                lines, dtype=np.float32, zero_based=zero_based
            )
        except (ValueError, OverflowError) as error:
            hint = "; give zero_based=True" if "Invalid index 0" in str(error) else ""
            raise ValueError(
                f"{path}, line {lines.number}: {error}{hint}; a line is 'label "
                "column:count column:count ...'"
            ) from None
    try:
        return sparse_rows(matrix), lines.labels
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None


def _archive(
    path: Path, names: Sequence[Any], wanted: bool
) -> tuple[SparseRows, tuple[list[Any] | None, list[str] | None]]:
    from scipy.sparse import load_npz as load_sparse

    if not zipfile.is_zipfile(path):
        raise ValueError(f"{path} is no .npz archive, or a truncated one")
    try:
        x = sparse_rows(load_sparse(path))
    except Exception as error:  # zip, format and index errors are of many types
        raise ValueError(
            f"{path} holds no sparse matrix ({error}); write it with "
            "scipy.sparse.save_npz"
        ) from None
    label, domain = names
    given = tuple(n for n in (label if wanted else None, domain) if n is not None)
    arrays = load_npz(path, given)
    for name, values in arrays.items():
        if values.shape != (len(x),):
            raise ValueError(
                f"{path}: array {name!r} must have {len(x)} entries, one a row, got "
                f"shape {values.shape}"
            )
    labels = arrays[label].tolist() if wanted else None
    origin = None if domain is None else [str(one) for one in arrays[domain].tolist()]
    return x, (labels, origin)
