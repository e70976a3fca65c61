"""The discrepancy of two classifiers against float64 NumPy."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from da_zoo.losses.discrepancy import classifier_discrepancy

RNG = np.random.default_rng(3)
FIRST, SECOND = (2 * RNG.normal(size=(7, 4)) for _ in range(2))
WEIGHT = np.array([1.0, 2.0, 0.5, 0.0, 1.0, 0.0, 3.0])


def softmax(row):
    return [np.exp(z) / sum(np.exp(row)) for z in row]


def by_hand(first, second, weight, reduction):
    total = 0.0
    for a, b, w in zip(first, second, weight, strict=True):
        gaps = [abs(p - q) for p, q in zip(softmax(a), softmax(b), strict=True)]
        total += w * (sum(gaps) / len(gaps) if reduction == "mean" else sum(gaps))
    return total / sum(weight)


@pytest.mark.parametrize("reduction", ["mean", "sum"])
@pytest.mark.parametrize("weight", [None, WEIGHT])
def test_value(reduction, weight, x64):
    ours = classifier_discrepancy(
        jnp.asarray(FIRST),
        jnp.asarray(SECOND),
        reduction=reduction,
        weight=None if weight is None else jnp.asarray(weight),
    )
    rows = np.ones(7) if weight is None else weight
    np.testing.assert_allclose(
        ours, by_hand(FIRST, SECOND, rows, reduction), rtol=1e-10
    )


def test_the_mean_is_the_sum_over_the_number_of_classes(x64):
    first, second = jnp.asarray(FIRST), jnp.asarray(SECOND)
    np.testing.assert_allclose(
        4 * classifier_discrepancy(first, second),
        classifier_discrepancy(first, second, reduction="sum"),
        rtol=1e-12,
    )


@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_masked_classes_count_nothing_and_have_no_gradient(reduction, x64):
    def widened(z):
        return jnp.concatenate([jnp.asarray(z), jnp.full((7, 3), -1e9)], axis=1)

    def loss(a, b):
        return classifier_discrepancy(a, b, reduction=reduction)

    value, gradient = jax.value_and_grad(loss)(widened(FIRST), widened(SECOND))
    narrow, expected = jax.value_and_grad(loss)(jnp.asarray(FIRST), jnp.asarray(SECOND))
    np.testing.assert_allclose(value, narrow, rtol=1e-12)
    np.testing.assert_allclose(gradient[:, :4], expected, atol=1e-12)
    np.testing.assert_array_equal(gradient[:, 4:], 0.0)


def test_the_gradient_is_that_of_finite_differences_and_leads_downhill(x64):
    first, second = jnp.asarray(FIRST), jnp.asarray(SECOND)
    gradient = jax.grad(classifier_discrepancy)(first, second)
    for index in ((0, 0), (6, 3)):
        ends = [
            classifier_discrepancy(first.at[index].add(step), second)
            for step in (1e-6, -1e-6)
        ]
        np.testing.assert_allclose(
            gradient[index], (ends[0] - ends[1]) / 2e-6, rtol=1e-6
        )
    down = classifier_discrepancy(first - 0.1 * gradient, second)
    assert float(down) < float(classifier_discrepancy(first, second))


def test_equal_classifiers_agree_and_extreme_ones_stay_finite():
    same = jnp.asarray(FIRST, jnp.float32)
    value, gradient = jax.value_and_grad(classifier_discrepancy)(same, same)
    assert float(value) == 0.0
    assert bool(jnp.isfinite(gradient).all())
    far = jnp.array([[1e4, -1e4]])
    value, gradient = jax.value_and_grad(
        lambda a, b: classifier_discrepancy(a, b, reduction="sum")
    )(far, -far)
    np.testing.assert_allclose(value, 2.0)
    assert bool(jnp.isfinite(gradient).all())


def test_padding_may_hold_anything():
    first = jnp.asarray(FIRST, jnp.float32).at[3].set(jnp.nan)
    value, gradient = jax.value_and_grad(classifier_discrepancy)(
        first, jnp.asarray(SECOND, jnp.float32), weight=jnp.asarray(WEIGHT)
    )
    assert bool(jnp.isfinite(value))
    assert bool(jnp.isfinite(gradient[jnp.array([0, 1, 2, 4, 6])]).all())


def test_unknown_reductions_are_named():
    with pytest.raises(ValueError, match=r"reduction.*'max'"):
        classifier_discrepancy(jnp.zeros((1, 2)), jnp.zeros((1, 2)), reduction="max")
