"""Reads the two sides, and keeps of the target's labels what may be read."""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from da_zoo.advice.named import named_pair
from da_zoo.advice.rows import Rows, from_arrays, read_file
from da_zoo.diagnostics import ROWS, subsample

__all__ = ["Sides", "allow_labels", "read_sides", "thin"]


class Sides(NamedTuple):
    """Two sides, and what is known of them beyond their rows."""

    source: Rows
    target: Rows
    same_task: bool | None = None
    label_sets: str | None = None
    known_from: str = ""


def read_sides(
    source: Any,
    target: Any,
    *,
    label: str | None = None,
    drop: tuple[str, ...] = (),
    regression: bool | None = None,
    data_dir: str | Path | None = None,
    seed: int = 0,
) -> Sides:
    """Reads both sides, whatever they are given as; see :func:`da_zoo.advise`.

    Raises:
        TypeError: for inputs that are no numbers.
        ValueError: for a name beside a file, a source without labels, and whatever
            files, names and arrays have wrong.

    Example:
        >>> x = np.zeros((8, 2))
        >>> read_sides((x, list("abababab")), x).target.y is None
        True
    """
    names = [_is_name(given) for given in (source, target)]
    if all(names):
        if label is not None or drop or regression is not None:
            raise ValueError(
                "label, drop and regression are for files; a name such as "
                f"{source!r} has its task"
            )
        pair = named_pair(source, target, seed=seed, data_dir=data_dir)
        return Sides(*pair, known_from="known from the names")
    if any(names):
        name, other = (source, target) if names[0] else (target, source)
        if isinstance(other, str | Path) and not Path(other).exists():
            raise ValueError(f"{other} does not exist")
        raise ValueError(
            f"{name!r} is no .npz or .csv file, and a name goes with a name: give two "
            "files (or arrays), or two names"
        )
    options: dict[str, Any] = {"label": label, "drop": drop, "regression": regression}
    return Sides(
        _read("source", source, need_labels=True, **options),
        _read("target", target, need_labels=False, **options),
    )


def _is_name(given: Any) -> bool:
    """A name has no file's ending and no folder; anything else is data or a path."""
    return (
        isinstance(given, str)
        and Path(given).suffix.lower() not in (".npz", ".csv")
        and not Path(given).exists()
        and Path(given).name == given
    )


def _read(
    role: str, given: Any, *, need_labels: bool, regression: bool | None, **options: Any
) -> Rows:
    if isinstance(given, str | Path):
        return read_file(
            given, need_labels=need_labels, regression=regression, **options
        )
    x, y = given if isinstance(given, tuple) and len(given) == 2 else (given, None)
    rows = from_arrays(role, x, y, regression=regression)
    if need_labels and rows.y is None:
        raise ValueError(f"{role} must be a pair (x, y): it needs labels")
    return rows


def allow_labels(target: Rows, wanted: int | float | None, seed: int) -> Rows:
    """Blinds all labels of the target but those that may be read.

    Args:
        target: rows.
        wanted: a count, or a share in (0, 1] of the labels there are; None for all.
        seed: of the draw.

    Raises:
        TypeError: if it is no number.
        ValueError: if it is out of range, or more than there are.

    Example:
        >>> rows = from_arrays("t", np.zeros((8, 1)), list("abababab"))
        >>> int(allow_labels(rows, 3, 0).labelled.sum())
        3
    """
    there = np.flatnonzero(target.labelled)
    if wanted is None:
        return target
    if isinstance(wanted, bool) or not isinstance(wanted, int | float):
        raise TypeError(f"target_labels must be a number, got {wanted!r}")
    share = isinstance(wanted, float)
    if not (0 < wanted <= 1 if share else wanted >= 0):
        raise ValueError(
            "target_labels must be a count (a whole number of at least 0) or a share "
            f"in (0, 1], got {wanted}"
        )
    count = round(wanted * len(there)) if share else int(wanted)
    if count > len(there):
        raise ValueError(
            f"target_labels={count}, but {target.name} has {len(there)} labelled rows"
        )
    chosen = np.sort(subsample(len(there), count, seed))
    labelled = np.zeros(len(target.labelled), bool)
    labelled[there[chosen]] = True
    # Not only marked as unread: what nobody may read is gone.
    y = None
    if target.y is not None and count:
        blank = np.nan if target.continuous else ""
        y = np.where(labelled, target.y, blank)
    return target._replace(y=y, labelled=labelled)


def thin(target: Rows, seed: int) -> Rows:
    """Draws a random sample of rows, and after it labelled rows that are not in it.

    Example:
        >>> rows = from_arrays("t", np.arange(9000.0)[:, None])
        >>> thin(rows, 0).x.shape
        (500, 1)
    """
    sample = subsample(len(target.x), ROWS, seed)
    labelled = np.flatnonzero(target.labelled)
    labelled = labelled[subsample(len(labelled), ROWS, seed)]
    return target.take(np.concatenate([sample, np.setdiff1d(labelled, sample)]))
