"""Images beside the maps of what a decision rests on; bars for tables."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float, Shaped

from da_zoo.interpret.figures import PALETTE, new_axes, plain_text

__all__ = ["plot_attributions", "plot_columns"]

OUTLIERS = 99.5
"""Per cent of a map's values that its colours span; single pixels may stick out."""


def plot_attributions(
    images: Shaped[Any, "n ..."],
    maps: Mapping[str, Any],
    *,
    titles: Sequence[str] | None = None,
    axes: "np.ndarray | None" = None,
) -> "np.ndarray":
    """Draws one row an image: the image, then each map.

    Args:
        images: [n, h, w, c], 1 or 3 channels; pixels in [0, 1], or uint8.
        maps: by heading, [n, h, w] or [n, h, w, c] (channels are added up). A map with
            values of both signs is drawn from blue over white to red (0 is white),
            another from dark (0) to bright; each map by its own scale.
        titles: beside each image, such as what it is and what it was taken for.
        axes: [n, 1 + maps] to draw on; None makes a figure.

    Returns:
        The axes [n, 1 + maps].

    Raises:
        ValueError: for shapes that do not fit.

    Example:
        >>> images = np.zeros((2, 4, 4, 1))
        >>> plot_attributions(images, {"saliency": np.ones((2, 4, 4, 1))}).shape
        (2, 2)
    """
    pictures = np.asarray(images)
    if pictures.ndim != 4 or pictures.shape[3] not in (1, 3):
        raise ValueError(
            f"images must be [n, h, w, 1 or 3], got {pictures.shape}; for tables there "
            "is plot_columns"
        )
    flat = {name: _flat(name, value, pictures.shape) for name, value in maps.items()}
    count, wide = len(pictures), 1 + len(flat)
    if titles is not None and len(titles) != count:
        raise ValueError(f"titles must be {count}, one an image, got {len(titles)}")
    if axes is None:
        axes = new_axes(count, wide, (0.9 + 1.35 * wide, 0.35 + 1.3 * count))
    if np.shape(axes) != (count, wide):
        raise ValueError(f"axes must be [{count}, {wide}], got {np.shape(axes)}")
    scale = 255.0 if pictures.dtype == np.uint8 else 1.0
    for row, image in enumerate(pictures):
        grey = image.shape[2] == 1
        shown = np.clip((image[:, :, 0] if grey else image) / scale, 0.0, 1.0)
        axes[row, 0].imshow(shown, cmap="gray", vmin=0.0, vmax=1.0)
        if titles is not None:
            axes[row, 0].set_ylabel(
                plain_text(titles[row]), rotation=0, ha="right", va="center", fontsize=9
            )
        for column, values in enumerate(flat.values(), start=1):
            _draw(axes[row, column], values[row], bool((values < 0).any()))
    for column, name in enumerate(["image", *flat]):
        axes[0, column].set_title(plain_text(name), fontsize=10)
    for ax in axes.flat:
        ax.set_xticks([])
        ax.set_yticks([])
    return np.asarray(axes, object)


def _flat(name: str, values: Any, shape: tuple[int, ...]) -> np.ndarray:
    array = np.asarray(values, np.float64)
    if array.shape == shape:
        array = array.sum(axis=3)
    if array.shape != shape[:3]:
        raise ValueError(
            f"maps[{name!r}] must be {shape[:3]} or {shape}, got {array.shape}"
        )
    return array


def _draw(ax: Any, values: np.ndarray, signed: bool) -> None:
    most = float(np.percentile(np.abs(values), OUTLIERS)) or float(np.abs(values).max())
    if signed:
        ax.imshow(values, cmap="RdBu_r", vmin=-(most or 1.0), vmax=most or 1.0)
    else:
        ax.imshow(values, cmap="cividis", vmin=0.0, vmax=most or 1.0)
    if most == 0:  # so that it is not taken for a map that failed to load
        ax.text(
            *(0.5, 0.5, "all 0"),
            transform=ax.transAxes,
            ha="center",
            va="center",
            color="white",
        )


def plot_columns(
    attributions: Float[Any, "n d"],
    *,
    columns: Sequence[str] | None = None,
    most: int = 15,
    ax: Any = None,
) -> Any:
    """Draws which columns of a table the decisions rest on.

    Args:
        attributions: [n, d] of rows, of either sign.
        columns: their names.
        most: how many are drawn, the largest ones.
        ax: to draw on; None makes a figure.

    Returns:
        The axes: the mean absolute attribution of each column.

    Raises:
        ValueError: for another number of names.

    Example:
        >>> ax = plot_columns(np.array([[1.0, -3.0]]), columns=["age", "pulse"])
        >>> [label.get_text() for label in ax.get_yticklabels()]
        ['pulse', 'age']
    """
    values = np.asarray(attributions, np.float64)
    values = np.abs(values.reshape(len(values), -1)).mean(axis=0)
    names = [f"column {i}" for i in range(len(values))] if columns is None else columns
    if len(names) != len(values):
        raise ValueError(f"columns must be {len(values)} names, got {len(names)}")
    order = np.argsort(-values, kind="stable")[:most]
    if ax is None:
        ax = new_axes(1, 1, (5.5, 0.9 + 0.28 * len(order)))[0, 0]
    ax.barh(np.arange(len(order)), values[order], height=0.65, color=PALETTE[0])
    ax.set_yticks(np.arange(len(order)), [plain_text(names[i]) for i in order])
    ax.invert_yaxis()
    ax.set_xlabel("mean |attribution| (logits)")
    ax.spines[["top", "right"]].set_visible(False)
    ax.tick_params(axis="y", length=0)
    return ax
