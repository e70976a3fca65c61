"""Texts to token ids, by a tokenizer that learned from the source's texts."""

import functools
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Int

from da_zoo.data.domain_data import DomainData
from da_zoo.data.encoders.told import told_text, told_whole
from da_zoo.data.tokens import encode, parse_tokenizer, train_tokenizer

__all__ = ["TokenEncoder", "fit_tokens", "tokens_from_json"]

LONGEST = 256
"""Tokens a text, where nothing is asked for: attention costs their square."""
COVERED = 0.95
"""Share of the source's texts that keep all their tokens, up to :data:`LONGEST`."""


class TokenEncoder(NamedTuple):
    """A tokenizer as the JSON of its library, and the length that texts get.

    Example:
        >>> encoder = TokenEncoder(
        ...     train_tokenizer(["a cat"], vocabulary=20).to_str(), 6
        ... )
        >>> encoder.apply(["a cat", "cat"]).shape
        (2, 6)
    """

    tokenizer: str
    length: int

    @property
    def vocabulary(self) -> int:
        """How many tokens there are, as the network has to know."""
        return int(_parsed(self.tokenizer).get_vocab_size())

    def apply(self, x: Any) -> Int[np.ndarray, "n t"]:
        """Encodes texts of any domain: int32, padded with 0 on the right.

        Args:
            x: strings, in a list or an array.

        Raises:
            TypeError: if something is no text.
        """
        texts = x if isinstance(x, str) else list(x)
        return encode(_parsed(self.tokenizer), texts, length=self.length)

    def to_json(self) -> dict[str, Any]:
        """Returns plain values."""
        return {"how": "tokens", "tokenizer": self.tokenizer, "length": self.length}


@functools.lru_cache(maxsize=4)
def _parsed(told: str) -> Any:
    return parse_tokenizer(told)


def fit_tokens(
    data: DomainData, *, vocabulary: int = 2000, length: int | None = None
) -> TokenEncoder:
    """Learns pieces of words from the source's training texts.

    The target's own words fall to smaller pieces. Where both domains' texts may be
    used, train a tokenizer on both with :func:`da_zoo.data.tokens.train_tokenizer`.

    Args:
        data: those texts.
        vocabulary: most tokens.
        length: tokens a text; None takes the next multiple of 8 from that which 95 % of
            the texts need, 256 at most.

    Raises:
        ValueError: for numbers out of range.
        ImportError: without ``pip install da-zoo[text]``.

    Example:
        >>> from da_zoo.data.domain_data import make_domain_data
        >>> data = make_domain_data("a", "text", np.array(["a cat sat"], object))
        >>> fit_tokens(data, vocabulary=30).length
        8
    """
    texts = data.x.tolist()
    tokenizer = train_tokenizer(texts, vocabulary=vocabulary)
    if length is None:
        needed = [len(one.ids) for one in tokenizer.encode_batch(texts)]
        covering = int(np.quantile(needed, COVERED, method="higher"))
        length = min(LONGEST, -(-covering // 8) * 8)
    encoder = TokenEncoder(tokenizer.to_str(), length)
    encoder.apply(texts[:1])  # says what is wrong with a length that was asked for
    return encoder


def tokens_from_json(told: Any) -> TokenEncoder:
    """Undoes :meth:`TokenEncoder.to_json`.

    Raises:
        ValueError: if the values are no encoder's.
        ImportError: without ``pip install da-zoo[text]``.

    Example:
        >>> told = TokenEncoder(train_tokenizer(["a"], vocabulary=9).to_str(), 6)
        >>> tokens_from_json(told.to_json()) == told
        True
    """
    encoder = TokenEncoder(
        told_text(told, "tokenizer"), told_whole(told, "length", 3, 10**6)
    )
    encoder.apply(["a"])  # a tokenizer without padding, say
    return encoder
