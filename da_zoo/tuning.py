"""Phases of sequential transfer: learn on the source, then tune on target labels."""

import functools
import re
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from da_zoo.batch_norm import adopt_source
from da_zoo.classifier import Classifier, classifier
from da_zoo.compose import inherit
from da_zoo.network import Network, Train
from da_zoo.partition import frozen_by
from da_zoo.settings import Classes, Training
from da_zoo.supervised import supervised_phase
from da_zoo.types import Phase, TrainState

__all__ = ["source_phase", "source_then", "tuning_phase"]

SOURCE_SHARE = 0.6
"""Share of the steps spent on the source where tuning follows."""


def source_model(network: Network, classes: Classes, batch_norm: str) -> Classifier:
    """Returns the classifier of source training: source statistics for both domains."""
    answers = (("source", "source"), ("target", "source"))
    return classifier(
        network,
        width=classes.width,
        batch_norm=batch_norm,
        answers=answers if classes.shared else answers[:1],
        statistics="source",
    )


def source_phase(
    network: Network, classes: Classes, training: Training, *, share: float = 1.0
) -> Phase:
    """Trains encoder and source head on labelled source rows.

    Args:
        network: the encoder.
        classes: the label spaces.
        training: the shared settings.
        share: of the recipe's steps.
    """
    model = source_model(network, classes, training.batch_norm)
    return supervised_phase(
        "source", model, classes, training, uses=frozenset({"source"}), share=share
    )


@functools.lru_cache(maxsize=256)
def _tuned_model(
    network: Network, width: int, shared: bool, batch_norm: str, train: Train
) -> Classifier:
    """Has both heads; the tuned one answers for the target, and for the same task.

    Its normalisation is the target's throughout: it is one model.
    """
    return classifier(
        network,
        width=width,
        batch_norm=batch_norm,
        heads=("source", "target"),
        answers=(("source", "target" if shared else "source"), ("target", "target")),
        statistics="target",
        train=train,
    )


def _from_source(
    classes: Classes, previous: TrainState, fresh: TrainState
) -> TrainState:
    state = inherit(previous, fresh)
    params, stats = adopt_source(state.params, state.stats)
    if classes.shared:
        head = jax.tree.map(jnp.copy, params["head_source"])
        params = params | {"head_target": head}
    return state._replace(params=params, stats=stats)


@functools.lru_cache(maxsize=256)
def _trainable(freeze: str) -> Callable[[str], bool]:
    pattern = re.compile(freeze)

    def trainable(path: str) -> bool:
        return not path.startswith("head_source") and pattern.search(path) is None

    return trainable


@functools.lru_cache(maxsize=256)
def _layer_trains(freeze: str) -> Callable[[str], bool]:
    """A normalisation layer whose scale is frozen keeps its statistics too."""
    trainable = _trainable(freeze)
    return lambda layer: trainable(f"encoder/{layer}/scale")


NOTHING = "(?!)"
ENCODER = "^encoder"


def tuning_phase(
    name: str,
    network: Network,
    classes: Classes,
    training: Training,
    *,
    freeze: str = NOTHING,
    encoder_factor: float = 1.0,
    share: float,
    first: bool = True,
) -> Phase:
    """Tunes on labelled target rows what a source phase learned.

    Args:
        name: of the phase.
        network: the encoder.
        classes: the label spaces; a shared one lets the target head start from the
            source's.
        training: the shared settings.
        freeze: regular expression on parameter paths; what it hits keeps its weights,
            gets no weight decay, and its normalisation keeps its statistics.
        encoder_factor: the encoder's learning rate as a multiple of the head's.
        share: of the recipe's steps.
        first: whether it follows the source phase (rather than another tuning phase).

    Raises:
        ValueError: when the state is built, if ``freeze`` hits nothing.
    """
    if freeze == NOTHING:
        train: Train = True
    elif freeze == ENCODER:
        train = False
    else:
        train = _layer_trains(freeze)
    model = _tuned_model(
        network, classes.width, classes.shared, training.batch_norm, train
    )
    factors = () if encoder_factor == 1.0 else (("encoder", encoder_factor),)

    def take_over(previous: TrainState, fresh: TrainState) -> TrainState:
        if freeze not in (NOTHING, ENCODER):
            frozen_by(
                freeze, {k: v for k, v in fresh.params.items() if k != "head_source"}
            )
        return (
            _from_source(classes, previous, fresh)
            if first
            else inherit(previous, fresh)
        )

    return supervised_phase(
        name,
        model,
        classes,
        training,
        uses=frozenset({"target_labelled"}),
        wrt=_trainable(freeze),
        factors=factors,
        warm_start=take_over,
        share=share,
    )


def source_then(
    network: Network, classes: Classes, training: Training, *phases: Phase
) -> tuple[Phase, ...]:
    """Puts the source phase in front of tuning phases.

    Example:
        >>> from da_zoo import methods, network_by_name
        >>> recipe = methods.lp_ft(network_by_name("mlp"), classes=2)
        >>> [phase.name for phase in recipe]
        ['source', 'probe', 'tune']
    """
    first: Any = source_phase(network, classes, training, share=SOURCE_SHARE)
    return (first, *phases)
