"""``advise``: which case a pair is, how far apart, what to expect, what has worked."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from da_zoo.advice.domains import Distance, measure, told_apart
from da_zoo.advice.evidence import Evidence, evidence_for, read_rows
from da_zoo.advice.forecast import Forecast, forecast
from da_zoo.advice.inputs import align, standardised
from da_zoo.advice.rows import Rows
from da_zoo.advice.sides import allow_labels, read_sides, thin
from da_zoo.advice.tasks import TaskRelation, relate_tasks
from da_zoo.advice.text import advice_text
from da_zoo.catalogue import catalogue
from da_zoo.diagnostics import ROWS, subsample
from da_zoo.json_files import strict_json

__all__ = ["Advice", "advise"]

SOURCE_ROWS = 2500
"""Rows of the source that are looked at; what is asked here does not need more."""


class Advice(NamedTuple):
    """What :func:`advise` returns."""

    source: str
    target: str
    source_rows: int
    target_rows: int
    labelled_rows: int
    """Target labels that were read."""
    same_domain: bool
    """No distance beyond chance was found; that is no proof that there is none."""
    task: TaskRelation
    cases: tuple[int, ...]
    """The case of Pan and Yang (2010); two where no label tells the tasks apart."""
    continuous: bool
    distances: dict[str, Distance]
    forecast: Forecast
    methods: dict[int, tuple[str, ...]]
    """By case: methods of the zoo that are defined in this situation."""
    evidence: dict[int, Evidence | None]
    """By case: what a benchmark measured; empty without a benchmark to look at."""
    evidence_from: str | None
    notes: tuple[str, ...]
    """What was done to the inputs."""

    def to_text(self) -> str:
        """The advice in plain text, for a terminal of 100 columns."""
        return advice_text(self)

    def to_json(self) -> dict[str, Any]:
        """The advice as plain JSON values."""
        plain: dict[str, Any] = strict_json(_plain(self))
        return plain


def advise(
    source: Any,
    target: Any,
    *,
    target_labels: int | float | None = None,
    task: str | None = None,
    regression: bool | None = None,
    label: str | None = None,
    drop: Iterable[str] = (),
    evidence: str | Path | None = None,
    data_dir: str | Path | None = None,
    seed: int = 0,
    steps: int = 300,
) -> Advice:
    """Says what transfer from a source to a target is up against, before any is tried.

    Args:
        source: a pair (x, y), the path of a ``.npz`` or ``.csv`` file, or the name of a
            data set with map, task and selection (``digits8:over07``). x is [n, ...]:
            a table, which may lack values (NaN), or images.
        target: likewise; x alone if it has no labels.
        target_labels: how many target labels may be read, of those there are: a count,
            or a share in (0, 1); None for all. They are drawn at random.
        task: "same" or "different" if you know; None decides by the labels.
        regression: whether labels are values, not classes; None takes numbers with
            fractions for values.
        label: the column or array that holds the labels of files.
        drop: columns of CSV files to leave out.
        evidence: a folder that ``da-zoo bench`` wrote, to quote; None quotes nothing.
        data_dir: folder of named data sets that are read from files.
        seed: of all draws.
        steps: that the small source model trains, at a batch of 64.

    Returns:
        An :class:`Advice`; print its ``to_text()``.

    Raises:
        TypeError: for inputs that are no numbers.
        ValueError: for files, names or shapes that do not fit, a source without labels,
            or options out of range; the message says what would.

    Example:
        >>> import numpy as np
        >>> rng = np.random.default_rng(0)
        >>> y = np.arange(120) % 2
        >>> x = rng.normal(size=(120, 3)) + 2.0 * y[:, None]
        >>> advise((x, y), x + 5.0, steps=20).cases
        (3, 4)
        >>> advise((x, y), (x + 5.0, y), steps=20).cases
        (3,)

    References:
        Pan and Yang, "A Survey on Transfer Learning", TKDE 2010 (the cases).
    """
    if task not in (None, "same", "different"):
        raise ValueError(f'task must be "same" or "different", got {task!r}')
    if isinstance(steps, bool) or not isinstance(steps, int) or steps < 1:
        raise ValueError(f"steps must be a whole number of at least 1, got {steps!r}")
    rows = None if evidence is None else read_rows(evidence)
    sides = read_sides(
        source,
        target,
        label=label,
        drop=(drop,) if isinstance(drop, str) else tuple(drop),
        regression=regression,
        data_dir=data_dir,
        seed=seed,
    )
    if task is not None:
        sides = sides._replace(
            same_task=task == "same", label_sets=None, known_from="stated"
        )
    s, t = sides.source, allow_labels(sides.target, target_labels, seed)
    sizes, labelled = (len(s.x), len(t.x)), int(t.labelled.sum())
    relation = relate_tasks(
        s,
        t,
        same=sides.same_task,
        label_sets=sides.label_sets,
        known_from=sides.known_from,
    )
    s = s.take(subsample(sizes[0], SOURCE_ROWS, seed))
    s, t, notes = align(s, thin(t, seed))
    if common := _common(s, t):
        notes.append(
            f"{common} of {len(t.x)} target rows looked at are source rows too: what "
            "is measured on them is measured on training rows."
        )
    # Of the target's rows these are the random sample; labelled ones follow.
    sample = slice(0, ROWS)
    columns = standardised(s._replace(x=s.x[sample]), t._replace(x=t.x[sample]))
    distances = measure(*columns, seed=seed)
    apart = told_apart(distances)
    tasks = (True, False) if relation.same is None else (relation.same,)
    fraction = labelled / sizes[1] if labelled else None
    methods, found = {}, {}
    for same in tasks:
        case = 1 + (not same) + 2 * apart
        # Classes are compared within a task alone.
        label_sets = relation.label_sets if same else "closed"
        methods[case] = _defined(case, fraction, label_sets, s.continuous)
        if rows is not None:
            found[case] = evidence_for(
                rows,
                case=case,
                label_fraction=fraction,
                label_sets=label_sets,
                continuous=s.continuous,
            )
    return Advice(
        s.name,
        t.name,
        *sizes,
        labelled,
        not apart,
        relation,
        tuple(methods),
        s.continuous,
        distances,
        forecast(s, t, seed=seed, steps=steps),
        methods,
        found,
        None if evidence is None else str(evidence),
        tuple(notes),
    )


def _defined(
    case: int, fraction: float | None, label_sets: str, continuous: bool
) -> tuple[str, ...]:
    track = "U" if fraction is None else "F"
    return tuple(
        spec.name
        for spec in catalogue().values()
        if not spec.baseline
        and not spec.undefined(
            case, track, continuous=continuous, label_sets=label_sets
        )
    )


def _common(source: Rows, target: Rows) -> int:
    """Counts the target rows whose inputs equal a source row's."""
    known = {row.tobytes() for row in np.ascontiguousarray(source.x)}
    return sum(row.tobytes() in known for row in np.ascontiguousarray(target.x))


def _plain(value: Any) -> Any:
    """NamedTuples as dicts, all the way down."""
    if isinstance(value, tuple) and hasattr(value, "_asdict"):
        return {name: _plain(item) for name, item in value._asdict().items()}
    if isinstance(value, dict):
        return {name: _plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value
