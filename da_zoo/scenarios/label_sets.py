"""How the classes of source and target relate, and the labels of an open-set scenario.

Classes are counted in the label space that the sides share: a selection keeps some of a
pool's labels, and the label map makes classes of them.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Int

from da_zoo.data.splits import Split

if TYPE_CHECKING:
    from da_zoo.scenarios.taxonomy import Side

__all__ = ["class_set", "known_classes", "number_unknown", "relation"]


def class_set(side: "Side") -> frozenset[int]:
    """Returns the classes that a side's rows can have.

    Example:
        >>> from da_zoo.scenarios import Domain, Side, Task
        >>> half = Domain("digits8", "classes_0_4")
        >>> sorted(class_set(Side(half, Task("parity", "parity"))))
        [0, 1]
    """
    return side.classes


def known_classes(sources: "Iterable[Side]") -> frozenset[int]:
    """Returns the classes that any of the sources has.

    Example:
        >>> known_classes([])
        frozenset()
    """
    return frozenset().union(*(class_set(side) for side in sources))


def relation(sources: "Iterable[Side]", target: "Side") -> str:
    """Says how the target's classes relate to the sources', taken together.

    Returns:
        "closed" (the same), "partial" (the target lacks some) or "open" (it has others,
        whether or not it lacks some). Other tasks have other label spaces, which are
        not compared: they count as closed.

    Example:
        >>> from da_zoo.scenarios import Domain, Side, Task
        >>> task = Task("digit", "digit")
        >>> every, half = (
        ...     Side(Domain("digits8", rule), task) for rule in ("all", "classes_0_4")
        ... )
        >>> relation([every], half), relation([half], every)
        ('partial', 'open')
    """
    sources = list(sources)
    if any(side.task != target.task for side in sources):
        return "closed"
    known, wanted = known_classes(sources), class_set(target)
    if wanted == known:
        return "closed"
    return "partial" if wanted < known else "open"


def number_unknown(
    splits: list[Split], known: Iterable[int]
) -> tuple[list[Split], int]:
    """Numbers the known classes from 0, and gives all others the number after them.

    A method is told how many classes the source has, and nothing of what else there is.

    Args:
        splits: with labels in the pool's numbering.
        known: classes of the sources.

    Returns:
        The splits with new labels, and the number of known classes, which is the label
        of the unknown.

    Example:
        >>> split = Split(np.zeros((3, 1)), np.arange(3), np.array([5, 7, 9]))
        >>> number_unknown([split], {5, 9})[0][0].labels.tolist()
        [0, 2, 1]
    """
    ids = np.array(sorted(known))

    def numbered(labels: Int[np.ndarray, " n"]) -> Int[np.ndarray, " n"]:
        place = np.minimum(np.searchsorted(ids, labels), len(ids) - 1)
        return np.where(ids[place] == labels, place, len(ids)).astype(np.int32)

    return [s._replace(labels=numbered(s.labels)) for s in splits], len(ids)
