"""Criteria that rank a training's states by unlabelled target rows alone."""

from collections.abc import Callable

from jaxtyping import Array

from da_zoo.losses.information import information_maximisation
from da_zoo.losses.prediction import mean_entropy

__all__ = ["TARGET_LOSSES", "TARGET_ROWS"]

TARGET_ROWS = 1024
"""Target rows that a criterion looks at, at most: the first ones."""

TARGET_LOSSES: dict[str, Callable[[Array], Array]] = {
    "infomax": information_maximisation,
    "entropy": mean_entropy,
}
"""Losses of target logits, by the names that the benchmark's criteria have; a state's
score is minus its loss."""
