"""A sheet of texts: how long they are, and the words that tell two domains apart."""

from typing import Any

import numpy as np
from scipy.sparse import issparse

from da_zoo.data.domain_data import DomainData
from da_zoo.diagnostics import subsample
from da_zoo.interpret.figures import class_colours, new_axes, plain_text

__all__ = ["text_sheet"]

MOST_TEXTS = 5000
WORDS = 12
BINS = 24


def text_sheet(domains: dict[str, DomainData], seed: int) -> np.ndarray:
    """Draws lengths and, of texts of two domains or more, telling words.

    Args:
        domains: by name, of texts or bags of words (which have no words to write).
        seed: of the texts that are looked at.

    Returns:
        The axes, one or two.

    Example:
        >>> from da_zoo.data.domain_data import make_domain_data
        >>> x = np.array(["a good plot", "a sharp knife"], object)
        >>> text_sheet({"a": make_domain_data("a", "text", x)}, 0).shape
        (1, 1)
    """
    rows = {
        name: data.x[np.sort(subsample(data.rows, MOST_TEXTS, seed))]
        for name, data in domains.items()
    }
    bags = issparse(next(iter(rows.values())))
    two = len(rows) > 1 and not bags
    axes = new_axes(1, 2 if two else 1, (9.0 if two else 4.8, 3.4))
    lengths = {
        name: np.diff(x.indptr) if bags else np.array([len(t.split()) for t in x])
        for name, x in rows.items()
    }
    _lengths(axes[0, 0], lengths, "entries a row" if bags else "words a text")
    if two:
        _words(axes[0, 1], rows)
    return axes


def _lengths(ax: Any, lengths: dict[str, np.ndarray], what: str) -> None:
    most = float(np.quantile(np.concatenate(list(lengths.values())), 0.99))
    edges = np.linspace(0.0, max(1.0, most), BINS + 1)
    colours = class_colours(len(lengths))
    for (name, own), colour in zip(lengths.items(), colours, strict=True):
        share = np.histogram(np.clip(own, 0, edges[-1]), edges)[0] / len(own)
        ax.stairs(share, edges, fill=True, alpha=0.25, color=colour)
        ax.stairs(
            share,
            edges,
            color=colour,
            label=plain_text(f"{name}, median {np.median(own):.0f}"),
        )
    ax.set_xlabel(what, fontsize=8)
    ax.set_yticks([])
    ax.tick_params(labelsize=7)
    ax.legend(fontsize=8, frameon=False)
    ax.spines[["top", "right", "left"]].set_visible(False)


def _words(ax: Any, rows: dict[str, np.ndarray]) -> None:
    from sklearn.feature_extraction.text import CountVectorizer

    (first, a), (second, b) = list(rows.items())[:2]
    counter = CountVectorizer(binary=True, max_features=5000)
    try:
        found = counter.fit_transform([*a, *b])
    except ValueError:  # no text has a word
        ax.set_visible(False)
        return
    shares = [
        np.asarray(part.mean(axis=0)).ravel()
        for part in (found[: len(a)], found[len(a) :])
    ]
    gap = shares[1] - shares[0]
    order = np.argsort(gap, kind="stable")
    chosen = np.unique(np.concatenate([order[: WORDS // 2], order[-(WORDS // 2) :]]))
    chosen = chosen[np.argsort(gap[chosen], kind="stable")]
    names = counter.get_feature_names_out()[chosen]
    colours = class_colours(len(rows))
    for number, share in enumerate(shares):
        places = np.arange(len(chosen)) + 0.4 * number - 0.2
        ax.barh(places, 100 * share[chosen], 0.4, color=colours[number], alpha=0.7)
    ax.set_yticks(np.arange(len(chosen)), [plain_text(name) for name in names])
    ax.set_xlabel("% of the texts that have the word", fontsize=8)
    ax.set_title(plain_text(f"{first} and {second}"), fontsize=8)
    ax.tick_params(labelsize=7)
    ax.spines[["top", "right"]].set_visible(False)
