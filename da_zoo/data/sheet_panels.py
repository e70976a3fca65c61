"""Which rows stand in which panel of a sheet with a line a domain, a column a class."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Int

from da_zoo.data.domain_data import DomainData
from da_zoo.interpret.figures import plain_text

__all__ = ["class_columns", "panel_label", "panel_rows"]


def class_columns(
    domains: dict[str, DomainData], most: int
) -> tuple[list[str | None], int]:
    """Returns the classes that a sheet shows, the commonest, and how many there are.

    Without labels there is one column, None.

    Example:
        >>> class_columns({}, 3)
        ([None], 0)
    """
    count: dict[str, int] = {}
    for data in domains.values():
        if data.labels is None or data.continuous:
            continue
        own = np.bincount(
            np.asarray(data.labels)[data.labelled], minlength=len(data.classes)
        )
        for name, rows in zip(data.classes, own.tolist(), strict=True):
            count[name] = count.get(name, 0) + rows
    there = [name for name, rows in count.items() if rows]
    if not there:
        return [None], 0
    kept = set(sorted(there, key=lambda name: -count[name])[:most])
    return [name for name in there if name in kept], len(there)


def panel_rows(
    data: DomainData, classes: Sequence[str | None], count: int, seed: int
) -> list[Int[np.ndarray, " k"]]:
    """Draws the rows of each panel of a domain, ascending.

    Args:
        data: of the domain. Where it has no labels, any rows stand in every column.
        classes: from :func:`class_columns`.
        count: rows a panel at most.
        seed: of the draw.

    Example:
        >>> from da_zoo.data.domain_data import make_domain_data
        >>> data = make_domain_data("a", "features", np.eye(4), list("xyxy"))
        >>> [rows.tolist() for rows in panel_rows(data, ["x", "y", "z"], 2, 0)]
        [[0, 2], [1, 3], []]
    """
    order = np.random.default_rng([seed, 0x5EE7]).permutation(data.rows)
    if not data.labelled.any():
        return [
            np.sort(order[place * count : (place + 1) * count])
            for place in range(len(classes))
        ]
    found = []
    for name in classes:
        own = order
        if name is not None:
            number = data.classes.index(name) if name in data.classes else -1
            fits = data.labelled & (np.asarray(data.labels) == number)
            own = order[fits[order]]
        found.append(np.sort(own[:count]))
    return found


def panel_label(name: str, data: DomainData, classes: bool) -> str:
    r"""Writes what stands before a line.

    Example:
        >>> from da_zoo.data.domain_data import make_domain_data
        >>> panel_label("a", make_domain_data("a", "features", np.eye(2)), True)
        'a\n2\nno labels'
    """
    lines = [plain_text(name), f"{data.rows:,}"]
    if classes and not data.labelled.any():
        lines.append("no labels")
    return "\n".join(lines)
