"""What a quickly trained source model promises for the target's task."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from da_zoo.advice.rows import Rows
from da_zoo.data.arrays import ArrayData
from da_zoo.diagnostics import subsample
from da_zoo.loop import FitResult, fit
from da_zoo.methods import METHODS
from da_zoo.metrics import r2
from da_zoo.models import network_by_name
from da_zoo.registry import build_recipe
from da_zoo.settings import Continuous
from da_zoo.transferability import h_score, leep, logme, nce

__all__ = ["Forecast", "Score", "forecast"]

SCORED_ROWS = 500
SHUFFLES = 99
FEWEST_STEPS, MOST_PASSES = 50, 20
"""Of the source model: a small table is learned by heart in more."""
SMALLEST_IMAGE = 12
"""Pixels a side below which convolutions have nothing to do."""


class Score(NamedTuple):
    """A transferability score beside what it has to beat."""

    value: float
    """Of the source model on labelled target rows; higher is better."""
    yardstick: float
    against: str
    """What the yardstick is: "shuffled labels" (95 % of shuffles are below it) or "raw
    inputs" (the same score of the inputs, standardised)."""


class Forecast(NamedTuple):
    """What is known of the quickly trained model."""

    network: str
    steps: int
    source_quality: float
    """On held-out source rows: accuracy, or R2 for a regression."""
    scores: dict[str, Score]
    """Empty where no target label may be read."""
    agreement: float | None
    """Share of labelled target rows it gets right, class names taken as they are, or
    R2; None without labels, or where the sides have no label in common."""
    majority: float | None
    """The share of the commonest label among the same rows; 0 for a regression."""


class _Model(NamedTuple):
    result: FitResult
    centre: Any
    scale: Any

    def see(self, x: np.ndarray) -> Any:
        return self.result.predict((x - self.centre) / self.scale)


def forecast(
    source: Rows, target: Rows, *, seed: int = 0, steps: int = 300
) -> Forecast:
    """Trains a small model on the source, and scores it on labelled target rows.

    Args:
        source: labelled rows with inputs as of :func:`da_zoo.advice.inputs.align`.
        target: rows whose labels may all be read; up to 500 of them are scored.
        seed: of initial weights, batches, held-out rows and shuffles.
        steps: of training at most, at a batch of 64: classes in a small table get
            fewer, as many as go through it 20 times. Images of 12 pixels a side get the
            LeNet, all else the MLP, at their default sizes, by Adam at 0.001.

    Raises:
        ValueError: if the source's labels do not vary.

    Example:
        >>> from da_zoo.advice.rows import from_arrays
        >>> y = np.arange(80) % 2
        >>> x = np.random.default_rng(0).normal(size=(80, 3)) + 4.0 * y[:, None]
        >>> forecast(from_arrays("s", x, y), from_arrays("t", x, y)).scores["nce"].value
        0.0
    """
    source = source.take(np.flatnonzero(source.labelled))
    own: Any = source.y
    held = subsample(len(source.x), max(1, len(source.x) // 5), seed)
    kept = np.setdiff1d(np.arange(len(source.x)), held)
    if source.continuous:
        values = own.astype(np.float64)
        spread = values[kept].std()
        if not spread > 0:
            raise ValueError(f"{source.name}: labels are the same in every row")
        labels: Any = ((values - values[kept].mean()) / spread)[:, None]
        names: Any = np.array([])
        classes: Any = Continuous(1)
    else:
        names, labels = np.unique(own, return_inverse=True)
        if len(names) < 2:
            raise ValueError(
                f"{source.name}: labels hold one class, {names[0]}; there is nothing "
                "to learn"
            )
        classes = len(names)
    if not source.continuous:
        steps = min(steps, max(FEWEST_STEPS, MOST_PASSES * len(kept) // 64))
    kind, model = _train(source.x[kept], labels[kept], classes, seed, steps)
    told = np.asarray(model.see(source.x[held]).logits["source"])
    if source.continuous:
        quality = r2(told, labels[held])
    else:
        quality = float(np.mean(told[:, : len(names)].argmax(1) == labels[held]))
    found = Forecast(kind, steps, quality, {}, None, None)
    rows = np.flatnonzero(target.labelled)
    rows = rows[subsample(len(rows), SCORED_ROWS, seed)]
    if target.y is None or len(rows) < 4:
        return found
    asked = target.take(rows)
    seen = model.see(asked.x)
    features = np.asarray(seen.features, np.float64)
    raw = np.reshape(asked.x, (len(rows), -1)).astype(np.float64)
    deviation = raw.std(axis=0)
    raw = (raw - raw.mean(axis=0))[:, deviation > 0] / deviation[deviation > 0]
    if target.continuous:
        return _numbers(found, source, asked, seen, features, raw, model, kept)
    logits = np.asarray(seen.logits["source"], np.float64)[:, : len(names) or 1]
    return _classes(found, source, asked, names, logits, features, raw, seed)


def _train(
    x: np.ndarray, labels: np.ndarray, classes: Any, seed: int, steps: int
) -> tuple[str, _Model]:
    image = x.ndim == 4 and min(x.shape[1:3]) >= SMALLEST_IMAGE
    kind = "lenet" if image else "mlp"
    centre, scale = x.mean(axis=0), x.std(axis=0)
    if image:  # pixels are in [0, 1] and share one scale
        centre, scale = np.float32(0.0), np.float32(1.0)
    scale = np.where(scale > 1e-6, scale, 1.0).astype(np.float32)
    recipe = build_recipe(
        METHODS["source_only"],
        network_by_name(kind),
        classes=classes,
        optimizer="adam",
        learning_rate=1e-3,
        schedule="constant",
    )
    y = labels.astype(np.float32 if labels.ndim == 2 else np.int32)
    data = ArrayData(source=((x - centre) / scale, y))
    key = jax.random.key(seed)
    return kind, _Model(fit(recipe, data, key, steps=steps), centre, scale)


def _numbers(
    found: Forecast,
    source: Rows,
    asked: Rows,
    seen: Any,
    features: np.ndarray,
    raw: np.ndarray,
    model: _Model,
    kept: np.ndarray,
) -> Forecast:
    theirs: Any = asked.y
    values = theirs.astype(np.float64)
    if not values.std() > 0:
        return found
    centred = (values - values.mean()) / values.std()
    score = Score(
        logme(features=features, labels=centred, regression=True),
        logme(features=raw, labels=centred, regression=True),
        "raw inputs",
    )
    agreement = None
    if source.continuous:
        learnt: Any = source.y
        own = learnt[kept].astype(np.float64)
        told = np.asarray(seen.logits["source"])[:, :1]
        agreement = r2(told, ((values - own.mean()) / own.std())[:, None])
    return found._replace(scores={"logme": score}, agreement=agreement, majority=0.0)


def _classes(
    found: Forecast,
    source: Rows,
    asked: Rows,
    names: np.ndarray,
    logits: np.ndarray,
    features: np.ndarray,
    raw: np.ndarray,
    seed: int,
) -> Forecast:
    theirs: Any = asked.y
    wanted, labels = np.unique(theirs, return_inverse=True)
    if len(wanted) < 2:
        return found
    scores: dict[str, Score] = {}
    agreement = majority = None
    if not source.continuous:
        theta = np.asarray(jax.nn.softmax(jnp.asarray(logits), axis=1), np.float64)
        guess = theta.argmax(axis=1)
        draws = np.random.default_rng([seed, 0x5C0E])
        shuffled = [draws.permutation(labels) for _ in range(SHUFFLES)]
        against = "shuffled labels"
        scores["leep"] = Score(
            leep(source_probabilities=theta, labels=labels),
            _quantile(leep(source_probabilities=theta, labels=s) for s in shuffled),
            against,
        )
        scores["nce"] = Score(
            nce(source_labels=guess, labels=labels),
            _quantile(nce(source_labels=guess, labels=s) for s in shuffled),
            against,
        )
        if np.intersect1d(names, wanted).size:
            agreement = float(np.mean(names[guess] == theirs))
            majority = float(np.bincount(labels).max() / len(labels))
    scores["logme"] = Score(
        logme(features=features, labels=labels),
        logme(features=raw, labels=labels),
        "raw inputs",
    )
    scores["h_score"] = Score(
        h_score(features=features, labels=labels, regularised=True),
        h_score(features=raw, labels=labels, regularised=True),
        "raw inputs",
    )
    return found._replace(scores=scores, agreement=agreement, majority=majority)


def _quantile(values: Any) -> float:
    return float(np.quantile(list(values), 0.95))
