"""Predicts test rows and scores them, apart from training."""

from typing import Any

import jax.numpy as jnp
import numpy as np

from da_zoo.data.splits import Split
from da_zoo.metrics import collapsed, evaluate
from da_zoo.open_set import with_unknown
from da_zoo.scenarios import ScenarioData
from da_zoo.types import Adapter, TrainState

__all__ = ["METRICS", "OPEN_SET", "answers", "predict_split", "score_run"]

EVALUATION_BATCH = 512
METRICS = ("accuracy", "balanced_accuracy", "macro_f1", "nll", "brier", "ece")
OPEN_SET = ("os", "os_star", "unknown_accuracy", "hos")
"""Of open-set scenarios alone."""


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
    x = split.x
    parts = []
    for start in range(0, len(x), EVALUATION_BATCH):
        block = x[start : start + EVALUATION_BATCH]
        room = EVALUATION_BATCH - len(block)
        padded = np.concatenate([block, np.zeros((room, *x.shape[1:]), x.dtype)])
        array = jnp.asarray(padded)
        array = array / 255.0 if padded.dtype == np.uint8 else array
        predicted = adapter.predict(state, array, domain=domain)
        if space not in predicted.logits:
            return None
        parts.append(np.asarray(predicted.logits[space])[: len(block)])
    return np.concatenate(parts)


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
        predicted: target-test logits [n, width].
        back: source-test logits, or None.
        same_task: whether the label spaces are one.

    Returns:
        The metric fields of a row.
    """
    labels = data.target_test.labels
    predicted = predicted[:, : data.target_classes]
    scores = evaluate(predicted, labels, classes=data.target_classes)
    result: dict[str, Any] = {name: scores[name] for name in METRICS}
    result["majority_accuracy"] = float(np.bincount(labels).max() / len(labels))
    if back is not None:
        hits = back[:, : data.source_classes].argmax(1) == data.source_test.labels
        result["source_accuracy"] = float(hits.mean())
    if same_task:
        result["collapsed"] = collapsed(
            predicted.argmax(1), data.source_train.labels, data.target_classes
        )
    return result
