"""One self-contained page that looks into a model before and after training."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np

from da_zoo.diagnostics import subsample
from da_zoo.interpret.grad_cam import grad_cam
from da_zoo.interpret.integrated_gradients import integrated_gradients
from da_zoo.interpret.model import Model, as_inputs
from da_zoo.interpret.moved import Moved, what_moved
from da_zoo.interpret.plot_attributions import plot_attributions, plot_columns
from da_zoo.interpret.plot_embedding import plot_embedding
from da_zoo.interpret.plot_moved import plot_moved
from da_zoo.interpret.saliency import saliency
from da_zoo.interpret.section import Section, draw_section, write_page

__all__ = ["interpret_page"]

ROWS = 300
"""Rows of a domain that are drawn and compared."""


def interpret_page(
    out_dir: str | Path,
    before: Model,
    after: Model,
    *,
    source: tuple[Any, Any],
    target: tuple[Any, Any],
    title: str = "What training did",
    class_names: Sequence[str] | None = None,
    columns: Sequence[str] | None = None,
    stage: str | None = None,
    embedding: str = "pca",
    images: int = 5,
    seed: int = 0,
) -> Path:
    """Writes figures and ``index.html`` into a folder.

    Args:
        out_dir: made where there is none; files of the same names are replaced.
        before: the model that training started from.
        after: the model that it ended with, of the same network.
        source: (x, y), y None where there are no labels; 300 rows at random are shown.
        target: likewise. Take rows that were not trained on: accuracies are shown.
        title: of the page.
        class_names: by class number.
        columns: names of a table's columns.
        stage: of the Grad-CAM; None takes the last map.
        embedding: "pca" or "tsne".
        images: how many target rows have their decisions looked into.
        seed: of the rows that are shown.

    Returns:
        The page: no script, no request to any network; all names are escaped. Beside
        it ``moved``, ``embedding`` and ``attributions``, each as ``.png`` and ``.svg``.

    Raises:
        ValueError: for fewer than four rows a side, and whatever the parts refuse.

    Example:
        >>> import jax, tempfile
        >>> from da_zoo import network_by_name
        >>> network, x = network_by_name("mlp", hidden=(4,)), np.eye(8, 3)
        >>> params, stats = network.init(jax.random.key(0), as_inputs(x))
        >>> head = {"kernel": jnp.ones((4, 2)), "bias": jnp.zeros(2)}
        >>> model = Model(network, params, stats, head)
        >>> side = (x, np.arange(8) % 2)
        >>> page = interpret_page(
        ...     tempfile.mkdtemp(), model, model, source=side, target=side
        ... )
        >>> page.name
        'index.html'
    """
    sides = {
        name: _drawn(name, pair, seed)
        for name, pair in (("source", source), ("target", target))
    }
    out = Path(out_dir)
    out.mkdir(parents=True, exist_ok=True)
    moved = what_moved(after.network, before, after, sides["target"][0])
    sections = [
        _moved_section(out, moved),
        _embedding_section(out, before, after, sides, class_names, embedding, seed),
        _attribution_section(
            out, after, sides["target"], class_names, columns, stage, images
        ),
    ]
    facts = [(after.network.name, "network"), *_accuracies(before, after, sides)]
    return write_page(out / "index.html", title=title, facts=facts, sections=sections)


def _drawn(name: str, pair: tuple[Any, Any], seed: int) -> tuple[Any, Any]:
    x, y = pair
    if len(x) < 4 or (y is not None and np.shape(y) != (len(x),)):
        raise ValueError(
            f"{name} must be a pair (x, y) of at least four rows, y None or one class "
            f"number a row; got {np.shape(x)} and {None if y is None else np.shape(y)}"
        )
    rows = subsample(len(x), ROWS, seed)
    inputs = np.asarray(as_inputs(np.asarray(x)[rows]))
    return jnp.asarray(inputs), None if y is None else np.asarray(y)[rows]


def _accuracies(
    before: Model, after: Model, sides: Mapping[str, tuple[Any, Any]]
) -> list[tuple[str, str]]:
    facts = []
    for when, model in (("before", before), ("after", after)):
        for name, (x, y) in sides.items():
            if y is not None:
                right = np.asarray(jnp.argmax(model(x), axis=1)) == y
                told = f"right on {len(y)} {name} rows {when}"
                facts.append((f"{100 * right.mean():.1f} %", told))
    return facts


def _moved_section(out: Path, moved: Moved) -> Section:
    largest = max(moved.parts, key=lambda part: part.moved or 0.0)
    table = [["part", "parameters", "|w − w₀| / |w₀|", "CKA"]]
    for part in moved.parts:
        numbers = [
            "–" if value is None else format(value, form)
            for value, form in (
                (part.parameters, ","),
                (part.moved, ".4f"),
                (part.cka, ".3f"),
            )
        ]
        table.append([part.name, *numbers])
    return draw_section(
        plot_moved(moved),
        out / "moved",
        title="What moved",
        text="How far the parameters of each part went, relative to their size, and "
        "how "
        "alike its activations on target rows stayed (debiased linear CKA: 1 for the "
        "same up to rotation and scale, 0 for unrelated).",
        alt=f"Bars of relative movement and dots of CKA for {len(moved.parts)} parts; "
        f"{largest.name} moved most. The table below has the numbers.",
        caption=f"Activations of {moved.rows} target rows, in evaluation mode.",
        table=table,
    )


def _named(y: Any, class_names: Sequence[str] | None) -> list[Any]:
    if class_names is None:
        return [int(label) for label in y]
    return [class_names[int(label)] for label in y]


def _embedding_section(
    out: Path,
    before: Model,
    after: Model,
    sides: Mapping[str, tuple[Any, Any]],
    class_names: Sequence[str] | None,
    embedding: str,
    seed: int,
) -> Section:
    labels: list[Any] = []
    domains: list[str] = []
    for name, (x, y) in sides.items():
        labels += [None] * len(x) if y is None else _named(y, class_names)
        domains += [name] * len(x)
    panels = {
        when: np.concatenate(
            [np.asarray(model.outputs(x).features) for x, _ in sides.values()]
        )
        for when, model in (("before", before), ("after", after))
    }
    axes = plot_embedding(
        panels, np.array(labels, object), domains, method=embedding, seed=seed
    )
    how = {"pca": "principal components", "tsne": "t-SNE"}[embedding]
    return draw_section(
        axes,
        out / "embedding",
        title="Where rows lie",
        text="Features of both domains in two dimensions. Adaptation should bring the "
        "domains together class by class: a target class that lies on another source "
        "class is aligned, and wrong.",
        alt=f"Two scatter plots of features, before and after, by {how}: "
        f"{len(set(map(str, labels)))} classes by colour and name, source hollow "
        "circles, target filled triangles.",
        caption=f"By {how}, of source and target rows together, each panel by itself.",
    )


def _attribution_section(
    out: Path,
    model: Model,
    side: tuple[Any, Any],
    class_names: Sequence[str] | None,
    columns: Sequence[str] | None,
    stage: str | None,
    images: int,
) -> Section:
    x, y = side
    chosen = x[: max(1, images)] if x.ndim == 4 else x
    found = integrated_gradients(model, chosen)
    worst = float(jnp.max(found.completeness_error))
    if x.ndim != 4 or x.shape[3] not in (1, 3):
        values = np.asarray(found.values).reshape(len(chosen), -1)
        ax = plot_columns(values, columns=columns)
        return draw_section(
            ax,
            out / "attributions",
            title="What decisions rest on",
            text="Integrated gradients of each row's likeliest class from a baseline "
            "of "
            "zeros, by input column.",
            alt="Bars of the mean absolute attribution of up to 15 of "
            f"{values.shape[1]} "
            "columns, largest first.",
            caption=f"{len(chosen)} target rows; attributions miss the change of a "
            "logit by at "
            f"most {worst:.2g}.",
        )
    maps: dict[str, Any] = {
        "saliency": saliency(model, chosen),
        "integrated\ngradients": found.values,
    }
    has_map = any(value.ndim == 4 for value in model.outputs(chosen).stages.values())
    if has_map or stage is not None:
        maps["Grad-CAM"] = grad_cam(model, chosen, stage=stage).map
    told = _named(np.asarray(jnp.argmax(model(chosen), axis=1)), class_names)
    titles = [f"taken for {name}" for name in told]
    if y is not None:
        true = _named(y[: len(chosen)], class_names)
        titles = [f"{a}\n{b}" for a, b in zip(true, titles, strict=True)]
    shown = ", ".join(" ".join(name.split()) for name in maps)
    return draw_section(
        plot_attributions(chosen, maps, titles=titles),
        out / "attributions",
        title="What decisions rest on",
        text="For the likeliest class of some target images: the absolute derivative "
        "of its "
        "logit by each pixel (saliency), which pixels its change from a black image is "
        "owed to (integrated gradients: red for, blue against), and where a late stage "
        "speaks for it (Grad-CAM).",
        alt=f"{len(chosen)} target images, each beside its maps: {shown}. "
        + "; ".join(" ".join(title.split()) for title in titles)
        + ".",
        caption="Each map by its own scale. Integrated gradients miss the change of "
        "a logit by "
        f"at most {worst:.2g}. A Grad-CAM of 0 says that the stage's channels, each by "
        "its mean derivative, speak against the class everywhere; where dense layers "
        "follow the stage, derivatives of both signs cancel in that mean.",
    )
