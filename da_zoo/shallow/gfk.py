"""GFK: the kernel of all subspaces on the geodesic from source to target."""

from typing import Any

import numpy as np
from jaxtyping import Float, Shaped
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from da_zoo.registry import Hyperparameter, ShallowSpec
from da_zoo.shallow.arrays import (
    check_domain,
    check_matrix,
    check_pair,
    check_positive,
)
from da_zoo.shallow.subspace_alignment import principal_axes

__all__ = ["Gfk", "geodesic_flow_map"]

SMALLEST = 1e-10
"""Sines below this are of angles that are 0 but for rounding."""


def geodesic_flow_map(
    source_axes: Float[np.ndarray, "d k"], target_axes: Float[np.ndarray, "d k"]
) -> Float[np.ndarray, "d p"]:
    """A factor of the geodesic flow kernel.

    Args:
        source_axes: orthonormal columns.
        target_axes: orthonormal columns.

    Returns:
        L with ``L L^T = integral over t in [0, 1] of Phi(t) Phi(t)^T``, where Phi(t)
        spans the subspace at t on the shortest path between the two; 2k columns.

    Example:
        >>> axes = np.eye(3)[:, :1]
        >>> map_ = geodesic_flow_map(axes, axes)
        >>> bool(np.allclose(map_ @ map_.T, axes @ axes.T))
        True
    """
    # Principal angles: Phi(t) = start cos(t angle) + across sin(t angle), columnwise.
    # `across` replaces the paper's complement basis, which is [d, d - k].
    left, _, right = np.linalg.svd(source_axes.T @ target_axes)
    start, end = source_axes @ left, target_axes @ right.T
    cosine = np.sum(start * end, axis=0)
    across = end - source_axes @ (source_axes.T @ end)
    sine = np.linalg.norm(across, axis=0)
    turned = sine > SMALLEST
    across = np.where(turned, across / np.where(turned, sine, 1.0), 0.0)
    angle = np.where(turned, np.arctan2(sine, cosine), 0.0)
    # Integrals of cos^2, sin^2 and sin cos; np.sinc(x) is sin(pi x) / (pi x).
    ratio = np.sinc(2.0 * angle / np.pi)
    squared_cosine, squared_sine = (1.0 + ratio) / 2.0, (1.0 - ratio) / 2.0
    # (1 - cos 2a) / (4 a) = sin(a)^2 / (2 a), which does not cancel at small angles.
    mixed = np.sin(angle) * np.sinc(angle / np.pi) / 2.0
    middle = np.block(
        [
            [np.diag(squared_cosine), np.diag(mixed)],
            [np.diag(mixed), np.diag(squared_sine)],
        ]
    )
    values, vectors = np.linalg.eigh(middle)
    root = vectors * np.sqrt(np.maximum(values, 0.0))
    return np.concatenate([start, across], axis=1) @ root


class Gfk(BaseEstimator):
    """Maps rows so that inner products are those of the geodesic flow kernel.

    Args:
        components: of the subspaces; fewer where a domain has fewer rows or columns.

    Attributes:
        map_: [d, 2k]; rows times it have the kernel's inner products and distances.
        kernel_: [d, d], ``map_ map_^T``.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> X, X_target = rng.normal(size=(40, 6)), rng.normal(size=(50, 6))
        >>> Gfk(components=2).fit(X, X_target=X_target).transform(X_target).shape
        (50, 4)

    References:
        Gong, Shi, Sha and Grauman, "Geodesic Flow Kernel for Unsupervised Domain
        Adaptation", CVPR 2012.
    """

    def __init__(self, *, components: int = 20) -> None:
        self.components = components

    def fit(
        self,
        X: Shaped[Any, "n ..."],
        y: Any = None,
        *,
        X_target: Shaped[Any, "m ..."],
    ) -> "Gfk":
        """Computes the kernel of both domains' principal subspaces.

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
        self.map_ = geodesic_flow_map(
            principal_axes(source, count), principal_axes(target, count)
        )
        self.n_features_in_ = source.shape[1]
        return self

    @property
    def kernel_(self) -> Float[np.ndarray, "d d"]:
        """The geodesic flow kernel's matrix, symmetric and positive semi-definite."""
        check_is_fitted(self, "map_")
        return self.map_ @ self.map_.T

    def transform(
        self, X: Shaped[Any, "n ..."], domain: str = "target"
    ) -> Float[np.ndarray, "n p"]:
        """Maps rows; the map is the same for both domains.

        Args:
            X: rows [n, d].
            domain: "source" or "target".

        Raises:
            ValueError: for another domain, other columns, or NaN.
        """
        check_is_fitted(self, "map_")
        check_domain(domain)
        return check_matrix("X", X, self.n_features_in_) @ self.map_


SPEC = ShallowSpec(
    name="gfk",
    factory=Gfk,
    kind="alignment",
    summary="Average over all subspaces on the geodesic between the domains.",
    setting="labelled source and unlabelled target features; closed form",
    paper=(
        "Gong, Shi, Sha and Grauman, Geodesic Flow Kernel for Unsupervised Domain "
        "Adaptation, CVPR, 2012."
    ),
    year=2012,
    bibtex="""@inproceedings{gong2012geodesic,
  title = {Geodesic Flow Kernel for Unsupervised Domain Adaptation},
  author = {Gong, Boqing and Shi, Yuan and Sha, Fei and Grauman, Kristen},
  booktitle = {IEEE Conference on Computer Vision and Pattern Recognition},
  year = {2012}
}""",
    hparams=(
        Hyperparameter(
            "components",
            20,
            scale="choice",
            traced=False,
            choices=(5, 10, 20, 40),
            source="published Office-Caltech tables: 20",
        ),
    ),
    departures=(
        "Principal components for both domains (the paper also tries partial least "
        "squares for the source), and their number is an argument rather than chosen "
        "by subspace disagreement."
    ),
)
