"""What can be known of an adapted model without a label of the target.

None of these is an accuracy on the target: each can be fooled, and together they say
where to look. The benchmark's rows show how often they are.

Shapes: n target rows, k classes.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int
from scipy.special import softmax

from da_zoo.metrics import accuracy, balanced_accuracy, collapsed, r2, rmse

__all__ = ["Checks", "class_checks", "value_checks"]


class Checks(NamedTuple):
    """Numbers by name, in the order in which a report tells them."""

    numbers: dict[str, float]
    warnings: list[str]


def class_checks(
    target: Float[np.ndarray, "n k"],
    source_labels: Int[np.ndarray, " m"],
    *,
    validation: tuple[Float[np.ndarray, "v k"], Int[np.ndarray, " v"]] | None = None,
    scored: tuple[Float[np.ndarray, "s k"], Int[np.ndarray, " s"]] | None = None,
    same_task: bool = True,
) -> Checks:
    """Looks at a classifier's logits.

    Args:
        target: of all target rows.
        source_labels: of the source's training rows.
        validation: logits and labels of source rows that were held out.
        scored: logits and labels of target rows, where labels may score.
        same_task: whether target and source have one label space.

    Returns:
        In [0, 1]: source validation and target scores; mean entropy of the target's
        predictions and entropy of their mean, both as a share of the largest possible;
        their difference, the information that predictions hold of the rows (Bridle et
        al. 1991, "InfoMax"). And warnings.

    Example:
        >>> logits = np.array([[9.0, 0.0], [0.0, 9.0]])
        >>> checks = class_checks(logits, np.array([0, 1]))
        >>> round(checks.numbers["diversity of target predictions"], 2)
        1.0
    """
    numbers: dict[str, float] = {}
    for side, pair in (("source validation", validation), ("target", scored)):
        if pair is not None and len(pair[1]):
            numbers[f"{side} accuracy"] = accuracy(*pair)
            numbers[f"{side} balanced accuracy"] = balanced_accuracy(*pair)
    p = softmax(target, axis=1)
    most = np.log(target.shape[1])
    each = float(-np.mean(np.sum(p * np.log(p + 1e-12), axis=1)) / most)
    mean = p.mean(axis=0)
    whole = float(-np.sum(mean * np.log(mean + 1e-12)) / most)
    numbers["doubt of target predictions"] = each
    numbers["diversity of target predictions"] = whole
    numbers["information in target predictions"] = whole - each
    warnings = []
    classes = target.shape[1]
    if same_task and collapsed(target.argmax(1), source_labels, classes):
        warnings.append(
            "Nearly all target rows get one answer: adaptation has collapsed, or the "
            "target has few of the source's classes."
        )
    return Checks(numbers, warnings)


def value_checks(
    target: Float[np.ndarray, "n 1"],
    *,
    validation: tuple[Float[np.ndarray, "v 1"], Float[np.ndarray, "v 1"]] | None = None,
    scored: tuple[Float[np.ndarray, "s 1"], Float[np.ndarray, "s 1"]] | None = None,
) -> Checks:
    """Looks at a regression's predictions, in the target's own unit.

    Args:
        target: of all target rows.
        validation: predictions and values of source rows that were held out.
        scored: those of target rows, where labels may score.

    Example:
        >>> value_checks(np.array([[1.0], [3.0]])).numbers["mean of target predictions"]
        2.0
    """
    numbers: dict[str, float] = {}
    for name, pair in (("source validation", validation), ("target", scored)):
        if pair is not None and len(pair[1]):
            numbers[f"{name} RMSE"] = rmse(*pair)
            numbers[f"{name} R²"] = r2(*pair)
    numbers["mean of target predictions"] = float(target.mean())
    numbers["deviation of target predictions"] = float(target.std())
    warnings = []
    if target.std() == 0:
        warnings.append("All target rows get the same value.")
    return Checks(numbers, warnings)
