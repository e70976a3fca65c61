"""What the registry knows of a method, and how a flat set of values builds one."""

import inspect
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from da_zoo.naming import check_names
from da_zoo.network import Network
from da_zoo.settings import Continuous, Settings, resolve_settings
from da_zoo.types import Recipe

__all__ = [
    "Hyperparameter",
    "MethodSpec",
    "ShallowSpec",
    "build_recipe",
    "hyperparameter_names",
]


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
    same_task: bool = False
    """It compares labels of the domains, so they must share one label space."""
    regression: bool = False
    """It is defined for continuous targets too: it needs no class predictions."""
    label_sets: frozenset[str] = frozenset({"closed", "partial", "open"})
    """How the target's classes may relate to the source's: the same, some of them, or
    others too. Where they are open, a method that is defined elsewhere as well rejects
    by confidence; one for open sets alone answers with an unknown class, its last."""

    @property
    def predicts_unknown(self) -> bool:
        """Whether the method has a class for what is not in the source."""
        return self.label_sets == {"open"}

    def undefined(
        self,
        case: int,
        track: str,
        *,
        continuous: bool = False,
        label_sets: str = "closed",
    ) -> str:
        """Says why the method is undefined in a case and track; "" where it is not.

        Args:
            case: 1 to 4.
            track: "U" or "F".
            continuous: whether the target is a number (regression), not a class.
            label_sets: the target's classes: "closed", "partial" or "open".

        Example:
            >>> from da_zoo import METHODS
            >>> METHODS["dann"].undefined(3, "U")
            ''
            >>> METHODS["fine_tuning"].undefined(3, "U")
            'needs target labels'
        """
        if track == "U" and case in (2, 4):
            return "without target labels another task cannot be learned"
        if self.same_task and case in (2, 4):
            return "needs one label space for source and target"
        if continuous and not self.regression:
            return "needs classes: it is undefined for continuous targets"
        if label_sets not in self.label_sets:
            return f"is not for scenarios whose label sets are {label_sets}"
        if label_sets == "open" and track == "F":
            return "target labels would tell what is unknown: see track U"
        if track in self.tracks:
            return ""
        if track == "U":
            return "needs target labels"
        if case in (2, 4):
            return "has no head for the target's task"
        return "uses no target labels: see track U"


class ShallowSpec(NamedTuple):
    """A shallow method's registry entry; see :class:`da_zoo.ShallowAdapter`."""

    name: str
    factory: Callable[..., Any]
    """Returns an object with ``fit(X, y, X_target=...)``, see ``kind``."""
    kind: str
    """"alignment" (it has ``transform(X, domain=...)``) or "weighting" (it has
    ``weights_``, one for each source row)."""
    summary: str
    setting: str
    """In words: what it needs and what it is for."""
    paper: str
    """Authors, title, venue, year."""
    year: int | None
    bibtex: str
    tracks: frozenset[str] = frozenset("U")
    """Shallow methods read no target labels."""
    hparams: tuple[Hyperparameter, ...] = ()
    departures: str = ""
    baseline: bool = False
    """A yardstick rather than an adaptation method."""

    def undefined(
        self,
        case: int,
        track: str,
        *,
        continuous: bool = False,
        label_sets: str = "closed",
    ) -> str:
        """Says why the method is undefined in a case and track; "" where it is not.

        Args:
            case: 1 to 4.
            track: "U" or "F".
            continuous: whether the target is a number (regression), not a class.
            label_sets: the target's classes: "closed", "partial" or "open".

        Example:
            >>> from da_zoo import SHALLOW
            >>> SHALLOW["tca"].undefined(3, "U")
            ''
        """
        if case in (2, 4):
            return "without target labels another task cannot be learned"
        if continuous:
            return "needs classes: it is undefined for continuous targets"
        if label_sets == "open":
            return f"is not for scenarios whose label sets are {label_sets}"
        return "" if track == "U" else "uses no target labels: see track U"


def hyperparameter_names(spec: MethodSpec | ShallowSpec) -> tuple[str, ...]:
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
        and name not in ("classes", "labelled_target", "sources")
    ]
    if isinstance(spec, ShallowSpec):
        return tuple(own)
    return (*own, *(name for name in Settings.__annotations__ if name not in own))


def build_recipe(
    spec: MethodSpec,
    network: Network,
    *,
    classes: int | Mapping[str, int] | Continuous,
    labelled_target: bool = False,
    sources: int = 1,
    **values: Any,
) -> Recipe:
    """Calls a method's factory with a flat set of hyper-parameters and settings.

    Args:
        spec: the registry entry.
        network: the encoder.
        classes: one count, {"source": a, "target": b}, or ``Continuous(outputs)``.
        labelled_target: whether labelled target rows are there (track F).
        sources: how many sources the data tell apart, for methods that do so too.
        **values: anything of :func:`hyperparameter_names`.

    Raises:
        ValueError: for a name the method does not take, with the nearest ones, or a
            continuous target where it needs classes.

    Example:
        >>> from da_zoo import METHODS, network_by_name
        >>> recipe = build_recipe(METHODS["dan"], network_by_name("mlp"), classes=3)
        >>> recipe[0].name
        'adapt'
    """
    check_names(values, hyperparameter_names(spec), f"{spec.name} hyper-parameter")
    if isinstance(classes, Continuous) and not spec.regression:
        raise ValueError(
            f"{spec.name} needs classes: it is undefined for a continuous target, got "
            f"classes={classes}"
        )
    settings = {k: v for k, v in values.items() if k in Settings.__annotations__}
    resolve_settings(**settings)
    takes = inspect.signature(spec.factory).parameters
    if "labelled_target" in takes:
        values["labelled_target"] = labelled_target
    if "sources" in takes:
        values["sources"] = sources
    return spec.factory(network, classes=classes, **values)
