"""What a self-supervised task is, and its recipe: one phase, one Update."""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple, Unpack

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PyTree, Shaped

from da_zoo.batch_norm import domain_encoder
from da_zoo.classifier import classifier
from da_zoo.compose import from_updates, named_key
from da_zoo.network import Network
from da_zoo.optimizers import make_optimizer
from da_zoo.schedules import SCHEDULES
from da_zoo.settings import Settings, Training, resolve_settings
from da_zoo.types import (
    Aux,
    Batch,
    Examples,
    Key,
    Outputs,
    Params,
    Phase,
    Recipe,
    TrainState,
    Update,
)

__all__ = ["Objective", "Prepared", "resolve_pretraining", "self_supervised", "within"]

HParams = dict[str, Float[Array, ""]]
Metrics = dict[str, Float[Array, ""]]

POLICIES = ("joint", "frozen")
"""Of batch normalisation: there is one domain."""


class Prepared(NamedTuple):
    """A batch as the encoder sees it, and what the loss compares with."""

    x: PyTree[Shaped[Array, "m ..."]]
    """What the encoder gets: views, corrupted rows; m may be a multiple of n."""
    weight: Float[Array, " m"] | None
    """Of those rows; 0 marks padding."""
    goal: PyTree
    """Rotations, the clean rows, masks: what the loss needs beside the outputs."""


class Objective(NamedTuple):
    """A task that makes its own labels. Keep it hashable: it names a program.

    ``prepare(key, rows, hparams) -> Prepared``, from rows without labels, of which
    padding is zeroed; ``init(key, prepared, outputs) -> parameter groups of its own``,
    for outputs of which the shapes alone are known; ``loss(params, outputs, prepared,
    hparams) -> (loss, metrics)``; ``view(x)``, what the encoder gets of rows to be
    predicted, where it is not the rows.
    """

    prepare: Callable[[Key, Examples, HParams], Prepared]
    init: Callable[[Key, Prepared, Outputs], Params]
    loss: Callable[
        [Params, Outputs, Prepared, HParams], tuple[Float[Array, ""], Metrics]
    ]
    view: Callable[[PyTree], PyTree] | None = None


def resolve_pretraining(**settings: Unpack[Settings]) -> Training:
    """Fills in the settings of pre-training: Adam at 0.001 with a cosine decay.

    Args:
        **settings: see :class:`da_zoo.Settings`. ``batch_norm`` is "joint" (default)
            or "frozen": there is one domain.

    Raises:
        ValueError: for an invalid setting.

    Example:
        >>> resolve_pretraining(learning_rate=0.01).optimizer
        'adam'
    """
    defaults: Settings = {
        "learning_rate": 1e-3,
        "optimizer": "adam",
        "schedule": "cosine",
    }
    merged: Settings = {**defaults, **settings}
    training = resolve_settings(**merged)
    if training.batch_norm not in POLICIES:
        raise ValueError(
            f"batch_norm must be one of {POLICIES} for pre-training, which has one "
            f"domain; got {training.batch_norm!r}"
        )
    return training


def within(
    name: str, value: Any, low: float, high: float, *, open_ends: bool = True
) -> float:
    """Returns a number that lies between two others.

    Args:
        name: of the argument.
        value: what was given.
        low: its lower bound.
        high: its upper bound; may be infinite.
        open_ends: whether the bounds themselves are refused.

    Raises:
        TypeError: if it is no number.
        ValueError: if it lies outside.

    Example:
        >>> within("ratio", 0.75, 0.0, 1.0)
        0.75
    """
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TypeError(f"{name} must be a number, got {value!r}")
    inside = low < value < high if open_ends else low <= value <= high
    if not inside:
        ends = f"({low:g}, {high:g})" if open_ends else f"[{low:g}, {high:g}]"
        raise ValueError(f"{name} must lie in {ends}, got {value}")
    return float(value)


def _clean(rows: Examples) -> Examples:
    """Zeroes padding rows, of ids too."""
    if rows.weight is None:
        return rows
    counts = rows.weight > 0

    def zeroed(leaf: Array) -> Array:
        column = counts.reshape(-1, *(1 for _ in leaf.shape[1:]))
        return jnp.where(column, leaf, jnp.zeros((), leaf.dtype))

    return rows._replace(x=jax.tree.map(zeroed, rows.x))


@functools.lru_cache(maxsize=256)
def _init(
    network: Network, batch_norm: str, objective: Objective, names: tuple[str, ...]
) -> Callable[..., Any]:
    encoder = domain_encoder(network, batch_norm)

    def init_params(
        key: Key, batch: Batch
    ) -> tuple[Params, dict[str, PyTree], dict[str, Any]]:
        assert batch.target is not None  # the phase uses it
        # Of what is prepared the shapes count alone, so any values do.
        anything = dict.fromkeys(names, jnp.float32(0.5))
        prepared = objective.prepare(key, _clean(batch.target), anything)
        params, stats = encoder.init(key, prepared.x)
        outputs = jax.eval_shape(
            lambda p, s, x: encoder.encode(p, s, x, domain="source"),
            params,
            stats,
            prepared.x,
        )
        own = objective.init(named_key(key, "objective"), prepared, outputs)
        return params | own, stats, {}

    return init_params


@functools.lru_cache(maxsize=256)
def _update(
    network: Network,
    batch_norm: str,
    objective: Objective,
    optimizer: Callable[..., Any],
    schedule: str,
) -> Update:
    def loss(
        params: Params, state: TrainState, batch: Batch, key: Key
    ) -> tuple[Float[Array, ""], Aux]:
        assert batch.target is not None
        prepared = objective.prepare(
            named_key(key, "prepare"), _clean(batch.target), state.hparams
        )
        outputs, stats = network.apply(
            params["encoder"],
            state.stats["joint"],
            prepared.x,
            weight=prepared.weight,
            train=batch_norm != "frozen",
            key=named_key(key, "encoder"),
        )
        value, metrics = objective.loss(params, outputs, prepared, state.hparams)
        return value, Aux({"joint": stats}, metrics, state.extra)

    return Update(
        "pretrain", loss, lambda _: True, optimizer, schedule=SCHEDULES[schedule]
    )


@functools.lru_cache(maxsize=256)
def _predict(network: Network, batch_norm: str, view: Any) -> Callable[..., Any]:
    model = classifier(network, width=1, batch_norm=batch_norm, heads=(), answers=())
    if view is None:
        return model.predict

    def predict(state: TrainState, x: PyTree, *, domain: str = "target") -> Any:
        return model.predict(state, view(x), domain=domain)

    return predict


def self_supervised(
    network: Network,
    objective: Objective,
    training: Training,
    hparams: dict[str, float],
) -> Recipe:
    """Builds the recipe of a task that makes its own labels.

    Args:
        network: the encoder.
        objective: the task; the same object for the same options.
        training: the shared settings, from :func:`resolve_pretraining`.
        hparams: the task's own floats, which are traced: a sweep may vary them.

    Returns:
        One phase, "pretrain", that reads the unlabelled stream "target". Its
        predictions are features; there are no logits.
    """
    names = tuple(sorted(hparams))
    adapter = from_updates(
        _init(network, training.batch_norm, objective, names),
        (
            _update(
                network,
                training.batch_norm,
                objective,
                make_optimizer(training.optimizer),
                training.schedule,
            ),
        ),
        predict=_predict(network, training.batch_norm, objective.view),
        hparams={
            "learning_rate": training.learning_rate,
            "weight_decay": training.weight_decay,
            **hparams,
        },
    )
    return (Phase("pretrain", adapter, frozenset({"target"})),)
