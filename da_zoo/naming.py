"""Look a name up in a registry, or say which names come nearest."""

import difflib
from collections.abc import Iterable, Mapping
from typing import TypeVar

__all__ = ["check_names", "choose", "nearest"]

T = TypeVar("T")


def nearest(name: str, known: Iterable[str]) -> str:
    """Words a hint: the nearest known names, or all of them where none is near.

    Example:
        >>> nearest("dan", ["dann", "adabn"])
        "did you mean 'dann' or 'adabn'?"
    """
    names = sorted(known)
    near = difflib.get_close_matches(name, names, n=3, cutoff=0.5)
    if near:
        return f"did you mean {' or '.join(map(repr, near))}?"
    return f"known: {', '.join(names)}"


def choose(registry: Mapping[str, T], name: str, what: str) -> T:
    """Returns ``registry[name]``.

    Raises:
        TypeError: if ``name`` is not a string.
        ValueError: if it is unknown; the message gives the nearest names.

    Example:
        >>> choose({"adam": 1}, "adam", "optimizer")
        1
    """
    if not isinstance(name, str):
        raise TypeError(f"{what} must be a name (str), got {type(name).__name__}")
    if name not in registry:
        raise ValueError(f"unknown {what} {name!r}; {nearest(name, registry)}")
    return registry[name]


def check_names(given: Iterable[str], known: Iterable[str], what: str) -> None:
    """Checks that every given name is known.

    Raises:
        ValueError: naming the first that is not, with the nearest names.

    Example:
        >>> check_names(["a"], ["a", "b"], "scenario")
    """
    names = list(known)
    for name in given:
        if name not in names:
            raise ValueError(f"unknown {what} {name!r}; {nearest(name, names)}")
