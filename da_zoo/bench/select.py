"""Which criterion to trust: each chooses among stored checkpoints, then all is told.

A **choice** is of one scenario, track, method and seed: among the checkpoints of every
configuration. Collapsed ones are rejected first; what is chosen is judged by its
accuracy on target-test rows, and the **regret** is how far below the best one it is.
"""

import itertools
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
from scipy.stats import rankdata

from da_zoo.bench.checkpoints import candidates_in
from da_zoo.bench.criteria import CRITERIA, RANKED, Candidate
from da_zoo.bench.rows import Row
from da_zoo.bench.selection_file import CRITERION_FIELDS, SCHEMA_VERSION
from da_zoo.bench.store import RowStore
from da_zoo.bench.summary import BASELINES
from da_zoo.metrics import collapsed
from da_zoo.threads import one_blas_thread

__all__ = [
    "Choice",
    "Judged",
    "choose",
    "judge",
    "judgeable",
    "judged_of",
    "selection_tables",
]


class Judged(NamedTuple):
    """A checkpoint with what every criterion says of it, and how good it is."""

    scenario: str
    track: str
    label_fraction: float | None
    method: str
    seed: int
    configuration: int
    step: int
    collapsed: bool
    criteria: dict[str, float | None]
    """More is better; None where a criterion is undefined."""
    accuracy: float
    """On target-test rows."""
    source_only: float | None
    """That of the same seed's source-only run; None in track F, where there is none."""

    @property
    def unit(self) -> tuple[Any, ...]:
        """What a choice is made within."""
        return self[:5]


class Choice(NamedTuple):
    """What one criterion chose in one unit."""

    criterion: str
    chosen: Judged
    best: float
    """Accuracy of the best candidate."""
    rejected: int
    """Collapsed candidates."""
    correlation: float | None
    """Spearman's, between criterion and accuracy over the candidates."""

    @property
    def regret(self) -> float:
        """Points lost by choosing so, in [0, 1]."""
        return self.best - self.chosen.accuracy


def judge(candidate: Candidate) -> dict[str, float | None]:
    """Returns what every criterion says of a checkpoint; None where it is undefined.

    Args:
        candidate: without target labels, as criteria are.

    Example:
        >>> x = np.eye(4)
        >>> labels = np.arange(4)
        >>> found = judge(Candidate(x, x, labels, x, x, step=100))
        >>> found["last_step"], found["source_validation"], found["mixval"]
        (100.0, 1.0, None)
    """
    found: dict[str, float | None] = {}
    # On matrices as small as these, threads wait for each other: twenty times as slow.
    with one_blas_thread():
        for name, criterion in CRITERIA.items():
            try:
                value = criterion(candidate)
            except ValueError:  # no head for the source, no mixtures, other classes
                found[name] = None
                continue
            found[name] = value if np.isfinite(value) else None
    return found


def judged_of(
    store: RowStore,
    rows: Iterable[Row],
    *,
    on_group: Callable[[], None] = lambda: None,
) -> list[Judged]:
    """Judges every stored checkpoint of a folder.

    Args:
        store: of the folder.
        rows: its rows; groups without checkpoints, and baselines, are passed over.
        on_group: called after each group, for a progress bar.

    Returns:
        In the order of the rows.

    Raises:
        ValueError: if a file of checkpoints is damaged.
    """
    rows = list(rows)
    baselines = {
        (row["scenario"], row["track"], row["seed"]): row["accuracy"]
        for row in rows
        if (row["track"], row["method"]) == ("U", BASELINES["U"])
        and row["configuration"] == 0
        and row["status"] == "ok"
    }
    found: list[Judged] = []
    for group, members in itertools.groupby(judgeable(rows), lambda row: row["group"]):
        if not store.has_checkpoints(group):
            continue
        own = {row["seed"]: row for row in members}
        for stored in candidates_in(store.load_checkpoints(group)):
            row = own.get(stored.seed)
            if row is None:
                continue
            found.append(
                Judged(
                    row["scenario"],
                    row["track"],
                    row["label_fraction"],
                    row["method"],
                    row["seed"],
                    row["configuration"],
                    stored.candidate.step,
                    _fallen(stored.candidate, row),
                    judge(stored.candidate),
                    stored.accuracy,
                    baselines.get((row["scenario"], row["track"], row["seed"])),
                )
            )
        on_group()
    return found


def judgeable(rows: Iterable[Row]) -> list[Row]:
    """Keeps finished runs of methods that adapt; others have nothing to choose."""
    return [
        r for r in rows if r["status"] == "ok" and r["method"] not in BASELINES.values()
    ]


def _fallen(candidate: Candidate, row: Row) -> bool:
    """Whether predictions have collapsed; None of it where label spaces differ."""
    if row["case"] not in (1, 3):
        return False
    predicted = candidate.target_logits.argmax(1)
    classes = candidate.target_logits.shape[1]
    return collapsed(predicted, np.asarray(candidate.source_labels), classes)


def choose(candidates: Sequence[Judged], criterion: str) -> Choice | None:
    """Lets a criterion choose among the candidates of one unit.

    Args:
        candidates: of one unit, in order of configuration and step.
        criterion: of :data:`da_zoo.bench.criteria.CRITERIA`.

    Returns:
        The choice; the first of equals, so that where the criterion is the step itself
        the defaults are taken. None where it is undefined for all. Where every
        candidate has collapsed, none is rejected.

    Example:
        >>> one = Judged("s", "U", None, "dann", 0, 0, 100, False, {"bnm": 0.2}, 0.5, 0)
        >>> two = one._replace(step=200, criteria={"bnm": 0.9}, accuracy=0.4)
        >>> round(choose([one, two], "bnm").regret, 2)
        0.1
    """
    defined = [c for c in candidates if c.criteria.get(criterion) is not None]
    if not defined:
        return None
    standing = [c for c in defined if not c.collapsed] or defined
    values = np.array([c.criteria[criterion] for c in standing], np.float64)
    return Choice(
        criterion,
        standing[int(values.argmax())],
        max(c.accuracy for c in candidates),
        sum(c.collapsed for c in defined),
        _spearman([c.criteria[criterion] for c in defined], defined),
    )


def _spearman(values: Sequence[Any], candidates: Sequence[Judged]) -> float | None:
    a, b = rankdata(values), rankdata([c.accuracy for c in candidates])
    if np.ptp(a) == 0 or np.ptp(b) == 0:
        return None
    return float(np.corrcoef(a, b)[0, 1])


def selection_tables(
    judged: Sequence[Judged],
) -> tuple[dict[str, Any], list[Choice]]:
    """Holds the criteria against each other.

    Args:
        judged: of :func:`judged_of`.

    Returns:
        What goes to ``selection.json``: per track a line for each criterion with its
        mean accuracy, regret (mean, 95th percentile, largest), the share of choices
        below the source alone, and the mean rank correlation with accuracy; and every
        choice.
    """
    tables: list[dict[str, Any]] = []
    every: list[Choice] = []
    ordered = sorted(judged, key=_track)
    for (_, _, track), members in itertools.groupby(ordered, _track):
        own = list(members)
        units: dict[tuple[Any, ...], list[Judged]] = {}
        for one in own:
            units.setdefault(one.unit, []).append(one)
        for candidates in units.values():
            candidates.sort(key=lambda one: (one.configuration, one.step))
        lines = []
        for name in CRITERIA:
            choices = [c for u in units.values() if (c := choose(u, name)) is not None]
            every += choices
            lines.append(_line(name, choices))
        # A mean over fewer choices is one over easier or harder ones.
        lines.sort(key=lambda line: (-line["runs"], line["regret_mean"] or 0.0))
        tables.append(
            {
                "track": track,
                "label_fraction": own[0].label_fraction,
                "scenarios": sorted({one.scenario for one in own}),
                "methods": sorted({one.method for one in own}),
                "candidates": len(own),
                "units": len(units),
                "criteria": lines,
            }
        )
    return {
        "schema_version": SCHEMA_VERSION,
        "ranked": RANKED,
        "tables": tables,
    }, every


def _track(one: Judged) -> tuple[bool, float, str]:
    return one.track != "U", one.label_fraction or 0.0, one.track


def _line(name: str, choices: Sequence[Choice]) -> dict[str, Any]:
    if not choices:
        return {"criterion": name} | dict.fromkeys(CRITERION_FIELDS) | {"runs": 0}
    regrets = np.array([choice.regret for choice in choices])
    below = [
        choice.chosen.accuracy < choice.chosen.source_only
        for choice in choices
        if choice.chosen.source_only is not None
    ]
    likeness = [c.correlation for c in choices if c.correlation is not None]
    return {
        "criterion": name,
        "runs": len(choices),
        "accuracy": float(np.mean([c.chosen.accuracy for c in choices])),
        "regret_mean": float(regrets.mean()),
        "regret_p95": float(np.quantile(regrets, 0.95)),
        "regret_max": float(regrets.max()),
        "below_source_only": float(np.mean(below)) if below else None,
        "collapsed_rejected": sum(c.rejected for c in choices),
        "rank_correlation": float(np.mean(likeness)) if likeness else None,
    }
