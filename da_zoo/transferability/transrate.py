"""TransRate: by how much knowing the class shortens the code of the features."""

from typing import Any

import numpy as np
from jaxtyping import Float, Shaped

from da_zoo.transferability.arrays import check_classes, check_features, check_rows

__all__ = ["transrate"]


def transrate(
    *,
    features: Shaped[Any, "n ..."],
    labels: Shaped[Any, "_ ..."],
    distortion: float = 1e-4,
) -> float:
    """Coding rate of all rows less the mean coding rate of a class, in nats.

    The coding rate of rows Z is ``R(Z) = 1/2 log det(I + Z'Z / (n distortion))``. All
    rows are centred together and classes are not centred again, so R of a class also
    counts how far its mean lies from the common one.

    Args:
        features: [n, d] of target rows. Their scale matters next to ``distortion``.
        labels: int [n] target classes of the same rows.
        distortion: squared error up to which rows are coded, above 0.

    Returns:
        Higher is better; at least 0 for classes of one size, and 0 where the classes
        have the same second moments about the common mean. TWO classes of one size and
        one covariance always do, however far apart they are: the score is blind there.
        With fewer rows than features it mostly counts dimensions times the logarithm of
        their scale, and noise scores nearly as high as signal. Classes count the same
        whatever their size, so with unequal sizes it may be negative.

    Raises:
        TypeError: for labels that are not integers.
        ValueError: for unequal numbers of rows, fewer than two classes, NaN, infinity,
            or a distortion that is not positive.

    Example:
        >>> labels = np.arange(40) % 4
        >>> one_hot = np.eye(4)[labels]
        >>> round(transrate(features=one_hot, labels=labels), 4)
        7.2753

    References:
        Huang et al., "Frustratingly Easy Transferability Estimation", ICML 2022. Same
        values as ``transrate`` of github.com/thuml/Transfer-Learning-Library, which
        fails where a class number between 0 and the largest does not occur.
    """
    f = check_features("features", features)
    classes = check_classes("labels", labels)
    check_rows(features=f, labels=classes)
    if not (np.isfinite(distortion) and distortion > 0):
        raise ValueError(f"distortion must be positive and finite, got {distortion}")
    centred = f - f.mean(axis=0)
    within = [
        _coding_rate(centred[classes == c], distortion)
        for c in range(classes.max() + 1)
    ]
    return _coding_rate(centred, distortion) - float(np.mean(within))


def _coding_rate(rows: Float[np.ndarray, "n d"], distortion: float) -> float:
    # The determinant of [d, d] from the at most min(n, d) singular values.
    values = np.linalg.svd(rows, compute_uv=False)
    return 0.5 * float(np.sum(np.log1p(values**2 / (len(rows) * distortion))))
