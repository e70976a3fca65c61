"""Bags of words to inputs: the source's commonest columns, weighted, dense."""

from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, Int
from scipy.sparse import issparse

from da_zoo.data.domain_data import DomainData
from da_zoo.data.encoders.told import told_numbers, told_text
from da_zoo.data.sparse_rows import sparse_rows
from da_zoo.naming import choose

__all__ = ["WEIGHTINGS", "BagOfWordsEncoder", "fit", "from_json"]

WEIGHTINGS = ("tfidf", "log")
"""tf-idf in rows of length 1, or log(1 + count)."""


class BagOfWordsEncoder(NamedTuple):
    """Which columns are taken, and what each weighs.

    Example:
        >>> encoder = BagOfWordsEncoder("log", np.array([1]), np.ones(1))
        >>> encoder.apply(np.array([[5.0, 0.0], [0.0, 1.0]])).round(3).ravel().tolist()
        [0.0, 0.6930000185966492]
    """

    weighting: str
    columns: Int[np.ndarray, " k"]
    """Ascending."""
    idf: Float[np.ndarray, " k"]
    """log((1 + n) / (1 + rows with the word)) + 1, of n source rows; 1 for "log"."""

    def apply(self, x: Any) -> Float[np.ndarray, "n k"]:
        """Encodes rows of any domain, with more columns or fewer than the source's.

        Args:
            x: :class:`~da_zoo.data.sparse_rows.SparseRows`, or another matrix [n, d].

        Raises:
            ValueError: for NaN, infinity, or counts under 0.
        """
        rows = sparse_rows(x if issparse(x) else np.asarray(x))
        _refuse_negative(rows.data)
        place = np.searchsorted(self.columns, rows.indices)
        place = np.minimum(place, len(self.columns) - 1)
        known = self.columns[place] == rows.indices
        row = np.repeat(np.arange(len(rows)), np.diff(rows.indptr))[known]
        place, counts = place[known], rows.data[known].astype(np.float64)
        if self.weighting == "log":
            weights = np.log1p(counts)
        else:
            weights = counts * self.idf[place]
            squares = np.bincount(row, weights**2, minlength=len(rows))
            weights /= np.sqrt(squares)[row]
        made = np.zeros((len(rows), len(self.columns)), np.float32)
        made[row, place] = weights
        return made

    def to_json(self) -> dict[str, Any]:
        """Returns plain values."""
        return {
            "weighting": self.weighting,
            "columns": self.columns.tolist(),
            "idf": self.idf.tolist(),
        }


def _refuse_negative(counts: np.ndarray) -> None:
    if (counts < 0).any():
        raise ValueError(
            f"counts of words must be at least 0, got {counts.min():g}; read weights "
            "that may be negative as features"
        )


def fit(
    data: DomainData, *, columns: int = 2000, weighting: str = "tfidf"
) -> BagOfWordsEncoder:
    """Chooses the columns that most of the source's training rows have.

    Args:
        data: those rows.
        columns: how many at most; ties go to the first.
        weighting: one of :data:`WEIGHTINGS`.

    Raises:
        ValueError: for fewer columns than 1, another word, counts under 0, or rows that
            are all empty.

    Example:
        >>> from da_zoo.data.domain_data import make_domain_data
        >>> x = sparse_rows(np.array([[1, 0, 2], [0, 0, 1]]))
        >>> data = make_domain_data("a", "features", x, mark="")
        >>> fit(data, columns=1).columns.tolist()
        [2]
    """
    choose(dict.fromkeys(WEIGHTINGS), weighting, "weighting")
    if columns < 1:
        raise ValueError(f"columns must be at least 1, got {columns}")
    rows = sparse_rows(data.x)
    _refuse_negative(rows.data)
    found, documents = np.unique(rows.indices, return_counts=True)
    if not len(found):
        raise ValueError(f"{data.name}: no row has any word")
    kept = np.sort(np.argsort(-documents, kind="stable")[:columns])
    idf = np.ones(len(kept))
    if weighting == "tfidf":
        idf = np.log((1.0 + len(rows)) / (1.0 + documents[kept])) + 1.0
    return BagOfWordsEncoder(weighting, found[kept].astype(np.int64), idf)


def from_json(told: Any) -> BagOfWordsEncoder:
    """Undoes :meth:`BagOfWordsEncoder.to_json`.

    Raises:
        ValueError: if the values are no encoder's.

    Example:
        >>> from_json({"weighting": "log", "columns": [0, 3], "idf": [1, 1]}).columns
        array([0, 3])
    """
    weighting = told_text(told, "weighting")
    choose(dict.fromkeys(WEIGHTINGS), weighting, "weighting")
    columns, idf = told_numbers(told, "columns"), told_numbers(told, "idf")
    places = columns.astype(np.int64)
    whole = len(places) and (places == columns).all() and places[0] >= 0
    if not whole or (np.diff(places) < 1).any() or columns[-1] > 2**53:
        raise ValueError("the encoder's 'columns' must be ascending whole numbers")
    if idf.shape != places.shape or not (idf > 0).all():
        raise ValueError("the encoder's 'idf' must be above 0, one for each column")
    return BagOfWordsEncoder(weighting, places, idf)
