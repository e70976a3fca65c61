"""A contact sheet of signals: windows as lines, or as maps of many channels."""

import numpy as np
from jaxtyping import Float

from da_zoo.data.domain_data import DomainData
from da_zoo.data.sheet_panels import class_columns, panel_label, panel_rows
from da_zoo.interpret.figures import class_colours, new_axes, plain_text

__all__ = ["signal_sheet"]

MOST_CLASSES = 6
MOST_LINES = 6
"""Channels that are drawn as lines; more of them make a map."""
WINDOWS = 3


def signal_sheet(domains: dict[str, DomainData], seed: int) -> np.ndarray:
    """Draws windows of each class and domain, all on one scale.

    Args:
        domains: by name, of signals [n, time, channels].
        seed: of the rows that are drawn.

    Returns:
        The axes [domains, classes].

    Example:
        >>> from da_zoo.data.domain_data import make_domain_data
        >>> x = np.zeros((3, 16, 2), np.float32)
        >>> signal_sheet({"a": make_domain_data("a", "signals", x)}, 0).shape
        (1, 1)
    """
    classes, total = class_columns(domains, MOST_CLASSES)
    size = (1.2 + 2.0 * max(2, len(classes)), 0.7 + 1.3 * len(domains))
    axes = new_axes(len(domains), len(classes), size, sharex=True, sharey=True)
    drawn = {}
    for line, (domain, data) in zip(axes, domains.items(), strict=True):
        panels = panel_rows(data, classes, WINDOWS, seed)
        for name, rows in zip(classes, panels, strict=True):
            drawn[domain, name] = np.asarray(data.x[rows], np.float32)
        line[0].set_ylabel(panel_label(domain, data, bool(total)), fontsize=8)
    channels = next(iter(drawn.values())).shape[-1]
    every = np.concatenate([one.ravel() for one in drawn.values()])
    low, high = np.quantile(every, [0.01, 0.99])
    for (domain, name), x in drawn.items():
        ax = axes[list(domains).index(domain), classes.index(name)]
        if not len(x):
            ax.text(0.5, 0.5, "none", transform=ax.transAxes, ha="center")
        elif channels > MOST_LINES:
            image = ax.imshow(
                x[0].T, aspect="auto", origin="lower", vmin=low, vmax=high
            )
        else:
            _lines(ax, x)
        if domain == next(iter(domains)) and name is not None:
            ax.set_title(plain_text(name), fontsize=8)
        ax.tick_params(labelsize=7)
    if channels > MOST_LINES:
        bar = axes[0, 0].figure.colorbar(image, ax=axes, shrink=0.7)
        bar.ax.tick_params(labelsize=7)
    elif channels > 1:
        axes[0, -1].legend(
            fontsize=7, loc="upper left", bbox_to_anchor=(1.0, 1.0), frameon=False
        )
    what = "time; channels upwards" if channels > MOST_LINES else "time"
    if total > len(classes):
        what += f" ({len(classes)} of {total} classes)"
    axes[0, 0].figure.supxlabel(what, fontsize=8)
    return axes


def _lines(ax: object, x: Float[np.ndarray, "n t c"]) -> None:
    colours = class_colours(x.shape[2])
    for number, window in enumerate(x):
        for channel, colour in enumerate(colours):
            ax.plot(  # type: ignore[attr-defined]
                window[:, channel],
                color=colour,
                linewidth=0.9,
                alpha=0.9 if number == 0 else 0.35,
                label=f"channel {channel}" if number == 0 else None,
            )
    ax.spines[["top", "right"]].set_visible(False)  # type: ignore[attr-defined]
