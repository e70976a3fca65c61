"""Losses: pure functions on arrays, each checked against a float64 derivation."""

from da_zoo.losses.adversarial import domain_adversarial
from da_zoo.losses.category_relationship import category_relationship
from da_zoo.losses.class_contrast import class_contrast
from da_zoo.losses.classification import cross_entropy
from da_zoo.losses.coral import coral
from da_zoo.losses.discrepancy import classifier_discrepancy
from da_zoo.losses.distillation import distillation, soft_cross_entropy
from da_zoo.losses.feature_maps import feature_map_distance
from da_zoo.losses.gradient_penalty import critic_points, gradient_penalty
from da_zoo.losses.joint_transport import joint_cost, joint_transport
from da_zoo.losses.local_mmd import local_mmd_squared
from da_zoo.losses.log_coral import log_coral, symmetric_log
from da_zoo.losses.margin import log_complement, margin_disparity
from da_zoo.losses.mmd import linear_mmd_squared, mmd_squared
from da_zoo.losses.multilinear import (
    conditional_map,
    conditional_width,
    multilinear,
    random_multilinear,
    random_projections,
)
from da_zoo.losses.ntxent import ntxent
from da_zoo.losses.nuclear_wasserstein import nuclear_wasserstein
from da_zoo.losses.regression import squared_error
from da_zoo.losses.sinkhorn import (
    sinkhorn_distance,
    sinkhorn_divergence,
    sinkhorn_plan,
)
from da_zoo.losses.subspace import subspace_distance
from da_zoo.losses.wasserstein import sliced_wasserstein, unit_directions

__all__ = [
    "category_relationship",
    "class_contrast",
    "classifier_discrepancy",
    "conditional_map",
    "conditional_width",
    "coral",
    "critic_points",
    "cross_entropy",
    "distillation",
    "domain_adversarial",
    "feature_map_distance",
    "gradient_penalty",
    "joint_cost",
    "joint_transport",
    "linear_mmd_squared",
    "local_mmd_squared",
    "log_complement",
    "log_coral",
    "margin_disparity",
    "mmd_squared",
    "multilinear",
    "ntxent",
    "nuclear_wasserstein",
    "random_multilinear",
    "random_projections",
    "sinkhorn_distance",
    "sinkhorn_divergence",
    "sinkhorn_plan",
    "sliced_wasserstein",
    "soft_cross_entropy",
    "squared_error",
    "subspace_distance",
    "symmetric_log",
    "unit_directions",
]
