"""Optimal transport of features and labels at once: DeepJDOT's term."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from da_zoo.losses.mmd import squared_distances
from da_zoo.losses.sinkhorn import sinkhorn_plan
from da_zoo.losses.weighting import pair_mean, pair_weights, without_padding

__all__ = ["joint_cost", "joint_transport"]


def joint_cost(
    features_source: Float[Array, "n d"],
    labels_source: Int[Array, " n"],
    features_target: Float[Array, "m d"],
    logits_target: Float[Array, "m k"],
    *,
    feature_cost: float | Float[Array, ""],
    label_cost: float | Float[Array, ""],
) -> Float[Array, "n m"]:
    """What it costs to match each source row, label and all, with each target row.

    ``feature_cost ||f_i - f_j||^2 + label_cost CE(y_i, p_j)``: the source row's LABEL
    against the target row's PREDICTION.

    Args:
        features_source: [n, d].
        labels_source: [n], 0..k-1.
        features_target: [m, d].
        logits_target: [m, k].
        feature_cost: weight of the squared Euclidean distance.
        label_cost: weight of the cross-entropy.

    Returns:
        [n, m], at least 0 where the weights are.

    Example:
        >>> cost = joint_cost(
        ...     jnp.zeros((1, 2)),
        ...     jnp.array([0]),
        ...     jnp.array([[3.0, 4.0]]),
        ...     jnp.zeros((1, 2)),
        ...     feature_cost=1.0,
        ...     label_cost=0.0,
        ... )
        >>> float(cost[0, 0])
        25.0

    References:
        Damodaran et al., "DeepJDOT", ECCV 2018, equation 6.
    """
    log_p = jax.nn.log_softmax(logits_target, axis=1)
    cross_entropies = -jnp.take(log_p, labels_source, axis=1).T
    distances = squared_distances(features_source, features_target)
    return feature_cost * distances + label_cost * cross_entropies


def joint_transport(
    features_source: Float[Array, "n d"],
    labels_source: Int[Array, " n"],
    features_target: Float[Array, "m d"],
    logits_target: Float[Array, "m k"],
    *,
    feature_cost: float | Float[Array, ""] = 0.001,
    label_cost: float | Float[Array, ""] = 0.0001,
    epsilon: float | Float[Array, ""] = 0.05,
    iterations: int = 100,
    weight_source: Float[Array, " n"] | None = None,
    weight_target: Float[Array, " m"] | None = None,
) -> Float[Array, ""]:
    """The joint cost under the plan that transports source to target cheapest.

    The plan is found for the present features and predictions, then held: the gradient
    is that of the cost alone (the paper's alternation, with one step of each).

    Args:
        features_source: [n, d].
        labels_source: [n].
        features_target: [m, d].
        logits_target: [m, k].
        feature_cost: weight of the squared distance of features.
        label_cost: weight of the cross-entropy.
        epsilon: entropic regularisation as a multiple of the mean cost, so that a plan
            is as sharp whatever the scale of features; towards 0 the plan is exact.
        iterations: of Sinkhorn's algorithm; smaller epsilons need more.
        weight_source: [n] row weights, 0 = padding.
        weight_target: [m] row weights, 0 = padding.

    Returns:
        In units of the cost, at least 0; 0 where a side has no weight.

    Raises:
        ValueError: if ``epsilon`` is not positive or ``iterations`` is below 1.

    Example:
        >>> features, labels = 3.0 * jnp.eye(2), jnp.array([0, 1])
        >>> value = joint_transport(
        ...     features, labels, features[::-1], 9.0 * jnp.eye(2)[::-1]
        ... )
        >>> float(value) < 1e-4
        True

    References:
        Damodaran et al., "DeepJDOT: Deep Joint Distribution Optimal Transport for
        Unsupervised Domain Adaptation", ECCV 2018, equation 7.
    """
    if not isinstance(epsilon, jax.core.Tracer) and not epsilon > 0:
        raise ValueError(
            f"epsilon must be positive, got {epsilon}; 0.05 times the mean cost is a "
            "usual start"
        )
    w_s = jnp.ones(features_source.shape[0]) if weight_source is None else weight_source
    w_t = jnp.ones(features_target.shape[0]) if weight_target is None else weight_target
    # A padding row may hold anything: zero it before it enters a product.
    cost = joint_cost(
        without_padding(features_source, w_s),
        labels_source,
        without_padding(features_target, w_t),
        without_padding(logits_target, w_t),
        feature_cost=feature_cost,
        label_cost=label_cost,
    )
    held = jax.lax.stop_gradient(cost)
    mean = pair_mean(held, pair_weights(w_s, w_t, held.shape))
    # Costs of mean 1, whatever alpha and the features are; all zeros stay zeros.
    plan = sinkhorn_plan(
        held / jnp.where(mean > 0, mean, 1.0),
        w_s,
        w_t,
        regularisation=epsilon,
        iterations=iterations,
    )
    return jnp.sum(plan * cost)
