"""How the plots look: one column wide, colours that colour-blind readers tell apart.

Colour never carries a meaning alone: a method also has a marker, a gain a number.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = [
    "COLUMN",
    "GREY",
    "MARKERS",
    "PALETTE",
    "Mark",
    "drawing",
    "legend",
    "marks",
]

COLUMN = 3.35
"""Inches: the width of one column of a two-column paper."""

PALETTE = (
    "#0072B2",  # blue
    "#D55E00",  # vermilion
    "#009E73",  # bluish green
    "#CC79A7",  # reddish purple
    "#E69F00",  # orange
    "#56B4E9",  # sky blue
    "#000000",
)
"""Okabe and Ito's colours without the yellow, which is lost on white paper.

References:
    Okabe and Ito, "Color Universal Design", 2008.
"""

MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", ">")
"""Nine beside seven colours: 63 methods before two look the same."""

GREY = "#8a8a8a"
"""Of baselines, guides and what is no method."""

_TEXT: Any = {
    "font.size": 8.0,
    "axes.titlesize": 8.0,
    "axes.labelsize": 8.0,
    "legend.fontsize": 7.0,
    "axes.linewidth": 0.6,
    "lines.linewidth": 1.1,
    "lines.markersize": 4.0,
    "savefig.dpi": 300,
}


class Mark(NamedTuple):
    """How one method is drawn."""

    colour: str
    marker: str


def marks(methods: Iterable[str]) -> dict[str, Mark]:
    """Gives every method a colour and a marker, and the baselines grey.

    Args:
        methods: names, in any order: the same set is always drawn the same.

    Example:
        >>> marks(["source_only", "dann"])["dann"]
        Mark(colour='#0072B2', marker='o')
    """
    names = sorted(set(methods))
    grey = [name for name in names if name in ("source_only", "target_only")]
    others = [name for name in names if name not in grey]
    found = {
        name: Mark(PALETTE[i % len(PALETTE)], MARKERS[i % len(MARKERS)])
        for i, name in enumerate(others)
    }
    return found | {name: Mark(GREY, "o") for name in grey}


@contextmanager
def drawing(
    ax: "Axes | None", height: float, width: float = COLUMN
) -> Iterator["Axes"]:
    """Yields axes to draw on; new ones have text for print, given ones keep theirs.

    Args:
        ax: to draw on; None makes a figure of its own, which ``ax.figure`` is.
        height: of a new figure, in inches.
        width: of a new figure, in inches.

    Raises:
        ImportError: without matplotlib.

    Example:
        >>> with drawing(None, 2.0) as ax:
        ...     ax.figure.get_size_inches().tolist()
        [3.35, 2.0]
    """
    try:
        import matplotlib
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ImportError(
            "da_zoo.plot draws with matplotlib, which da_zoo installs and is not "
            "here: pip install matplotlib"
        ) from error
    if ax is not None:
        yield ax
        return
    with matplotlib.rc_context(_TEXT):
        # Not by pyplot, which keeps every figure until it is closed.
        ax = Figure(figsize=(width, height), layout="constrained").subplots()
        # Ticks are made when they are first drawn, outside this context.
        ax.tick_params(labelsize=7.0, width=0.6, length=2.5)
        ax.spines[["top", "right"]].set_visible(False)
        yield ax


def legend(ax: "Axes", columns: int = 1) -> None:
    """Puts the legend under the axes if they are alone, else inside them.

    Args:
        ax: with labelled artists.
        columns: of a legend that stands under the axes.

    Example:
        >>> with drawing(None, 2.0) as ax:
        ...     line = ax.plot([0, 1], label="dann")
        ...     legend(ax)
        >>> len(ax.figure.legends)
        1
    """
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    figure = ax.figure
    alone = len(figure.axes) == 1 and not figure.legends
    if alone and isinstance(figure.get_layout_engine(), ConstrainedLayoutEngine):
        figure.legend(loc="outside lower center", ncols=columns, frameon=False)
    else:
        ax.legend(frameon=False)
