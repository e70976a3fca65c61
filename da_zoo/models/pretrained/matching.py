"""A network's variables out of named arrays, and what did not fit."""

import re
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from jaxtyping import Shaped

from da_zoo.models.pretrained.entries import Entry, Layout

__all__ = ["Report", "choose_layout", "match"]

Weights = Mapping[str, Shaped[np.ndarray, "..."]]
Shapes = Mapping[str, tuple[int, ...]]
SHOWN = 3
"""How many of a kind a message names."""


class Report(NamedTuple):
    """What became of a file's tensors and of a network's variables.

    Example:
        >>> print(Report(("params/a/kernel",), missing=("params/a/bias (a.bias)",)))
        1 loaded, 1 missing, 0 unexpected, 0 mismatched
        missing: params/a/bias (a.bias)
    """

    loaded: tuple[str, ...] = ()
    """Paths of variables that were filled."""
    missing: tuple[str, ...] = ()
    """Paths of variables that the file has nothing for, with the name it lacks."""
    unexpected: tuple[str, ...] = ()
    """Names in the file that no variable comes from."""
    mismatched: tuple[str, ...] = ()
    """Paths of variables of another shape than the file's, with both."""

    @property
    def complete(self) -> bool:
        """Whether everything fits everything."""
        return not (self.missing or self.unexpected or self.mismatched)

    def to_text(self, shown: int | None = None) -> str:
        """Counts, then the names of what did not fit, ``shown`` of a kind at most."""
        counts = ", ".join(
            f"{len(names)} {kind}"
            for kind, names in zip(self._fields, self, strict=True)
        )
        lines = [counts]
        for kind, names in zip(self._fields[1:], self[1:], strict=True):
            if names:
                more = len(names) - len(names[:shown])
                tail = f" and {more} more" if more else ""
                lines.append(f"{kind}: {', '.join(names[:shown])}{tail}")
        return "\n".join(lines)

    def __str__(self) -> str:
        return self.to_text()


def _together(name: str | tuple[str, ...]) -> tuple[str, ...]:
    return (name,) if isinstance(name, str) else name


def _found(entry: Entry, names: Weights) -> tuple[str, ...] | None:
    """The first of the accepted names, or groups of names, that the file has."""
    accepted = map(_together, entry.theirs)
    return next((group for group in accepted if all(n in names for n in group)), None)


def _stripped(weights: Weights, prefix: str) -> dict[str, Shaped[np.ndarray, "..."]]:
    return {name.removeprefix(prefix): value for name, value in weights.items()}


def choose_layout(
    weights: Weights, layouts: tuple[Layout, ...]
) -> tuple[Layout, dict[str, Shaped[np.ndarray, "..."]]]:
    """Finds the layout that a file is in.

    Args:
        weights: arrays by name.
        layouts: those that the network knows.

    Returns:
        The layout of which the most entries are found, and the arrays without the
        prefix their names had.

    Raises:
        ValueError: if no entry of any layout is found; the message shows names.

    Example:
        >>> from da_zoo.models.pretrained.entries import dense_entries
        >>> layout = Layout("torch", dense_entries("head", "fc"))
        >>> choose_layout({"module.fc.weight": np.ones((3, 2))}, (layout,))[0].name
        'torch'
    """
    candidates = [
        (layout, _stripped(weights, prefix))
        for layout in layouts
        for prefix in layout.prefixes
    ]

    def hits(candidate: tuple[Layout, Weights]) -> int:
        layout, names = candidate
        return sum(_found(entry, names) is not None for entry in layout.entries)

    best = max(candidates, key=hits)
    if not hits(best):
        known = {
            layout.name: _together(layout.entries[0].theirs[0])[0] for layout in layouts
        }
        raise ValueError(
            "these are weights of another network: looked for names like "
            f"{', '.join(f'{name!r} ({which})' for which, name in known.items())} and "
            f"found {', '.join(map(repr, sorted(weights)[:SHOWN]))}, ..."
        )
    return best


def match(
    weights: Weights, layout: Layout, expected: Shapes, *, head: bool = True
) -> tuple[dict[str, Shaped[np.ndarray, "..."]], Report]:
    """Fills a network's variables from a file's arrays.

    Args:
        weights: arrays by the names of ``layout``.
        layout: how the file stores the network.
        expected: shapes by path, from the collection on; those of "head/kernel" and
            "head/bias" have -1 for the number of classes.
        head: whether to take the source's head, if the file has one.

    Returns:
        Arrays by path, and the report.

    Example:
        >>> from da_zoo.models.pretrained.entries import dense_entries
        >>> layout = Layout("torch", dense_entries("d", "fc"))
        >>> expected = {"params/d/kernel": (2, 3), "params/d/bias": (3,)}
        >>> filled, report = match({"fc.weight": np.ones((3, 2))}, layout, expected)
        >>> report.missing
        ('params/d/bias (fc.bias)',)
    """
    filled: dict[str, Shaped[np.ndarray, ...]] = {}
    missing: list[str] = []
    mismatched: list[str] = []
    used: set[str] = set()
    heads = [entry for entry in layout.entries if entry.ours.startswith("head/")]
    with_head = head and any(_found(entry, weights) for entry in heads)
    for entry in layout.entries:
        names = _found(entry, weights)
        if entry in heads and not with_head:
            used.update(names or ())
            continue
        if names is None:
            wanted = " + ".join(_together(entry.theirs[0]))
            missing.append(f"{entry.ours} ({wanted})")
            continue
        used.update(names)
        shape = expected.get(entry.ours)
        if shape is None:  # The file has what this network is built without.
            mismatched.append(f"{entry.ours}: the network has no such variable")
            continue
        try:
            value = entry.convert(*(weights[name] for name in names), shape=shape)
            given = value.shape
        except (ValueError, IndexError):  # it cannot even be rearranged
            value, given = None, tuple(weights[name].shape for name in names)
        if value is None or not _fits(value.shape, shape):
            mismatched.append(f"{entry.ours}: {given} instead of {shape}")
            continue
        if value.dtype.kind in "biu" or not np.isfinite(value.astype(np.float32)).all():
            what = "integers" if value.dtype.kind in "biu" else "NaN or infinity"
            mismatched.append(f"{entry.ours}: {what} instead of finite floats")
            continue
        filled[entry.ours] = value
    named = {entry.ours for entry in layout.entries}
    missing += [
        f"{path} (not in the layout {layout.name!r})"
        for path in expected
        if path not in named and not path.startswith("head/")
    ]
    unexpected = [
        name
        for name in sorted(weights)
        if name not in used and not any(re.search(p, name) for p in layout.ignored)
    ]
    report = Report(*map(tuple, (filled, missing, unexpected, mismatched)))
    return filled, report


def _fits(given: tuple[int, ...], wanted: tuple[int, ...]) -> bool:
    return len(given) == len(wanted) and all(
        w in (-1, g) for g, w in zip(given, wanted, strict=True)
    )
