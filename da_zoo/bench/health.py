"""Diagnostics and warnings of finished runs: what an accuracy alone does not tell."""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

from da_zoo.bench.probe import INERT
from da_zoo.bench.rows import Row
from da_zoo.bench.scoring import run_state
from da_zoo.data.splits import Split
from da_zoo.diagnostics import (
    class_shares,
    discriminator_accuracy,
    distances,
    mean_entropy,
    subsample,
)
from da_zoo.loop import FitResult
from da_zoo.predicting import predict_rows
from da_zoo.scenarios import ScenarioData
from da_zoo.types import TrainState

__all__ = [
    "WARNINGS",
    "DomainFeatures",
    "Warned",
    "count_warnings",
    "diagnose",
    "drawn_features",
    "warnings_of",
]

WARNINGS = {
    "inert": "adaptation does not change what a training step does to the encoder",
    "collapse": "predictions have fallen onto few classes",
    "memory": "ran out of memory, so fewer runs shared a program: last digits differ",
}
"""What a row's ``warnings`` may name, and what it means."""
LEAST_ROWS = 4


class DomainFeatures(NamedTuple):
    """Features of drawn test rows, each as its own domain's encoder gives them."""

    source: Float[np.ndarray, "n d"]
    target: Float[np.ndarray, "m d"]


def diagnose(
    result: FitResult,
    at: tuple[int, ...],
    data: ScenarioData,
    logits: np.ndarray,
    effect: float | None,
    features: DomainFeatures,
) -> dict[str, Any]:
    """Computes a run's diagnostics from inputs alone: no target label is read.

    Args:
        result: of ``fit``.
        at: position of the run on the result's axes.
        data: the scenario's splits.
        logits: target-test predictions [m, k].
        effect: of :func:`da_zoo.bench.probe.adaptation_effect`, or None.
        features: of :func:`drawn_features`.

    Returns:
        ``proxy_a_distance``, ``mmd_squared``, ``coral``, ``discriminator_accuracy``,
        ``adaptation_effect``, ``target_entropy`` (nats) and ``class_shares``; None
        where one is undefined (the last two in a regression).
    """
    found: dict[str, Any] = dict.fromkeys(("proxy_a_distance", "mmd_squared", "coral"))
    if min(map(len, features)) >= LEAST_ROWS:
        found |= distances(*features)
    classes = not data.continuous
    return found | {
        "discriminator_accuracy": discriminator_accuracy(result.history, at),
        "adaptation_effect": effect,
        "target_entropy": mean_entropy(logits) if classes else None,
        "class_shares": class_shares(logits) if classes else None,
    }


def drawn_features(
    result: FitResult, at: tuple[int, ...], data: ScenarioData
) -> DomainFeatures:
    """Returns a run's features of up to ``da_zoo.diagnostics.ROWS`` test rows a domain.

    Args:
        result: of ``fit``.
        at: position of the run on the result's axes.
        data: the scenario's splits; the rows of ``subsample(len(split.rows))`` are
            drawn.
    """
    state = run_state(result.state, at)
    return DomainFeatures(
        _features(result, state, data.source_test, "source"),
        _features(result, state, data.target_test, "target"),
    )


def _features(
    result: FitResult, state: TrainState, split: Split, domain: str
) -> Float[np.ndarray, "n d"]:
    chosen = split.x[subsample(len(split.rows))]
    predicted = predict_rows(result.adapter, state, chosen, domain=domain)
    return np.asarray(predicted.features)


def warnings_of(scores: Mapping[str, Any], effect: float | None) -> list[str]:
    """Names what is wrong with a run, of :data:`WARNINGS`.

    Args:
        scores: the metric fields of its row.
        effect: of adaptation on a step, or None where that means nothing.

    Example:
        >>> warnings_of({"collapsed": True}, 0.0)
        ['inert', 'collapse']
    """
    found = ["inert"] if effect is not None and effect < INERT else []
    return found + ["collapse"] * bool(scores.get("collapsed"))


class Warned(NamedTuple):
    """A warning of one method on one scenario, and how many of its runs have it."""

    warning: str
    method: str
    scenario: str
    track: str
    label_fraction: float | None
    seeds: int
    runs: int

    @property
    def where(self) -> str:
        """Method, scenario, track and count in words."""
        share = "" if self.label_fraction is None else f" {self.label_fraction:g}"
        count = f"{self.seeds} of {self.runs} seeds"
        return f"{self.method} on {self.scenario} ({self.track}{share}; {count})"


def count_warnings(rows: Iterable[Row]) -> list[Warned]:
    """Counts warnings by method and scenario.

    Args:
        rows: of one configuration each.

    Returns:
        In the order of :data:`WARNINGS`, then of the rows.

    Example:
        >>> row = {"scenario": "s", "track": "U", "label_fraction": None, "seed": 0}
        >>> row |= {"method": "mcc", "status": "ok", "warnings": ["collapse"]}
        >>> [found.where for found in count_warnings([row])]
        ['mcc on s (U; 1 of 1 seeds)']
    """
    cells: dict[tuple[Any, ...], list[Row]] = {}
    for row in rows:
        if row["status"] == "ok":
            fields = ("method", "scenario", "track", "label_fraction")
            cells.setdefault(tuple(row[f] for f in fields), []).append(row)
    counted = []
    for warning in WARNINGS:
        for cell, own in cells.items():
            hit = sum(warning in _named(row) for row in own)
            if hit:
                method, scenario, track, fraction = cell
                counted.append(
                    Warned(warning, method, scenario, track, fraction, hit, len(own))
                )
    return counted


def _named(row: Row) -> list[str]:
    """A row's warnings; rows of before there were any know of one."""
    return row.get("warnings") or ["collapse"] * bool(row.get("collapsed"))
