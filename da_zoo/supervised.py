"""Phases that minimise the task loss, with or without an alignment term beside it."""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
from jaxtyping import Array, Float, PyTree

from da_zoo.classifier import Classifier, Forward, classifier, task_loss
from da_zoo.compose import from_updates, progress
from da_zoo.network import Network
from da_zoo.optimizers import make_optimizer
from da_zoo.schedules import SCHEDULES, schedule_by_name
from da_zoo.settings import Classes, Training
from da_zoo.target_statistics import target_statistics
from da_zoo.types import (
    Aux,
    Batch,
    Key,
    Params,
    Phase,
    Recipe,
    TrainState,
    Update,
    Views,
)

__all__ = [
    "Alignment",
    "aligned",
    "discrepancy",
    "forward_term",
    "supervised_model",
    "supervised_phase",
    "together",
    "training_streams",
]


class Alignment(NamedTuple):
    """What a method adds to the task loss. Keep it hashable: it names a program.

    ``loss(params, state, forward, key) -> (weighted loss, metrics)``;
    ``init(key, features_dim) -> more parameter groups``, a discriminator say;
    ``extra(key, features_dim) -> entries of state.extra``, which are not trained;
    ``start(params, stats) -> entries of state.extra`` that depend on what the phase
    starts from;
    ``memory(params, state, forward, key) -> entries of state.extra`` after a step, with
    the forward and the key of its loss (queues, moving averages);
    ``refresh(state, views) -> entries of state.extra`` from all training rows, once,
    before a phase's first step.
    """

    loss: Callable[
        [Params, TrainState, Forward, Key],
        tuple[Float[Array, ""], dict[str, Float[Array, ""]]],
    ]
    init: Callable[[Key, int], Params] | None = None
    extra: Callable[[Key, int], dict[str, Any]] | None = None
    start: Callable[[Params, dict[str, PyTree]], dict[str, Any]] | None = None
    memory: Callable[[Params, TrainState, Forward, Key], dict[str, Any]] | None = None
    refresh: Callable[[TrainState, Views], dict[str, Any]] | None = None


@functools.lru_cache(maxsize=256)
def together(terms: tuple[Alignment, ...]) -> Alignment:
    """Adds terms up: one loss, all parameter groups, all entries of the state.

    Example:
        >>> together(()).init is None  # no parameters of its own
        True
    """

    def loss(
        params: Params, state: TrainState, forward: Forward, key: Key
    ) -> tuple[Any, dict[str, Any]]:
        total: Any = 0.0
        metrics: dict[str, Any] = {}
        for number, term in enumerate(terms):
            value, more = term.loss(params, state, forward, _own(key, number))
            total, metrics = total + value, metrics | more
        return total, metrics

    def remembered(
        params: Params, state: TrainState, forward: Forward, key: Key
    ) -> dict[str, Any]:
        entries: dict[str, Any] = {}
        for number, term in enumerate(terms):
            if term.memory is not None:
                entries |= term.memory(params, state, forward, _own(key, number))
        return entries

    def joined(name: str) -> Callable[..., dict[str, Any]] | None:
        parts = [part for term in terms if (part := getattr(term, name)) is not None]
        if not parts:
            return None
        if name == "start":
            # Terms that remember the same thing share it.
            parts = list(dict.fromkeys(parts))

        def every(*args: Any) -> dict[str, Any]:
            entries = [pair for part in parts for pair in part(*args).items()]
            if len(dict(entries)) < len(entries):
                raise ValueError(f"two terms name the same {name}: {sorted(entries)}")
            return dict(entries)

        return every

    return Alignment(
        loss,
        joined("init"),
        joined("extra"),
        joined("start"),
        remembered if any(term.memory is not None for term in terms) else None,
        joined("refresh"),
    )


def _own(key: Key, number: int) -> Key:
    """The key of one of several terms; the first has the key of one alone."""
    return key if number == 0 else jax.random.fold_in(key, number)


def _everything(path: str) -> bool:
    del path
    return True


@functools.lru_cache(maxsize=256)
def _update(
    forward_batch: Callable[..., Forward],
    optimizer: Callable[..., Any],
    schedule: str,
    alignment: Alignment | None,
    wrt: Callable[[str], bool],
) -> Update:
    """The one Update of most methods; memoised: equal arguments give one program."""

    def loss(
        params: Params, state: TrainState, batch: Batch, key: Key
    ) -> tuple[Float[Array, ""], Aux]:
        forward = forward_batch(params, state, batch)
        total, metrics = task_loss(forward, batch)
        extra = state.extra
        if alignment is not None:
            weighted, more = alignment.loss(params, state, forward, key)
            total, metrics = total + weighted, metrics | more
            if alignment.memory is not None:
                extra = extra | alignment.memory(params, state, forward, key)
        return total, Aux(forward.stats, metrics, extra)

    return Update(
        "task",
        loss,
        wrt,
        optimizer,
        schedule=SCHEDULES[schedule],
    )


@functools.lru_cache(maxsize=256)
def _init_with(
    init_params: Callable[..., Any], alignment: Alignment
) -> Callable[..., Any]:
    """Adds an alignment's own parameter groups and state to a classifier's."""

    def init(key: Key, batch: Batch) -> tuple[Params, dict[str, Any], dict[str, Any]]:
        params, stats, extra = init_params(key, batch)
        head = next(v for k, v in params.items() if k.startswith("head_"))
        features_dim = head["kernel"].shape[0]
        if alignment.extra is not None:
            extra = extra | alignment.extra(key, features_dim)
        if alignment.init is not None:
            params = params | alignment.init(key, features_dim)
        if alignment.start is not None:
            extra = extra | alignment.start(params, stats)
        return params, stats, extra

    return init


@functools.lru_cache(maxsize=256)
def _refresh_with(
    entries: Callable[[TrainState, Views], dict[str, Any]],
) -> Callable[[TrainState, Views], TrainState]:
    def refresh(state: TrainState, views: Views) -> TrainState:
        return state._replace(extra=state.extra | entries(state, views))

    return refresh


@functools.lru_cache(maxsize=256)
def discrepancy(
    distance: Callable[..., Float[Array, ""]], metric: str, schedule: str
) -> Alignment:
    """Builds the term ``trade_off * schedule(progress) * distance``.

    Args:
        distance: ``(features_source, features_target, *, weight_source,
            weight_target)``: of features [n, d] and [m, d] with row weights [n] and
            [m], of which 0 marks padding and None weighs every row 1; the same object
            for the same settings.
        metric: what the history calls it.
        schedule: name of a schedule of the trade-off.

    Raises:
        ValueError: for an unknown schedule.
    """

    def value(forward: Forward) -> Float[Array, ""]:
        return distance(
            forward.features["source"],
            forward.features["target"],
            weight_source=forward.weights["source"],
            weight_target=forward.weights["target"],
        )

    return forward_term(value, metric, schedule)


@functools.lru_cache(maxsize=256)
def forward_term(
    value: Callable[[Forward], Float[Array, ""]], metric: str, schedule: str
) -> Alignment:
    """Builds the term ``trade_off * schedule(progress) * value(forward)``.

    Args:
        value: of features and logits; the same object for the same settings.
        metric: what the history calls it.
        schedule: name of a schedule of the trade-off.

    Raises:
        ValueError: for an unknown schedule.
    """
    ramp = schedule_by_name(schedule)

    def loss(
        params: Params, state: TrainState, forward: Forward, key: Key
    ) -> tuple[Float[Array, ""], dict[str, Float[Array, ""]]]:
        del params, key
        found = value(forward)
        return state.hparams["trade_off"] * ramp(progress(state)) * found, {
            metric: found
        }

    return Alignment(loss)


def supervised_model(
    network: Network, classes: Classes, batch_norm: str, *, labelled_target: bool
) -> Classifier:
    """Returns the classifier of a method that trains on source and target at once.

    A second head exists only where the target has a label space of its own.
    """
    if classes.shared or not labelled_target:
        answers = (("source", "source"), ("target", "source"))
        return classifier(
            network,
            width=classes.width,
            batch_norm=batch_norm,
            answers=answers if classes.shared else answers[:1],
        )
    return classifier(
        network,
        width=classes.width,
        batch_norm=batch_norm,
        heads=("source", "target"),
        answers=(("source", "source"), ("target", "target")),
    )


def training_streams(classes: Classes, *, labelled_target: bool) -> frozenset[str]:
    """Returns the streams of a method that trains on source and target at once.

    Raises:
        ValueError: if the label spaces differ and the target has no labelled rows.
    """
    if not classes.shared and not labelled_target:
        raise ValueError(
            "source and target have different label spaces: a target head needs "
            "labelled target rows; pass labelled_target=True"
        )
    labelled = {"target_labelled"} if labelled_target else set()
    return frozenset({"source", "target"} | labelled)


def supervised_phase(
    name: str,
    model: Classifier,
    classes: Classes,
    training: Training,
    *,
    uses: frozenset[str],
    alignment: Alignment | None = None,
    wrt: Callable[[str], bool] = _everything,
    optimizer: Callable[..., Any] | None = None,
    hparams: dict[str, float] | None = None,
    warm_start: Callable[[TrainState, TrainState], TrainState] | None = None,
    share: float = 1.0,
) -> Phase:
    """Builds a phase with one supervised Update.

    Args:
        name: of the phase.
        model: the classifier.
        classes: the label spaces.
        training: optimiser, decay and floats.
        uses: the streams it reads.
        alignment: what is added to the task loss.
        wrt: which parameters train.
        optimizer: ``hparams -> optax transformation``, the same object for the same
            settings; None means the shared settings' one.
        hparams: the method's own floats.
        warm_start: how it takes over from the phase before.
        share: of the recipe's steps.
    """
    values = {
        "learning_rate": training.learning_rate,
        "weight_decay": training.weight_decay,
        **classes.hparams,
        **(hparams or {}),
    }
    optimizer = optimizer or make_optimizer(training.optimizer)
    update = _update(model.forward, optimizer, training.schedule, alignment, wrt)
    init_params = model.init_params
    refresh = None
    if alignment is not None and any(alignment[1:]):
        init_params = _init_with(init_params, alignment)
        if alignment.refresh is not None:
            refresh = _refresh_with(alignment.refresh)
    adapter = from_updates(
        init_params, (update,), refresh=refresh, predict=model.predict, hparams=values
    )
    return Phase(
        name,
        adapter,
        uses,
        warm_start=warm_start,
        share=share,
        refresh_once=refresh is not None,
    )


def aligned(
    network: Network,
    classes: Classes,
    training: Training,
    alignment: Alignment,
    *,
    hparams: dict[str, float],
    labelled_target: bool,
    wrt: Callable[[str], bool] = _everything,
) -> Recipe:
    """Builds the recipe of a method that is the task loss plus one alignment term.

    Args:
        network: the encoder.
        classes: the label spaces; with two of them ``labelled_target`` must be set.
        training: the shared settings.
        alignment: the term.
        hparams: its floats.
        labelled_target: whether some target rows come with labels (track F).
        wrt: which parameters train, by path.

    Returns:
        One training phase, and under a batch-norm policy per domain the phase that
        estimates the target's statistics.

    Raises:
        ValueError: if the label spaces differ and the target has no labelled rows.
    """
    streams = training_streams(classes, labelled_target=labelled_target)
    model = supervised_model(
        network, classes, training.batch_norm, labelled_target=labelled_target
    )
    phase = supervised_phase(
        "adapt",
        model,
        classes,
        training,
        uses=streams,
        alignment=alignment,
        wrt=wrt,
        hparams=hparams,
    )
    if training.batch_norm not in ("separate", "domain_specific"):
        return (phase,)
    return (phase, target_statistics(network, training.batch_norm, model, classes))
