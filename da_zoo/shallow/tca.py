"""TCA: transfer components, of large scatter and equal means in a kernel space."""

from typing import Any

import numpy as np
from jaxtyping import Float, Shaped
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from da_zoo.naming import choose
from da_zoo.registry import Hyperparameter, ShallowSpec
from da_zoo.shallow.arrays import (
    check_domain,
    check_matrix,
    check_pair,
    check_positive,
)
from da_zoo.shallow.kernels import (
    KERNELS,
    kernel_anchors,
    kernel_features,
    resolve_bandwidth,
)
from da_zoo.shallow.transfer_components import (
    SCALINGS,
    marginal_indicator,
    transfer_components,
)

__all__ = ["Tca"]


class Tca(BaseEstimator):
    """Projects both domains on components along which their means agree.

    Args:
        components: how many; fewer where the data have a lower rank.
        regularisation: mu of the paper, weight of the components' squared norm.
        kernel: "linear" or "rbf", with components as combinations of kernel columns, as
            in the paper; "primal" for components as linear maps of the features, which
            penalises another norm.
        bandwidth: of the "rbf" kernel; None means the median distance between domains.
        unit_discrepancy: divide the MMD matrix by its Frobenius norm, so that
            ``regularisation`` means the same for all sample sizes.
        scaling: "unit_norm" gives each component's coefficients norm 1, as eigenvalue
            routines return them and published numbers use; "unit_scatter" gives the
            data scatter 1 along each, the constraint in the paper.

    Attributes:
        components_: [p, k], p = d for "primal", at most d for "linear", else n + m.
        anchors_: [p, d], rows that kernel values are taken with.
        bandwidth_: of the kernel.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> X = rng.normal(size=(60, 3))
        >>> tca = Tca(components=2).fit(X, X_target=X + [5.0, 0.0, 0.0])
        >>> tca.transform(X, domain="source").shape
        (60, 2)

    References:
        Pan, Tsang, Kwok and Yang, "Domain Adaptation via Transfer Component
        Analysis", IEEE Transactions on Neural Networks 2011.
    """

    def __init__(
        self,
        *,
        components: int = 80,
        regularisation: float = 1.0,
        kernel: str = "linear",
        bandwidth: float | None = None,
        unit_discrepancy: bool = False,
        scaling: str = "unit_norm",
    ) -> None:
        self.components = components
        self.regularisation = regularisation
        self.kernel = kernel
        self.bandwidth = bandwidth
        self.unit_discrepancy = unit_discrepancy
        self.scaling = scaling

    def fit(
        self,
        X: Shaped[Any, "n ..."],
        y: Any = None,
        *,
        X_target: Shaped[Any, "m ..."],
    ) -> "Tca":
        """Solves the eigenproblem.

        Args:
            X: source rows [n, d].
            y: not read.
            X_target: target rows [m, d].

        Raises:
            TypeError: for inputs that are not numeric.
            ValueError: for shapes that do not fit, NaN, an unknown kernel, numbers that
                are not positive, or kernels too large for memory.
        """
        choose(dict.fromkeys(KERNELS), self.kernel, "kernel")
        choose(dict.fromkeys(SCALINGS), self.scaling, "scaling")
        check_positive(components=self.components, regularisation=self.regularisation)
        source, target = check_pair(X, X_target)
        both = np.concatenate([source, target])
        self.bandwidth_ = resolve_bandwidth(self.bandwidth, source, target)
        self.anchors_ = kernel_anchors(both, self.kernel)
        self.components_ = transfer_components(
            kernel_features(both, self.anchors_, self.kernel, self.bandwidth_),
            marginal_indicator(len(source), len(target)),
            components=self.components,
            regularisation=self.regularisation,
            unit_discrepancy=self.unit_discrepancy,
            scaling=self.scaling,
        )
        self.n_features_in_ = source.shape[1]
        return self

    def transform(
        self, X: Shaped[Any, "n ..."], domain: str = "target"
    ) -> Float[np.ndarray, "n k"]:
        """Projects rows; the map is the same for both domains.

        Args:
            X: rows [n, d].
            domain: "source" or "target".

        Raises:
            ValueError: for another domain, other columns, or NaN.
        """
        check_is_fitted(self, "components_")
        check_domain(domain)
        rows = check_matrix("X", X, self.n_features_in_)
        features = kernel_features(rows, self.anchors_, self.kernel, self.bandwidth_)
        return features @ self.components_


SPEC = ShallowSpec(
    name="tca",
    factory=Tca,
    kind="alignment",
    summary="Project on components of large scatter and equal domain means.",
    setting="labelled source and unlabelled target features; closed form",
    paper=(
        "Pan, Tsang, Kwok and Yang, Domain Adaptation via Transfer Component Analysis, "
        "IEEE Transactions on Neural Networks, 2011."
    ),
    year=2011,
    bibtex="""@article{pan2011domain,
  title = {Domain Adaptation via Transfer Component Analysis},
  author = {Pan, Sinno Jialin and Tsang, Ivor W. and Kwok, James T. and
            Yang, Qiang},
  journal = {IEEE Transactions on Neural Networks},
  volume = {22},
  number = {2},
  pages = {199--210},
  year = {2011}
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
        Hyperparameter(
            "regularisation", 1.0, 1e-3, 1e3, traced=False, source="the paper: mu = 1"
        ),
        Hyperparameter(
            "kernel",
            "linear",
            scale="choice",
            traced=False,
            choices=KERNELS,
            source="the paper compares linear, Laplacian and Gaussian kernels",
        ),
        Hyperparameter(
            "scaling",
            "unit_norm",
            scale="choice",
            traced=False,
            choices=SCALINGS,
            source="LeoGautheron/OfficeCaltechDomainAdaptation: unit_norm",
        ),
    ),
    departures=(
        "Components have unit norm by default, as in public code; the paper's "
        "constraint is unit scatter. The semi-supervised variant (SSTCA) and the "
        "Laplacian kernel are left out."
    ),
)
