"""Signals: windows from an archive, or cut from a long table of samples."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from da_zoo.data.csv_rows import CsvRows, read_csv
from da_zoo.data.domain_data import (
    DomainData,
    class_name,
    fingerprint,
    make_domain_data,
)
from da_zoo.data.readers.features import FEATURE_SUFFIXES, read_features
from da_zoo.data.readers.folders import listed
from da_zoo.data.signals import finite_column
from da_zoo.data.windows import window_rows
from da_zoo.naming import check_names

__all__ = ["read_signal_windows"]


def read_signal_windows(
    path: str | Path,
    *,
    label: str | None = None,
    length: int | None = None,
    hop: int | None = None,
    series: str | None = None,
    domain: str | None = None,
    channels: Sequence[str | int] | None = None,
    drop: Iterable[str] = (),
    classes: Sequence[str] | None = None,
    regression: bool = False,
) -> DomainData:
    r"""Reads windows from ``.npz``, ``.npy`` or ``.mat``, or cuts a long CSV file.

    An archive holds ``x`` [n, time, channels], or [n, time] of one channel. The CSV
    file has a header and one row a sample, in the order of time.

    Args:
        path: of the file.
        label: the column, or array, of labels; None reads none. A window whose samples
            are of several classes is left out and counted; of values, which may change
            within a window, it has the last.
        length: samples in a window of a CSV file.
        hop: samples from one start to the next; None means ``length``. Windows that
            overlap must not be parted into training and test rows.
        series: the CSV's column of recordings, which windows never mix; None means
            that there is one, or one for each domain.
        domain: the column, or array, of domains; None makes the file one.
        channels: columns of the CSV file, or numbers of an archive's channels from 0,
            to take, in this order; None takes all but those named here otherwise.
        drop: columns of the CSV file to leave out, where they are there; a column of
            labels that must not be read, say: its cells are not looked at.
        classes: names in the order of their numbers; None sorts those found.
        regression: whether labels are values.

    Returns:
        Rows of kind "signals": float32 [n, time, channels], not scaled.

    Raises:
        ValueError: for a file that is missing, of another type or damaged, a column
            that is not there, a cell that is no finite number, or if no window fits;
            the message names file, line and column.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "walk.csv"
        >>> _ = path.write_text("v,kind\n1,a\n2,a\n3,b\n4,b\n5,b\n")
        >>> data = read_signal_windows(path, length=2, label="kind")
        >>> data.x.shape, data.labels.tolist()
        ((2, 2, 1), [0, 1])
    """
    path = Path(path)
    if path.suffix.lower() in FEATURE_SUFFIXES:
        if length is not None or hop is not None or series is not None:
            raise ValueError(
                f"{path} holds windows already; length, hop and series are of CSV files"
            )
        data = read_features(
            path,
            kind="signals",
            label=label,
            domain=domain,
            classes=classes,
            regression=regression,
        )
        return _of_archive(path, data, channels)
    if path.suffix.lower() != ".csv":
        raise ValueError(
            f"{path} must end in .csv, {', '.join(FEATURE_SUFFIXES)}, got "
            f"{path.suffix!r}"
        )
    if length is None:
        raise ValueError(f"{path} is a long table: give the windows' length=")
    table = read_csv(path)
    inputs = _channels(table, channels, (label, series, domain), drop)
    x = np.stack([finite_column(table, name) for name in inputs], axis=1)
    apart = [name for name in (domain, series) if name is not None]
    columns = [[cell.strip() for _, cell in table.column(name)] for name in apart]
    recordings = list(zip(*columns, strict=True)) if apart else [()] * len(x)
    if domain is not None and "" in (blank := columns[0]):
        line = table.rows[blank.index("")][0]
        raise ValueError(f"{path}, line {line}, column {domain!r}: the domain is empty")
    try:
        rows, notes = window_rows(recordings, length, length if hop is None else hop)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None
    labels: list[str] | None = None
    if label is not None:
        cells = [cell.strip() for _, cell in table.column(label)]
        if regression:
            labels = [cells[row] for row in rows[:, -1]]
        else:
            named = np.array([class_name(cell) for cell in cells])[rows]
            pure = (named == named[:, :1]).all(axis=1)
            if not pure.any():
                raise ValueError(
                    f"{path}: no window of length={length} has one label throughout"
                )
            if count := int((~pure).sum()):
                notes += (f"{count} windows of several labels are left out.",)
            rows = rows[pure]
            labels = named[pure, 0].tolist()
            if lost := sorted(set(named.ravel()) - {"", *labels}):
                notes += (f"No window is left of the classes {listed(lost)}.",)
    return make_domain_data(
        str(path),
        "signals",
        x[rows],
        labels,
        classes=classes,
        regression=regression,
        domain=None if domain is None else [columns[0][row] for row in rows[:, 0]],
        notes=notes,
    )


def _channels(
    table: CsvRows,
    channels: Sequence[str | int] | None,
    named: Iterable[str | None],
    drop: Iterable[str],
) -> list[str]:
    what = f"column of {table.path}"
    given = [name for name in named if name is not None]
    check_names(given, table.header, what)
    apart = {*given, *drop}
    if channels is None:
        inputs = [name for name in table.header if name not in apart]
    else:
        inputs = [str(one) for one in channels]
        check_names(inputs, table.header, what)
        if both := sorted(apart & set(inputs)):
            raise ValueError(
                f"{table.path}: {both} cannot be channels and label, series, domain or "
                "dropped"
            )
    if not inputs:
        raise ValueError(
            f"{table.path} has no column of numbers beside {sorted(apart)}"
        )
    return inputs


def _of_archive(
    path: Path, data: DomainData, channels: Sequence[str | int] | None
) -> DomainData:
    x = data.x[..., None] if data.x.ndim == 2 else data.x
    if x.ndim != 3:
        raise ValueError(f"{path}: x must be [n, time, channels], got {x.shape}")
    x = np.asarray(x, np.float32)
    if channels is None:
        return data._replace(x=x)
    places = [int(one) if str(one).isdigit() else -1 for one in channels]
    if not places or min(places) < 0 or max(places) >= x.shape[2]:
        raise ValueError(
            f"{path}: channels of an archive are numbers in 0..{x.shape[2] - 1}, got "
            f"{list(channels)}"
        )
    mark = fingerprint(data.fingerprint, repr(places))
    return data._replace(x=x[:, :, places], fingerprint=mark)
