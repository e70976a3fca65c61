"""Predicts test rows and scores them, apart from training."""

import math
from collections.abc import Mapping
from typing import Any

import jax
import numpy as np

from da_zoo.data.splits import Split
from da_zoo.metrics import collapsed, evaluate, r2, rmse
from da_zoo.open_set import open_set_scores, with_unknown
from da_zoo.predicting import predict_rows
from da_zoo.scenarios import ScenarioData
from da_zoo.types import Adapter, TrainState

__all__ = [
    "METRICS",
    "OPEN_SET",
    "REGRESSION_METRICS",
    "answers",
    "predict_split",
    "run_state",
    "score_flaw",
    "score_run",
]

REGRESSION_METRICS = ("rmse", "r2", "source_rmse")
"""In place of :data:`METRICS` where the target is continuous; standardised, as the
labels are, by the source's training rows."""
METRICS = ("accuracy", "balanced_accuracy", "macro_f1", "nll", "brier", "ece")
OPEN_SET = ("os", "os_star", "unknown_accuracy", "hos")
"""Of open-set scenarios alone."""


@jax.jit
def _taken(state: TrainState, at: tuple[Any, ...]) -> TrainState:
    return jax.tree.map(lambda leaf: leaf[at], state)


def run_state(state: TrainState, at: tuple[int, ...]) -> TrainState:
    """Takes one run's state out of many, as far as predicting needs it.

    Args:
        state: of all runs.
        at: position on its leading axes.

    Returns:
        The state without its optimiser's, by one dispatch: leaf by leaf it would take
        longer than predicting.
    """
    return _taken(state._replace(opt_state={}), at)


def predict_split(
    adapter: Adapter,
    state: TrainState,
    split: Split,
    domain: str,
    space: str,
) -> np.ndarray | None:
    """Predicts a split with one run's state, in batches of one padded shape.

    Args:
        adapter: of the phase that the state is from.
        state: of one run.
        split: the rows.
        domain: whose encoder and statistics to use.
        space: label space of the logits.

    Returns:
        Logits [n, width], or None if the method has no head for the label space.
    """
    predicted = predict_rows(adapter, state, split.x, domain=domain)
    logits = predicted.logits.get(space)
    return None if logits is None else np.asarray(logits)


def answers(
    logits: np.ndarray, data: ScenarioData, predicts_unknown: bool = False
) -> np.ndarray:
    """Cuts target logits to the classes that are scored.

    Args:
        logits: [n, width], padded.
        data: the scenario.
        predicts_unknown: whether the method has a class for the unknown. In an open
            set, one that has none rejects what it is not sure of: a last column wins
            where no class reaches ``da_zoo.open_set.THRESHOLD``.

    Returns:
        [n, data.target_classes].
    """
    if data.open_set and not predicts_unknown:
        return with_unknown(logits[:, : data.source_classes])
    return logits[:, : data.target_classes]


def score_run(
    data: ScenarioData,
    predicted: np.ndarray,
    back: np.ndarray | None,
    same_task: bool,
) -> dict[str, Any]:
    """Scores a run: the only place that reads target-test labels.

    Args:
        data: the scenario's splits.
        predicted: target-test logits [n, width]; in an open set those of
            :func:`answers`, which cuts and completes them.
        back: source-test logits, or None.
        same_task: whether the label spaces are one.

    Returns:
        The metric fields of a row.
    """
    labels = data.target_test.labels
    predicted = predicted[:, : data.target_classes]
    if data.continuous:
        return _score_values(data, predicted, back)
    scores = evaluate(predicted, labels, classes=data.target_classes)
    result: dict[str, Any] = {name: scores[name] for name in METRICS}
    if data.open_set:
        # A threshold's "unknown" is a decision: it has no probability to score.
        result |= dict.fromkeys(("nll", "brier", "ece"))
        known = data.target_classes - 1
        result |= open_set_scores(predicted.argmax(1), labels, known)
    result["majority_accuracy"] = float(np.bincount(labels).max() / len(labels))
    if back is not None:
        hits = back[:, : data.source_classes].argmax(1) == data.source_test.labels
        result["source_accuracy"] = float(hits.mean())
    if same_task:
        result["collapsed"] = collapsed(
            predicted.argmax(1), data.source_train.labels, data.target_classes
        )
    return result


def score_flaw(scores: Mapping[str, Any], metric: str) -> str:
    """Says why a run that stayed finite has no score after all; "" where it has one.

    A state can be finite, and what it predicts of rows it never saw be too large.

    Args:
        scores: of :func:`score_run`.
        metric: that the scenario is ranked by; "" is accuracy.

    Example:
        >>> score_flaw({"rmse": float("inf")}, "rmse")
        'its rmse is inf: predictions on test rows overflow'
    """
    value = scores.get(metric or "accuracy")
    if value is not None and math.isfinite(value):
        return ""
    return f"its {metric or 'accuracy'} is {value}: predictions on test rows overflow"


def _score_values(
    data: ScenarioData, predicted: np.ndarray, back: np.ndarray | None
) -> dict[str, Any]:
    """Scores a regression; what has no meaning there stays null."""
    labels = data.target_test.labels
    result = {"rmse": rmse(predicted, labels), "r2": r2(predicted, labels)}
    if back is not None:
        result["source_rmse"] = rmse(
            back[:, : data.source_classes], data.source_test.labels
        )
    return result
