"""What the registry knows of a method, and how a flat set of values builds one."""

import inspect
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from da_zoo.naming import check_names
from da_zoo.network import Network
from da_zoo.settings import Settings, resolve_settings
from da_zoo.types import Recipe

__all__ = ["Hyperparameter", "MethodSpec", "build_recipe", "hyperparameter_names"]


class Hyperparameter(NamedTuple):
    """A tunable of a method: its default, where to search, and who says so."""

    name: str
    default: Any
    low: float | None = None
    high: float | None = None
    scale: str = "log"
    """"log" or "linear" for floats, "choice" for options."""
    traced: bool = True
    """Traced values may be a sweep axis; static ones are part of the program."""
    choices: tuple[Any, ...] = ()
    source: str = ""


class MethodSpec(NamedTuple):
    """A method's registry entry."""

    name: str
    factory: Callable[..., Recipe]
    summary: str
    setting: str
    """In words: what it needs and what it is for."""
    tracks: frozenset[str]
    """Of "U" (unlabelled target) and "F" (a labelled share of the target)."""
    paper: str
    """Authors, title, venue, year."""
    year: int | None
    bibtex: str
    hparams: tuple[Hyperparameter, ...] = ()
    departures: str = ""
    baseline: bool = False
    """A yardstick rather than an adaptation method."""

    def undefined(self, case: int, track: str) -> str:
        """Says why the method is undefined in a case and track; "" where it is not.

        Args:
            case: 1 to 4.
            track: "U" or "F".

        Example:
            >>> from da_zoo import METHODS
            >>> METHODS["dann"].undefined(3, "U")
            ''
            >>> METHODS["fine_tuning"].undefined(3, "U")
            'needs target labels'
        """
        if track == "U" and case in (2, 4):
            return "without target labels another task cannot be learned"
        if track in self.tracks:
            return ""
        if track == "U":
            return "needs target labels"
        if case in (2, 4):
            return "has no head for the target's task"
        return "uses no target labels: see track U"


def hyperparameter_names(spec: MethodSpec) -> tuple[str, ...]:
    """Lists the keyword arguments that a method takes beside network and classes.

    Example:
        >>> from da_zoo import METHODS
        >>> "trade_off" in hyperparameter_names(METHODS["dann"])
        True
    """
    own = [
        name
        for name, parameter in inspect.signature(spec.factory).parameters.items()
        if parameter.kind is inspect.Parameter.KEYWORD_ONLY
        and name not in ("classes", "labelled_target")
    ]
    return (*own, *(name for name in Settings.__annotations__ if name not in own))


def build_recipe(
    spec: MethodSpec,
    network: Network,
    *,
    classes: int | Mapping[str, int],
    labelled_target: bool = False,
    **values: Any,
) -> Recipe:
    """Calls a method's factory with a flat set of hyper-parameters and settings.

    Args:
        spec: the registry entry.
        network: the encoder.
        classes: one count, or {"source": a, "target": b}.
        labelled_target: whether labelled target rows are there (track F).
        **values: anything of :func:`hyperparameter_names`.

    Raises:
        ValueError: for a name the method does not take, with the nearest ones.

    Example:
        >>> from da_zoo import METHODS, network_by_name
        >>> recipe = build_recipe(METHODS["dan"], network_by_name("mlp"), classes=3)
        >>> recipe[0].name
        'adapt'
    """
    check_names(values, hyperparameter_names(spec), f"{spec.name} hyper-parameter")
    settings = {k: v for k, v in values.items() if k in Settings.__annotations__}
    resolve_settings(**settings)
    takes = inspect.signature(spec.factory).parameters
    if "labelled_target" in takes:
        values["labelled_target"] = labelled_target
    return spec.factory(network, classes=classes, **values)
