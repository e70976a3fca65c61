"""KMM: weights under which source and target means agree in a kernel space."""

from typing import Any

import numpy as np
from jaxtyping import Float, Shaped
from scipy.optimize import brentq
from sklearn.base import BaseEstimator

from da_zoo.registry import Hyperparameter, ShallowSpec
from da_zoo.shallow.arrays import check_pair, check_positive, check_square
from da_zoo.shallow.kernels import gaussian_kernel, resolve_bandwidth

__all__ = ["Kmm", "project"]


def project(
    x: Float[np.ndarray, " n"], largest: float, slack: float
) -> Float[np.ndarray, " n"]:
    """Nearest weights in [0, largest] whose mean is within ``slack`` of 1.

    Args:
        x: any numbers.
        largest: above ``1 - slack``.
        slack: at least 0.

    Example:
        >>> project(np.array([2.0, 2.0]), 10.0, 0.0).tolist()
        [1.0, 1.0]
    """

    def excess(shift: float, mean: float) -> float:
        return float(np.clip(x - shift, 0.0, largest).mean() - mean)

    mean = excess(0.0, 0.0)
    if abs(mean - 1.0) <= slack:
        return np.clip(x, 0.0, largest)
    # The mean falls with the shift, from `largest` to 0: there is one root.
    wanted = min(1.0 + slack if mean > 1.0 else 1.0 - slack, largest)
    shift = brentq(excess, x.min() - largest - 1.0, x.max() + 1.0, args=(wanted,))
    return np.clip(x - shift, 0.0, largest)


class Kmm(BaseEstimator):
    """Weights source rows so that their mean in a kernel space is the target's.

    Args:
        bandwidth: of the Gaussian kernel; None means the median distance between the
            domains.
        largest: bound B of a weight.
        slack: epsilon, how far the mean weight may be from 1; None means
            ``(sqrt(n) - 1) / sqrt(n)``.
        max_iterations: of the projected gradient.
        tolerance: stop when a step moves the weights by less, relative to their norm.

    Attributes:
        weights_: [n], in [0, largest], of mean 1 within the slack.
        bandwidth_: of the kernel.

    Example:
        >>> X = np.linspace(-1.0, 1.0, 50)[:, None]
        >>> weights = Kmm(bandwidth=0.5).fit(X, X_target=X[25:]).weights_
        >>> bool(weights[40:].mean() > weights[:10].mean())
        True

    References:
        Huang, Smola, Gretton, Borgwardt and Schölkopf, "Correcting Sample Selection
        Bias by Unlabeled Data", NIPS 2006.
    """

    def __init__(
        self,
        *,
        bandwidth: float | None = None,
        largest: float = 1000.0,
        slack: float | None = None,
        max_iterations: int = 1000,
        tolerance: float = 1e-6,
    ) -> None:
        self.bandwidth = bandwidth
        self.largest = largest
        self.slack = slack
        self.max_iterations = max_iterations
        self.tolerance = tolerance

    def fit(
        self,
        X: Shaped[Any, "n ..."],
        y: Any = None,
        *,
        X_target: Shaped[Any, "m ..."],
    ) -> "Kmm":
        """Solves the quadratic programme by accelerated projected gradients.

        Args:
            X: source rows [n, d].
            y: not read.
            X_target: target rows [m, d].

        Raises:
            TypeError: for inputs that are not numeric.
            ValueError: for shapes that do not fit, NaN, numbers out of range, or more
                rows than fit into memory.
        """
        source, target = check_pair(X, X_target)
        n = len(source)
        check_square(n, "the source's kernel")
        slack = (np.sqrt(n) - 1.0) / np.sqrt(n) if self.slack is None else self.slack
        if slack < 0:
            raise ValueError(f"slack must be at least 0, got {slack}")
        if self.largest < 1:
            raise ValueError(f"largest must be at least 1, got {self.largest}")
        check_positive(max_iterations=self.max_iterations, tolerance=self.tolerance)
        self.bandwidth_ = resolve_bandwidth(self.bandwidth, source, target)
        kernel = gaussian_kernel(source, source, self.bandwidth_)
        pull = gaussian_kernel(source, target, self.bandwidth_).mean(axis=1) * n
        self.weights_ = self._solve(kernel, pull, slack)
        self.n_features_in_ = source.shape[1]
        return self

    def _solve(
        self,
        kernel: Float[np.ndarray, "n n"],
        pull: Float[np.ndarray, " n"],
        slack: float,
    ) -> Float[np.ndarray, " n"]:
        """Minimises ``w K w / 2 - pull w`` over the box and the slab of means."""
        # Row sums bound the largest eigenvalue of a matrix of positive numbers.
        step = 1.0 / kernel.sum(axis=1).max()
        weights = np.ones(len(pull))
        ahead, momentum = weights, 1.0
        for _ in range(self.max_iterations):
            descent = ahead - step * (kernel @ ahead - pull)
            new = project(descent, self.largest, slack)
            moved = new - weights
            if (ahead - new) @ moved > 0:  # uphill: forget the momentum
                momentum = 1.0
            faster = (1.0 + np.sqrt(1.0 + 4.0 * momentum**2)) / 2.0
            ahead = new + (momentum - 1.0) / faster * moved
            weights, momentum = new, faster
            if np.linalg.norm(moved) <= self.tolerance * np.linalg.norm(weights):
                break
        return weights


SPEC = ShallowSpec(
    name="kmm",
    factory=Kmm,
    kind="weighting",
    summary="Weight source rows so that kernel means agree.",
    setting="labelled source and unlabelled target features under covariate shift",
    paper=(
        "Huang, Smola, Gretton, Borgwardt and Schölkopf, Correcting Sample Selection "
        "Bias by Unlabeled Data, NIPS, 2006."
    ),
    year=2006,
    bibtex="""@inproceedings{huang2006correcting,
  title = {Correcting Sample Selection Bias by Unlabeled Data},
  author = {Huang, Jiayuan and Smola, Alexander J. and Gretton, Arthur and
            Borgwardt, Karsten M. and Sch{\\"o}lkopf, Bernhard},
  booktitle = {Advances in Neural Information Processing Systems},
  year = {2006}
}""",
    hparams=(
        Hyperparameter(
            "largest", 1000.0, 2.0, 1e3, traced=False, source="Huang et al. 2006: 1000"
        ),
        Hyperparameter(
            "bandwidth",
            None,
            scale="choice",
            traced=False,
            source="None: the median rule; the paper picks one per data set",
        ),
    ),
    departures=(
        "An accelerated projected gradient in place of a QP package; the bandwidth "
        "follows the median rule."
    ),
)
