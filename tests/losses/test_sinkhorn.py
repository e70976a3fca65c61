import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.optimize import linprog
from scipy.special import logsumexp

from da_zoo.losses import sinkhorn_distance, sinkhorn_divergence, sinkhorn_plan

# Compiled whole: op by op, each small test would compile hundreds of programs.
jit_plan, jit_distance, jit_divergence = (
    jax.jit(function, static_argnames="iterations")
    for function in (sinkhorn_plan, sinkhorn_distance, sinkhorn_divergence)
)
slope_of_divergence = jax.jit(
    jax.value_and_grad(sinkhorn_divergence), static_argnames="iterations"
)


def problem(n=6, m=5, seed=0):
    """A cost and two histograms, in float64."""
    rng = np.random.default_rng(seed)
    x, y = rng.normal(size=(n, 2)), rng.normal(size=(m, 2)) + 0.5
    a, b = rng.uniform(0.5, 1.5, n), rng.uniform(0.5, 1.5, m)
    return squared(x, y), a / a.sum(), b / b.sum()


def squared(x, y):
    return np.sum((x[:, None] - y[None]) ** 2, axis=-1)


def reference(cost, a, b, regularisation, iterations=3000):
    """The plan and its entropic cost, the primal objective, in float64."""
    f = np.zeros(len(a))
    for _ in range(iterations):
        g = -logsumexp(np.log(a) + f - cost.T / regularisation, axis=1)
        f = -logsumexp(np.log(b) + g - cost / regularisation, axis=1)
    density = np.exp(f[:, None] + g - cost / regularisation)
    plan = a[:, None] * b * density
    entropy = np.sum(plan * np.log(np.maximum(density, 1e-300)))
    return plan, np.sum(plan * cost) + regularisation * entropy


def in_float32(*arrays):
    return [jnp.asarray(a, jnp.float32) for a in arrays]


@pytest.mark.parametrize("regularisation", [3.0, 0.3, 0.03])
def test_value_and_plan(regularisation):
    cost, a, b = problem()
    plan, value = reference(cost, a, b, regularisation)
    settings = {"regularisation": regularisation, "iterations": 1000}
    ours = jit_plan(*in_float32(cost, a, b), **settings)
    np.testing.assert_allclose(ours, plan, atol=2e-6)
    distance = jit_distance(*in_float32(cost, a, b), **settings)
    np.testing.assert_allclose(distance, value, rtol=1e-5)


def test_marginals():
    cost, a, b = in_float32(*problem(40, 30))
    plan = jit_plan(cost, a, b, regularisation=0.3, iterations=300)
    np.testing.assert_allclose(plan.sum(axis=1), a, rtol=1e-5)
    np.testing.assert_allclose(plan.sum(axis=0), b, rtol=1e-4)
    # Row sums are exact from the first iteration on, and None weighs evenly.
    early = jit_plan(cost, regularisation=0.3, iterations=1)
    np.testing.assert_allclose(early.sum(axis=1), np.full(40, 1 / 40), rtol=1e-5)
    assert float(jnp.abs(early.sum(axis=0) - 1 / 30).max()) > 1e-3


def test_tends_to_the_linear_program():
    cost, a, b = problem()
    n, m = cost.shape
    row_sums = np.kron(np.eye(n), np.ones(m))
    column_sums = np.kron(np.ones(n), np.eye(m))
    optimum = linprog(
        cost.ravel(),
        A_eq=np.concatenate([row_sums, column_sums]),
        b_eq=np.concatenate([a, b]),
    ).fun
    gaps = []
    for regularisation in (1.0, 0.1, 0.01, 0.002):
        settings = {"regularisation": regularisation, "iterations": 5000}
        plan = jit_plan(*in_float32(cost, a, b), **settings)
        distance = jit_distance(*in_float32(cost, a, b), **settings)
        transport = float(np.sum(np.asarray(plan, np.float64) * cost))
        # The entropic cost exceeds the optimum by at most regularisation * log(n m).
        assert -1e-4 < transport - optimum < regularisation * np.log(n * m)
        assert -1e-4 < float(distance) - optimum < regularisation * np.log(n * m)
        gaps.append(transport - optimum)
    assert gaps[0] > 0.1
    assert abs(gaps[-1]) < 1e-4


def test_float32_survives_costs_that_underflow_in_the_plain_domain():
    cost, a, b = problem()
    # exp(-cost / regularisation) is 0 in every entry: a scaling method divides by it.
    cost = 1e4 + 1e3 * cost
    plan, value = reference(cost, a, b, 20.0)
    settings = {"regularisation": 20.0, "iterations": 2000}
    ours = jit_plan(*in_float32(cost, a, b), **settings)
    np.testing.assert_allclose(ours, plan, atol=1e-4)
    distance = jit_distance(*in_float32(cost, a, b), **settings)
    np.testing.assert_allclose(distance, value, rtol=1e-5)


def test_gradient_is_the_plan_and_agrees_with_finite_differences(x64):
    cost, a, b = (jnp.asarray(s) for s in problem())

    def value(cost, a, b, regularisation):
        return jit_distance(cost, a, b, regularisation=regularisation, iterations=500)

    point = (cost, a, b, jnp.asarray(0.5))
    gradients = jax.grad(value, argnums=(0, 1, 2, 3))(*point)
    plan = jit_plan(cost, a, b, regularisation=0.5, iterations=500)
    np.testing.assert_allclose(gradients[0], plan, atol=1e-12)
    step = 1e-5
    for number, index in ((0, (0, 0)), (0, (3, 2)), (1, 2), (2, 4), (3, ())):

        def moved(by, number=number, index=index):
            arguments = list(point)
            arguments[number] = arguments[number].at[index].add(by)
            return value(*arguments)

        numeric = (moved(step) - moved(-step)) / (2 * step)
        ours = gradients[number][index]
        np.testing.assert_allclose(ours, numeric, rtol=1e-5, atol=1e-9)
    assert float(plan.max()) > 1e-2


def test_the_plan_is_detached():
    cost, _, _ = in_float32(*problem())
    slope = jax.grad(lambda c: jit_plan(c, regularisation=0.5)[0, 0])(cost)
    assert not slope.any()


def divergence_by_definition(x, y, regularisation, a=None, b=None):
    a = np.full(len(x), 1 / len(x)) if a is None else a / a.sum()
    b = np.full(len(y), 1 / len(y)) if b is None else b / b.sum()
    if regularisation is None:
        regularisation = 0.05 * a @ squared(x, y) @ b

    def entropic(p, q, mass_p, mass_q):
        return reference(squared(p, q), mass_p, mass_q, regularisation)[1]

    return entropic(x, y, a, b) - 0.5 * (entropic(x, x, a, a) + entropic(y, y, b, b))


@pytest.mark.parametrize("regularisation", [None, 0.5, 5.0])
def test_divergence_value(regularisation):
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(7, 3)), rng.normal(size=(5, 3)) + 1.0
    a, b = rng.uniform(0.5, 1.5, 7), rng.uniform(0.5, 1.5, 5)
    settings = {"regularisation": regularisation, "iterations": 500}
    ours = jit_divergence(*in_float32(x, y), **settings)
    expected = divergence_by_definition(x, y, regularisation)
    np.testing.assert_allclose(ours, expected, rtol=2e-5)
    w_s, w_t = in_float32(a, b)
    ours = jit_divergence(
        *in_float32(x, y), weight_source=w_s, weight_target=w_t, **settings
    )
    expected = divergence_by_definition(x, y, regularisation, a, b)
    np.testing.assert_allclose(ours, expected, rtol=2e-5)


def test_divergence_is_zero_without_a_gap_and_positive_with_one():
    x = jax.random.normal(jax.random.key(0), (16, 3))
    assert float(jit_divergence(x, x)) == 0.0
    slope = slope_of_divergence(x, x, iterations=500)[1]
    assert float(jnp.abs(slope).max()) < 1e-4
    # A translation costs its squared length, whatever the regularisation is.
    moved = jit_divergence(x, x + 0.5, regularisation=1.0)
    np.testing.assert_allclose(moved, 0.75, rtol=1e-3)
    far = jit_divergence(x, 2.0 * x[:9] + 1.0)
    assert float(far) > 1.0
    np.testing.assert_allclose(jit_divergence(2.0 * x[:9] + 1.0, x), far, rtol=1e-3)


def test_following_the_gradient_brings_the_samples_together():
    x = jax.random.normal(jax.random.key(0), (12, 3))
    y = jax.random.normal(jax.random.key(1), (10, 3)) + 1.5
    value, gradient = slope_of_divergence(x, y, regularisation=0.5)
    # The gradient of a mean over 12 rows: a step of 12 halves moves each row its way.
    after = jit_divergence(x - 3.0 * gradient, y, regularisation=0.5)
    assert float(after) < 0.5 * float(value)
    gap = y.mean(0) - (x - 3.0 * gradient).mean(0)
    assert float(jnp.linalg.norm(gap)) < float(jnp.linalg.norm(y.mean(0) - x.mean(0)))


@pytest.mark.parametrize("regularisation", [None, 0.5])
def test_divergence_gradient_against_finite_differences(x64, regularisation):
    rng = np.random.default_rng(0)
    x = jnp.asarray(rng.normal(size=(6, 2)))
    y = jnp.asarray(rng.normal(size=(5, 2)) + 1.0)
    # The default is detached: hold it where it is for the differences.
    held = 0.05 * float(np.mean(squared(np.asarray(x), np.asarray(y))))
    held = held if regularisation is None else regularisation

    def loss(x, regularisation):
        return jit_divergence(x, y, regularisation=regularisation, iterations=2000)

    gradient = jax.grad(loss)(x, regularisation)
    step = 1e-5
    for index in ((0, 0), (4, 1)):
        numeric = (
            loss(x.at[index].add(step), held) - loss(x.at[index].add(-step), held)
        ) / (2 * step)
        np.testing.assert_allclose(gradient[index], numeric, rtol=1e-4)


@pytest.mark.parametrize("junk", [np.nan, 1e30])
def test_padding_changes_nothing(junk):
    cost, a, b = in_float32(*problem())
    padded = jnp.pad(cost, ((0, 2), (0, 3)), constant_values=junk)
    weights = jnp.pad(a, (0, 2)), jnp.pad(b, (0, 3))
    settings = {"regularisation": 0.5, "iterations": 50}
    plan = jit_plan(padded, *weights, **settings)
    np.testing.assert_allclose(
        plan[:6, :5], jit_plan(cost, a, b, **settings), rtol=1e-5
    )
    assert not plan[6:].any()
    assert not plan[:, 5:].any()

    def value(cost, *masses):
        return jit_distance(cost, *masses, **settings)

    distance, slope = jax.value_and_grad(value)(padded, *weights)
    np.testing.assert_allclose(distance, value(cost, a, b), rtol=1e-5)
    np.testing.assert_allclose(slope, plan, atol=1e-7)

    x = jax.random.normal(jax.random.key(0), (6, 3))
    y = jax.random.normal(jax.random.key(1), (5, 3)) + 1.0
    longer = jnp.concatenate([x, jnp.full((2, 3), junk)])
    weight = jnp.array([1.0] * 6 + [0.0] * 2)
    divergence, slope = slope_of_divergence(longer, y, weight_source=weight)
    alone, alone_slope = slope_of_divergence(x, y)
    np.testing.assert_allclose(divergence, alone, rtol=1e-5)
    np.testing.assert_allclose(slope[:6], alone_slope, rtol=1e-4, atol=1e-6)
    assert not slope[6:].any()


@pytest.mark.parametrize("side", ["a", "b"])
def test_a_side_without_weight_counts_zero(side):
    cost, a, b = in_float32(*problem())
    a, b = (0.0 * a, b) if side == "a" else (a, 0.0 * b)
    settings = {"regularisation": 0.5, "iterations": 5}
    assert not jit_plan(cost, a, b, **settings).any()
    value, slope = jax.value_and_grad(lambda c: jit_distance(c, a, b, **settings))(cost)
    assert float(value) == 0.0
    assert not slope.any()
    x, y = jnp.ones((6, 2)), jnp.zeros((5, 2))
    value, slope = slope_of_divergence(x, y, weight_source=a, weight_target=b)
    assert float(value) == 0.0
    assert not slope.any()


@pytest.mark.parametrize(
    "features",
    [np.ones((1, 3)), np.ones((4, 3)), np.full((4, 3), 1e6), np.zeros((4, 1))],
    ids=["one row", "constant", "huge", "dead"],
)
def test_finite_where_it_is_hard(features):
    x = jnp.float32(features)
    value, gradient = slope_of_divergence(x, x)
    assert float(value) == 0.0
    assert np.isfinite(gradient).all()


def test_vmap_and_a_traced_regularisation():
    x = jax.random.normal(jax.random.key(0), (3, 6, 2))
    y = jax.random.normal(jax.random.key(1), (5, 2)) + 1.0
    strengths = jnp.array([0.2, 0.5, 1.0])

    def loss(x, strength):
        return jit_divergence(x, y, regularisation=strength, iterations=20)

    values, gradients = jax.jit(jax.vmap(jax.value_and_grad(loss)))(x, strengths)
    for i in range(3):
        value, gradient = jax.value_and_grad(loss)(x[i], strengths[i])
        np.testing.assert_allclose(values[i], value, rtol=1e-5)
        np.testing.assert_allclose(gradients[i], gradient, rtol=1e-4, atol=1e-6)


def test_memory_does_not_grow_with_the_iterations():
    cost = jax.ShapeDtypeStruct((512, 512), jnp.float32)

    def needed(iterations):
        def loss(cost):
            return jit_distance(cost, regularisation=0.1, iterations=iterations)

        step = jax.jit(jax.value_and_grad(loss)).lower(cost).compile()
        return step.memory_analysis().temp_size_in_bytes

    assert needed(1000) == needed(10) < 8 * 4 * 512**2


def test_bad_arguments():
    cost = jnp.ones((2, 2))
    with pytest.raises(ValueError, match=r"regularisation must be positive.* 0.0"):
        sinkhorn_plan(cost, regularisation=0.0)
    with pytest.raises(ValueError, match="iterations must be at least 1, got 0"):
        sinkhorn_distance(cost, regularisation=1.0, iterations=0)
    with pytest.raises(ValueError, match=r"regularisation must be positive.* -1"):
        sinkhorn_divergence(cost, cost, regularisation=-1.0)
