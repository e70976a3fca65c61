"""The page beside a model: what was trained, and what can be said of it."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, Shaped

from da_zoo.diagnostics import distances, subsample
from da_zoo.interpret.figures import PALETTE, new_axes, plain_text
from da_zoo.interpret.plot_embedding import plot_embedding
from da_zoo.interpret.section import Section, draw_section, write_page
from da_zoo.pipeline.validators import Checks

__all__ = ["Trained", "write_report"]

DRAWN = 300
"""Rows of a domain that are drawn."""
FEWEST_COMPARED = 8
"""Rows of a side below which a distance of the domains means nothing."""


class Trained(NamedTuple):
    """One trained model, with what the report tells of it."""

    name: str
    """Of its method."""
    checks: Checks
    source: Float[np.ndarray, "n d"]
    """Features of source rows held out from training."""
    target: Float[np.ndarray, "m d"]
    """Features of target rows."""
    answers: Shaped[np.ndarray, " m"]
    """Names of classes, or values, given to the target rows."""
    history: Mapping[str, np.ndarray]


def write_report(
    folder: str | Path,
    models: Sequence[Trained],
    *,
    title: str,
    facts: Sequence[tuple[str, str]],
    notes: Sequence[str],
    source_labels: Shaped[np.ndarray, " n"],
    target_labels: Shaped[np.ndarray, " m"] | None,
    continuous: bool,
) -> Path:
    """Writes ``report.html`` and its figures as PNG and SVG.

    Args:
        folder: that is there.
        models: the baseline first, if there is one, and the adapted one last.
        title: of the page.
        facts: (value, what it is).
        notes: what was left out or changed, in sentences.
        source_labels: names or values of the source rows, all of them.
        target_labels: of the target rows, if they may score; None otherwise.
        continuous: whether labels are values.

    Returns:
        The page.
    """
    folder = Path(folder)
    sections = [_checks(models)]
    if notes:
        sections.append(Section("What to know of the data", " ".join(notes)))
    draw = _values if continuous else _shares
    sections.append(draw(folder, models, source_labels, target_labels))
    if not continuous or len(models) > 1:
        sections.append(
            _embedding(folder, models, source_labels, target_labels, continuous)
        )
    sections.append(_curves(folder, models[-1]))
    return write_page(
        folder / "report.html", title=title, facts=facts, sections=sections
    )


def _checks(models: Sequence[Trained]) -> Section:
    table = [["", *(one.name for one in models)]]
    for name in models[-1].checks.numbers:
        values = [one.checks.numbers.get(name) for one in models]
        table.append([name, *("–" if v is None else f"{v:.3f}" for v in values)])
    few = min(len(models[0].source), len(models[0].target)) < FEWEST_COMPARED
    apart = (
        ["–"] * len(models)
        if few
        else [
            f"{distances(_some(one.source), _some(one.target))['proxy_a_distance']:.2f}"
            for one in models
        ]
    )
    table.append(["distance of the domains (0 to 2)", *apart])
    warnings = [f"{one.name}: {text}" for one in models for text in one.checks.warnings]
    scored = any(name.startswith("target") for name in models[-1].checks.numbers)
    told = (
        "The rows called target are scores on the target's labels, which training did "
        "not see. "
        if scored
        else "No label of the target was read, so nothing here is an accuracy on it. "
    )
    return Section(
        "What the checks say",
        f"{told}Doubt is the mean entropy of predictions, diversity the entropy of "
        "their mean, and information the second less the first. A model that is sure, "
        "diverse and still right on the source's held-out rows is the better bet; the "
        "distance is how well a classifier tells the domains apart by the features. "
        + " ".join(dict.fromkeys(warnings)),
        table=table,
    )


def _some(x: np.ndarray) -> np.ndarray:
    return np.asarray(x[subsample(len(x), DRAWN)], np.float64)


def _shares(
    folder: Path,
    models: Sequence[Trained],
    source_labels: np.ndarray,
    target_labels: np.ndarray | None,
) -> Section:
    groups = {"source labels": source_labels}
    groups |= {f"target by {one.name}": one.answers for one in models}
    if target_labels is not None:
        groups["target labels"] = target_labels
    names = list(dict.fromkeys(str(n) for own in groups.values() for n in own))
    names = sorted(names, key=lambda one: (len(one), one))[:20]
    (ax,) = new_axes(1, 1, (7.5, 3.4))[0]
    width = 0.8 / len(groups)
    for number, (label, own) in enumerate(groups.items()):
        shares = [np.mean(np.asarray(own, str) == name) for name in names]
        at = np.arange(len(names)) + (number - (len(groups) - 1) / 2) * width
        ax.bar(
            at,
            shares,
            width,
            label=plain_text(label),
            color=PALETTE[(0, 6, 1, 3)[number % 4]],
        )
    turned = sum(map(len, names)) > 60
    ax.set_xticks(
        np.arange(len(names)),
        [plain_text(n) for n in names],
        rotation=45 if turned else 0,
        ha="right" if turned else "center",
    )
    ax.set_ylabel("share of rows")
    ax.legend(frameon=False)
    agree = np.mean(models[0].answers == models[-1].answers)
    told = (
        f" {models[0].name} and {models[-1].name} answer alike on "
        f"{100 * agree:.1f} % of the target's rows."
        if len(models) > 1
        else ""
    )
    return draw_section(
        ax,
        folder / "answers",
        title="What the target's rows are taken for",
        text="Shares of the classes. Where the target's true shares are like the "
        "source's, answers that differ much from them are suspicious; where they are "
        f"not, answers that match them are.{told}",
        alt="Bars by class: " + ", ".join(groups),
        caption=f"{len(models[-1].answers)} target rows.",
    )


def _values(
    folder: Path,
    models: Sequence[Trained],
    source_labels: np.ndarray,
    target_labels: np.ndarray | None,
) -> Section:
    groups = {"source labels": source_labels}
    groups |= {f"target by {one.name}": one.answers for one in models}
    if target_labels is not None:
        groups["target labels"] = target_labels
    (ax,) = new_axes(1, 1, (7.5, 3.4))[0]
    every = np.concatenate([np.asarray(v, np.float64) for v in groups.values()])
    bins = np.linspace(every.min(), every.max() + 1e-9, 31)
    for number, (label, own) in enumerate(groups.items()):
        ax.hist(
            np.asarray(own, np.float64),
            bins,
            density=True,
            histtype="step",
            linewidth=1.8,
            label=plain_text(label),
            color=PALETTE[(0, 6, 1, 3)[number % 4]],
        )
    ax.set_xlabel("value")
    ax.set_ylabel("density")
    ax.legend(frameon=False)
    return draw_section(
        ax,
        folder / "answers",
        title="What the target's rows are predicted to be",
        text="Distributions of values. Predictions spread less than labels do: they "
        "are means.",
        alt="Histograms: " + ", ".join(groups),
        caption=f"{len(models[-1].answers)} target rows.",
    )


def _embedding(
    folder: Path,
    models: Sequence[Trained],
    source_labels: np.ndarray,
    target_labels: np.ndarray | None,
    continuous: bool,
) -> Section:
    first = models[-1]
    mine = subsample(len(first.source), DRAWN)
    theirs = subsample(len(first.target), DRAWN)
    if continuous:
        labels: list[Any] = [None] * (len(mine) + len(theirs))
    else:
        own = first.answers if target_labels is None else target_labels
        labels = [*source_labels[mine], *own[theirs]]
    panels = {
        one.name: np.concatenate([one.source[mine], one.target[theirs]])
        for one in models
    }
    domains = ["source"] * len(mine) + ["target"] * len(theirs)
    whose = "its labels" if target_labels is not None else f"{first.name}'s answers"
    coloured = "" if continuous else f" Target rows have the colour of {whose}."
    return draw_section(
        plot_embedding(panels, np.array(labels, object), domains),
        folder / "embedding",
        title="Where rows lie, before and after",
        text="Features of both domains by two principal components. Adaptation should "
        "bring the domains together class by class; a target class that lies on "
        f"another source class is aligned, and wrong.{coloured}",
        alt="Scatter plots of features by "
        + " and ".join(panels)
        + ": source hollow circles, target filled triangles.",
        caption=f"{len(mine)} source rows and {len(theirs)} target rows.",
    )


def _curves(folder: Path, model: Trained) -> Section:
    # A phase that only counts statistics has no curve.
    curves = {
        name: np.asarray(values, np.float64).reshape(-1)
        for name, values in model.history.items()
        if np.size(values) > 2
    }
    # With one labelled stream its loss is the whole task's: once is enough.
    seen: set[bytes] = set()
    chosen = []
    for name in sorted(curves, key=lambda one: ("loss" not in one, one)):
        if curves[name].tobytes() not in seen:
            chosen.append(name)
        seen.add(curves[name].tobytes())
    chosen = chosen[:8]
    columns = min(2, max(1, len(chosen)))
    rows = max(1, -(-len(chosen) // columns))
    axes = new_axes(rows, columns, (3.8 * columns, 0.3 + 2.2 * rows))
    for ax in axes.ravel()[len(chosen) :]:
        ax.set_visible(False)
    for ax, name in zip(axes.ravel(), chosen, strict=False):
        values = curves[name]
        window = max(1, len(values) // 50)
        smooth = np.convolve(values, np.ones(window) / window, mode="valid")
        ax.plot(values, color="#bbbbbb", linewidth=0.7)
        ax.plot(np.arange(len(smooth)) + window / 2, smooth, color=PALETTE[0])
        ax.set_title(plain_text(name.replace("_", " ")), fontsize=10)
        ax.set_xlabel("step")
    return draw_section(
        axes,
        folder / "curves",
        title="How training went",
        text="Every step grey, a running mean over it. A loss that still falls at the "
        "end asks for more steps, one that explodes for a smaller learning rate.",
        alt="Curves of " + ", ".join(chosen),
        caption=f"Of {model.name}; phases before the slash.",
    )
