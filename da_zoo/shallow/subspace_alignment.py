"""SA: the source's principal axes, turned onto the target's."""

from typing import Any

import numpy as np
from jaxtyping import Float, Shaped
from sklearn.base import BaseEstimator
from sklearn.decomposition import PCA
from sklearn.utils.validation import check_is_fitted

from da_zoo.registry import Hyperparameter, ShallowSpec
from da_zoo.shallow.arrays import (
    check_domain,
    check_matrix,
    check_pair,
    check_positive,
)

__all__ = ["SubspaceAlignment", "principal_axes"]


def principal_axes(
    x: Float[np.ndarray, "n d"], components: int
) -> Float[np.ndarray, "d k"]:
    """The leading principal axes as orthonormal columns.

    Args:
        x: rows.
        components: at most min(n - 1, d) are returned.

    Example:
        >>> axes = principal_axes(np.array([[0.0, 1], [2, 1], [4, 1]]), 1)
        >>> np.abs(axes).ravel().tolist()
        [1.0, 0.0]
    """
    count = min(components, len(x) - 1, x.shape[1])
    return PCA(count, svd_solver="full").fit(x).components_.T


class SubspaceAlignment(BaseEstimator):
    """Projects both domains on principal axes, the source's aligned to the target's.

    Args:
        components: of the subspaces; fewer where a domain has fewer rows or columns.

    Attributes:
        source_axes_: [d, k].
        target_axes_: [d, k].
        alignment_: [k, k], ``source_axes^T target_axes``; the identity for equal
            domains.

    Example:
        >>> X = np.random.default_rng(0).normal(size=(50, 4))
        >>> sa = SubspaceAlignment(components=2).fit(X, X_target=X)
        >>> bool(np.allclose(sa.alignment_, np.eye(2)))
        True

    References:
        Fernando, Habrard, Sebban and Tuytelaars, "Unsupervised Visual Domain
        Adaptation Using Subspace Alignment", ICCV 2013.
    """

    def __init__(self, *, components: int = 80) -> None:
        self.components = components

    def fit(
        self,
        X: Shaped[Any, "n ..."],
        y: Any = None,
        *,
        X_target: Shaped[Any, "m ..."],
    ) -> "SubspaceAlignment":
        """Computes both subspaces.

        Args:
            X: source rows [n, d]; features should have mean 0 in each domain.
            y: not read.
            X_target: target rows [m, d].

        Raises:
            TypeError: for inputs that are not numeric.
            ValueError: for shapes that do not fit, NaN, or no components.
        """
        check_positive(components=self.components)
        source, target = check_pair(X, X_target)
        count = min(self.components, len(source) - 1, len(target) - 1, source.shape[1])
        self.source_axes_ = principal_axes(source, count)
        self.target_axes_ = principal_axes(target, count)
        self.alignment_ = self.source_axes_.T @ self.target_axes_
        self.n_features_in_ = source.shape[1]
        return self

    def transform(
        self, X: Shaped[Any, "n ..."], domain: str = "target"
    ) -> Float[np.ndarray, "n k"]:
        """Projects rows of a domain.

        Args:
            X: rows [n, d].
            domain: "source" or "target".

        Raises:
            ValueError: for another domain, other columns, or NaN.
        """
        check_is_fitted(self, "alignment_")
        check_domain(domain)
        rows = check_matrix("X", X, self.n_features_in_)
        if domain == "target":
            return rows @ self.target_axes_
        return rows @ self.source_axes_ @ self.alignment_


SPEC = ShallowSpec(
    name="subspace_alignment",
    factory=SubspaceAlignment,
    kind="alignment",
    summary="Turn the source's principal axes onto the target's.",
    setting="labelled source and unlabelled target features; closed form",
    paper=(
        "Fernando, Habrard, Sebban and Tuytelaars, Unsupervised Visual Domain "
        "Adaptation Using Subspace Alignment, ICCV, 2013."
    ),
    year=2013,
    bibtex="""@inproceedings{fernando2013unsupervised,
  title = {Unsupervised Visual Domain Adaptation Using Subspace Alignment},
  author = {Fernando, Basura and Habrard, Amaury and Sebban, Marc and
            Tuytelaars, Tinne},
  booktitle = {IEEE International Conference on Computer Vision},
  year = {2013}
}""",
    hparams=(
        Hyperparameter(
            "components",
            80,
            scale="choice",
            traced=False,
            choices=(10, 20, 40, 80),
            source="LeoGautheron/OfficeCaltechDomainAdaptation: 80",
        ),
    ),
    departures=(
        "The number of components is an argument; the paper bounds it by a consistency "
        "theorem and then picks by cross-validation on the source."
    ),
)
