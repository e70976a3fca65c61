"""A moving average of the weights, kept in the step of any recipe."""

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PyTree, Shaped

from da_zoo.compose import predict_through
from da_zoo.self_training import check_fraction
from da_zoo.types import Batch, Key, Phase, Recipe, TrainState

__all__ = ["AVERAGE", "averaged_state", "interpolate", "with_average"]

AVERAGE = "average"
"""What ``state.extra`` calls the moving average of parameters and statistics."""


def interpolate(
    start: PyTree, end: PyTree, alpha: float | Float[Array, ""]
) -> PyTree[Shaped[Array, "..."]]:
    """Returns ``(1 - alpha) start + alpha end``, leaf by leaf.

    Exactly ``start`` at 0, ``end`` at 1, and what both have in common anywhere between.
    Leaves that are no floats (counters) are those of ``end``.

    Args:
        start: any tree.
        end: of the same structure and shapes.
        alpha: in [0, 1].

    Example:
        >>> float(interpolate(jnp.float32(1.0), jnp.float32(3.0), 0.25))
        1.5
    """

    def mix(before: Array, after: Array) -> Array:
        if not jnp.issubdtype(after.dtype, jnp.floating):
            return after
        a, b = (
            x.astype(jnp.promote_types(x.dtype, jnp.float32)) for x in (before, after)
        )
        between = (a + alpha * (b - a)).astype(after.dtype)
        return jnp.where(alpha == 1, after, jnp.where(alpha == 0, before, between))

    return jax.tree.map(mix, start, end)


def averaged_state(state: TrainState) -> TrainState:
    """Puts the moving average in the place of the weights, where a state has one.

    Example:
        >>> state = TrainState(*[None] * 6, extra={}, hparams={})
        >>> averaged_state(state) is state
        True
    """
    average = state.extra.get(AVERAGE)
    return state if average is None else state._replace(**average)


def with_average(recipe: Recipe, decay: float = 0.999) -> Recipe:
    """Keeps an exponential moving average of the weights, and predicts with it.

    ``average = decay * average + (1 - decay) * weights`` after every step, beginning
    with the phase's first weights; batch statistics are averaged too. It works with
    every method's recipe. A phase hands on its average; :func:`averaged_state` takes it
    out of a result's state.

    Args:
        recipe: any.
        decay: in [0, 1]; 0 predicts with the last weights. It is a traced float,
            ``average_decay``, that can be swept.

    Raises:
        TypeError: if ``decay`` is no number.
        ValueError: if it is out of range, or the recipe has an average already.

    Example:
        >>> from da_zoo import methods, network_by_name
        >>> recipe = methods.source_only(network_by_name("mlp"), classes=2)
        >>> averaged = with_average(recipe, 0.99)
        >>> averaged[0].adapter.init.keywords["hparams"]["average_decay"]
        0.99

    References:
        Polyak and Juditsky, "Acceleration of Stochastic Approximation by Averaging",
        1992; exponential as in Tarvainen and Valpola, NeurIPS 2017.
    """
    check_fraction("decay", decay)
    phases: list[Phase] = []
    for phase in recipe:
        init: Any = phase.adapter.init
        if "average_decay" in init.keywords["hparams"]:
            raise ValueError("the recipe has an average already")
        start = phase.warm_start
        if phase.steps is not None:  # it trains nothing
            takes = None if start is None else _handing_on(start)
            phases.append(phase._replace(warm_start=takes))
            continue
        floats = init.keywords["hparams"] | {"average_decay": decay}
        predict: Any = phase.adapter.predict
        adapter = phase.adapter._replace(
            init=jax.tree_util.Partial(_beginning(init.func), hparams=floats),
            update=_averaging(phase.adapter.update),
            predict=predict_through(predict, averaged_state),
        )
        begins = None if start is None else _restarting(start)
        phases.append(phase._replace(adapter=adapter, warm_start=begins))
    return tuple(phases)


def _begun(state: TrainState) -> TrainState:
    # Copies: a donated state may not hold one buffer twice.
    weights = {"params": state.params, "stats": state.stats}
    return state._replace(
        extra=state.extra | {AVERAGE: jax.tree.map(jnp.copy, weights)}
    )


WarmStart = Callable[[TrainState, TrainState], TrainState]


@functools.lru_cache(maxsize=256)
def _beginning(structure: Callable[..., TrainState]) -> Callable[..., TrainState]:
    def init(key: Key, batch: Batch, *, hparams: dict[str, Any]) -> TrainState:
        return _begun(structure(key, batch, hparams=hparams))

    return init


@functools.lru_cache(maxsize=256)
def _averaging(update: Callable[..., Any]) -> Callable[..., Any]:
    def update_and_average(state: TrainState, batch: Batch) -> Any:
        average = state.extra[AVERAGE]
        state, metrics = update(state, batch)
        average = interpolate(
            average,
            {"params": state.params, "stats": state.stats},
            1.0 - state.hparams["average_decay"],
        )
        return state._replace(extra=state.extra | {AVERAGE: average}), metrics

    return update_and_average


def _handing_on(warm_start: WarmStart) -> WarmStart:
    return lambda previous, fresh: warm_start(averaged_state(previous), fresh)


def _restarting(warm_start: WarmStart) -> WarmStart:
    return lambda previous, fresh: _begun(warm_start(averaged_state(previous), fresh))
