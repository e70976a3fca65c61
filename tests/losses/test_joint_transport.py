import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.optimize import linear_sum_assignment, linprog

from da_zoo.losses import joint_cost, joint_transport, sinkhorn_plan

# Compiled whole: op by op, each small test would compile hundreds of programs.
jit_transport = jax.jit(joint_transport, static_argnames="iterations")
jit_slopes = jax.jit(
    jax.value_and_grad(joint_transport, argnums=(0, 2, 3)),
    static_argnames="iterations",
)
WEIGHTS = {"feature_cost": 0.3, "label_cost": 0.7}


def problem(n=6, m=5, d=3, k=4, seed=0):
    rng = np.random.default_rng(seed)
    return (
        rng.normal(size=(n, d)),
        rng.integers(k, size=n),
        rng.normal(size=(m, d)) + 0.5,
        2.0 * rng.normal(size=(m, k)),
    )


def on_device(f_s, y, f_t, z):
    return jnp.float32(f_s), jnp.asarray(y), jnp.float32(f_t), jnp.float32(z)


def derived_cost(f_s, y, f_t, z, feature_cost, label_cost):
    """Pair by pair, in float64."""
    cost = np.zeros((len(f_s), len(f_t)))
    for i in range(len(f_s)):
        for j in range(len(f_t)):
            p = np.exp(z[j]) / np.exp(z[j]).sum()
            gap = sum((a - b) ** 2 for a, b in zip(f_s[i], f_t[j], strict=True))
            cost[i, j] = feature_cost * gap - label_cost * np.log(p[y[i]])
    return cost


def test_cost():
    arrays = problem()
    ours = joint_cost(*on_device(*arrays), **WEIGHTS)
    np.testing.assert_allclose(ours, derived_cost(*arrays, **WEIGHTS), rtol=1e-5)


def test_cost_compares_labels_of_the_source_with_predictions_of_the_target():
    f_s, y, f_t, z = on_device(*problem())
    base = joint_cost(f_s, y, f_t, z, feature_cost=0.0, label_cost=1.0)
    # One target row surer of class 0: cheaper for rows labelled 0, dearer for others.
    surer = joint_cost(
        f_s, y, f_t, z.at[1, 0].add(3.0), feature_cost=0.0, label_cost=1.0
    )
    change = np.asarray(surer - base)
    assert (y == 0).any()
    assert (change[:, 1] < 0).tolist() == (y == 0).tolist()
    assert not np.delete(change, 1, axis=1).any()


@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e3])
def test_tends_to_the_exact_assignment_at_every_scale(scale):
    """The paper's plan is exact; an epsilon relative to the cost gets there."""
    f_s, y, f_t, z = problem(8, 8)
    arrays = (scale * f_s, y, scale * f_t, z)
    # The labels' share of the cost follows the features' scale.
    weights = {"feature_cost": 0.3, "label_cost": 0.7 * scale**2}
    cost = derived_cost(*arrays, **weights)
    exact = cost[linear_sum_assignment(cost)].mean()
    ours = jit_transport(*on_device(*arrays), epsilon=0.005, iterations=3000, **weights)
    np.testing.assert_allclose(ours, exact, rtol=2e-3)


def test_tends_to_the_linear_program_with_weights():
    arrays = problem()
    rng = np.random.default_rng(1)
    a, b = rng.uniform(0.5, 1.5, 6), rng.uniform(0.5, 1.5, 5)
    sums = np.concatenate(
        [np.kron(np.eye(6), np.ones(5)), np.kron(np.ones(6), np.eye(5))]
    )
    exact = linprog(
        derived_cost(*arrays, **WEIGHTS).ravel(),
        A_eq=sums,
        b_eq=np.concatenate([a / a.sum(), b / b.sum()]),
    ).fun
    ours = jit_transport(
        *on_device(*arrays),
        epsilon=0.005,
        iterations=3000,
        weight_source=jnp.float32(a),
        weight_target=jnp.float32(b),
        **WEIGHTS,
    )
    np.testing.assert_allclose(ours, exact, rtol=2e-3)


def test_the_defaults_come_close_to_the_exact_plan():
    arrays = problem(32, 32, d=8)
    cost = derived_cost(*arrays, feature_cost=0.001, label_cost=0.0001)
    exact = cost[linear_sum_assignment(cost)].mean()
    ours = jit_transport(*on_device(*arrays))
    assert exact < float(ours) < exact + 0.25 * (cost.mean() - exact)


def test_the_gradient_is_that_of_the_cost_under_a_fixed_plan():
    arrays = problem()
    f_s, y, f_t, z = arrays
    inputs = on_device(*arrays)
    value, (slope_s, slope_t, slope_z) = jit_slopes(*inputs, **WEIGHTS)
    cost = derived_cost(*arrays, **WEIGHTS)
    plan = np.asarray(
        sinkhorn_plan(jnp.float32(cost / cost.mean()), regularisation=0.05), np.float64
    )
    np.testing.assert_allclose(value, (plan * cost).sum(), rtol=1e-5)
    gaps = f_s[:, None] - f_t[None]
    pull = 2 * WEIGHTS["feature_cost"] * plan[:, :, None] * gaps
    np.testing.assert_allclose(slope_s, pull.sum(axis=1), rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(slope_t, -pull.sum(axis=0), rtol=1e-4, atol=1e-6)
    p = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
    expected = np.zeros_like(z)
    for i in range(len(y)):
        for j in range(len(z)):
            wrong = p[j] - np.eye(z.shape[1])[y[i]]
            expected[j] += WEIGHTS["label_cost"] * plan[i, j] * wrong
    np.testing.assert_allclose(slope_z, expected, rtol=1e-4, atol=1e-6)
    assert np.abs(expected).max() > 1e-2


def test_nothing_of_the_plan_is_differentiated():
    # Epsilon and the row weights enter the plan alone.
    def loss(epsilon, weight):
        return joint_transport(
            *on_device(*problem()), epsilon=epsilon, weight_source=weight, **WEIGHTS
        )

    at = jnp.float32(0.1), jnp.ones(6)
    assert float(loss(*at)) != float(loss(jnp.float32(0.5), at[1]))
    by_epsilon, by_weight = jax.grad(loss, argnums=(0, 1))(*at)
    assert float(by_epsilon) == 0.0
    assert not by_weight.any()


def test_following_the_gradient_brings_the_domains_together():
    f_s, y, f_t, z = on_device(*problem(12, 10))
    first = float(jit_transport(f_s, y, f_t, z, **WEIGHTS))
    for _ in range(40):
        _, (_, slope_t, slope_z) = jit_slopes(f_s, y, f_t, z, **WEIGHTS)
        f_t, z = f_t - 4.0 * slope_t, z - 4.0 * slope_z
    assert float(jit_transport(f_s, y, f_t, z, **WEIGHTS)) < 0.3 * first


def test_labels_decide_where_features_do_not():
    # All features coincide, so that only labels tell the rows apart.
    y = jnp.array([0, 1, 2])
    z = 5.0 * jnp.eye(3)[jnp.array([1, 2, 0])]
    settings = {"feature_cost": 1.0, "label_cost": 1.0, "epsilon": 0.01}
    value = jit_transport(jnp.ones((3, 2)), y, jnp.ones((3, 2)), z, **settings)
    sure = -jax.nn.log_softmax(jnp.array([5.0, 0.0, 0.0]))[0]
    np.testing.assert_allclose(value, sure, rtol=1e-4)


@pytest.mark.parametrize("junk", [np.nan, 1e30])
def test_padding_changes_nothing(junk):
    f_s, y, f_t, z = on_device(*problem())
    value, slopes = jit_slopes(f_s, y, f_t, z, **WEIGHTS)
    longer = (
        jnp.concatenate([f_s, jnp.full((2, 3), junk)]),
        jnp.concatenate([y, jnp.zeros(2, y.dtype)]),
        jnp.concatenate([f_t, jnp.full((3, 3), junk)]),
        jnp.concatenate([z, jnp.full((3, 4), junk)]),
    )
    padded, padded_slopes = jit_slopes(
        *longer,
        weight_source=jnp.array([1.0] * 6 + [0.0] * 2),
        weight_target=jnp.array([1.0] * 5 + [0.0] * 3),
        **WEIGHTS,
    )
    np.testing.assert_allclose(padded, value, rtol=1e-5)
    for ours, alone in zip(padded_slopes, slopes, strict=True):
        np.testing.assert_allclose(ours[: len(alone)], alone, rtol=1e-4, atol=1e-6)
        assert not ours[len(alone) :].any()


def test_a_side_without_weight_counts_zero():
    value, slopes = jit_slopes(
        *on_device(*problem()), weight_source=jnp.zeros(6), **WEIGHTS
    )
    assert float(value) == 0.0
    assert not any(slope.any() for slope in slopes)


@pytest.mark.parametrize("scale", [0.0, 1e-12, 1.0, 1e6])
def test_finite_where_it_is_hard(scale):
    """Constant, tiny and huge features; a masked class; a sure prediction."""
    f_s, y, f_t, z = on_device(*problem())
    z = z.at[:, 3].set(-1e9).at[0, 0].set(1e4)
    value, slopes = jit_slopes(scale * f_s, y % 3, scale * f_t, z, **WEIGHTS)
    assert np.isfinite(value)
    assert float(value) >= 0.0
    assert all(np.isfinite(slope).all() for slope in slopes)
    assert not slopes[2][:, 3].any()  # the masked class


def test_cost_nothing():
    value, slopes = jit_slopes(*on_device(*problem()), feature_cost=0.0, label_cost=0.0)
    assert float(value) == 0.0
    assert not any(slope.any() for slope in slopes)


def test_bad_arguments():
    with pytest.raises(ValueError, match=r"epsilon must be positive, got 0.0"):
        joint_transport(*on_device(*problem()), epsilon=0.0)
    with pytest.raises(ValueError, match="iterations must be at least 1, got 0"):
        joint_transport(*on_device(*problem()), iterations=0)
