"""A user's own method in the benchmark, by its Python path, after a contract check."""

import importlib
import inspect
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from da_zoo.methods import METHODS
from da_zoo.models import network_by_name
from da_zoo.registry import MethodSpec
from da_zoo.settings import Settings
from da_zoo.testing import ContractError, check_adapter, toy_data
from da_zoo.types import Phase

__all__ = ["here_first", "import_method", "registered"]

CLASSES = 3
"""Of :func:`da_zoo.testing.toy_data`."""


def import_method(path: str, *, check: bool = True) -> MethodSpec:
    """Imports a method and checks it against the contract of every method.

    Importing runs the module's code: name only what you trust. The folder that the
    command is called in comes first on the path, as for ``python -m``.

    Args:
        path: "my_module:my_factory", where the second is a factory
            ``(network, *, classes, ..., **settings) -> Recipe`` as docs/add-a-method.md
            has it, or a :class:`da_zoo.MethodSpec`.
        check: run :func:`da_zoo.testing.check_adapter` on toy data, which takes a few
            seconds.

    Returns:
        The entry. Of a bare factory it is called by the factory's name, is for track U,
        and for F too where the factory takes ``labelled_target``.

    Raises:
        ValueError: if nothing is there, it is of another kind, has the name of another
            method, or breaks the contract; the message says which clause.

    Example:
        >>> import_method("da_zoo.methods.dann:dann_", check=False)
        Traceback (most recent call last):
        ValueError: da_zoo.methods.dann has no 'dann_'
    """
    module_name, colon, name = path.partition(":")
    if not colon or not re.fullmatch(r"[A-Za-z_][\w.]*", module_name) or not name:
        raise ValueError(f"method must be MODULE:FACTORY, got {path!r}")
    with here_first():
        try:
            module = importlib.import_module(module_name)
        except Exception as error:  # a module's own code may raise anything
            raise ValueError(
                f"cannot import {module_name!r}: {type(error).__name__}: {error}"
            ) from error
    if not hasattr(module, name):
        raise ValueError(f"{module_name} has no {name!r}")
    spec = _spec(path, getattr(module, name))
    if spec.name in METHODS and METHODS[spec.name] is not spec:
        raise ValueError(
            f"{path}: the zoo has a method called {spec.name!r}; name yours otherwise"
        )
    if check:
        _check(path, spec)
    _PATHS[spec.name] = path
    return spec


_PATHS: dict[str, str] = {}


def path_of(name: str) -> str:
    """Returns the Python path that a method was imported by; "" for the zoo's own.

    Example:
        >>> path_of("dann")
        ''
    """
    return _PATHS.get(name, "")


@contextmanager
def here_first() -> Iterator[None]:
    """Looks for modules in the working folder first, as ``python -m`` does."""
    here = str(Path.cwd())
    if here in sys.path:
        yield
        return
    sys.path.insert(0, here)
    try:
        yield
    finally:
        sys.path.remove(here)


def _spec(path: str, found: Any) -> MethodSpec:
    if isinstance(found, MethodSpec):
        return found
    if not callable(found):
        raise ValueError(
            f"{path} is a {type(found).__name__}; give a factory or a MethodSpec"
        )
    parameters = inspect.signature(found).parameters
    if "classes" not in parameters:
        raise ValueError(f"{path} must take classes=, as docs/add-a-method.md has it")
    tracks = {"U", "F"} if "labelled_target" in parameters else {"U"}
    summary = (inspect.getdoc(found) or "").partition("\n")[0]
    return MethodSpec(
        getattr(found, "__name__", path.partition(":")[2]),
        found,
        summary or f"{path}.",
        "a method of the user's own",
        frozenset(tracks),
        "",
        None,
        "",
    )


_SETTINGS: Settings = {
    "width": CLASSES,
    "optimizer": "adam",
    "learning_rate": 1e-3,
    "schedule": "constant",
    "batch_norm": "separate",
}
"""Those that suites set for every method."""


def _check(path: str, spec: MethodSpec) -> None:
    network = network_by_name("mlp", hidden=(8,))
    for track in sorted(spec.tracks, reverse=True):
        try:
            labelled = {"labelled_target": True} if track == "F" else {}
            # As the benchmark calls it, so that what lacks **settings is told now.
            recipe = spec.factory(network, classes=CLASSES, **labelled, **_SETTINGS)
            if not isinstance(recipe, tuple) or not all(
                isinstance(one, Phase) for one in recipe
            ):
                raise ContractError(
                    f"the factory returns a {type(recipe).__name__}, not a tuple of "
                    "phases"
                )
            check_adapter(recipe, toy_data(), thorough=False)
        except ContractError as error:
            raise ValueError(
                f"{path} breaks the contract of methods (track {track}): {error}"
            ) from None
        except Exception as error:
            raise ValueError(
                f"{path} cannot be run on toy data (track {track}): "
                f"{type(error).__name__}: {error}"
            ) from error


@contextmanager
def registered(specs: list[MethodSpec]) -> Iterator[None]:
    """Holds methods in the registry for as long as a benchmark runs.

    Args:
        specs: of :func:`import_method`.

    Example:
        >>> with registered([]):
        ...     "dann" in METHODS
        True
    """
    names = [spec.name for spec in specs]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise ValueError(f"two methods are called {', '.join(twice)}; rename one")
    added = [spec.name for spec in specs if spec.name not in METHODS]
    METHODS.update({spec.name: spec for spec in specs})
    try:
        yield
    finally:
        for name in added:
            METHODS.pop(name, None)
