"""Are two sides one task? As far as the names of their classes tell."""

from typing import NamedTuple

import numpy as np

from da_zoo.advice.rows import Rows

__all__ = ["TaskRelation", "relate_tasks"]

BY_CHANCE = 0.05
"""A class whose absence is likelier than this may be absent by chance."""


class TaskRelation(NamedTuple):
    """How two tasks relate."""

    same: bool | None
    """None where no target label may be read."""
    label_sets: str
    """"closed", "partial" (the target lacks classes) or "open" (it has others)."""
    reason: str
    """In a sentence."""


def relate_tasks(
    source: Rows,
    target: Rows,
    *,
    same: bool | None = None,
    label_sets: str | None = None,
    known_from: str = "stated",
) -> TaskRelation:
    """Compares the labels of two sides.

    Args:
        source: labelled rows.
        target: rows whose labels may all be read.
        same: what the user knows; None decides by the labels.
        label_sets: what is known of the classes; None decides by the labels.
        known_from: where what is known is known from, as the reason says.

    Returns:
        Classes with the same names are one task, and so are some of them; other classes
        need labels and a head of their own, so they are another task.

    Example:
        >>> from da_zoo.advice.rows import from_arrays
        >>> x = np.zeros((8, 1))
        >>> source = from_arrays("s", x, list("ababcabc"))
        >>> relate_tasks(source, from_arrays("t", x, list("xyxyxyxy"))).same
        False
    """
    found = _by_labels(source, target)
    if label_sets is not None:
        found = found._replace(label_sets=label_sets)
    if same is None:
        return found
    reason = f"{known_from} to be {'the same' if same else 'another one'}"
    if found.same is not None and found.same is not same:
        reason += f"; the labels alone say otherwise: {found.reason}"
    # Across tasks the names of classes are not compared.
    return TaskRelation(same, found.label_sets if same else "closed", reason)


def _by_labels(source: Rows, target: Rows) -> TaskRelation:
    if target.y is None or source.y is None:
        return TaskRelation(None, "closed", "no target label may be read")
    if source.continuous or target.continuous:
        both = source.continuous and target.continuous
        return TaskRelation(
            both,
            "closed",
            "both sides have numbers; whether of one quantity, you know"
            if both
            else "one side has numbers, the other classes",
        )
    names, counts = np.unique(source.y[source.labelled], return_counts=True)
    wanted = np.unique(target.y[target.labelled])
    shared = np.intersect1d(names, wanted)
    if len(shared) < len(wanted):
        others = np.setdiff1d(wanted, names)
        return TaskRelation(
            False,
            "open" if len(shared) else "closed",
            f"the target has classes that the source lacks: {_listed(others)}",
        )
    if len(shared) == len(names):
        return TaskRelation(True, "closed", f"both have the classes {_listed(names)}")
    absent = ~np.isin(names, wanted)
    rows = int(target.labelled.sum())
    share = counts[absent] / counts.sum()
    lacking = f"the target's labels lack {_listed(names[absent])}"
    if ((1.0 - share) ** rows > BY_CHANCE).any():
        few = f"which {rows} labelled rows may lack by chance"
        return TaskRelation(True, "closed", f"{lacking}, {few}")
    return TaskRelation(True, "partial", lacking)


def _listed(names: np.ndarray) -> str:
    shown = sorted(map(str, names), key=lambda name: (len(name), name))
    if len(shown) > 12:
        return f"{', '.join(shown[:10])} and {len(shown) - 10} more"
    return ", ".join(shown)
