"""CORAL: whitening the source and colouring it with the target's covariance."""

from typing import Any

import numpy as np
from jaxtyping import Float, Shaped
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from da_zoo.registry import Hyperparameter, ShallowSpec
from da_zoo.shallow.arrays import check_domain, check_matrix, check_pair

__all__ = ["Coral"]

SMALLEST = 1e-12


def _power(
    covariance: Float[np.ndarray, "d d"], exponent: float
) -> Float[np.ndarray, "d d"]:
    """A power of a symmetric matrix on the space where it is not 0."""
    values, vectors = np.linalg.eigh(covariance)
    kept = values > SMALLEST * max(values[-1], np.finfo(float).tiny)
    return (vectors[:, kept] * values[kept] ** exponent) @ vectors[:, kept].T


class Coral(BaseEstimator):
    """Gives source rows the covariance of the target.

    Args:
        regularisation: added to the diagonal of both covariances, at least 0; features
            should have unit variance for it to mean the same in every column. At 0
            the covariances agree exactly where both have full rank.
        match_mean: also move the source's mean to the target's.

    Attributes:
        map_: [d, d], ``(C_s + r I)^(-1/2) (C_t + r I)^(1/2)``.
        source_mean_: [d], 0 without ``match_mean``.
        target_mean_: [d], 0 without ``match_mean``.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> X, X_target = rng.normal(size=(90, 2)), 3.0 * rng.normal(size=(90, 2))
        >>> coral = Coral(regularisation=0.0).fit(X, X_target=X_target)
        >>> moved = coral.transform(X, domain="source")
        >>> bool(np.allclose(np.cov(moved.T), np.cov(X_target.T)))
        True

    References:
        Sun, Feng and Saenko, "Return of Frustratingly Easy Domain Adaptation",
        AAAI 2016.
    """

    def __init__(
        self, *, regularisation: float = 1.0, match_mean: bool = False
    ) -> None:
        self.regularisation = regularisation
        self.match_mean = match_mean

    def fit(
        self,
        X: Shaped[Any, "n ..."],
        y: Any = None,
        *,
        X_target: Shaped[Any, "m ..."],
    ) -> "Coral":
        """Computes the map from both covariances.

        Args:
            X: source rows [n, d].
            y: not read.
            X_target: target rows [m, d].

        Raises:
            TypeError: for inputs that are not numeric.
            ValueError: for shapes that do not fit, NaN, or a negative regularisation.
        """
        if self.regularisation < 0:
            raise ValueError(
                f"regularisation must be at least 0, got {self.regularisation}"
            )
        source, target = check_pair(X, X_target)
        ridge = self.regularisation * np.eye(source.shape[1])
        whiten = _power(np.cov(source, rowvar=False).reshape(ridge.shape) + ridge, -0.5)
        colour = _power(np.cov(target, rowvar=False).reshape(ridge.shape) + ridge, 0.5)
        self.map_ = whiten @ colour
        used = float(self.match_mean)
        self.source_mean_ = used * source.mean(axis=0)
        self.target_mean_ = used * target.mean(axis=0)
        self.n_features_in_ = source.shape[1]
        return self

    def transform(
        self, X: Shaped[Any, "n ..."], domain: str = "target"
    ) -> Float[np.ndarray, "n d"]:
        """Maps source rows; target rows stay as they are.

        Args:
            X: rows [n, d].
            domain: "source" or "target".

        Raises:
            ValueError: for another domain, other columns, or NaN.
        """
        check_is_fitted(self, "map_")
        check_domain(domain)
        rows = check_matrix("X", X, self.n_features_in_)
        if domain == "target":
            return rows
        return (rows - self.source_mean_) @ self.map_ + self.target_mean_


SPEC = ShallowSpec(
    name="coral",
    factory=Coral,
    kind="alignment",
    summary="Whiten the source and colour it with the target's covariance.",
    setting="labelled source and unlabelled target features; closed form",
    paper=(
        "Sun, Feng and Saenko, Return of Frustratingly Easy Domain Adaptation, AAAI, "
        "2016."
    ),
    year=2016,
    bibtex="""@inproceedings{sun2016return,
  title = {Return of Frustratingly Easy Domain Adaptation},
  author = {Sun, Baochen and Feng, Jiashi and Saenko, Kate},
  booktitle = {AAAI Conference on Artificial Intelligence},
  year = {2016}
}""",
    hparams=(
        Hyperparameter(
            "regularisation", 1.0, 1e-3, 10.0, traced=False, source="the paper: 1"
        ),
        Hyperparameter(
            "match_mean",
            False,
            scale="choice",
            traced=False,
            choices=(False, True),
            source="the paper: features of mean 0, no shift",
        ),
    ),
    departures=(
        "None in the map. Powers of a singular covariance are taken on the space where "
        "it is not 0."
    ),
)
