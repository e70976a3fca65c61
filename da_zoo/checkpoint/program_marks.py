"""Marks of what a recipe computes, by which another training is told from the same.

A mark is of a lowered program and of the constants in it, not of values computed: those
differ in their last digits from one kind of processor to another, and a training may
move.
"""

import hashlib
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from da_zoo.compose import is_refreshing
from da_zoo.fit_plan import first_inputs
from da_zoo.job import Job
from da_zoo.programs import initialise_function, refresh_function
from da_zoo.step import traced_once
from da_zoo.tensor_files import hash_arrays
from da_zoo.types import Batch, Phase, Recipe, TrainState

__all__ = ["program_marks"]

Shapes = tuple[TrainState, Batch]


def program_marks(
    recipe: Recipe, shapes: list[Shapes], job: Job
) -> list[dict[str, str]]:
    """Marks each phase's functions by their lowered programs, constants included.

    Args:
        recipe: its phases.
        shapes: state and batch of each phase, as shapes, of one run.
        job: data and key, of which only shapes are looked at.

    Returns:
        By phase: of how its state begins (constants are, say, pre-trained weights), of
        its step, and of its refresh and what it takes over, where it has these.
    """
    marks = []
    for number, (phase, own) in enumerate(zip(recipe, shapes, strict=True)):
        update: Any = traced_once(phase.adapter.update)
        told = _beginning(phase, job) | {"compiled step": _mark(update.trace(*own))}
        if is_refreshing(phase.adapter):
            told["refresh"] = _refreshing(phase, own[0], job)
            told["refreshed"] = "once" if phase.refresh_once else "every epoch"
        if number and phase.warm_start is not None:
            told["warm start"] = _taking_over(phase, shapes[number - 1][0], own[0])
        marks.append(told)
    return marks


def _beginning(phase: Phase, job: Job) -> dict[str, str]:
    """Of the first state; hyper-parameters are compared one by one, as numbers."""
    init: Any = phase.adapter.init
    rest = init
    if "hparams" in (words := getattr(init, "keywords", {})):
        others = {name: value for name, value in words.items() if name != "hparams"}
        floats = dict.fromkeys(words["hparams"], jnp.float32(0.0))  # 1 and 1.0 are one
        rest = jax.tree_util.Partial(init.func, *init.args, **others)
        init = jax.tree_util.Partial(init.func, *init.args, **others, hparams=floats)
    key, streams = first_inputs(phase, job)
    traced = initialise_function(False).trace(init, key, streams, job.batch_size)
    told = {"initialisation": _mark(traced)}
    if given := jax.tree.leaves(rest):
        told["initial values"] = _values(given)
    return told


def _refreshing(phase: Phase, state: TrainState, job: Job) -> str:
    _, streams = first_inputs(phase, job)
    counts = {name: jnp.int32(0) for name in streams}
    function = refresh_function(phase.adapter.refresh, False)
    return _mark(function.trace(state, streams, counts))


def _taking_over(phase: Phase, before: TrainState, fresh: TrainState) -> str:
    """It is called with arrays, and may be no function that can be traced."""
    function: Any = phase.warm_start
    try:
        traced = jax.jit(function).trace(before, fresh)
    except Exception:  # a function of one's own may raise anything on shapes
        return getattr(function, "__qualname__", type(function).__qualname__)
    return _mark(traced)


def _mark(traced: Any) -> str:
    """Of a program as it would be lowered for a CPU, wherever it is going to run.

    Constants are made arguments and marked by their bytes: printing what a program
    holds of pre-trained weights takes ten times as long.
    """
    closed = traced.jaxpr
    constants, arguments = (
        [
            jax.ShapeDtypeStruct(
                one.aval.shape, one.aval.dtype, weak_type=one.aval.weak_type
            )
            for one in variables
        ]
        for variables in (closed.jaxpr.constvars, closed.jaxpr.invars)
    )

    def program(constants: Any, arguments: Any) -> Any:
        return jax.core.eval_jaxpr(closed.jaxpr, constants, *arguments)

    again = jax.jit(program).trace(constants, arguments)
    try:
        lowered = again.lower(lowering_platforms=("cpu",))
    except (NotImplementedError, ValueError):  # it is of one kind of processor alone
        lowered = again.lower()
    text = hashlib.sha256(lowered.as_text().encode()).hexdigest()[:16]
    return f"{text}{' with ' + _values(closed.consts) if closed.consts else ''}"


def _values(constants: list[Any]) -> str:
    """Marks arrays by shape, type and bytes, and keys by their words."""

    def plain(value: Any) -> np.ndarray:
        if isinstance(value, jax.Array) and jnp.issubdtype(
            value.dtype, jax.dtypes.prng_key
        ):
            value = jax.random.key_data(value)
        return np.asarray(value)

    return hash_arrays({f"{i:05d}": plain(c) for i, c in enumerate(constants)})[:16]
