"""Features of one run in two dimensions: colour is the class, the marker the domain."""

from typing import TYPE_CHECKING, Any

import numpy as np

from da_zoo.interpret.figures import plain_text
from da_zoo.plot.results import Results, rows_of, rows_with
from da_zoo.plot.style import GREY, PALETTE, drawing, legend

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["embedding"]


def embedding(
    results: Results,
    *,
    method: str | None = None,
    scenario: str | None = None,
    seed: int | None = None,
    ax: "Axes | None" = None,
) -> "Axes":
    """Draws where a run puts the rows of both domains.

    Args:
        results: a leaderboard or its rows, with ``embedding``: ``source`` and
            ``target`` as [x, y], ``source_labels`` and ``target_labels``.
        method: None takes the first there is.
        scenario: None takes the first.
        seed: None takes the first.
        ax: to draw on; None makes a figure.

    Returns:
        The axes: hollow circles are source rows, filled triangles target rows, and a
        class's name stands at the middle of its source rows (of its target rows where
        the source has none). The title says which run it is.

    Raises:
        ValueError: if no run has an embedding.

    Example:
        >>> cell = {"scenario": "s", "track": "U", "label_fraction": None, "seed": 0}
        >>> cell |= {"method": "dann", "status": "ok", "configuration": 0}
        >>> drawn = {"source": [[0, 0]], "source_labels": [1]}
        >>> drawn |= {"target": [[1, 2]], "target_labels": [1]}
        >>> ax = embedding([cell | {"embedding": drawn, "accuracy": 0.5}])
        >>> ax.get_title(), ax.collections[1].get_offsets().tolist()
        ('dann on s, seed 0', [[1.0, 2.0]])
    """
    row = rows_with(
        rows_of(results), "embedding", scenario=scenario, method=method, seed=seed
    )[0]
    drawn = row["embedding"]
    names = [
        {str(label) for label in drawn[side] if label is not None}
        for side in ("source_labels", "target_labels")
    ]
    classes = sorted(names[0] | names[1], key=lambda name: (len(name), name))
    # More classes than colours share them: their names are written too.
    colours = {name: PALETTE[i % len(PALETTE)] for i, name in enumerate(classes)}
    with drawing(ax, 3.4) as ax:
        for side, marker, filled in (("source", "o", False), ("target", "^", True)):
            places = np.asarray(drawn[side], np.float64).reshape(-1, 2)
            colour = [colours.get(str(one), GREY) for one in drawn[f"{side}_labels"]]
            ax.scatter(
                places[:, 0],
                places[:, 1],
                marker=marker,
                s=11,
                facecolors=colour if filled else "none",
                edgecolors=colour,
                linewidths=0.0 if filled else 0.6,
                alpha=0.75,
            )
            ax.plot(
                [],
                [],
                marker,
                color="#444444",
                markerfacecolor="#444444" if filled else "none",
                label=side,
            )
        for name in classes:
            _write_name(ax, drawn, name, "source" if name in names[0] else "target")
        ax.set_xticks([])
        ax.set_yticks([])
        ax.set_title(
            plain_text(f"{row['method']} on {row['scenario']}, seed {row['seed']}")
        )
        legend(ax, columns=2)
    return ax


def _write_name(ax: "Axes", drawn: Any, name: str, side: str) -> None:
    from matplotlib import patheffects

    own = [
        place
        for place, label in zip(drawn[side], drawn[f"{side}_labels"], strict=True)
        if str(label) == name
    ]
    x, y = np.median(np.asarray(own, np.float64), axis=0)
    ax.annotate(
        plain_text(name),
        (x, y),
        ha="center",
        va="center",
        fontweight="bold",
        path_effects=[patheffects.withStroke(linewidth=2.0, foreground="white")],
    )
