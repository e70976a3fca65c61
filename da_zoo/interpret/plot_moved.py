"""The picture of :class:`da_zoo.interpret.Moved`."""

from typing import TYPE_CHECKING

import numpy as np

from da_zoo.interpret.figures import PALETTE, new_axes, plain_text
from da_zoo.interpret.moved import Moved

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["plot_moved"]


def plot_moved(moved: Moved, *, axes: "np.ndarray | None" = None) -> "np.ndarray":
    """Draws how far parameters moved, and how alike activations stayed, by part.

    Args:
        moved: of :func:`da_zoo.interpret.what_moved`.
        axes: two to draw on; None makes a figure.

    Returns:
        The two axes: distances as bars, CKA as dots from 0 to 1; input at the top.

    Raises:
        ValueError: for another number of axes.

    Example:
        >>> from da_zoo.interpret import Part
        >>> left, right = plot_moved(Moved((Part("conv", 3, 0.1, 0.9),), 10))
        >>> right.get_xlabel()
        'CKA of activations (1: as before)'
    """
    parts = moved.parts
    if axes is None:
        axes = new_axes(1, 2, (7.0, 1.1 + 0.34 * len(parts)), sharey=True)[0]
    if np.shape(axes) != (2,):
        raise ValueError(f"axes must be two, got shape {np.shape(axes)}")
    left, right = axes
    places = np.arange(len(parts))
    sizes = [np.nan if part.moved is None else part.moved for part in parts]
    shown = [size if np.isfinite(size) else 0.0 for size in sizes]
    left.barh(places, shown, height=0.6, color=PALETTE[0])
    _write(left, places, sizes, shown, ".3g")
    left.set_xlabel("|w \N{MINUS SIGN} w₀| / |w₀| of parameters")
    left.set_xlim(0.0, 1.18 * max([*shown, 1e-3]))
    left.set_yticks(places, [plain_text(part.name) for part in parts])
    values = [np.nan if part.cka is None else part.cka for part in parts]
    right.hlines(places, 0.0, values, color="#bbbbbb", linewidth=2.0)
    right.plot(values, places, "o", color=PALETTE[6], markersize=7.0)
    _write(right, places, values, values, ".2f")
    right.set_xlabel("CKA of activations (1: as before)")
    right.set_xlim(min(0.0, np.nanmin([*values, 0.0])), 1.18)
    right.set_xticks([0.0, 0.5, 1.0])
    for ax in axes:
        ax.set_ylim(len(parts) - 0.4, -0.6)
        ax.spines[["top", "right"]].set_visible(False)
        ax.tick_params(axis="y", length=0)
    return np.asarray(axes, object)


def _write(
    ax: "Axes", places: np.ndarray, values: list[float], ends: list[float], form: str
) -> None:
    """Writes numbers beside the marks; missing ones get no mark and no number."""
    for place, value, end in zip(places, values, ends, strict=True):
        if not np.isnan(value):
            ax.annotate(
                format(value, form),
                (end, place),
                (6, 0),
                textcoords="offset points",
                va="center",
                fontsize=9,
            )
