"""Labels that are numbers: as a regression's values, or parted into two classes."""

import math

import numpy as np

from da_zoo.data.domain_data import DomainData

__all__ = ["as_values", "has_fractions", "parted"]


def as_values(data: DomainData) -> DomainData:
    """Takes numbered classes whose names are numbers for a regression's values.

    Raises:
        ValueError: if a name is no number.

    Example:
        >>> from da_zoo.data.domain_data import make_domain_data
        >>> data = make_domain_data("a", "features", np.ones((2, 1)), [0.5, 2])
        >>> as_values(data).labels.tolist()
        [0.5, 2.0]
    """
    if data.labels is None or data.continuous:
        return data
    try:
        values = np.array([float(name) for name in data.classes], np.float32)
        if not np.isfinite(values).all():
            raise ValueError("a label is not finite")
    except ValueError:
        raise ValueError(
            f"{data.name} has labels such as {data.classes[-1]!r}, and a regression "
            "needs numbers"
        ) from None
    own = np.where(data.labelled, values[data.labels], 0).astype(np.float32)
    return data._replace(labels=own, classes=())


def has_fractions(data: DomainData) -> bool:
    """Says whether classes are numbers and not all whole: values, more likely.

    Example:
        >>> from da_zoo.data.domain_data import make_domain_data
        >>> has_fractions(make_domain_data("a", "features", np.ones((2, 1)), [0.5, 2]))
        True
    """
    try:
        values = [float(name) for name in data.classes]
        return all(map(math.isfinite, values)) and any(v % 1 for v in values)
    except ValueError:
        return False


def parted(data: DomainData, threshold: int | float) -> DomainData:
    """Makes two classes of values: those under a threshold, and the others.

    Raises:
        ValueError: if a label is no number.

    Example:
        >>> from da_zoo.data.domain_data import make_domain_data
        >>> data = make_domain_data("a", "features", np.ones((3, 1)), [5, 6, 7])
        >>> parted(data, 6).labels.tolist(), parted(data, 6).classes
        ([0, 1, 1], ('under 6', '6 or more'))
    """
    if data.labels is None:
        return data
    values = as_values(data)
    numbers = (np.asarray(values.labels) >= threshold).astype(np.int32)
    told = f"{threshold:g}"
    return values._replace(
        labels=np.where(values.labelled, numbers, 0).astype(np.int32),
        classes=(f"under {told}", f"{told} or more"),
    )
