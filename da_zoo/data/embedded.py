"""Real data that comes with scikit-learn: handwriting, photographs, patients."""

import functools

import numpy as np
from jaxtyping import Float, Int
from sklearn.datasets import (
    load_breast_cancer,
    load_diabetes,
    load_digits,
    load_sample_images,
)

__all__ = ["breast_cancer", "diabetes", "digits8", "photographs"]


@functools.lru_cache(maxsize=1)
def digits8() -> tuple[Float[np.ndarray, "1797 8 8"], Int[np.ndarray, " 1797"]]:
    """Returns 1 797 handwritten digits [1797, 8, 8] in [0, 1], and their values.

    Source: Alpaydin and Kaynak, Optical Recognition of Handwritten Digits, UCI 1998.

    Example:
        >>> digits8()[0].shape
        (1797, 8, 8)
    """
    images, labels = load_digits(return_X_y=True)
    scaled = (images / 16.0).astype(np.float32).reshape(-1, 8, 8)
    return scaled, labels.astype(np.int32)


@functools.lru_cache(maxsize=1)
def photographs() -> tuple[Float[np.ndarray, "h w 3"], ...]:
    """Returns two photographs [427, 640, 3] in [0, 1], for backgrounds.

    Source: scikit-learn's ``china.jpg`` and ``flower.jpg`` (CC BY).

    Example:
        >>> [image.shape for image in photographs()]
        [(427, 640, 3), (427, 640, 3)]
    """
    return tuple(
        (np.asarray(image) / 255.0).astype(np.float32)
        for image in load_sample_images().images
    )


@functools.lru_cache(maxsize=1)
def breast_cancer() -> tuple[Float[np.ndarray, "569 30"], Int[np.ndarray, " 569"]]:
    """Returns 569 tumours with 30 measurements, and whether each is benign (1).

    Columns 0-9 are means of a quantity over the cell nuclei, 10-19 its standard error,
    20-29 its worst values.

    Source: Wolberg, Mangasarian, Street and Street, Breast Cancer Wisconsin
    (Diagnostic), UCI 1995.

    Example:
        >>> breast_cancer()[0].shape
        (569, 30)
    """
    x, y = load_breast_cancer(return_X_y=True)
    return x.astype(np.float32), y.astype(np.int32)


@functools.lru_cache(maxsize=1)
def diabetes() -> tuple[Float[np.ndarray, "442 10"], Float[np.ndarray, " 442"]]:
    """Returns 442 patients with 10 measurements, and their disease's progression.

    Column 2 is the body-mass index. The progression is a number from 25 to 346, one
    year after the measurements.

    Source: Efron, Hastie, Johnstone and Tibshirani, Least Angle Regression, Annals of
    Statistics, 2004.

    Example:
        >>> float(diabetes()[1].max())
        346.0
    """
    x, y = load_diabetes(return_X_y=True, scaled=False)
    return x.astype(np.float32), y.astype(np.float32)
