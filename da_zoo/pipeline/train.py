"""Trains one method on prepared sides, and looks at what came of it."""

import importlib.metadata
import inspect
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np

from da_zoo.checkpoint import Checkpointing
from da_zoo.data.arrays import ArrayData
from da_zoo.data.encoders.choose import describe, encoder_name
from da_zoo.loop import FitResult, fit
from da_zoo.methods import METHODS
from da_zoo.metrics_log import EventWriter, MetricsWriter, recording
from da_zoo.pipeline.defaults import defaults
from da_zoo.pipeline.model import AdaptedModel, Spec, recipe_of
from da_zoo.pipeline.prepare import Prepared
from da_zoo.pipeline.report import Trained
from da_zoo.pipeline.sides import Sides
from da_zoo.pipeline.validators import class_checks, value_checks

__all__ = ["Wishes", "look_at", "make_spec", "train"]


class Wishes(NamedTuple):
    """What the user said of network and training; None is chosen by the data."""

    network: str | None = None
    network_options: Mapping[str, Any] | None = None
    steps: int | None = None
    batch_size: int | None = None
    seed: int = 0
    target_labels: str = "none"


def make_spec(
    name: str,
    sides: Sides,
    prepared: Prepared,
    *,
    reading: Mapping[str, Any],
    labelled_target: bool,
    wishes: Wishes,
    hyperparameters: Mapping[str, Any],
) -> Spec:
    """Fills in the defaults.

    Args:
        name: of the method.
        sides: source and target.
        prepared: their rows, encoded.
        reading: options of the reader, for files to predict.
        labelled_target: whether target labels are trained on.
        wishes: what the user said.
        hyperparameters: of the method, as given.
    """
    source, target = sides.source, sides.target
    method = METHODS[name]
    shape = prepared.source.shape[1:]
    usual = defaults(
        source.kind,
        shape,
        method,
        len(prepared.train),
        vocabulary=getattr(prepared.encoder, "vocabulary", None)
        if prepared.source.dtype == np.int32
        else None,
    )
    chosen = wishes.network or usual.network
    options = dict(wishes.network_options or {})
    if chosen == usual.network:
        options = {**usual.network_options, **options}
    takes = inspect.signature(method.factory).parameters
    sources = len(source.domains) if "sources" in takes else 1
    return Spec(
        kind=source.kind,
        method=name,
        values={
            k: _plain(v) for k, v in (usual.values | dict(hyperparameters)).items()
        },
        network=chosen,
        network_options={k: _plain(v) for k, v in options.items()},
        classes=list(source.classes if sides.same_task else target.classes),
        source_classes=[] if sides.same_task else list(source.classes),
        labelled_target=labelled_target,
        sources=sources,
        centre=prepared.centre,
        spread=prepared.spread,
        encoder=describe(encoder_name(source), prepared.encoder),
        reading={k: _plain(v) for k, v in reading.items() if v is not None},
        shape=[int(n) for n in shape],
        trained={
            "steps": _plain(usual.steps if wishes.steps is None else wishes.steps),
            "batch_size": _plain(
                usual.batch_size if wishes.batch_size is None else wishes.batch_size
            ),
            "seed": _plain(wishes.seed),
            "target_labels": wishes.target_labels,
            "dtype": prepared.source.dtype.name,
            "source": [source.name, source.fingerprint, source.rows],
            "target": [target.name, target.fingerprint, target.rows],
            "defaults_of": usual.suite,
            "versions": {
                package: importlib.metadata.version(package)
                for package in ("da-zoo", "jax", "flax", "numpy")
            },
        },
    )


def _plain(value: Any) -> Any:
    """As it comes back from JSON: lists, and Python's own numbers."""
    if isinstance(value, tuple | list):
        return [_plain(one) for one in value]
    if isinstance(value, np.generic | np.ndarray | jax.Array) and value.ndim == 0:
        return value.item()
    return value


def _scaled(values: np.ndarray, prepared: Prepared) -> np.ndarray:
    scaled = (np.asarray(values, np.float64) - prepared.centre) / prepared.spread
    return scaled.astype(np.float32)[:, None]


def train(
    spec: Spec,
    sides: Sides,
    prepared: Prepared,
    *,
    progress: bool = False,
    writers: Sequence[MetricsWriter] = (),
    checkpoint: Checkpointing | None = None,
) -> FitResult:
    """Trains what a spec says.

    Args:
        spec: of :func:`make_spec`.
        sides: source and target.
        prepared: their rows, encoded.
        progress: draw a bar on stderr.
        writers: of metrics.
        checkpoint: where to keep the state meanwhile.
    """
    source, train = sides.source, prepared.train
    labels = np.asarray(source.labels)[train]
    if source.continuous:
        labels = _scaled(labels, prepared)
    rows = prepared.source[train]
    pair: Any = (rows, labels)
    if len(source.domains) > 1:
        whose = source.domain[train]
        pair = [(rows[whose == n], labels[whose == n]) for n in np.unique(whose)]
    few = None
    if spec.labelled_target:
        there = np.flatnonzero(sides.target.labelled)
        own = np.asarray(sides.target.labels)[there]
        few = (
            prepared.target[there],
            _scaled(own, prepared) if source.continuous else own,
        )
    recipe, trained = recipe_of(spec), spec.trained
    run = {
        "method": spec.method,
        **{name: trained[name] for name in ("seed", "steps", "batch_size")},
        "source": trained["source"],
        "target": trained["target"],
        "values": spec.values,
        "runs": {0: spec.method},
    }
    with recording([EventWriter(), *writers], run) as recorder:
        return fit(
            recipe,
            ArrayData(pair, prepared.target, few),
            jax.random.key(trained["seed"]),
            steps=trained["steps"],
            batch_size=trained["batch_size"],
            on_metrics=recorder,
            checkpoint=checkpoint,
            progress=progress,
            name=spec.method,
        )


def look_at(
    model: AdaptedModel,
    sides: Sides,
    prepared: Prepared,
    result: FitResult,
    target_labels: str,
) -> Trained:
    """Predicts both sides and takes the checks.

    Args:
        model: as it was trained.
        sides: source and target.
        prepared: their rows, encoded.
        result: of the training, for its curves.
        target_labels: "score" lets the target's labels score it.
    """
    source, target = sides.source, sides.target
    values, features = model.logits(prepared.target)
    held = prepared.validation if len(prepared.validation) else prepared.train
    back, own = model.logits(prepared.source[held], domain="source")
    score = target_labels == "score" and target.labels is not None
    there = np.flatnonzero(target.labelled) if score else np.zeros(0, int)
    known = np.asarray(target.labels)[there] if score else None
    if model.continuous:
        pairs = (
            None
            if not len(prepared.validation)
            else (back, np.asarray(source.labels, np.float64)[held][:, None]),
            None
            if known is None
            else (values[there], known.astype(np.float64)[:, None]),
        )
        checks = value_checks(values, validation=pairs[0], scored=pairs[1])
        answers = values[:, 0]
    else:
        labels = np.asarray(source.labels)
        if known is not None and METHODS[model.spec.method].predicts_unknown:
            known = np.minimum(known, values.shape[1] - 1)  # all new classes are one
        validated = len(prepared.validation) and sides.same_task
        checks = class_checks(
            values,
            labels[prepared.train],
            validation=(back, labels[held]) if validated else None,
            scored=None if known is None else (values[there], known),
            same_task=sides.same_task,
        )
        answers = np.array(model.classes)[values.argmax(1)]
    return Trained(model.spec.method, checks, own, features, answers, result.history)
