"""Source-free adaptation: learn on the source, then adapt where it is out of reach.

The second phase reads the unlabelled target alone. It starts from the source's encoder,
head and batch statistics, normalises by the target's batches, and so ends with
statistics of the target's own: no further phase is needed to estimate them.
"""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

from jaxtyping import Array, Float

from da_zoo.batch_norm import adopt_source
from da_zoo.classifier import Classifier, Forward
from da_zoo.compose import from_updates, inherit
from da_zoo.finetune.tuning import source_model, source_phase
from da_zoo.losses.classification import cross_entropy
from da_zoo.network import Network
from da_zoo.optimizers import make_optimizer
from da_zoo.schedules import SCHEDULES
from da_zoo.settings import Classes, Training
from da_zoo.types import (
    Aux,
    Batch,
    Examples,
    Key,
    Params,
    Phase,
    TrainState,
    Update,
    Views,
)

__all__ = [
    "ENCODER",
    "SOURCE_SHARE",
    "Adaptation",
    "adaptation_phase",
    "smoothed_source_phase",
    "take_over",
]

SOURCE_SHARE = 0.5
"""Share of the steps spent on the source."""
ENCODER = ("encoder", "encoder_target_norms")
"""The groups that a method trains if it keeps the source's classifier."""

LossAndMore = tuple[Float[Array, ""], dict[str, Float[Array, ""]], dict[str, Any]]


class Adaptation(NamedTuple):
    """What a method does on the target. Keep it hashable: it names a program.

    ``loss(state, forward, rows) -> (loss, metrics, entries of state.extra to renew)``;
    ``extra(rows in a batch, features_dim, width) -> entries of state.extra``, whose
    rows the first ``refresh`` may change to those of the whole target;
    ``refresh(state, views) -> state``, once per epoch.
    """

    loss: Callable[[TrainState, Forward, Examples], LossAndMore]
    extra: Callable[[int, int, int], dict[str, Any]] | None = None
    refresh: Callable[[TrainState, Views], TrainState] | None = None


@functools.lru_cache(maxsize=64)
def _smoothed_update(
    forward_batch: Callable[..., Forward],
    optimizer: str,
    schedule: str,
    label_smoothing: float,
) -> Update:
    def loss(
        params: Params, state: TrainState, batch: Batch, key: Key
    ) -> tuple[Float[Array, ""], Aux]:
        del key
        forward = forward_batch(params, state, batch)
        value = cross_entropy(
            forward.logits["source"],
            forward.labels["source"],
            weight=forward.weights["source"],
            label_smoothing=label_smoothing,
        )
        return value, Aux(forward.stats, {"source_loss": value}, state.extra)

    return Update(
        "task",
        loss,
        ("encoder", "head_source"),
        make_optimizer(optimizer),
        schedule=SCHEDULES[schedule],
    )


def smoothed_source_phase(
    network: Network,
    classes: Classes,
    training: Training,
    *,
    label_smoothing: float,
    share: float,
) -> Phase:
    """Trains encoder and head on labelled source rows, with label smoothing.

    Args:
        network: the encoder.
        classes: the label spaces.
        training: the shared settings.
        label_smoothing: in [0, 1).
        share: of the recipe's steps, in (0, 1).

    Raises:
        ValueError: if ``label_smoothing`` or ``share`` is out of range.
    """
    if not 0.0 <= label_smoothing < 1.0:
        raise ValueError(
            f"label_smoothing must be in [0, 1), got {label_smoothing}; 0 turns it off"
        )
    if not 0.0 < share < 1.0:
        raise ValueError(
            f"source_share must be between 0 and 1, got {share}: both phases need steps"
        )
    if not label_smoothing:
        return source_phase(network, classes, training, share=share)
    model = source_model(network, classes, training.batch_norm)
    update = _smoothed_update(
        model.forward, training.optimizer, training.schedule, label_smoothing
    )
    adapter = from_updates(
        model.init_params,
        (update,),
        predict=model.predict,
        hparams=base_hparams(training, classes),
    )
    return Phase("source", adapter, frozenset({"source"}), share=share)


def base_hparams(training: Training, classes: Classes) -> dict[str, float]:
    """Returns the floats that every training phase has."""
    return {
        "learning_rate": training.learning_rate,
        "weight_decay": training.weight_decay,
        **classes.hparams,
    }


def take_over(previous: TrainState, fresh: TrainState) -> TrainState:
    """Starts the adaptation from the source's parameters and statistics."""
    state = inherit(previous, fresh)
    params, stats = adopt_source(state.params, state.stats)
    return state._replace(params=params, stats=stats)


@functools.lru_cache(maxsize=256)
def _adapt_update(
    forward_batch: Callable[..., Forward],
    optimizer: str,
    schedule: str,
    adaptation: Adaptation,
    wrt: tuple[str, ...],
) -> Update:
    def loss(
        params: Params, state: TrainState, batch: Batch, key: Key
    ) -> tuple[Float[Array, ""], Aux]:
        del key
        assert batch.target is not None
        forward = forward_batch(params, state, batch)
        value, metrics, renewed = adaptation.loss(state, forward, batch.target)
        return value, Aux(forward.stats, metrics, state.extra | renewed)

    build = make_optimizer(optimizer)

    def slowed(hparams: dict[str, Float[Array, ""]]) -> Any:
        rate = hparams["learning_rate"] * hparams["adaptation_factor"]
        return build(hparams | {"learning_rate": rate})

    return Update("adapt", loss, wrt, slowed, schedule=SCHEDULES[schedule])


@functools.lru_cache(maxsize=256)
def _init_with(
    init_params: Callable[..., Any],
    extra_of: Callable[[int, int, int], dict[str, Any]],
) -> Callable[..., Any]:
    def init(key: Key, batch: Batch) -> tuple[Params, dict[str, Any], dict[str, Any]]:
        assert batch.target is not None
        params, stats, extra = init_params(key, batch)
        kernel = params["head_source"]["kernel"]
        rows = batch.target.index.shape[0]
        return params, stats, extra | extra_of(rows, *kernel.shape)

    return init


def adaptation_phase(
    model: Classifier,
    classes: Classes,
    training: Training,
    adaptation: Adaptation,
    *,
    wrt: tuple[str, ...],
    hparams: dict[str, float],
    share: float,
) -> Phase:
    """Builds the phase that adapts a source model to unlabelled target rows.

    Args:
        model: the classifier that the source phase trained.
        classes: the label spaces.
        training: the shared settings.
        adaptation: what the method does.
        wrt: which parameter groups it trains; the others stay as they are, bit for bit.
        hparams: the method's own floats, of which ``adaptation_factor`` multiplies the
            learning rate.
        share: of the recipe's steps.
    """
    update = _adapt_update(
        model.forward, training.optimizer, training.schedule, adaptation, wrt
    )
    init_params = model.init_params
    if adaptation.extra is not None:
        init_params = _init_with(init_params, adaptation.extra)
    adapter = from_updates(
        init_params,
        (update,),
        refresh=adaptation.refresh,
        predict=model.predict,
        hparams=base_hparams(training, classes) | hparams,
    )
    return Phase(
        "adapt", adapter, frozenset({"target"}), warm_start=take_over, share=share
    )
