"""The margin disparity against float64 NumPy."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from da_zoo.losses.margin import log_complement, margin_disparity

RNG = np.random.default_rng(5)
SOURCE, TARGET = 2 * RNG.normal(size=(7, 4)), 2 * RNG.normal(size=(5, 4))
LABELS_S, LABELS_T = RNG.integers(0, 4, 7), RNG.integers(0, 4, 5)


def softmax(row):
    return [np.exp(z) / sum(np.exp(row)) for z in row]


def by_hand(gamma, weight_source=None, weight_target=None):
    """Row by row: one entry per row is gathered, never a row of other rows' labels."""
    w_s = np.ones(7) if weight_source is None else weight_source
    w_t = np.ones(5) if weight_target is None else weight_target
    source = target = 0.0
    for row, label, w in zip(SOURCE, LABELS_S, w_s, strict=True):
        source += w * -np.log(softmax(row)[label])
    for row, label, w in zip(TARGET, LABELS_T, w_t, strict=True):
        others = sum(p for j, p in enumerate(softmax(row)) if j != label)
        target += w * -np.log(others)
    return gamma * source / sum(w_s) + target / sum(w_t)


def ours(gamma=4.0, source=SOURCE, target=TARGET, **weights):
    return margin_disparity(
        jnp.asarray(source),
        jnp.asarray(LABELS_S),
        jnp.asarray(target),
        jnp.asarray(LABELS_T),
        gamma,
        **{name: jnp.asarray(w) for name, w in weights.items()},
    )


@pytest.mark.parametrize("gamma", [1.0, 4.0])
def test_value(gamma, x64):
    np.testing.assert_allclose(ours(gamma), by_hand(gamma), rtol=1e-10)


def test_row_weights(x64):
    weights = {
        "weight_source": np.array([1.0, 0, 2, 1, 0, 0.5, 1]),
        "weight_target": np.array([0.0, 1, 1, 3, 0]),
    }
    np.testing.assert_allclose(ours(2.0, **weights), by_hand(2.0, **weights), rtol=1e-9)


def test_it_gathers_one_entry_per_row(x64):
    """A pairing of every row with every label would couple the rows."""
    jacobian = jax.jacobian(log_complement)(jnp.asarray(TARGET), jnp.asarray(LABELS_T))
    off = jacobian[~np.eye(5, dtype=bool)]
    np.testing.assert_array_equal(off, 0.0)
    assert log_complement(jnp.asarray(TARGET), jnp.asarray(LABELS_T)).shape == (5,)


def test_signs_the_adversary_agrees_on_the_source_and_differs_on_the_target(x64):
    on_source, on_target = jax.grad(lambda s, t: ours(4.0, s, t), argnums=(0, 1))(
        jnp.asarray(SOURCE), jnp.asarray(TARGET)
    )
    assert bool((on_source[np.arange(7), LABELS_S] < 0).all())
    assert bool((on_target[np.arange(5), LABELS_T] > 0).all())


def test_the_gradient_is_that_of_finite_differences(x64):
    target = jnp.asarray(TARGET)
    gradient = jax.grad(lambda t: ours(4.0, SOURCE, t))(target)
    for index in ((0, 0), (4, 3)):
        ends = [ours(4.0, SOURCE, target.at[index].add(h)) for h in (1e-6, -1e-6)]
        np.testing.assert_allclose(
            gradient[index], (ends[0] - ends[1]) / 2e-6, rtol=1e-6
        )


@pytest.mark.parametrize("gap", [20.0, 90.0, 1e4])
def test_where_p_is_1_to_rounding_the_log_of_its_complement_is_exact(gap):
    """log(1 - p) computed from p is minus infinity from a gap of 17 on."""
    logits, label = jnp.array([[gap, 0.0, 0.0]]), jnp.array([0])
    value, gradient = jax.value_and_grad(lambda z: log_complement(z, label)[0])(logits)
    np.testing.assert_allclose(value, np.log(2) - gap, rtol=1e-6)
    np.testing.assert_allclose(gradient, [[-1.0, 0.5, 0.5]], atol=1e-5)


def test_masked_classes_count_nothing(x64):
    wide = np.concatenate([TARGET, np.full((5, 2), -1e9)], axis=1)
    value, gradient = jax.value_and_grad(
        lambda z: jnp.sum(log_complement(z, jnp.asarray(LABELS_T)))
    )(jnp.asarray(wide))
    expected = jnp.sum(log_complement(jnp.asarray(TARGET), jnp.asarray(LABELS_T)))
    np.testing.assert_allclose(value, expected, rtol=1e-12)
    assert bool(jnp.isfinite(gradient).all())
    np.testing.assert_array_equal(gradient[:, 4:], 0.0)
