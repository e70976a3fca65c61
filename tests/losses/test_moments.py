"""CMD, HoMM, joint MMD and feature norms against float64 NumPy."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from da_zoo.losses.feature_norm import stepwise_feature_norm
from da_zoo.losses.joint_mmd import joint_mmd_squared
from da_zoo.losses.mmd import mmd_squared
from da_zoo.losses.moments import central_moment_discrepancy, higher_order_moments

RNG = np.random.default_rng(1)
X, Y = RNG.normal(size=(7, 3)), 1.5 * RNG.normal(size=(5, 3)) + 0.5


def test_central_moments(x64):
    expected = np.linalg.norm(X.mean(0) - Y.mean(0)) / 2
    for k in range(2, 5):
        moments = [((z - z.mean(0)) ** k).mean(0) for z in (X, Y)]
        expected += np.linalg.norm(moments[0] - moments[1]) / 2**k
    ours = central_moment_discrepancy(jnp.asarray(X), jnp.asarray(Y), 4, span=2.0)
    np.testing.assert_allclose(ours, expected, rtol=1e-10)


def test_central_moments_of_equal_samples_have_value_and_gradient_zero():
    x = jnp.float32(X)
    value, gradient = jax.value_and_grad(central_moment_discrepancy)(x, x)
    assert float(value) == 0.0
    np.testing.assert_array_equal(gradient, 0.0)


@pytest.mark.parametrize("order", [1, 2, 3])
def test_higher_moments_are_those_of_the_full_tensors(order, x64):
    total = 0.0
    for indices in itertools.product(range(3), repeat=order):
        moments = [np.prod(z[:, list(indices)], axis=1).mean() for z in (X, Y)]
        total += (moments[0] - moments[1]) ** 2
    ours = higher_order_moments(jnp.asarray(X), jnp.asarray(Y), order)
    np.testing.assert_allclose(ours, total / 3**order, rtol=1e-9)


@pytest.mark.parametrize(
    "loss", [central_moment_discrepancy, higher_order_moments, "joint"]
)
def test_gradient_descends(loss, x64):
    if loss == "joint":

        def loss(x, y):
            return joint_mmd_squared([x, jnp.tanh(x)], [y, jnp.tanh(y)], [2.0, 0.92])

    x, y = jnp.asarray(X), jnp.asarray(Y)
    gradient = jax.grad(loss)(x, y)
    numeric = (loss(x.at[2, 1].add(1e-6), y) - loss(x.at[2, 1].add(-1e-6), y)) / 2e-6
    np.testing.assert_allclose(gradient[2, 1], numeric, rtol=1e-5)
    assert float(jnp.abs(gradient).max()) > 1e-4
    assert float(loss(x - 0.05 * gradient, y)) < float(loss(x, y))


@pytest.mark.parametrize("estimator", ["u", "v"])
def test_joint_mmd_with_loops(estimator, x64):
    layers = [(X, Y), (np.tanh(X), np.tanh(Y))]
    every = np.concatenate(layers[0])
    mean = np.mean([((a - b) ** 2).sum() for a in every for b in every])

    def kernel(pairs):
        (a, b), (c, d) = pairs
        square = ((a - b) ** 2).sum()
        first = sum(np.exp(-square / (2 * 2.0**k * mean)) for k in range(-3, 2))
        return first * np.exp(-((c - d) ** 2).sum() / (2 * 0.92**2))

    def average(p, q, same):
        values = [
            kernel(
                ((layers[0][p][i], layers[0][q][j]), (layers[1][p][i], layers[1][q][j]))
            )
            for i in range(len(layers[0][p]))
            for j in range(len(layers[0][q]))
            if not (same and estimator == "u" and i == j)
        ]
        return np.mean(values)

    expected = average(0, 0, True) + average(1, 1, True) - 2 * average(0, 1, False)
    source, target = ([jnp.asarray(layer[i]) for layer in layers] for i in (0, 1))
    ours = joint_mmd_squared(source, target, [None, 0.92], estimator)
    np.testing.assert_allclose(ours, expected, rtol=1e-9)


@pytest.mark.parametrize("estimator", ["u", "v", "linear"])
def test_joint_mmd_of_one_layer_is_mmd(estimator, x64):
    x, y = jnp.asarray(X), jnp.asarray(Y)
    np.testing.assert_allclose(
        joint_mmd_squared([x], [y], [None], estimator),
        mmd_squared(x, y, estimator=estimator),
        rtol=1e-9,
    )


def test_linear_joint_mmd_with_a_loop(x64):
    weight = np.array([1.0, 1.0, 0.5, 1.0, 7.0])  # the fifth row has no partner

    def kernel(a, b):
        first, second = ((f(a) - f(b)) @ (f(a) - f(b)) for f in (np.asarray, np.tanh))
        return np.exp(-first / (2 * 1.5**2)) * np.exp(-second / (2 * 0.92**2))

    terms, weights = [], []
    for i in (0, 2):
        (s1, s2), (t1, t2) = X[i : i + 2], Y[i : i + 2]
        own = kernel(s1, s2) + kernel(t1, t2)
        terms.append(own - kernel(s1, t2) - kernel(s2, t1))
        weights.append(weight[i] * weight[i + 1])
    layers = [[jnp.asarray(z), jnp.tanh(jnp.asarray(z))] for z in (X, Y)]
    ours = joint_mmd_squared(
        *layers, [1.5, 0.92], "linear", weight_target=jnp.asarray(weight)
    )
    np.testing.assert_allclose(ours, np.average(terms, weights=weights), rtol=1e-9)


def test_linear_joint_mmd_of_a_single_row_is_nothing():
    rows = [jnp.ones((1, 3))]
    assert float(joint_mmd_squared(rows, rows, [None], "linear")) == 0.0


def test_feature_norm_gradient_has_constant_length_and_survives_zeros():
    x = jnp.concatenate([jnp.float32(X), jnp.zeros((1, 3))])
    value, gradient = jax.value_and_grad(stepwise_feature_norm)(x, 0.3)
    np.testing.assert_allclose(value, 0.09, rtol=1e-6)
    np.testing.assert_allclose(
        gradient[:7], -2 * 0.3 / 8 * X / np.linalg.norm(X, axis=1)[:, None], rtol=1e-4
    )
    np.testing.assert_array_equal(gradient[7], 0.0)


W_X, W_Y = RNG.uniform(0.2, 2.0, size=7), RNG.uniform(0.2, 2.0, size=5)
WEIGHTS = {"weight_source": W_X, "weight_target": W_Y}


def joint(x, y, estimator="u", **weights):
    layers = ([x, 0.5 * x[:, 1:]], [y, 0.5 * y[:, 1:]])
    return joint_mmd_squared(*layers, [None, 0.92], estimator, **weights)


PADDED = {
    "central": central_moment_discrepancy,
    "higher": higher_order_moments,
    "joint, u": joint,
    "joint, v": lambda x, y, **k: joint(x, y, "v", **k),
}


@pytest.mark.parametrize("junk", [np.nan, np.inf, 1e30])
@pytest.mark.parametrize("name", PADDED)
def test_padding_changes_neither_value_nor_gradient(name, junk, x64):
    loss = PADDED[name]
    x, y = jnp.asarray(X), jnp.asarray(Y)
    slopes_of = jax.value_and_grad(loss, argnums=(0, 1))
    value, slopes = slopes_of(x, y)
    rows = jnp.full((2, 3), junk)
    longer = jnp.concatenate([x, rows]), jnp.concatenate([rows, y])
    padded, padded_slopes = slopes_of(
        *longer,
        weight_source=jnp.array([1.0] * 7 + [0.0] * 2),
        weight_target=jnp.array([0.0] * 2 + [1.0] * 5),
    )
    np.testing.assert_allclose(padded, value, rtol=1e-9)
    np.testing.assert_allclose(padded_slopes[0][:7], slopes[0], rtol=1e-8, atol=1e-12)
    np.testing.assert_allclose(padded_slopes[1][2:], slopes[1], rtol=1e-8, atol=1e-12)
    assert not padded_slopes[0][7:].any()
    assert not padded_slopes[1][:2].any()


@pytest.mark.parametrize("name", PADDED)
def test_one_side_may_have_weights_alone(name, x64):
    x, y = jnp.asarray(X), jnp.asarray(Y)
    for side, n in (("weight_source", 7), ("weight_target", 5)):
        np.testing.assert_allclose(
            PADDED[name](x, y, **{side: jnp.ones(n)}), PADDED[name](x, y), rtol=1e-9
        )


def test_weighted_central_moments(x64):
    expected = 0.0
    sides = ((X, W_X), (Y, W_Y))
    means = [np.average(z, axis=0, weights=w) for z, w in sides]
    for k in range(1, 5):
        moments = [
            np.average((z - (m if k > 1 else 0.0)) ** k, axis=0, weights=w)
            for (z, w), m in zip(sides, means, strict=True)
        ]
        expected += np.linalg.norm(moments[0] - moments[1]) / 2**k
    ours = central_moment_discrepancy(
        jnp.asarray(X), jnp.asarray(Y), 4, span=2.0, **on_device(WEIGHTS)
    )
    np.testing.assert_allclose(ours, expected, rtol=1e-10)


@pytest.mark.parametrize("order", [1, 2, 3])
def test_weighted_higher_moments(order, x64):
    total = 0.0
    for indices in itertools.product(range(3), repeat=order):
        moments = [
            np.average(np.prod(z[:, list(indices)], axis=1), weights=w)
            for z, w in ((X, W_X), (Y, W_Y))
        ]
        total += (moments[0] - moments[1]) ** 2
    ours = higher_order_moments(
        jnp.asarray(X), jnp.asarray(Y), order, **on_device(WEIGHTS)
    )
    np.testing.assert_allclose(ours, total / 3**order, rtol=1e-9)


@pytest.mark.parametrize("estimator", ["u", "v", "linear"])
def test_weighted_joint_mmd_of_one_layer_is_weighted_mmd(estimator, x64):
    x, y = jnp.asarray(X), jnp.asarray(Y)
    weights = on_device(WEIGHTS)
    np.testing.assert_allclose(
        joint_mmd_squared([x], [y], [None], estimator, **weights),
        mmd_squared(x, y, None, estimator, **weights),
        rtol=1e-9,
    )


def test_weights_of_a_joint_mmd_are_multiplicities(x64):
    x, y = jnp.asarray(X), jnp.asarray(Y)
    counts = jnp.array([1, 2, 0, 1, 3, 1, 1])
    np.testing.assert_allclose(
        joint(x, y, "v", weight_source=counts.astype(x.dtype)),
        joint(jnp.repeat(x, counts, axis=0), y, "v"),
        rtol=1e-9,
    )


def on_device(weights):
    return {name: jnp.asarray(weight) for name, weight in weights.items()}


@pytest.mark.parametrize(
    ("call", "named"),
    [
        (
            lambda: central_moment_discrepancy(jnp.float32(X), jnp.float32(Y), 0),
            "moments must be at least 1",
        ),
        (
            lambda: central_moment_discrepancy(
                jnp.float32(X), jnp.float32(Y), span=0.0
            ),
            "span must be positive",
        ),
        (
            lambda: higher_order_moments(jnp.float32(X), jnp.float32(Y), 0),
            "order must be at least 1",
        ),
        (
            lambda: joint_mmd_squared([jnp.float32(X)], [jnp.float32(Y)], []),
            "one entry per layer",
        ),
        (
            lambda: joint_mmd_squared(
                [jnp.float32(X)], [jnp.float32(Y)], [None], "cubic"
            ),
            "estimator",
        ),
    ],
)
def test_bad_arguments_are_named(call, named):
    with pytest.raises(ValueError, match=named):
        call()
