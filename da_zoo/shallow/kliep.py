"""KLIEP: a density ratio as a mixture of kernels, by maximum likelihood."""

from typing import Any

import numpy as np
from jaxtyping import Float, Shaped
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from da_zoo.registry import Hyperparameter, ShallowSpec
from da_zoo.shallow.arrays import check_matrix, check_pair, check_positive
from da_zoo.shallow.kernels import (
    gaussian_kernel,
    median_distance,
    resolve_bandwidth,
)

__all__ = ["Kliep"]

FOLDS = 5
SCALES = (0.1, 0.2, 0.5, 1.0, 2.0)
"""Bandwidths tried by cross-validation, in units of the median distance."""


def _bases(
    x: Float[np.ndarray, "n d"],
    source: Float[np.ndarray, "m d"],
    centres: Float[np.ndarray, "b d"],
    bandwidth: float,
) -> Float[np.ndarray, "n b"]:
    """Kernels at the centres, scaled to mean 1 over the source.

    A mixture of them has mean 1 over the source iff its proportions sum to 1, which is
    KLIEP's constraint.
    """
    scale = gaussian_kernel(source, centres, bandwidth).mean(axis=0)
    values = gaussian_kernel(x, centres, bandwidth)
    # A centre far from every source row would get an unbounded ratio: leave it out.
    there = scale > np.sqrt(np.finfo(float).tiny)
    return np.where(there, values / np.where(there, scale, 1.0), 0.0)


def _mixture(
    bases: Float[np.ndarray, "m b"], iterations: int, tolerance: float
) -> Float[np.ndarray, " b"]:
    """Proportions that maximise the mean log of the mixture, by EM."""
    covered = bases[bases.max(axis=1) > 0]
    proportions = np.full(bases.shape[1], 1.0 / bases.shape[1])
    if not len(covered):
        return proportions
    before = -np.inf
    for _ in range(iterations):
        ratio = covered @ proportions
        score = float(np.mean(np.log(ratio)))
        if score - before < tolerance:
            break
        before = score
        proportions = proportions * (covered / ratio[:, None]).mean(axis=0)
    return proportions


class Kliep(BaseEstimator):
    """Estimates the ratio of target to source density.

    Args:
        bandwidth: of the Gaussian kernels; None means cross-validated likelihood over
            multiples of the median distance, as in the paper.
        centres: target rows that kernels are put at, at most.
        max_iterations: of EM.
        tolerance: stop when the mean log ratio grows by less.
        seed: of the choice of centres and folds.

    Attributes:
        weights_: [n], the ratio at the source rows: at least 0, mean 1.
        bandwidth_: of the kernels.
        proportions_: [b], of the kernels; they sum to 1.

    Example:
        >>> X = np.linspace(-1.0, 1.0, 50)[:, None]
        >>> weights = Kliep().fit(X, X_target=X[25:]).weights_
        >>> bool(weights[40:].mean() > weights[:10].mean())
        True

    References:
        Sugiyama, Nakajima, Kashima, von Bünau and Kawanabe, "Direct Importance
        Estimation with Model Selection and Its Application to Covariate Shift
        Adaptation", NIPS 2007; long version in AISM 2008.
    """

    def __init__(
        self,
        *,
        bandwidth: float | None = None,
        centres: int = 100,
        max_iterations: int = 1000,
        tolerance: float = 1e-8,
        seed: int = 0,
    ) -> None:
        self.bandwidth = bandwidth
        self.centres = centres
        self.max_iterations = max_iterations
        self.tolerance = tolerance
        self.seed = seed

    def fit(
        self,
        X: Shaped[Any, "n ..."],
        y: Any = None,
        *,
        X_target: Shaped[Any, "m ..."],
    ) -> "Kliep":
        """Picks the bandwidth and maximises the likelihood of the target rows.

        Args:
            X: source rows [n, d].
            y: not read.
            X_target: target rows [m, d].

        Raises:
            TypeError: for inputs that are not numeric.
            ValueError: for shapes that do not fit, NaN, or numbers that are not
                positive.
        """
        check_positive(
            centres=self.centres,
            max_iterations=self.max_iterations,
            tolerance=self.tolerance,
        )
        source, target = check_pair(X, X_target)
        generator = np.random.default_rng(self.seed)
        chosen = generator.permutation(len(target))[: self.centres]
        self.centres_ = target[chosen]
        if self.bandwidth is None:
            self.bandwidth_ = self._cross_validated(source, target, generator)
        else:
            self.bandwidth_ = resolve_bandwidth(self.bandwidth, source, target)
        bases = _bases(target, source, self.centres_, self.bandwidth_)
        self.proportions_ = _mixture(bases, self.max_iterations, self.tolerance)
        self._source = source
        self.n_features_in_ = source.shape[1]
        self.weights_ = self.ratio(source)
        return self

    def _cross_validated(
        self,
        source: Float[np.ndarray, "n d"],
        target: Float[np.ndarray, "m d"],
        generator: np.random.Generator,
    ) -> float:
        """The bandwidth of the largest held-out mean log ratio."""
        fold = generator.permutation(len(target)) % min(FOLDS, len(target))
        median = median_distance(source, target)
        best, best_score = median, -np.inf
        for scale in SCALES:
            bases = _bases(target, source, self.centres_, scale * median)
            scores = []
            for held in np.unique(fold):
                seen = bases[fold != held]
                mixed = _mixture(seen, self.max_iterations, self.tolerance)
                with np.errstate(divide="ignore"):
                    scores.append(np.log(bases[fold == held] @ mixed).mean())
            if np.mean(scores) > best_score:
                best, best_score = scale * median, float(np.mean(scores))
        return best

    def ratio(self, X: Shaped[Any, "n ..."]) -> Float[np.ndarray, " n"]:
        """The estimated density ratio at any rows, at least 0.

        Args:
            X: rows [n, d].

        Raises:
            ValueError: for other columns, or NaN.
        """
        check_is_fitted(self, "proportions_")
        rows = check_matrix("X", X, self.n_features_in_)
        bases = _bases(rows, self._source, self.centres_, self.bandwidth_)
        return bases @ self.proportions_


SPEC = ShallowSpec(
    name="kliep",
    factory=Kliep,
    kind="weighting",
    summary="Weight source rows by a density ratio of maximum likelihood.",
    setting="labelled source and unlabelled target features under covariate shift",
    paper=(
        "Sugiyama, Suzuki, Nakajima, Kashima, von Bünau and Kawanabe, Direct "
        "Importance Estimation for Covariate Shift Adaptation, AISM, 2008."
    ),
    year=2008,
    bibtex="""@article{sugiyama2008direct,
  title = {Direct Importance Estimation for Covariate Shift Adaptation},
  author = {Sugiyama, Masashi and Suzuki, Taiji and Nakajima, Shinichi and
            Kashima, Hisashi and von B{\\"u}nau, Paul and Kawanabe, Motoaki},
  journal = {Annals of the Institute of Statistical Mathematics},
  volume = {60},
  number = {4},
  pages = {699--746},
  year = {2008}
}""",
    hparams=(
        Hyperparameter(
            "centres",
            100,
            scale="choice",
            traced=False,
            choices=(50, 100, 200),
            source="Sugiyama et al. 2008: 100",
        ),
        Hyperparameter(
            "bandwidth",
            None,
            scale="choice",
            traced=False,
            source="None: cross-validated likelihood, as in the paper",
        ),
    ),
    departures=(
        "The same optimum by EM (the problem is one of mixture proportions) in place "
        "of gradient ascent with projections. Centres that no source row is near are "
        "left out."
    ),
)
