"""Losses: pure functions on arrays, each checked against a float64 derivation."""

from da_zoo.losses.adversarial import domain_adversarial
from da_zoo.losses.classification import cross_entropy
from da_zoo.losses.coral import coral
from da_zoo.losses.mmd import linear_mmd_squared, mmd_squared

__all__ = [
    "coral",
    "cross_entropy",
    "domain_adversarial",
    "linear_mmd_squared",
    "mmd_squared",
]
