"""``rank_sources``: every score of every candidate source, and how far they agree."""

from collections.abc import Mapping
from itertools import combinations
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Shaped
from scipy.stats import kendalltau, rankdata

from da_zoo.text_table import aligned
from da_zoo.transferability.arrays import (
    check_classes,
    check_features,
    check_probabilities,
    check_rows,
    check_values,
)
from da_zoo.transferability.distances import coral_distance, mmd, proxy_a_distance
from da_zoo.transferability.h_score import h_score
from da_zoo.transferability.leep import leep
from da_zoo.transferability.logme import logme
from da_zoo.transferability.nce import nce
from da_zoo.transferability.transrate import transrate

__all__ = ["DISTANCES", "SCORES", "Candidate", "Ranking", "rank_sources"]

SCORES = ("leep", "nce", "logme", "h_score", "transrate")
"""Higher is better; they read the target's labels."""
DISTANCES = ("proxy_a_distance", "mmd", "coral_distance")
"""Lower is better; they read no labels."""


class Candidate(NamedTuple):
    """What a model trained on one source puts out; rows are in the target's order."""

    features: Any
    """[n, d] of the target rows."""
    source_probabilities: Any = None
    """[n, z] its probabilities of its own classes on the target rows; None for a model
    without classes, which then has no LEEP and NCE."""
    source_features: Any = None
    """[m, d] of its source rows, for the distances; None leaves them out."""


class Ranking(NamedTuple):
    """What :func:`rank_sources` returns; sources are in the order of ``mean_rank``."""

    sources: tuple[str, ...]
    """Best mean rank first."""
    mean_rank: tuple[float, ...]
    """Over the label-aware scores that every candidate has; 1 is best in all of them. A
    compromise between scores, no further evidence."""
    scores: dict[str, tuple[float, ...]]
    """One value a source; NaN where a candidate lacks what the score needs."""
    agreement: dict[tuple[str, str], float]
    """Kendall's tau-b of two scores' orders of the sources both have: 1 for the same
    order, -1 for the reverse, distances taken as "nearer is better"; NaN where it is
    undefined (fewer than two sources, or a score that ties all)."""

    @property
    def rows(self) -> list[dict[str, Any]]:
        """One dict a source: ``source``, ``mean_rank``, then the scores."""
        return [
            {"source": source, "mean_rank": self.mean_rank[i]}
            | {name: values[i] for name, values in self.scores.items()}
            for i, source in enumerate(self.sources)
        ]

    def to_text(self) -> str:
        """Two tables in plain text: scores by source, agreement by pair of scores."""
        names = list(self.scores)
        table = [["source", "mean_rank", *names]]
        table += [
            [row["source"], f"{row['mean_rank']:.2f}"]
            + [_number(row[name], ".4g") for name in names]
            for row in self.rows
        ]
        matrix = [["", *names]]
        for a in names:
            pairs = [
                self.agreement.get((a, b), self.agreement.get((b, a))) for b in names
            ]
            matrix.append([a, *("" if p is None else _number(p, ".2f") for p in pairs)])
        head = "Kendall's tau-b between scores (1: the same order, -1: the reverse)"
        return "\n".join(
            [*aligned(table, numbers=True), "", head, *aligned(matrix, numbers=True)]
        )


def rank_sources(
    *,
    candidates: Mapping[str, Candidate],
    target: Shaped[Any, "_ ..."],
    regression: bool = False,
) -> Ranking:
    """Scores candidate sources for one target.

    No score is best everywhere, so all are reported, with the agreement of their
    orders: a choice that most of them support is worth more than a large gap in one.
    To see whether a source will help at all, add what you would use without it as a
    candidate (raw inputs, or the features of an untrained network): a source that does
    not beat it has nothing to give.

    Args:
        candidates: by name, at least two, each scored on the same target rows.
        target: int [n] labels of these rows; with ``regression``, numbers [n] or
            [n, k]. Leave out the rows you will test on.
        regression: whether labels are numbers; then LogME is the only label-aware
            score.

    Returns:
        A :class:`Ranking`. The H-score is the regularised one. TransRate and
        ``coral_distance`` depend on the features' scale, and TransRate is blind for two
        balanced classes, see there.

    Raises:
        TypeError: for candidates that are no :class:`Candidate`, or labels that are not
            integers, without ``regression``.
        ValueError: for fewer than two candidates, rows that differ from the target's,
            probabilities that do not sum to 1, fewer than two classes, NaN or infinity.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> labels = np.arange(60) % 3
        >>> candidates = {
        ...     name: Candidate(np.eye(3)[labels] + noise * rng.normal(size=(60, 3)))
        ...     for name, noise in (("blurred", 1.0), ("clear", 0.1))
        ... }
        >>> ranking = rank_sources(candidates=candidates, target=labels)
        >>> ranking.sources, ranking.agreement["logme", "h_score"]
        (('clear', 'blurred'), 1.0)
    """
    if len(candidates) < 2:
        raise ValueError(
            f"candidates must hold at least two sources, got {list(candidates)}; add "
            "the raw inputs as one to compare with"
        )
    for name, candidate in candidates.items():
        if not isinstance(candidate, Candidate):
            raise TypeError(
                f"candidates[{name!r}] must be a Candidate, got "
                f"{type(candidate).__name__}; write Candidate(features=..., "
                "source_probabilities=...)"
            )
    check = check_values if regression else check_classes
    labels = check("target", target)
    found = [
        _scores(name, candidate, labels, regression)
        for name, candidate in candidates.items()
    ]
    table = {
        name: np.array([row.get(name, np.nan) for row in found])
        for name in (*SCORES, *DISTANCES)
        if any(name in row for row in found)
    }
    signed = {k: -v if k in DISTANCES else v for k, v in table.items()}
    shared = [k for k in SCORES if k in table and not np.isnan(table[k]).any()]
    mean_rank = np.mean([rankdata(-signed[name]) for name in shared], axis=0)
    order = np.argsort(mean_rank, kind="stable")
    names = list(candidates)
    return Ranking(
        sources=tuple(names[i] for i in order),
        mean_rank=tuple(mean_rank[order].tolist()),
        scores={name: tuple(v[order].tolist()) for name, v in table.items()},
        agreement={
            (a, b): _agreement(signed[a], signed[b]) for a, b in combinations(table, 2)
        },
    )


def _scores(
    name: str, candidate: Candidate, labels: np.ndarray, regression: bool
) -> dict[str, float]:
    # Checked here as well, because a message must say which candidate is meant.
    at = f"candidates[{name!r}]."
    features = check_features(f"{at}features", candidate.features)
    check_rows(**{"target": labels, f"{at}features": features})
    scores = {"logme": logme(features=features, labels=labels, regression=regression)}
    if not regression:
        scores["h_score"] = h_score(features=features, labels=labels, regularised=True)
        scores["transrate"] = transrate(features=features, labels=labels)
    if not regression and candidate.source_probabilities is not None:
        theta = check_probabilities(
            f"{at}source_probabilities", candidate.source_probabilities
        )
        check_rows(**{"target": labels, f"{at}source_probabilities": theta})
        scores["leep"] = leep(source_probabilities=theta, labels=labels)
        scores["nce"] = nce(source_labels=np.argmax(theta, axis=1), labels=labels)
    if candidate.source_features is not None:
        rows = check_features(f"{at}source_features", candidate.source_features, 4)
        if rows.shape[1] != features.shape[1]:
            raise ValueError(
                f"{at}source_features must come from the same model as its features, "
                f"got {rows.shape[1]} and {features.shape[1]} columns"
            )
        scores["proxy_a_distance"] = proxy_a_distance(source=rows, target=features)
        scores["mmd"] = mmd(source=rows, target=features)
        scores["coral_distance"] = coral_distance(source=rows, target=features)
    return scores


def _agreement(a: np.ndarray, b: np.ndarray) -> float:
    both = ~(np.isnan(a) | np.isnan(b))
    if both.sum() < 2:
        return float("nan")
    return float(kendalltau(a[both], b[both]).statistic)


def _number(value: float, form: str) -> str:
    return "-" if np.isnan(value) else format(value, form)
