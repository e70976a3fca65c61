"""A picture of a user's data: what the rows of each domain look like."""

from pathlib import Path
from typing import Any

import numpy as np
from scipy.sparse import issparse

from da_zoo.data.domain_data import DomainData
from da_zoo.data.sheet_columns import column_sheet
from da_zoo.data.sheet_images import image_sheet
from da_zoo.data.sheet_signals import signal_sheet
from da_zoo.data.sheet_texts import text_sheet
from da_zoo.data.summaries import domains_of
from da_zoo.whole_files import whole_file

__all__ = ["contact_sheet", "save_png"]

MOST_DOMAINS = 8


def contact_sheet(
    source: DomainData, target: DomainData | None = None, *, seed: int = 0
) -> np.ndarray:
    """Draws rows of every domain and class, or how columns are distributed.

    Images: a few of each class, a line a domain. Signals: windows of each class, or
    where they have many channels (log-mel energies) a map. Tables and features: a
    histogram of each column, the domains on top of each other, those that differ the
    most first. Texts: their lengths, and the words that tell the first two domains
    apart.

    Args:
        source: rows of one domain or several.
        target: rows of others.
        seed: of the rows that are drawn.

    Returns:
        The axes.

    Example:
        >>> from da_zoo.data.domain_data import make_domain_data
        >>> data = make_domain_data("a", "features", np.eye(4), list("xyxy"))
        >>> contact_sheet(data).size
        4
    """
    domains = domains_of(*([source] if target is None else [source, target]))
    shown = dict(list(domains.items())[:MOST_DOMAINS])
    if source.kind == "images":
        axes = image_sheet(shown, seed)
    elif source.kind == "signals":
        axes = signal_sheet(shown, seed)
    elif source.kind == "text" or issparse(source.x):
        axes = text_sheet(shown, seed)
    else:
        axes = column_sheet(shown)
    if len(domains) > len(shown):
        figure = axes.ravel()[0].figure
        figure.suptitle(f"{len(shown)} of {len(domains)} domains", fontsize=9)
    return axes


def save_png(axes: Any, path: str | Path) -> Path:
    """Saves the figure that axes are on.

    Raises:
        ValueError: if the path does not end in .png, or its folder is not there.

    Example:
        >>> import tempfile
        >>> from da_zoo.interpret.figures import new_axes
        >>> path = Path(tempfile.mkdtemp()) / "a.png"
        >>> save_png(new_axes(1, 1, (1.0, 1.0)), path).name
        'a.png'
    """
    path = Path(path)
    if path.suffix.lower() != ".png" or not path.parent.is_dir():
        raise ValueError(f"{path} must end in .png and lie in a folder that is there")
    figure = np.ravel(np.asarray(axes, object))[0].figure
    with whole_file(path) as draft:
        figure.savefig(draft, dpi=150, metadata={"Software": None})
    return path
