"""Losses: pure functions on arrays, each checked against a float64 derivation."""

from da_zoo.losses.adversarial import domain_adversarial
from da_zoo.losses.classification import cross_entropy
from da_zoo.losses.coral import coral
from da_zoo.losses.mmd import linear_mmd_squared, mmd_squared
from da_zoo.losses.multilinear import (
    conditional_map,
    conditional_width,
    multilinear,
    random_multilinear,
    random_projections,
)
from da_zoo.losses.sinkhorn import (
    sinkhorn_distance,
    sinkhorn_divergence,
    sinkhorn_plan,
)

__all__ = [
    "conditional_map",
    "conditional_width",
    "coral",
    "cross_entropy",
    "domain_adversarial",
    "linear_mmd_squared",
    "mmd_squared",
    "multilinear",
    "random_multilinear",
    "random_projections",
    "sinkhorn_distance",
    "sinkhorn_divergence",
    "sinkhorn_plan",
]
