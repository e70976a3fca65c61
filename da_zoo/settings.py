"""The settings that every method shares, stated once."""

from collections.abc import Mapping
from typing import Any, NamedTuple, TypedDict, Unpack

from da_zoo.batch_norm import POLICIES
from da_zoo.naming import check_names, choose
from da_zoo.optimizers import OPTIMIZERS
from da_zoo.schedules import SCHEDULES

__all__ = ["Classes", "Settings", "Training", "resolve_classes", "resolve_settings"]


class Settings(TypedDict, total=False):
    """Keyword arguments that every method factory takes beside its own.

    The defaults are the field's common recipe (Ganin et al. 2016; CDAN, MDD, TLLib):
    Nesterov SGD, learning rate 0.01, decayed as (1 + 10 p)^-0.75, no weight decay.
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


def _float(name: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TypeError(f"{name} must be a number, got {value!r}")
    if not 0 <= float(value) < float("inf"):
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
        merged[name] = _float(name, merged[name])
    return Training(**merged)


class Classes(NamedTuple):
    """Label spaces of source and target; ``shared`` where they are one."""

    source: int
    target: int
    width: int
    shared: bool

    @property
    def hparams(self) -> dict[str, float]:
        """The class counts, traced, so that padded programs are shared."""
        return {
            "classes_source": float(self.source),
            "classes_target": float(self.target),
        }


def resolve_classes(
    classes: int | Mapping[str, int], width: int | None = None
) -> Classes:
    """Reads a factory's ``classes`` argument.

    Args:
        classes: a count (source and target share one label space) or ``{"source": a,
            "target": b}`` (two label spaces, two heads).
        width: outputs per head; None means the larger count.

    Raises:
        TypeError: if it is neither.
        ValueError: if a count is under 2 or over ``width``.

    Example:
        >>> resolve_classes({"source": 10, "target": 2})
        Classes(source=10, target=2, width=10, shared=False)
    """
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
        if isinstance(count, bool) or not isinstance(count, int):
            raise TypeError(f"classes must be an int or a dict of ints, got {count!r}")
        if count < 2:
            raise ValueError(f"classes must be at least 2, got {count}")
    wide = max(source, target) if width is None else width
    if wide < max(source, target):
        raise ValueError(f"width={wide} is under the number of classes {classes}")
    return Classes(source, target, wide, shared)
