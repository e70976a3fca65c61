"""How the figures look and how they are saved; no global state of matplotlib's."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from da_zoo.whole_files import whole_file

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["PALETTE", "class_colours", "new_axes", "plain_text", "save_figure"]

PALETTE = (
    "#332288",
    "#88CCEE",
    "#44AA99",
    "#117733",
    "#999933",
    "#DDCC77",
    "#CC6677",
    "#882255",
    "#AA4499",
    "#666666",
)
"""Paul Tol's "muted" scheme with a darker grey: ten colours that stay apart for common
colour blindness. More classes than colours share them, so names are written too."""


def class_colours(count: int) -> list[str]:
    """Returns a colour for each class; far apart ones first where there are few.

    Example:
        >>> class_colours(2)
        ['#332288', '#CC6677']
    """
    if count <= 5:
        return [PALETTE[i] for i in (0, 6, 2, 5, 1)][:count]
    return [PALETTE[i % len(PALETTE)] for i in range(count)]


def plain_text(text: Any) -> str:
    r"""Returns a name as matplotlib writes it: "$" would begin a formula.

    Example:
        >>> plain_text("from $5 to $9")
        'from \\$5 to \\$9'
    """
    return str(text).replace("$", r"\$")


def new_axes(
    rows: int, columns: int, size: tuple[float, float], **options: Any
) -> "np.ndarray":
    """Returns axes [rows, columns] of a new figure.

    Args:
        rows: of axes.
        columns: of axes.
        size: of the whole, in inches.
        **options: of ``Figure.subplots``.

    Example:
        >>> new_axes(1, 2, (4.0, 2.0)).shape
        (1, 2)
    """
    # Not by pyplot, which keeps every figure until it is closed.
    from matplotlib.figure import Figure

    figure = Figure(figsize=size, layout="constrained")
    axes: np.ndarray = figure.subplots(rows, columns, squeeze=False, **options)
    return axes


def save_figure(axes: "Axes | np.ndarray", path: str | Path) -> list[Path]:
    """Saves the figure that axes are on as PNG and as SVG.

    Args:
        axes: one, or an array of them, as the plots return.
        path: without an ending; the folder must be there.

    Returns:
        The two files, PNG first.

    Example:
        >>> import tempfile
        >>> axes = new_axes(1, 1, (1.0, 1.0))
        >>> [p.name for p in save_figure(axes, Path(tempfile.mkdtemp()) / "figure")]
        ['figure.png', 'figure.svg']
    """
    import matplotlib

    figure = np.ravel(np.asarray(axes, object))[0].figure
    files = [Path(f"{path}{ending}") for ending in (".png", ".svg")]
    # Nothing in the files depends on the time, so the same figure is the same file.
    with matplotlib.rc_context({"svg.hashsalt": "da_zoo"}):
        with whole_file(files[0]) as draft:
            figure.savefig(draft, dpi=150, metadata={"Software": None})
        with whole_file(files[1]) as draft:
            figure.savefig(draft, metadata={"Date": None})
    return files
