"""LEEP: how well the source's predictions predict the target's labels."""

from typing import Any

import numpy as np
from jaxtyping import Shaped

from da_zoo.transferability.arrays import (
    check_classes,
    check_probabilities,
    check_rows,
)

__all__ = ["leep"]


def leep(
    *, source_probabilities: Shaped[Any, "n ..."], labels: Shaped[Any, "_ ..."]
) -> float:
    """Log expected empirical prediction, in nats.

    The source model's classes z are treated as a code for the target's classes y. With
    the empirical joint ``P(y, z) = 1/n sum of theta(x_i)_z over rows of class y``, the
    score is the mean log-likelihood of a classifier that draws z from the source model
    and then y from ``P(y | z)``::

        1/n sum_i log sum_z P(y_i | z) theta(x_i)_z

    Args:
        source_probabilities: [n, z] the source model's class probabilities theta(x) on
            target rows; rows sum to 1.
        labels: int [n] target classes of the same rows.

    Returns:
        At most 0, which a deterministic source reaches whose classes determine the
        target's; at least ``-H(y)``, minus the labels' entropy, which a source that
        answers every row alike gets: ``-log C`` for C classes of one size.

    Raises:
        TypeError: for labels that are not integers.
        ValueError: for rows that do not sum to 1, unequal numbers of rows, or fewer
            than two classes.

    Example:
        >>> labels = np.array([0, 1, 0, 1])
        >>> leep(source_probabilities=np.eye(2)[1 - labels], labels=labels)
        0.0
        >>> uniform = np.full((4, 3), 1 / 3)
        >>> round(leep(source_probabilities=uniform, labels=labels), 4)
        -0.6931

    References:
        Nguyen et al., "LEEP: A New Measure to Evaluate Transferability of Learned
        Representations", ICML 2020.
    """
    theta = check_probabilities("source_probabilities", source_probabilities)
    classes = check_classes("labels", labels)
    check_rows(source_probabilities=theta, labels=classes)
    joint = np.eye(classes.max() + 1)[classes].T @ theta
    mass = joint.sum(axis=0)
    # A source class of probability 0 in every row is never drawn: any conditional
    # will do, but 0/0 will not.
    conditional = joint / np.where(mass > 0, mass, 1.0)
    likelihood = np.sum(conditional[classes] * theta, axis=1)
    # Rounding may lift a likelihood of 1 above it.
    return float(np.mean(np.log(np.minimum(likelihood, 1.0))))
