"""Density ratio by a domain classifier: weights from its odds."""

from typing import Any

import numpy as np
from jaxtyping import Shaped
from sklearn.base import BaseEstimator
from sklearn.linear_model import LogisticRegression

from da_zoo.registry import Hyperparameter, ShallowSpec
from da_zoo.shallow.arrays import check_pair, check_positive

__all__ = ["DensityRatio"]


class DensityRatio(BaseEstimator):
    """Weights source rows by the odds that a classifier takes them for target rows.

    Args:
        inverse_penalty: C of the logistic regression: the larger, the more the weights
            may differ.
        largest: weights are cut off at this many times their mean, and rescaled to mean
            1; None sets no bound.
        max_iterations: of the logistic regression.

    Attributes:
        weights_: [n], at least 0, mean 1.
        domain_classifier_: the fitted logistic regression; class 1 is the target.

    Example:
        >>> X = np.linspace(-1.0, 1.0, 50)[:, None]
        >>> weights = DensityRatio().fit(X, X_target=X[25:]).weights_
        >>> bool(weights[40:].mean() > weights[:10].mean())
        True

    References:
        Bickel, Brückner and Scheffer, "Discriminative Learning for Differing Training
        and Test Distributions", ICML 2007.
    """

    def __init__(
        self,
        *,
        inverse_penalty: float = 1.0,
        largest: float | None = None,
        max_iterations: int = 1000,
    ) -> None:
        self.inverse_penalty = inverse_penalty
        self.largest = largest
        self.max_iterations = max_iterations

    def fit(
        self,
        X: Shaped[Any, "n ..."],
        y: Any = None,
        *,
        X_target: Shaped[Any, "m ..."],
    ) -> "DensityRatio":
        """Trains the domain classifier.

        Args:
            X: source rows [n, d].
            y: not read.
            X_target: target rows [m, d].

        Raises:
            TypeError: for inputs that are not numeric.
            ValueError: for shapes that do not fit, NaN, or numbers out of range.
        """
        check_positive(
            inverse_penalty=self.inverse_penalty, max_iterations=self.max_iterations
        )
        if self.largest is not None and self.largest < 1:
            raise ValueError(f"largest must be at least 1, got {self.largest}")
        source, target = check_pair(X, X_target)
        domains = np.repeat([0, 1], [len(source), len(target)])
        self.domain_classifier_ = LogisticRegression(
            C=self.inverse_penalty, max_iter=self.max_iterations
        ).fit(np.concatenate([source, target]), domains)
        log_odds = self.domain_classifier_.decision_function(source)
        # A constant factor (the sizes of the samples) drops out of the mean of 1.
        weights = np.exp(log_odds - log_odds.max())
        weights /= weights.mean()
        if self.largest is not None:
            weights = np.minimum(weights, self.largest)
            weights /= weights.mean()
        self.weights_ = weights
        self.n_features_in_ = source.shape[1]
        return self


SPEC = ShallowSpec(
    name="density_ratio",
    factory=DensityRatio,
    kind="weighting",
    summary="Weight source rows by a domain classifier's odds.",
    setting="labelled source and unlabelled target features under covariate shift",
    paper=(
        "Bickel, Brückner and Scheffer, Discriminative Learning for Differing Training "
        "and Test Distributions, ICML, 2007."
    ),
    year=2007,
    bibtex="""@inproceedings{bickel2007discriminative,
  title = {Discriminative Learning for Differing Training and Test Distributions},
  author = {Bickel, Steffen and Br{\\"u}ckner, Michael and Scheffer, Tobias},
  booktitle = {International Conference on Machine Learning},
  year = {2007}
}""",
    hparams=(
        Hyperparameter(
            "inverse_penalty",
            1.0,
            1e-4,
            1e2,
            traced=False,
            source="scikit-learn: 1",
        ),
        Hyperparameter(
            "largest",
            None,
            scale="choice",
            traced=False,
            choices=(None, 10.0, 100.0),
            source="None: no bound",
        ),
    ),
    departures=(
        "The domain classifier and the label classifier are trained one after the "
        "other; the paper also trains both together."
    ),
)
