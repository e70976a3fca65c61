"""What a run's features and predictions look like, without any label of the target.

Plain numbers computed after training. Nothing here reads target labels, so all of them
could be known to a practitioner; the benchmark takes them on test rows.

Shapes: n source rows, m target rows, d features, k classes.
"""

from collections.abc import Mapping
from typing import Any

import jax
import numpy as np
from jaxtyping import Float
from scipy.special import log_softmax

from da_zoo.losses.coral import coral
from da_zoo.losses.mmd import mmd_squared

__all__ = [
    "DISCRIMINATOR_STEPS",
    "ROWS",
    "class_shares",
    "discriminator_accuracy",
    "distances",
    "mean_entropy",
    "proxy_a_distance",
    "subsample",
]

ROWS = 500
"""Rows per domain that distances are computed from."""
DISCRIMINATOR_STEPS = 50
"""Last steps that a discriminator's accuracy is averaged over."""
RIDGE = 1e-3


def subsample(count: int, rows: int = ROWS, seed: int = 0) -> np.ndarray:
    """Draws row numbers without repeats, the same ones for the same arguments.

    Args:
        count: how many rows there are.
        rows: how many are wanted.
        seed: of the draw.

    Returns:
        int [min(count, rows)], in a random order.

    Example:
        >>> sorted(subsample(3).tolist())
        [0, 1, 2]
    """
    return np.random.default_rng(seed).permutation(count)[:rows]


def proxy_a_distance(
    features_source: Float[np.ndarray, "n d"],
    features_target: Float[np.ndarray, "m d"],
    *,
    seed: int = 0,
) -> float:
    """Proxy A-distance: how well a linear classifier tells the domains apart.

    It is ``2 (1 - 2 err)`` with the error on a half of the rows that the classifier
    (least squares with a small ridge, on z-scored features) was not trained on; the two
    domains count the same, whatever their sizes.

    Args:
        features_source: [n, d].
        features_target: [m, d].
        seed: of the split.

    Returns:
        Between 0 (no better than chance) and 2 (told apart without error).

    Raises:
        ValueError: for fewer than four rows a side, or features of other widths.

    Example:
        >>> x = np.random.default_rng(0).normal(size=(100, 2))
        >>> proxy_a_distance(x, x + 20.0)
        2.0

    References:
        Ben-David et al., "Analysis of Representations for Domain Adaptation", NeurIPS
        2007; Ganin et al., "Domain-Adversarial Training of Neural Networks", JMLR
        2016, section 5.2.5 (with a linear SVM).
    """
    source = np.asarray(features_source, np.float64)
    target = np.asarray(features_target, np.float64)
    if min(len(source), len(target)) < 4 or source.shape[1:] != target.shape[1:]:
        raise ValueError(
            "proxy_a_distance needs at least four rows a side, of one width; got "
            f"{source.shape} and {target.shape}"
        )
    parts = [
        rows[subsample(len(rows), len(rows), seed + i)]
        for i, rows in enumerate((source, target))
    ]
    halves = [(rows[: len(rows) // 2], rows[len(rows) // 2 :]) for rows in parts]
    train = np.concatenate([half[0] for half in halves])
    scale = train.std(axis=0)
    centre, scale = train.mean(axis=0), np.where(scale > 0, scale, 1.0)
    x = (train - centre) / scale
    x = np.concatenate([x, np.ones((len(x), 1))], axis=1)
    counts = [len(half[0]) for half in halves]
    side = np.repeat([-1.0, 1.0], counts)
    # Both domains weigh the same: otherwise the larger one is always the guess.
    weight = 1.0 / np.repeat(counts, counts)
    gram = (x * weight[:, None]).T @ x + RIDGE * np.eye(x.shape[1])
    plane = np.linalg.solve(gram, x.T @ (weight * side))
    errors = []
    for sign, half in zip((-1.0, 1.0), halves, strict=True):
        scores = (half[1] - centre) / scale @ plane[:-1] + plane[-1]
        errors.append(np.mean(np.sign(scores) != sign))
    return float(np.clip(2.0 * (1.0 - 2.0 * np.mean(errors)), 0.0, 2.0))


@jax.jit
def _distances(source: Any, target: Any) -> tuple[Any, Any]:
    return mmd_squared(source, target), coral(source, target)


def distances(
    features_source: Float[np.ndarray, "n d"], features_target: Float[np.ndarray, "m d"]
) -> dict[str, float]:
    """Returns the distances of two sets of features.

    Args:
        features_source: [n, d].
        features_target: [m, d].

    Returns:
        ``proxy_a_distance``, ``mmd_squared`` (unbiased, so it may be negative; default
        kernels) and ``coral``, from the loss functions of the methods.

    Example:
        >>> x = np.random.default_rng(0).normal(size=(50, 3)).astype(np.float32)
        >>> distances(x, x)["coral"] < 1e-9
        True
    """
    source = np.asarray(features_source, np.float32)
    target = np.asarray(features_target, np.float32)
    mmd, gap = _distances(source, target)
    return {
        "proxy_a_distance": proxy_a_distance(source, target),
        "mmd_squared": float(mmd),
        "coral": float(gap),
    }


def mean_entropy(logits: Float[np.ndarray, "m k"]) -> float:
    """Mean entropy of predictions in nats: 0 (certain) to log k (uniform).

    Args:
        logits: [m, k]; columns of -1e9 (masked classes) count nothing.

    Example:
        >>> round(mean_entropy(np.zeros((2, 4))), 4)
        1.3863
    """
    log_p = log_softmax(np.asarray(logits, np.float64), axis=1)
    # A probability of 0 adds nothing, though its logarithm may be -inf.
    finite = np.where(np.isfinite(log_p), log_p, 0.0)
    return float(-np.mean(np.sum(np.exp(log_p) * finite, axis=1)))


def class_shares(logits: Float[np.ndarray, "m k"]) -> list[float]:
    """Share of rows predicted as each class; they add up to 1.

    Args:
        logits: [m, k].

    Example:
        >>> class_shares(np.eye(2))
        [0.5, 0.5]
    """
    count = np.bincount(np.argmax(logits, axis=1), minlength=logits.shape[1])
    return (count / count.sum()).tolist()


def discriminator_accuracy(
    history: Mapping[str, np.ndarray], position: tuple[int, ...] = ()
) -> float | None:
    """How often a method's discriminator is right at the end of training.

    0.5 says that it cannot tell the domains apart (or never learnt to), 1 that the
    features did not become alike.

    Args:
        history: of a ``FitResult``; the metric is called ``domain_accuracy``.
        position: of the run, on the result's axes.

    Returns:
        The mean of the last :data:`DISCRIMINATOR_STEPS` steps; None where the method
        has no such metric.

    Example:
        >>> discriminator_accuracy({"adapt/domain_accuracy": np.array([0.9, 0.7])})
        0.8
    """
    for name, values in history.items():
        if name.endswith("/domain_accuracy"):
            return float(np.mean(values[position][-DISCRIMINATOR_STEPS:]))
    return None
