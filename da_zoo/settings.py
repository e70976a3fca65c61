"""The settings that every method shares, stated once."""

from collections.abc import Mapping
from typing import Any, NamedTuple, TypedDict, Unpack

from da_zoo.batch_norm import POLICIES
from da_zoo.naming import check_names, choose
from da_zoo.optimizers import OPTIMIZERS
from da_zoo.schedules import SCHEDULES

__all__ = [
    "Classes",
    "Continuous",
    "Settings",
    "Training",
    "non_negative",
    "resolve_classes",
    "resolve_settings",
    "shared_classes",
]


class Settings(TypedDict, total=False):
    """Keyword arguments that every method factory takes beside its own.

    The defaults are the optimiser of Ganin et al. (2016), which CDAN, MDD and TLLib
    took over: Nesterov SGD, learning rate 0.01, decayed as (1 + 10 p)^-0.75. Two
    things are ours: no weight decay (theirs is 5e-4 to 1e-3), and one learning rate for
    encoder and heads (theirs is a tenth for a pre-trained encoder; networks here start
    anew).
    """

    learning_rate: float
    """Step size at the start; heads get it, tuned encoders perhaps a share of it."""
    weight_decay: float
    """L2 decay, coupled for "sgd", decoupled for "adam"."""
    optimizer: str
    """"sgd" (default) or "adam"."""
    schedule: str
    """Decay of the learning rate: "inverse_decay" (default), "constant", "cosine"."""
    batch_norm: str
    """"joint" (default), "separate", "domain_specific" or "frozen"."""
    width: int | None
    """Pads every head to so many outputs, so that label spaces of several sizes share
    one compiled program; None means as wide as the larger label space."""


class Training(NamedTuple):
    """Resolved settings: the floats are traced, the rest is part of the program."""

    learning_rate: float
    weight_decay: float
    optimizer: str
    schedule: str
    batch_norm: str
    width: int | None


_DEFAULTS: Settings = {
    "learning_rate": 0.01,
    "weight_decay": 0.0,
    "optimizer": "sgd",
    "schedule": "inverse_decay",
    "batch_norm": "joint",
    "width": None,
}


LARGEST = 3.4e38
"""Hyper-parameters are float32."""


def non_negative(name: str, value: Any) -> float:
    """Returns a finite number of at least 0.

    Raises:
        TypeError: if it is no number.
        ValueError: if it is negative or not finite.

    Example:
        >>> non_negative("weight_decay", 1)
        1.0
    """
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TypeError(f"{name} must be a number, got {value!r}")
    if not 0 <= value <= LARGEST:  # an integer may be beyond any float
        raise ValueError(f"{name} must be finite and at least 0, got {value}")
    return float(value)


def resolve_settings(**settings: Unpack[Settings]) -> Training:
    """Fills in the defaults and checks every value.

    Raises:
        ValueError: for an unknown setting, optimiser, schedule or policy, or a number
            out of range; the message gives the nearest names.
        TypeError: for a value of the wrong type.

    Example:
        >>> resolve_settings(optimizer="adam").learning_rate
        0.01
    """
    check_names(settings, _DEFAULTS, "setting")
    merged: dict[str, Any] = {**_DEFAULTS, **settings}
    choose(OPTIMIZERS, merged["optimizer"], "optimizer")
    choose(SCHEDULES, merged["schedule"], "schedule")
    choose(dict.fromkeys(POLICIES, 0), merged["batch_norm"], "batch_norm")
    for name in ("learning_rate", "weight_decay"):
        merged[name] = non_negative(name, merged[name])
    return Training(**merged)


class Continuous(NamedTuple):
    """A continuous target (regression), to be given as a factory's ``classes``.

    The head then has ``outputs`` numbers per row, the task loss is their mean squared
    error, and a prediction's ``logits`` are the predicted values themselves.

    Example:
        >>> from da_zoo import Continuous, methods, network_by_name
        >>> recipe = methods.dan(network_by_name("mlp"), classes=Continuous(2))
        >>> recipe[0].adapter.init.keywords["hparams"]["outputs"]
        2.0
    """

    outputs: int = 1
    """Numbers to predict per row, at least 1."""


class Classes(NamedTuple):
    """Label spaces of source and target; ``shared`` where they are one."""

    source: int
    target: int
    width: int
    shared: bool
    continuous: bool = False
    """Whether both are numbers to predict; ``width`` is then how many."""

    @property
    def hparams(self) -> dict[str, float]:
        """The class counts, traced, so that padded programs are shared.

        Outputs of a regression are not classes: nothing is padded, so nothing may be
        masked. The absence of class counts tells a model so.
        """
        if self.continuous:
            return {"outputs": float(self.width)}
        return {
            "classes_source": float(self.source),
            "classes_target": float(self.target),
        }


def _count(name: str, value: Any, least: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{name} must be an int or a dict of ints, got {value!r}")
    if value < least:
        raise ValueError(f"{name} must be at least {least}, got {value}")
    return value


def _resolve_outputs(target: Continuous, accepted: bool) -> Classes:
    if not accepted:
        raise ValueError(
            f"classes={target} is a continuous target, and this method needs classes; "
            "methods whose registry entry says regression=True take one"
        )
    outputs = _count("Continuous(outputs)", target.outputs, 1)
    return Classes(outputs, outputs, outputs, True, True)


def resolve_classes(
    classes: int | Mapping[str, int] | Continuous,
    width: int | None = None,
    *,
    continuous: bool = False,
) -> Classes:
    """Reads a factory's ``classes`` argument.

    Args:
        classes: a count (source and target share one label space), ``{"source": a,
            "target": b}`` (two label spaces, two heads), or :class:`Continuous`.
        width: outputs per head; None means the larger count. Continuous targets are
            never padded: it does not count for them.
        continuous: whether the method is defined for continuous targets.

    Raises:
        TypeError: if it is none of these.
        ValueError: if a count is too small or over ``width``, or for a continuous
            target where the method takes none.

    Example:
        >>> resolve_classes({"source": 10, "target": 2}).width
        10
    """
    if isinstance(classes, Continuous):
        return _resolve_outputs(classes, continuous)
    if isinstance(classes, Mapping):
        if set(classes) != {"source", "target"}:
            raise ValueError(
                f'classes must have the keys "source" and "target", got {set(classes)}'
            )
        source, target, shared = classes["source"], classes["target"], False
    else:
        source = target = classes
        shared = True
    for count in (source, target):
        _count("classes", count, 2)
    wide = max(source, target) if width is None else width
    if wide < max(source, target):
        raise ValueError(f"width={wide} is under the number of classes {classes}")
    return Classes(source, target, wide, shared)


def shared_classes(
    classes: int | Mapping[str, int] | Continuous, width: int | None, method: str
) -> Classes:
    """Reads ``classes`` for a method that compares labels of source and target.

    Args:
        classes: a count; a method that calls this has no use for two label spaces.
        width: outputs per head; None means the count.
        method: its name, for the message.

    Raises:
        TypeError: if it is not an int.
        ValueError: for two label spaces, or a count under 2 or over ``width``.

    Example:
        >>> shared_classes(3, None, "dsan").shared
        True
    """
    resolved = resolve_classes(classes, width)
    if not resolved.shared:
        raise ValueError(
            f"{method} compares labels of source and target, which needs one label "
            f"space: pass classes as one number, got {classes}"
        )
    return resolved
