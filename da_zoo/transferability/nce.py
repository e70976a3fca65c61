"""NCE: what the source's labels leave open about the target's."""

from typing import Any

import numpy as np
from jaxtyping import Shaped

from da_zoo.transferability.arrays import check_classes, check_rows

__all__ = ["nce"]


def nce(*, source_labels: Shaped[Any, "_ ..."], labels: Shaped[Any, "_ ..."]) -> float:
    """Negative conditional entropy ``-H(y | z)`` of two labellings, in nats.

    It is not symmetric: the first labelling explains the second. With the source
    model's likeliest classes as ``source_labels`` it is the LEEP of hard predictions.

    Args:
        source_labels: int [n] source classes z of target rows, true or predicted.
        labels: int [n] target classes y of the same rows.

    Returns:
        Between ``-H(y)`` (z says nothing about y) and 0 (z determines y).

    Raises:
        TypeError: for labels that are not integers.
        ValueError: for unequal numbers of rows, negative labels, or fewer than two
            target classes.

    Example:
        >>> labels = np.array([0, 0, 1, 1])
        >>> nce(source_labels=np.array([5, 7, 9, 9]), labels=labels)
        0.0
        >>> round(nce(source_labels=np.array([0, 0, 0, 0]), labels=labels), 4)
        -0.6931

    References:
        Tran, Nguyen and Hassner, "Transferability and Hardness of Supervised
        Classification Tasks", ICCV 2019.
    """
    z = check_classes("source_labels", source_labels, least=1)
    y = check_classes("labels", labels)
    check_rows(source_labels=z, labels=y)
    counts = np.zeros((z.max() + 1, y.max() + 1))
    np.add.at(counts, (z, y), 1.0)
    share = counts / counts.sum(axis=1, keepdims=True)
    # 0 log 0 is 0; adding 0.0 turns a -0.0 into 0.0.
    logs = np.log(np.where(counts > 0, share, 1.0))
    return float(np.sum(counts * logs) / len(y)) + 0.0
