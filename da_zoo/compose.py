"""Combinators: an Adapter from an ordered tuple of Updates."""

import functools
import zlib
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float, PyTree

from da_zoo.partition import merge, split
from da_zoo.types import (
    Adapter,
    Batch,
    Key,
    Params,
    PredictFn,
    Predictions,
    Recipe,
    TrainState,
    Update,
    Views,
)

__all__ = [
    "from_updates",
    "inherit",
    "is_refreshing",
    "named_key",
    "predict_through",
    "predicted_with",
    "progress",
    "recipe_with_hparams",
    "with_hparams",
]

InitParams = Callable[[Key, Batch], tuple[Params, dict[str, PyTree], dict[str, Any]]]
AfterFn = Callable[[TrainState, Batch, Key], TrainState]
RefreshFn = Callable[[TrainState, Views], TrainState]


def named_key(key: Key, name: str) -> Key:
    """Derives a key from a name, so that no draw depends on the order of the others.

    Example:
        >>> key = jax.random.key(0)
        >>> bool(named_key(key, "encoder") == named_key(key, "head"))
        False
    """
    return jax.random.fold_in(key, zlib.crc32(name.encode()))


def progress(state: TrainState) -> Float[Array, ""]:
    """Returns the share of the phase that is done, in [0, 1]."""
    return state.step.astype(jnp.float32) / state.total_steps


def _init(
    init_params: InitParams,
    updates: tuple[Update, ...],
    key: Key,
    batch: Batch,
    *,
    hparams: Mapping[str, Any],
) -> TrainState:
    traced = {name: jnp.asarray(v, jnp.float32) for name, v in hparams.items()}
    params, stats, extra = init_params(key, batch)
    opt_state = {
        update.name: update.optimizer(traced).init(split(params, update.wrt)[0])
        for update in updates
    }
    return TrainState(
        step=jnp.zeros((), jnp.int32),
        total_steps=jnp.ones((), jnp.float32),
        key=key,
        params=params,
        stats=stats,
        opt_state=opt_state,
        extra=extra,
        hparams=traced,
    )


def _apply(
    update: Update, state: TrainState, batch: Batch, key: Key
) -> tuple[TrainState, dict[str, Float[Array, ""]]]:
    """One optimiser step of one Update; only its own parameters are differentiated."""
    selected, rest = split(state.params, update.wrt)

    def loss_of(chosen: PyTree) -> tuple[Float[Array, ""], Any]:
        return update.loss(merge(chosen, rest), state, batch, key)

    (loss, aux), gradients = jax.value_and_grad(loss_of, has_aux=True)(selected)
    steps, opt_state = update.optimizer(state.hparams).update(
        gradients, state.opt_state[update.name], selected
    )
    if update.schedule is not None:
        factor = update.schedule(progress(state))
        steps = jax.tree.map(lambda u: u * factor, steps)
    state = state._replace(
        params=merge(optax.apply_updates(selected, steps), rest),
        stats=aux.stats,
        extra=aux.extra,
        opt_state=state.opt_state | {update.name: opt_state},
    )
    return state, {f"{update.name}_loss": loss} | aux.metrics


def from_updates(
    init_params: InitParams,
    updates: tuple[Update, ...],
    *,
    after: AfterFn | None = None,
    refresh: RefreshFn | None = None,
    predict: PredictFn,
    hparams: Mapping[str, float] | None = None,
) -> Adapter:
    """Builds an Adapter whose step applies the updates in order.

    Repeats are unrolled, not looped: XLA:CPU takes a slow path for the backward pass of
    a convolution inside any loop.

    Args:
        init_params: ``(key, batch) -> (params by group, stats by domain, extra)``.
        updates: applied one after another; each sees the parameters the last one left.
        after: ``(state, batch, key) -> state`` at the end of a step (teachers, banks).
        refresh: ``(state, views) -> state`` once per epoch.
        predict: how to predict with a state.
        hparams: the tunable floats and their values; kept traced in the state.

    Returns:
        The adapter. Its ``init`` is a ``jax.tree_util.Partial`` over the hparams, so
        that one compiled ``init`` serves every value of them.

    Raises:
        ValueError: if two updates share a name (they would share an optimiser state).

    Example:
        >>> from da_zoo import methods, network_by_name
        >>> recipe = methods.source_only(network_by_name("mlp"), classes=2)
        >>> sorted(recipe[0].adapter.init.keywords["hparams"])
        ['classes_source', 'classes_target', 'learning_rate', 'weight_decay']
    """
    names = [update.name for update in updates]
    if len(set(names)) != len(names):
        raise ValueError(f"updates must have different names, got {names}")
    return Adapter(
        init=jax.tree_util.Partial(
            _structure(init_params, updates), hparams=dict(hparams or {})
        ),
        update=_stepper(updates, after),
        refresh=refresh or _keep,
        predict=predict,
    )


def _keep(state: TrainState, views: Views) -> TrainState:
    del views
    return state


def is_refreshing(adapter: Adapter) -> bool:
    """Says whether an adapter's ``refresh`` does anything."""
    return adapter.refresh is not _keep


@functools.lru_cache(maxsize=512)
def _structure(init_params: InitParams, updates: tuple[Update, ...]) -> Any:
    def structure(key: Key, batch: Batch, *, hparams: Mapping[str, Any]) -> TrainState:
        return _init(init_params, updates, key, batch, hparams=hparams)

    return structure


@functools.lru_cache(maxsize=512)
def _stepper(updates: tuple[Update, ...], after: AfterFn | None) -> Any:
    """Builds the step; equal updates give the same function, so nothing recompiles."""

    def update_all(
        state: TrainState, batch: Batch
    ) -> tuple[TrainState, dict[str, Float[Array, ""]]]:
        key = jax.random.fold_in(state.key, state.step)
        metrics: dict[str, Float[Array, ""]] = {}
        for update in updates:
            key_update = named_key(key, update.name)
            for repeat in range(update.repeat):
                state, new = _apply(
                    update, state, batch, jax.random.fold_in(key_update, repeat)
                )
                metrics |= new
        if after is not None:
            state = after(state, batch, named_key(key, "after"))
        return state._replace(step=state.step + 1), metrics

    return update_all


def inherit(previous: TrainState, fresh: TrainState) -> TrainState:
    """Carries parameters and statistics over to the next phase, group by group.

    Groups that only one of the phases has stay as they are. Buffers are copied: a
    donated state may not share them.

    Example:
        >>> from da_zoo import methods, network_by_name
        >>> recipe = methods.adabn(
        ...     network_by_name("mlp"), classes=2, batch_norm="joint"
        ... )
        >>> recipe[1].warm_start is inherit
        True
    """
    taken = {k: v for k, v in previous.params.items() if k in fresh.params}
    stats = {k: v for k, v in previous.stats.items() if k in fresh.stats}
    taken, stats = jax.tree.map(jnp.copy, (taken, stats))
    return fresh._replace(params=fresh.params | taken, stats=fresh.stats | stats)


@functools.lru_cache(maxsize=256)
def predict_through(
    predict: PredictFn, view: Callable[[TrainState], TrainState]
) -> PredictFn:
    """Predicts with what ``view`` makes of a state: a teacher, an average.

    Args:
        predict: an adapter's.
        view: state -> the state that is predicted with.
    """

    def predict_viewed(
        state: TrainState, x: PyTree, *, domain: str = "target"
    ) -> Predictions:
        return predict(view(state), x, domain=domain)

    known = dict(vars(predict))
    inner = known.pop("view", None)
    own = view if inner is None else lambda state: inner(view(state))
    vars(predict_viewed).update(known, view=own)
    return predict_viewed


def predicted_with(adapter: Adapter, state: TrainState) -> TrainState:
    """Returns the state that an adapter's predictions are made with.

    Example:
        >>> from da_zoo import methods, network_by_name
        >>> adapter = methods.source_only(network_by_name("mlp"), classes=2)[0].adapter
        >>> state = TrainState(*[jnp.zeros(())] * len(TrainState._fields))
        >>> predicted_with(adapter, state) is state
        True
    """
    view = getattr(adapter.predict, "__dict__", {}).get("view")
    return state if view is None else view(state)


def with_hparams(adapter: Adapter, **values: float) -> Adapter:
    """Returns the same adapter, compiled functions and all, with other hparams.

    Raises:
        ValueError: if the adapter has no hyper-parameter of that name.

    Example:
        >>> from da_zoo import methods, network_by_name
        >>> adapter = methods.source_only(network_by_name("mlp"), classes=2)[0].adapter
        >>> changed = with_hparams(adapter, learning_rate=0.5)
        >>> changed.update is adapter.update
        True
    """
    init: Any = adapter.init
    current = init.keywords["hparams"]
    if unknown := sorted(set(values) - set(current)):
        raise ValueError(
            f"unknown hyper-parameters {unknown}; this adapter has {sorted(current)}"
        )
    return adapter._replace(
        init=jax.tree_util.Partial(init.func, hparams=current | values)
    )


def recipe_with_hparams(recipe: Recipe, **values: float) -> Recipe:
    """Sets hyper-parameters in every phase that has them.

    Example:
        >>> from da_zoo import methods, network_by_name
        >>> recipe = methods.adabn(network_by_name("mlp"), classes=2)
        >>> recipe = recipe_with_hparams(recipe, learning_rate=0.5)
        >>> recipe[0].adapter.init.keywords["hparams"]["learning_rate"]
        0.5
    """

    def set_in(adapter: Adapter) -> Adapter:
        init: Any = adapter.init
        own = {k: v for k, v in values.items() if k in init.keywords["hparams"]}
        return with_hparams(adapter, **own)

    return tuple(phase._replace(adapter=set_in(phase.adapter)) for phase in recipe)
