"""A contact sheet of tables and features: how each column is distributed by domain."""

from typing import Any

import numpy as np

from da_zoo.data.domain_data import DomainData
from da_zoo.data.table import Table
from da_zoo.interpret.figures import class_colours, new_axes, plain_text

__all__ = ["column_sheet"]

MOST_COLUMNS = 16
ACROSS = 4
BINS = 24
MOST_CATEGORIES = 8


def column_sheet(domains: dict[str, DomainData]) -> np.ndarray:
    """Draws a histogram of every column, the domains on top of each other.

    Columns are drawn in their order; of many, those that differ the most between the
    domains (the largest gap between cumulative distributions, as Kolmogorov and
    Smirnov have it).

    Args:
        domains: by name, of tables or features [n, d].

    Returns:
        The axes; those without a column are hidden.

    Example:
        >>> from da_zoo.data.domain_data import make_domain_data
        >>> data = make_domain_data("a", "features", np.eye(3))
        >>> column_sheet({"a": data}).shape
        (1, 3)
    """
    columns = {name: _columns(data) for name, data in domains.items()}
    every = list(dict.fromkeys(c for own in columns.values() for c in own))
    chosen = every
    if len(every) > MOST_COLUMNS:
        gaps = {
            c: _gap([own[c] for own in columns.values() if c in own]) for c in every
        }
        first = sorted(every, key=lambda c: -gaps[c])[:MOST_COLUMNS]
        chosen = [column for column in every if column in first]
    across = min(ACROSS, len(chosen))
    down = -(-len(chosen) // across)
    axes = new_axes(down, across, (0.9 + 2.2 * across, 0.7 + 1.7 * down))
    colours = dict(zip(domains, class_colours(len(domains)), strict=True))
    for ax, column in zip(axes.ravel(), chosen, strict=False):
        own = {d: values[column] for d, values in columns.items() if column in values}
        if any(values.dtype.kind == "U" for values in own.values()):
            _bars(ax, own, colours)
        else:
            _histogram(ax, own, colours)
        missing = [_missing(values) for values in own.values()]
        most = 100 * max(missing)
        gone = f" (up to {most:.0f} % missing)" if most >= 0.5 else ""
        ax.set_title(plain_text(f"{column}{gone}"), fontsize=8)
        ax.set_yticks([])
        ax.tick_params(labelsize=7)
        ax.spines[["top", "right", "left"]].set_visible(False)
    for ax in axes.ravel()[len(chosen) :]:
        ax.set_visible(False)
    figure = axes[0, 0].figure
    handles = [
        _patch(colour, f"{name} ({domains[name].rows:,})")
        for name, colour in colours.items()
    ]
    figure.legend(
        handles=handles,
        loc="outside lower center",
        ncols=min(4, len(handles)),
        fontsize=8,
        frameon=False,
    )
    if len(every) > len(chosen):
        told = f"the {len(chosen)} of {len(every)} columns that differ the most"
        figure.suptitle(told, fontsize=8)
    return axes


def _patch(colour: str, name: str) -> Any:
    from matplotlib.patches import Patch

    return Patch(color=colour, label=plain_text(name), alpha=0.7)


def _columns(data: DomainData) -> dict[str, np.ndarray]:
    if isinstance(data.x, Table):
        return {name: data.x[name] for name in data.x.names}
    flat = np.asarray(data.x).reshape(data.rows, -1)
    return {str(place): flat[:, place] for place in range(flat.shape[1])}


def _missing(values: np.ndarray) -> float:
    gone = values == "" if values.dtype.kind == "U" else np.isnan(values)
    return float(gone.mean())


def _there(values: np.ndarray) -> np.ndarray:
    return (
        values[values != ""] if values.dtype.kind == "U" else values[values == values]
    )


def _gap(own: list[np.ndarray]) -> float:
    """The largest difference of two domains' cumulative shares."""
    kept = [_there(values) for values in own]
    if len(kept) < 2 or any(not len(values) for values in kept):
        # What only one domain has comes first; of one domain, what varies the most.
        return 2.0 if len(kept) > 1 else float(len(np.unique(kept[0])))
    if any(values.dtype.kind == "U" for values in kept):
        kept = [values.astype(str) for values in kept]
        found = np.unique(np.concatenate(kept))
        shares = [np.array([(v == f).mean() for f in found]) for v in kept]
        return max(0.5 * np.abs(a - shares[0]).sum() for a in shares[1:])
    grid = np.unique(np.concatenate(kept))
    below = [np.searchsorted(np.sort(v), grid, side="right") / len(v) for v in kept]
    return max(float(np.abs(one - below[0]).max()) for one in below[1:])


def _histogram(ax: Any, own: dict[str, np.ndarray], colours: dict[str, str]) -> None:
    there = {name: _there(values).astype(float) for name, values in own.items()}
    every = np.concatenate(list(there.values()))
    if not len(every):
        return
    # A few far values must not squeeze all others into one bar.
    low, high = np.quantile(every, [0.005, 0.995])
    if low == high:
        low, high = every.min(), every.max()
    if low == high:
        low, high = low - 0.5, high + 0.5
    edges = np.linspace(low, high, BINS + 1)
    whole = bool((every == np.round(every)).all())
    if whole and high - low < BINS:  # a bar for each number, at its place
        edges = np.arange(np.floor(low) - 0.5, np.ceil(high) + 1.0)
    for name, values in there.items():
        if not len(values):
            continue
        share = np.histogram(np.clip(values, low, high), edges)[0] / len(values)
        ax.stairs(share, edges, fill=True, alpha=0.25, color=colours[name])
        ax.stairs(share, edges, color=colours[name], linewidth=1.2)


def _bars(ax: Any, own: dict[str, np.ndarray], colours: dict[str, str]) -> None:
    there = {name: _there(values).astype(str) for name, values in own.items()}
    found, count = np.unique(np.concatenate(list(there.values())), return_counts=True)
    kept = found[np.sort(np.argsort(-count, kind="stable")[:MOST_CATEGORIES])]
    width = 0.8 / len(there)
    for number, (name, values) in enumerate(there.items()):
        shares = [(values == one).mean() if len(values) else 0.0 for one in kept]
        places = np.arange(len(kept)) + (number + 0.5) * width - 0.4
        ax.bar(places, shares, width, color=colours[name], alpha=0.7)
    names = [plain_text(one if len(one) < 10 else f"{one[:8]}…") for one in kept]
    ax.set_xticks(np.arange(len(kept)), names, rotation=30 if len(kept) > 3 else 0)
