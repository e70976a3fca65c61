"""Where rows lie: features in two dimensions, by class and domain, before and after."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float, Shaped

from da_zoo.interpret.figures import class_colours, new_axes, plain_text
from da_zoo.naming import choose

__all__ = ["embed", "plot_embedding"]

MARKERS = ("o", "^", "s", "D", "v", "P")
UNKNOWN = "#bbbbbb"


def embed(
    features: Shaped[Any, "n d"], *, method: str = "pca", seed: int = 0
) -> Float[np.ndarray, "n 2"]:
    """Maps features to two dimensions.

    Args:
        features: [n, d], of at least 3 rows.
        method: "pca" (the two directions of largest variance: distances are real but
            most directions are left out) or "tsne" (neighbours are kept; distances and
            sizes of clusters mean nothing, and it takes seconds for a thousand rows).
        seed: of t-SNE.

    Raises:
        ValueError: for an unknown method, too few rows, or NaN.

    Example:
        >>> embed(np.eye(4)).shape
        (4, 2)

    References:
        van der Maaten and Hinton, "Visualizing Data using t-SNE", JMLR 2008.
    """
    from sklearn.decomposition import PCA
    from sklearn.manifold import TSNE

    choose(dict.fromkeys(("pca", "tsne")), method, "method")
    x = np.asarray(features, np.float64)
    x = x.reshape(len(x), -1)
    if len(x) < 3 or not np.isfinite(x).all():
        raise ValueError(f"features must be finite, of at least 3 rows; got {x.shape}")
    if x.shape[1] < 2:
        x = np.concatenate([x, np.zeros((len(x), 1))], axis=1)
    if method == "pca":
        found = PCA(2, svd_solver="full").fit_transform(x)
    else:
        perplexity = min(30.0, (len(x) - 1) / 3)
        tsne = TSNE(2, perplexity=perplexity, init="pca", random_state=seed)
        found = tsne.fit_transform(x)
    return np.asarray(found, np.float64)


def plot_embedding(
    panels: Mapping[str, Any],
    labels: Sequence[Any] | Shaped[np.ndarray, " n"],
    domains: Sequence[Any] | Shaped[np.ndarray, " n"],
    *,
    method: str = "pca",
    seed: int = 0,
    axes: "np.ndarray | None" = None,
) -> "np.ndarray":
    """Draws features side by side, such as before and after adaptation.

    Args:
        panels: by title, features [n, d] of the same rows.
        labels: of the rows, of any type: each class has a colour, and its name stands
            at its middle. None and NaN are drawn grey.
        domains: of the rows, such as "source" and "target": each has a marker.
        method: see :func:`embed`; each panel is embedded by itself, both domains
            together.
        seed: of t-SNE.
        axes: one a panel to draw on; None makes a figure.

    Returns:
        The axes, one a panel.

    Raises:
        ValueError: for no panels, numbers of rows that differ, or an unknown method.

    Example:
        >>> x = np.random.default_rng(0).normal(size=(8, 3))
        >>> sides = ["source"] * 4 + ["target"] * 4
        >>> axes = plot_embedding({"before": x, "after": 2 * x}, [0, 1] * 4, sides)
        >>> [ax.get_title() for ax in axes]
        ['before', 'after']
    """
    names = [
        None if v is None or v != v else str(v)
        for v in np.asarray(labels, object).tolist()
    ]
    sides = [str(domain) for domain in np.asarray(domains).tolist()]
    sizes = {len(names), len(sides), *(len(value) for value in panels.values())}
    if not panels:
        raise ValueError("panels is empty; give at least one set of features")
    if len(sizes) > 1:
        raise ValueError(
            "panels, labels and domains must have equally many rows, got "
            f"{sorted(sizes)}"
        )
    if axes is None:
        axes = new_axes(1, len(panels), (0.7 + 3.9 * len(panels), 4.0))[0]
    if np.shape(axes) != (len(panels),):
        raise ValueError(f"axes must be {len(panels)}, got shape {np.shape(axes)}")
    classes = sorted({n for n in names if n is not None}, key=lambda n: (len(n), n))
    colours = dict(zip(classes, class_colours(len(classes)), strict=True))
    for ax, (title, features) in zip(axes, panels.items(), strict=True):
        places = embed(features, method=method, seed=seed)
        _scatter(ax, places, names, sides, colours)
        ax.set_title(plain_text(title))
        ax.set_xticks([])
        ax.set_yticks([])
    handles, texts = axes[0].get_legend_handles_labels()
    axes[-1].legend(handles, texts, loc="upper left", bbox_to_anchor=(1.0, 1.0))
    return np.asarray(axes, object)


def _scatter(
    ax: Any,
    places: np.ndarray,
    names: list[str | None],
    sides: list[str],
    colours: dict[str, str],
) -> None:
    from matplotlib import patheffects

    colour = np.array([UNKNOWN if n is None else colours[n] for n in names])
    for number, side in enumerate(dict.fromkeys(sides)):
        own = np.array([s == side for s in sides])
        marker = MARKERS[number % len(MARKERS)]
        # The first domain hollow, so that what lies on it is seen.
        face = "none" if number == 0 else colour[own]
        ax.scatter(
            *places[own].T,
            marker=marker,
            s=22,
            facecolors=face,
            edgecolors=colour[own],
            linewidths=0.8,
            alpha=0.75,
        )
        # For the legend: a marker of no class.
        fill = "none" if number == 0 else "#444444"
        ax.scatter(
            [],
            [],
            marker=marker,
            s=30,
            facecolors=fill,
            edgecolors="#444444",
            label=plain_text(side),
        )
    outline = [patheffects.withStroke(linewidth=3.0, foreground="white")]
    for name in colours:
        middle = np.median(places[[n == name for n in names]], axis=0)
        ax.annotate(
            plain_text(name),
            middle,
            ha="center",
            va="center",
            fontsize=11,
            fontweight="bold",
            path_effects=outline,
        )
