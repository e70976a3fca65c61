"""Texts to inputs: weights of words for networks of layers, or token ids."""

from collections.abc import Callable
from typing import Any

from da_zoo.data.domain_data import DomainData
from da_zoo.data.encoders.base import Encoder
from da_zoo.data.encoders.token_ids import fit_tokens, tokens_from_json
from da_zoo.data.encoders.told import told_text
from da_zoo.data.encoders.words import fit_words, words_from_json
from da_zoo.naming import choose

__all__ = ["HOW", "fit", "from_json"]

HOW: dict[str, tuple[Callable[..., Any], Callable[[Any], Any], tuple[str, ...]]] = {
    "words": (fit_words, words_from_json, ("words", "longest")),
    "tokens": (fit_tokens, tokens_from_json, ("vocabulary", "length")),
}
"""What texts can become: who fits it, who reads it back, and its options."""


def fit(
    data: DomainData,
    *,
    how: str = "words",
    words: int | None = None,
    longest: int | None = None,
    vocabulary: int | None = None,
    length: int | None = None,
) -> Encoder:
    """Fits an encoder on the source's training texts.

    Args:
        data: those texts.
        how: "words" makes a row of weights (TF-IDF) for an MLP: the better choice where
            texts are few; "tokens" makes ids for an encoder such as "bert".
        words: of "words", see :func:`da_zoo.data.encoders.words.fit_words`.
        longest: likewise.
        vocabulary: of "tokens", see
            :func:`da_zoo.data.encoders.token_ids.fit_tokens`.
        length: likewise.

    Raises:
        ValueError: for an option of the other kind, or one out of range.

    Example:
        >>> import numpy as np
        >>> from da_zoo.data.domain_data import make_domain_data
        >>> data = make_domain_data("a", "text", np.array(["good", "bad"], object))
        >>> fit(data).apply(["bad"]).tolist()
        [[1.0, 0.0]]
    """
    make, _, own = choose(HOW, how, "how")
    options = {
        "words": words,
        "longest": longest,
        "vocabulary": vocabulary,
        "length": length,
    }
    given = {name: value for name, value in options.items() if value is not None}
    if others := sorted(set(given) - set(own)):
        raise ValueError(f"how={how!r} takes the options {list(own)}, got {others}")
    encoder: Encoder = make(data, **given)
    return encoder


def from_json(told: Any) -> Encoder:
    """Makes an encoder of what its ``to_json`` gave.

    Raises:
        ValueError: if the values are no encoder's.

    Example:
        >>> told = {"how": "words", "words": ["a"], "idf": [1.0], "longest": 1}
        >>> from_json(told).words
        ('a',)
    """
    _, read, _ = choose(HOW, told_text(told, "how"), "how")
    encoder: Encoder = read(told)
    return encoder
