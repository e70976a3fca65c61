"""No adaptation: the yardstick of the alignment methods."""

from typing import Any

import numpy as np
from jaxtyping import Float, Shaped
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from da_zoo.registry import ShallowSpec
from da_zoo.shallow.arrays import check_domain, check_matrix, check_pair

__all__ = ["Unadapted"]


class Unadapted(BaseEstimator):
    """Leaves both domains as they are.

    Example:
        >>> X = np.ones((3, 2))
        >>> bool((Unadapted().fit(X, X_target=X).transform(X) == X).all())
        True
    """

    def fit(
        self,
        X: Shaped[Any, "n ..."],
        y: Any = None,
        *,
        X_target: Shaped[Any, "m ..."],
    ) -> "Unadapted":
        """Checks the inputs.

        Args:
            X: source rows [n, d].
            y: not read.
            X_target: target rows [m, d].

        Raises:
            TypeError: for inputs that are not numeric.
            ValueError: for shapes that do not fit, or NaN.
        """
        self.n_features_in_ = check_pair(X, X_target)[0].shape[1]
        return self

    def transform(
        self, X: Shaped[Any, "n ..."], domain: str = "target"
    ) -> Float[np.ndarray, "n d"]:
        """Returns the rows.

        Args:
            X: rows [n, d].
            domain: "source" or "target".

        Raises:
            ValueError: for another domain, other columns, or NaN.
        """
        check_is_fitted(self, "n_features_in_")
        check_domain(domain)
        return check_matrix("X", X, self.n_features_in_)


SPEC = ShallowSpec(
    name="unadapted",
    factory=Unadapted,
    kind="alignment",
    summary="The classifier on the source alone: shallow methods' yardstick.",
    setting="labelled source features; the target is read for its scale alone",
    paper="",
    year=None,
    bibtex="",
    baseline=True,
)
