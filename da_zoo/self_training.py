"""What methods of self-training share: views of a batch, a teacher, ramps, the recipe.

They need forwards of their own, on augmented inputs, so they bring the whole loss of
the step rather than a term beside the task loss.
"""

import functools
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PyTree, Shaped

from da_zoo.augment import Augmentation
from da_zoo.classifier import Forward, streams_of
from da_zoo.compose import from_updates, inherit, named_key, predict_through
from da_zoo.naming import choose
from da_zoo.network import Network
from da_zoo.optimizers import make_optimizer
from da_zoo.schedules import SCHEDULES, Schedule
from da_zoo.settings import Classes, Training
from da_zoo.supervised import supervised_model, training_streams
from da_zoo.target_statistics import target_statistics
from da_zoo.types import (
    Aux,
    Batch,
    Examples,
    Key,
    Params,
    Phase,
    Recipe,
    TrainState,
    Update,
)

__all__ = [
    "RAMPS",
    "ForwardFn",
    "SelfTraining",
    "check_fraction",
    "check_predict_with",
    "moving_average",
    "ramp_by_name",
    "self_trained",
    "stack_views",
    "with_views",
]

ForwardFn = Callable[[Params, TrainState, Batch], Forward]


class SelfTraining(NamedTuple):
    """A method of self-training. Keep it hashable: it names a program.

    ``loss(forward, params, state, batch, key) -> (loss, Aux)``, the task loss included;
    ``extra(width) -> entries of state.extra``.
    """

    loss: Callable[
        [ForwardFn, Params, TrainState, Batch, Key], tuple[Float[Array, ""], Aux]
    ]
    extra: Callable[[int], dict[str, Any]] | None = None
    teacher: bool = False
    """Keep a moving average of parameters and batch statistics (hparam ``ema``)."""
    predict_with: str = "student"


def half_cosine(progress: Float[Array, ""]) -> Float[Array, ""]:
    """Rises from 0 to 1 over the first half of training (AdaMatch, section 3.4).

    Example:
        >>> [round(float(half_cosine(jnp.float32(p))), 2) for p in (0, 0.25, 0.5, 1)]
        [0.0, 0.5, 1.0, 1.0]
    """
    return 0.5 * (1.0 - jnp.cos(jnp.pi * jnp.clip(2.0 * progress, 0.0, 1.0)))


def sigmoid_ramp(progress: Float[Array, ""], *, share: float = 0.3) -> Float[Array, ""]:
    """Rises as ``exp(-5 (1 - p / share)^2)`` to 1, and stays (Tarvainen and Valpola).

    Example:
        >>> round(float(sigmoid_ramp(jnp.float32(0.0))), 4)
        0.0067
        >>> float(sigmoid_ramp(jnp.float32(0.3)))
        1.0
    """
    return jnp.exp(-5.0 * jnp.square(1.0 - jnp.clip(progress / share, 0.0, 1.0)))


def linear_ramp(
    progress: Float[Array, ""],
    begin: float | Float[Array, ""],
    end: float | Float[Array, ""],
) -> Float[Array, ""]:
    """Is 0 until ``begin``, then rises evenly to 1 at ``end``, and stays.

    Example:
        >>> float(linear_ramp(jnp.float32(0.35), 0.1, 0.6))
        0.5
    """
    # Where both are the same it is a step.
    return jnp.clip((progress - begin) / jnp.maximum(end - begin, 1e-6), 0.0, 1.0)


RAMPS: dict[str, Schedule] = {
    "constant": SCHEDULES["constant"],
    "ramp": SCHEDULES["ramp"],
    "sigmoid": sigmoid_ramp,
    "half_cosine": half_cosine,
}
"""How the weight of unlabelled rows grows, by the name a keyword argument gives it."""


def ramp_by_name(name: str) -> Schedule:
    """Looks a ramp up.

    Raises:
        ValueError: if there is none of that name.

    Example:
        >>> ramp_by_name("sigmoid").__name__
        'sigmoid_ramp'
    """
    return choose(RAMPS, name, "trade_off_schedule")


def check_fraction(name: str, value: Any) -> float:
    """Returns a number in [0, 1].

    Raises:
        TypeError: if it is no number.
        ValueError: if it is out of range.

    Example:
        >>> check_fraction("threshold", 0.5)
        0.5
    """
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TypeError(f"{name} must be a number, got {value!r}")
    if not 0.0 <= value <= 1.0:
        raise ValueError(f"{name} must be in [0, 1], got {value}")
    return float(value)


def check_predict_with(name: str) -> str:
    """Returns "student" or "teacher".

    Raises:
        ValueError: for anything else.

    Example:
        >>> check_predict_with("teacher")
        'teacher'
    """
    return choose({"student": "student", "teacher": "teacher"}, name, "predict_with")


def stack_views(rows: Examples, *views: PyTree[Shaped[Array, "n ..."]]) -> Examples:
    """Repeats rows once per view: all of the first view, then all of the second.

    Args:
        rows: n of them.
        *views: inputs, each like ``rows.x``.

    Returns:
        ``len(views) * n`` rows.

    Example:
        >>> rows = Examples(jnp.ones((4, 5)), jnp.zeros(4, int), *[jnp.ones(4)] * 3)
        >>> stack_views(rows, rows.x, 2 * rows.x).x.shape
        (8, 5)
    """
    rest: Any = rows._replace(x=None)
    rest = jax.tree.map(lambda leaf: jnp.concatenate([leaf] * len(views)), rest)
    x = jax.tree.map(lambda *leaves: jnp.concatenate(leaves), *views)
    return rest._replace(x=x)


def with_views(
    batch: Batch,
    augmentation: Augmentation,
    key: Key,
    *,
    labelled: tuple[str, ...],
    target: tuple[str, ...],
) -> Batch:
    """Replaces the rows of a batch by augmented views of them.

    Args:
        batch: any streams.
        augmentation: how a "weak" and a "strong" view are drawn.
        key: of the draws; each stream and view has its own.
        labelled: views of the source and of labelled target rows, of "plain", "weak"
            and "strong"; several are stacked.
        target: views of the unlabelled target.
    """

    def view(rows: Examples, kind: str, key_view: Key) -> PyTree:
        if kind == "plain":
            return rows.x
        draw = augmentation.weak if kind == "weak" else augmentation.strong
        return draw(key_view, rows.x, rows.weight)

    seen = {}
    for stream, rows in streams_of(batch).items():
        key_stream = named_key(key, stream)
        kinds = target if stream == "target" else labelled
        views = [
            view(rows, kind, jax.random.fold_in(key_stream, i))
            for i, kind in enumerate(kinds)
        ]
        seen[stream] = stack_views(rows, *views)
    return Batch(**seen)


def moving_average(
    old: PyTree, new: PyTree, decay: float | Float[Array, ""]
) -> PyTree[Shaped[Array, "..."]]:
    """Moves ``old`` towards ``new`` by ``1 - decay``; what is no float is replaced.

    Example:
        >>> float(moving_average(jnp.float32(0.0), jnp.float32(1.0), 0.75))
        0.25
    """

    def move(before: Array, now: Array) -> Array:
        if not jnp.issubdtype(before.dtype, jnp.floating):
            return now
        return (before + (1.0 - decay) * (now - before)).astype(before.dtype)

    return jax.tree.map(move, old, new)


def _update_teacher(state: TrainState, batch: Batch, key: Key) -> TrainState:
    """Averages the student in; early on evenly, so that old weights fade soon.

    The decay is ``min(ema, 1 - 1 / (step + 1))`` with steps counted from 1, as in
    Tarvainen and Valpola's code.
    """
    del batch, key
    even = 1.0 - 1.0 / (state.step.astype(jnp.float32) + 2.0)
    student = {"params": state.params, "stats": state.stats}
    teacher = moving_average(
        state.extra["teacher"], student, jnp.minimum(state.hparams["ema"], even)
    )
    return state._replace(extra=state.extra | {"teacher": teacher})


def as_teacher(state: TrainState) -> TrainState:
    """Puts the teacher in the student's place."""
    return state._replace(**state.extra["teacher"])


def _inherit_teacher(previous: TrainState, fresh: TrainState) -> TrainState:
    return inherit(as_teacher(previous), fresh)


def _everything(path: str) -> bool:
    del path
    return True


@functools.lru_cache(maxsize=256)
def _update(
    forward: ForwardFn, optimizer: str, schedule: str, loss: Callable[..., Any]
) -> Update:
    def task(
        params: Params, state: TrainState, batch: Batch, key: Key
    ) -> tuple[Float[Array, ""], Aux]:
        return loss(forward, params, state, batch, key)

    return Update(
        "task",
        task,
        _everything,
        make_optimizer(optimizer),
        schedule=SCHEDULES[schedule],
    )


@functools.lru_cache(maxsize=256)
def _init_with(
    init_params: Callable[..., Any], method: SelfTraining, width: int
) -> Callable[..., Any]:
    """Adds the teacher and the method's own memory to the state."""

    def init(key: Key, batch: Batch) -> tuple[Params, dict[str, Any], dict[str, Any]]:
        params, stats, extra = init_params(key, batch)
        if method.extra is not None:
            extra = extra | method.extra(width)
        if method.teacher:
            # Copies: a donated state may not hold one buffer twice.
            teacher = jax.tree.map(jnp.copy, {"params": params, "stats": stats})
            extra = extra | {"teacher": teacher}
        return params, stats, extra

    return init


def self_trained(
    network: Network,
    classes: Classes,
    training: Training,
    method: SelfTraining,
    *,
    hparams: Mapping[str, float],
    labelled_target: bool,
) -> Recipe:
    """Builds the recipe of a method of self-training.

    Args:
        network: the encoder.
        classes: the label spaces; with two of them ``labelled_target`` must be set,
            and it is the target head's predictions that are learned from.
        training: the shared settings.
        method: its loss and what it remembers.
        hparams: its floats; with a teacher, ``ema`` among them.
        labelled_target: whether some target rows come with labels (track F).

    Returns:
        One training phase, and under a batch-norm policy per domain the phase that
        estimates the target's statistics: through the teacher's encoder, which then is
        the state's own, where the teacher predicts.

    Raises:
        ValueError: if the label spaces differ and the target has no labelled rows.
    """
    streams = training_streams(classes, labelled_target=labelled_target)
    model = supervised_model(
        network, classes, training.batch_norm, labelled_target=labelled_target
    )
    teaching = method.predict_with == "teacher"
    adapter = from_updates(
        _init_with(model.init_params, method, classes.width),
        (_update(model.forward, training.optimizer, training.schedule, method.loss),),
        after=_update_teacher if method.teacher else None,
        predict=predict_through(model.predict, as_teacher)
        if teaching
        else model.predict,
        hparams={
            "learning_rate": training.learning_rate,
            "weight_decay": training.weight_decay,
            **classes.hparams,
            **hparams,
        },
    )
    phase = Phase("adapt", adapter, streams)
    if training.batch_norm not in ("separate", "domain_specific"):
        return (phase,)
    last = target_statistics(network, training.batch_norm, model, classes)
    if teaching:
        last = last._replace(warm_start=_inherit_teacher)
    return (phase, last)
