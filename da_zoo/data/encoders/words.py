"""Texts to weights of words: TF-IDF, by scikit-learn."""

from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

from da_zoo.data.domain_data import DomainData
from da_zoo.data.encoders.told import told_numbers, told_texts, told_whole

__all__ = ["WordEncoder", "fit_words", "words_from_json"]

LONGEST_GRAM = 5


class WordEncoder(NamedTuple):
    """A vocabulary and the weights of its words.

    Example:
        >>> encoder = WordEncoder(("cat", "sat"), np.ones(2), 1)
        >>> encoder.apply(["The CAT", "a dog"]).tolist()
        [[1.0, 0.0], [0.0, 0.0]]
    """

    words: tuple[str, ...]
    """In the order of the columns; of several words with blanks between."""
    idf: Float[np.ndarray, " k"]
    longest: int
    """Words in the longest entry that is looked for."""

    def apply(self, x: Any) -> Float[np.ndarray, "n k"]:
        """Encodes texts of any domain; words that the source lacks do not count.

        Args:
            x: strings, in a list or an array.

        Returns:
            float32, rows of length 1, or 0 where no word is known.

        Raises:
            TypeError: if something is no text.
        """
        vectorizer = _vectorizer(
            self.longest, {word: place for place, word in enumerate(self.words)}
        )
        vectorizer.idf_ = self.idf
        return vectorizer.transform(_texts(x)).toarray().astype(np.float32)

    def to_json(self) -> dict[str, Any]:
        """Returns plain values."""
        return {
            "how": "words",
            "words": list(self.words),
            "idf": self.idf.tolist(),
            "longest": self.longest,
        }


def _vectorizer(longest: int, vocabulary: Any = None, most: int | None = None) -> Any:
    from sklearn.feature_extraction.text import TfidfVectorizer

    return TfidfVectorizer(
        ngram_range=(1, longest),
        vocabulary=vocabulary,
        max_features=most,
        # A word said ten times says less than ten times what one says.
        sublinear_tf=True,
    )


def _texts(x: Any) -> list[str]:
    if isinstance(x, str):
        raise TypeError("texts must be a list of strings, got one string")
    found = list(x)
    for place, one in enumerate(found):
        if not isinstance(one, str):
            raise TypeError(
                f"texts must be strings, text {place} is {type(one).__name__}"
            )
    return found


def fit_words(data: DomainData, *, words: int = 2000, longest: int = 2) -> WordEncoder:
    """Takes the commonest words, and runs of words, of the source's training texts.

    Words are in lower case, of at least two letters or digits. In languages that are
    written without blanks use tokens.

    Args:
        data: those texts.
        words: how many entries at most.
        longest: words in an entry, 1 to 5.

    Raises:
        ValueError: for numbers out of range, or texts without any word.

    Example:
        >>> from da_zoo.data.domain_data import make_domain_data
        >>> data = make_domain_data("a", "text", np.array(["so so good"], object))
        >>> fit_words(data, words=3).words
        ('good', 'so', 'so good')
    """
    if words < 1 or not 1 <= longest <= LONGEST_GRAM:
        raise ValueError(
            f"words must be at least 1 and longest in 1..{LONGEST_GRAM}, got {words} "
            f"and {longest}"
        )
    vectorizer = _vectorizer(longest, most=words)
    try:
        vectorizer.fit(_texts(data.x))
    except ValueError:
        raise ValueError(
            f"{data.name}: no training text has a word of two letters; use how='tokens'"
        ) from None
    found = tuple(str(word) for word in vectorizer.get_feature_names_out())
    return WordEncoder(found, np.asarray(vectorizer.idf_, np.float64), longest)


def words_from_json(told: Any) -> WordEncoder:
    """Undoes :meth:`WordEncoder.to_json`.

    Raises:
        ValueError: if the values are no encoder's.

    Example:
        >>> words_from_json({"words": ["a"], "idf": [1.0], "longest": 1}).words
        ('a',)
    """
    words, idf = told_texts(told, "words"), told_numbers(told, "idf")
    longest = told_whole(told, "longest", 1, LONGEST_GRAM)
    if not words or len(words) != len(idf) or not (idf > 0).all():
        raise ValueError(
            f"the encoder's 'idf' must be above 0, one for each word; got {len(idf)} "
            f"for {len(words)} words"
        )
    return WordEncoder(tuple(words), idf, longest)
