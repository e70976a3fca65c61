"""A contact sheet of images: a line a domain, a column a class."""

import numpy as np
from jaxtyping import UInt8

from da_zoo.data.domain_data import DomainData
from da_zoo.data.encoders.images import ImageEncoder
from da_zoo.data.sheet_panels import class_columns, panel_label, panel_rows
from da_zoo.interpret.figures import new_axes, plain_text

__all__ = ["image_sheet"]

SIDE = 64
ACROSS = 2
"""Images of a class beside and below each other."""
GAP = 3
MOST_CLASSES = 10


def image_sheet(domains: dict[str, DomainData], seed: int) -> np.ndarray:
    """Draws images of each class and domain.

    Args:
        domains: by name, of images.
        seed: of the rows that are drawn.

    Returns:
        The axes [domains, classes].

    Example:
        >>> from da_zoo.data.domain_data import make_domain_data
        >>> pixels = np.zeros((2, 8, 8, 1), np.uint8)
        >>> image_sheet({"a": make_domain_data("a", "images", pixels)}, 0).shape
        (1, 1)
    """
    classes, total = class_columns(domains, MOST_CLASSES)
    across = ACROSS if total else 8
    wide = 1.1 * len(classes) * across / ACROSS
    size = (1.0 + wide, 0.5 + 1.1 * len(domains))
    axes = new_axes(len(domains), len(classes), size)
    encoder = ImageEncoder(SIDE, 3)
    for line, (domain, data) in zip(axes, domains.items(), strict=True):
        panels = panel_rows(data, classes, across * ACROSS, seed)
        for ax, name, chosen in zip(line, classes, panels, strict=True):
            if len(chosen):
                ax.imshow(_mosaic(encoder.apply(data.x[chosen]), across))
            else:
                ax.text(0.5, 0.5, "none", ha="center", va="center", color="#888888")
            ax.set_xticks([])
            ax.set_yticks([])
            ax.spines[:].set_visible(False)
            if domain == next(iter(domains)) and name is not None:
                ax.set_title(plain_text(name), fontsize=8)
        line[0].set_ylabel(
            panel_label(domain, data, bool(total)),
            fontsize=8,
            rotation=0,
            ha="right",
            va="center",
        )
    if total > len(classes):
        axes[0, 0].figure.supxlabel(
            f"the {len(classes)} commonest of {total} classes", fontsize=8
        )
    return axes


def _mosaic(
    pixels: UInt8[np.ndarray, "n s s 3"], across: int
) -> UInt8[np.ndarray, "h w 3"]:
    side = pixels.shape[1]
    step = side + GAP
    page = np.full((ACROSS * step - GAP, across * step - GAP, 3), 255, np.uint8)
    for place, image in enumerate(pixels):
        top, left = step * (place // across), step * (place % across)
        page[top : top + side, left : left + side] = image
    return page
