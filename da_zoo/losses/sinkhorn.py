"""Entropic optimal transport between two samples, in the log domain."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from da_zoo.losses.mmd import squared_distances
from da_zoo.losses.weighting import without_padding

__all__ = ["sinkhorn_distance", "sinkhorn_divergence", "sinkhorn_plan"]


def _checked(regularisation: float | Array, iterations: int) -> None:
    if not isinstance(regularisation, jax.core.Tracer) and not regularisation > 0:
        raise ValueError(
            f"regularisation must be positive, in units of the cost, got"
            f" {regularisation}; a twentieth of the mean cost is a usual start"
        )
    if iterations < 1:
        raise ValueError(f"iterations must be at least 1, got {iterations}")


def _masses(weight: Array | None, rows: int) -> tuple[Array, Array]:
    """Masses with sum 1, and which rows count; uniform stand-ins where none does."""
    weight = jnp.ones(rows) if weight is None else weight
    total = jnp.sum(weight)
    masses = weight / jnp.where(total > 0, total, 1.0)
    return jnp.where(total > 0, masses, 1.0 / rows), weight > 0


def _potentials(
    cost: Array, a: Array, b: Array, regularisation: float | Array, iterations: int
) -> tuple[Float[Array, " n"], Float[Array, " m"]]:
    """Alternates the two updates, rows last: their sums are then exact."""
    # Nothing is differentiated here: the loop keeps one state, not one per turn.
    cost, a, b, regularisation = jax.lax.stop_gradient((cost, a, b, regularisation))
    scaled = cost / regularisation
    log_a, log_b = (
        jnp.where(mass > 0, jnp.log(jnp.where(mass > 0, mass, 1.0)), -jnp.inf)
        for mass in (a, b)
    )

    # Potentials here are in units of the regularisation. A row of mass 0 adds
    # exp(-inf) to the sums, and has a potential of its own that counts nowhere.
    def columns(f: Array) -> Array:
        return -jax.nn.logsumexp((f + log_a)[:, None] - scaled, axis=0)

    def turn(_: Array, f: Array) -> Array:
        return -jax.nn.logsumexp((columns(f) + log_b)[None, :] - scaled, axis=1)

    # The last turn is outside, because g is wanted from it too.
    f = jax.lax.fori_loop(0, iterations - 1, turn, jnp.zeros_like(scaled[:, 0]))
    return regularisation * turn(jnp.asarray(0), f), regularisation * columns(f)


def _solve(
    cost: Array,
    weight_a: Array | None,
    weight_b: Array | None,
    regularisation: float | Array,
    iterations: int,
) -> tuple[Float[Array, "n m"], Float[Array, ""]]:
    """The plan and the dual objective, differentiable at fixed potentials."""
    _checked(regularisation, iterations)
    a, counts_a = _masses(weight_a, cost.shape[0])
    b, counts_b = _masses(weight_b, cost.shape[1])
    counts = counts_a[:, None] & counts_b[None, :]
    # A padding row may hold anything: drop it before it enters a sum.
    cost = jnp.where(counts, cost, 0.0)
    f, g = _potentials(cost, a, b, regularisation, iterations)
    exponent = (f[:, None] + g[None, :] - cost) / regularisation
    density = jnp.exp(jnp.where(counts, exponent, -jnp.inf))
    plan = a[:, None] * b[None, :] * density
    dual = jnp.sum(f * a) + jnp.sum(g * b) - regularisation * (jnp.sum(plan) - 1.0)
    return plan, jnp.where(jnp.any(counts), dual, 0.0)


def sinkhorn_plan(
    cost: Float[Array, "n m"],
    weight_a: Float[Array, " n"] | None = None,
    weight_b: Float[Array, " m"] | None = None,
    *,
    regularisation: float | Float[Array, ""],
    iterations: int = 100,
) -> Float[Array, "n m"]:
    """The transport plan that is cheapest once its entropy is counted.

    It minimises ``<P, cost> + regularisation * KL(P | a b^T)`` over the plans with
    marginals a and b, the weights scaled to sum 1.

    Args:
        cost: [n, m].
        weight_a: [n] row weights, at least 0; 0 = padding; None counts rows evenly.
        weight_b: [m] column weights, likewise.
        regularisation: in units of the cost. Float32 resolves exponents down to about
            1e-4 times the largest cost.
        iterations: pairs of updates, fixed; the number needed grows with
            ``cost / regularisation``.

    Returns:
        [n, m], detached, of sum 1 (0 where a side has no weight). Row sums are exact to
        rounding, column sums as far as the iterations have converged.

    Raises:
        ValueError: if ``regularisation`` is not positive or ``iterations`` is below 1.

    Example:
        >>> cost = jnp.array([[0.0, 1.0], [1.0, 0.0]])
        >>> sinkhorn_plan(cost, regularisation=0.005).tolist()
        [[0.5, 0.0], [0.0, 0.5]]

    References:
        Cuturi, "Sinkhorn Distances: Lightspeed Computation of Optimal Transport",
        NeurIPS 2013.
    """
    plan, _ = _solve(cost, weight_a, weight_b, regularisation, iterations)
    return jax.lax.stop_gradient(plan)


def sinkhorn_distance(
    cost: Float[Array, "n m"],
    weight_a: Float[Array, " n"] | None = None,
    weight_b: Float[Array, " m"] | None = None,
    *,
    regularisation: float | Float[Array, ""],
    iterations: int = 100,
) -> Float[Array, ""]:
    """The entropic transport cost ``<P, cost> + regularisation * KL(P | a b^T)``.

    The gradient in the cost is the plan itself (the envelope theorem), that of
    ``<stop_gradient(P), cost>``: no iteration is differentiated or kept. The same
    theorem gives the gradients in the weights and in the regularisation.

    Args:
        cost: [n, m].
        weight_a: [n] row weights, at least 0; 0 = padding; None counts rows evenly.
        weight_b: [m] column weights, likewise.
        regularisation: in units of the cost.
        iterations: pairs of updates, fixed.

    Returns:
        In units of the cost, from below as the iterations converge; 0 where a side has
        no weight. For the cost of transport alone, sum ``sinkhorn_plan(...) * cost``.

    Raises:
        ValueError: if ``regularisation`` is not positive or ``iterations`` is below 1.

    Example:
        >>> cost = jnp.array([[1.0, 3.0], [3.0, 1.0]])
        >>> round(float(sinkhorn_distance(cost, regularisation=0.001)), 2)
        1.0

    References:
        Cuturi, "Sinkhorn Distances: Lightspeed Computation of Optimal Transport",
        NeurIPS 2013; Feydy et al., "Interpolating between Optimal Transport and MMD
        using Sinkhorn Divergences", AISTATS 2019.
    """
    return _solve(cost, weight_a, weight_b, regularisation, iterations)[1]


def sinkhorn_divergence(
    features_source: Float[Array, "n d"],
    features_target: Float[Array, "m d"],
    *,
    regularisation: float | Float[Array, ""] | None = None,
    iterations: int = 100,
    weight_source: Float[Array, " n"] | None = None,
    weight_target: Float[Array, " m"] | None = None,
) -> Float[Array, ""]:
    """Debiased entropic transport: ``OT(x, y) - OT(x, x) / 2 - OT(y, y) / 2``.

    The cost is the squared Euclidean distance. Between squared Wasserstein distance
    (small regularisation) and the squared distance of means (large).

    Args:
        features_source: [n, d].
        features_target: [m, d].
        regularisation: in squared feature units; None takes a twentieth of the mean
            squared distance between the samples, under stop-gradient.
        iterations: pairs of updates, fixed.
        weight_source: [n] row weights, 0 = padding.
        weight_target: [m] row weights, 0 = padding.

    Returns:
        In squared feature units; 0 for identical samples and, as the iterations
        converge, at least 0. 0 where a side has no weight.

    Raises:
        ValueError: if ``regularisation`` is not positive or ``iterations`` is below 1.

    Example:
        >>> x = jax.random.normal(jax.random.key(0), (8, 3))
        >>> round(float(sinkhorn_divergence(x, x + 2.0)), 1)  # a shift by (2, 2, 2)
        12.0

    References:
        Genevay et al., "Learning Generative Models with Sinkhorn Divergences", AISTATS
        2018; Feydy et al., "Interpolating between Optimal Transport and MMD using
        Sinkhorn Divergences", AISTATS 2019, equation 3.
    """
    n, m = features_source.shape[0], features_target.shape[0]
    w_s = jnp.ones(n) if weight_source is None else weight_source
    w_t = jnp.ones(m) if weight_target is None else weight_target
    f_s = without_padding(features_source, w_s)
    f_t = without_padding(features_target, w_t)
    cross = squared_distances(f_s, f_t)
    if regularisation is None:
        (a, _), (b, _) = _masses(w_s, n), _masses(w_t, m)
        mean_cost = jnp.sum(a[:, None] * b[None, :] * cross)
        # Samples on one point have cost 0: any positive value then gives 0.
        regularisation = jax.lax.stop_gradient(jnp.maximum(0.05 * mean_cost, 1e-12))

    def distance(cost: Array, w_a: Array, w_b: Array) -> Array:
        return sinkhorn_distance(
            cost, w_a, w_b, regularisation=regularisation, iterations=iterations
        )

    own_s = distance(squared_distances(f_s, f_s), w_s, w_s)
    own_t = distance(squared_distances(f_t, f_t), w_t, w_t)
    divergence = distance(cross, w_s, w_t) - 0.5 * (own_s + own_t)
    return jnp.where((jnp.sum(w_s) > 0) & (jnp.sum(w_t) > 0), divergence, 0.0)
