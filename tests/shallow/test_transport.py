"""OT mapping: marginals, optimality, and where rows go."""

import numpy as np
import pytest
from scipy.optimize import linprog

from da_zoo.shallow import OtMapping
from da_zoo.shallow.transport import class_regularised_plan, sinkhorn_plan


def cost_matrix(n=20, m=13, seed=0):
    return np.random.default_rng(seed).random((n, m))


@pytest.mark.parametrize("entropy", [1e-3, 0.05, 1.0, 50.0])
def test_the_plan_has_the_marginals(entropy):
    plan = sinkhorn_plan(cost_matrix(), entropy, tolerance=1e-10, max_steps=100_000)
    assert plan.min() >= 0
    np.testing.assert_allclose(plan.sum(0), 1 / 13, atol=1e-12)
    np.testing.assert_allclose(plan.sum(1), 1 / 20, atol=1e-8)


def test_costs_of_any_size_overflow_nothing():
    for scale in (1e6, -1e6):
        plan = sinkhorn_plan(scale * cost_matrix(), 1.0)
        assert np.isfinite(plan).all()
        np.testing.assert_allclose(plan.sum(), 1.0)


def test_the_plan_is_the_entropic_optimum():
    # At the optimum log(plan) + cost / entropy is a sum of row and column terms.
    cost = cost_matrix()
    dual = np.log(sinkhorn_plan(cost, 0.1, tolerance=1e-11)) + cost / 0.1
    dual -= dual.mean(0) + dual.mean(1, keepdims=True) - dual.mean()
    np.testing.assert_allclose(dual, 0.0, atol=1e-6)


def test_with_little_entropy_the_plan_costs_what_the_linear_programme_says():
    cost = cost_matrix(6, 4)
    rows = np.kron(np.eye(6), np.ones(4))
    columns = np.kron(np.ones(6), np.eye(4))
    best = linprog(
        cost.ravel(),
        A_eq=np.concatenate([rows, columns]),
        b_eq=np.r_[np.full(6, 1 / 6), np.full(4, 1 / 4)],
    ).fun
    plan = sinkhorn_plan(cost, 2e-3, max_steps=50_000)
    assert np.sum(plan * cost) == pytest.approx(best, abs=1e-3)


def test_the_class_regulariser_gives_a_target_row_fewer_classes():
    rng = np.random.default_rng(0)
    labels = np.repeat([0, 1], 15)
    cost = rng.random((30, 12))

    def impurity(plan):
        mass = np.stack([plan[labels == c].sum(0) for c in (0, 1)])
        return (mass.min(0) / mass.sum(0)).mean()

    plain = sinkhorn_plan(cost, 0.5)
    assert impurity(class_regularised_plan(cost, labels, 0.5, 3.0)) < (
        0.7 * impurity(plain)
    )
    np.testing.assert_allclose(class_regularised_plan(cost, labels, 0.5, 0.0), plain)


def test_exact_transport_finds_the_permutation():
    rng = np.random.default_rng(0)
    target = rng.normal(size=(30, 2))
    order = rng.permutation(30)
    source = target[order] + 0.01 * rng.normal(size=(30, 2))
    ot = OtMapping(solver="exact").fit(source, X_target=target)
    np.testing.assert_array_equal(ot.plan_.argmax(1), order)
    np.testing.assert_allclose(ot.plan_.sum(0), 1 / 30)
    np.testing.assert_allclose(ot.transform(source, domain="source"), target[order])


def test_exact_transport_of_unequal_sizes_is_refused():
    with pytest.raises(ValueError, match="as many source as target rows, got 3 and 4"):
        OtMapping(solver="exact").fit(np.eye(3, 4), X_target=np.eye(4))


def test_rows_go_to_barycentres_and_others_follow_their_neighbour():
    rng = np.random.default_rng(0)
    source, target = rng.normal(size=(25, 2)), rng.normal(size=(20, 2)) + 5.0
    ot = OtMapping(class_weight=0.0, entropy=0.1).fit(source, X_target=target)
    moved = ot.transform(source, domain="source")
    wanted = [np.average(target, axis=0, weights=row) for row in ot.plan_]
    np.testing.assert_allclose(moved, wanted)
    near = ot.transform(source[3:4] + 1e-6, domain="source")
    np.testing.assert_allclose(near, moved[3:4] + 1e-6, atol=1e-9)
    np.testing.assert_array_equal(ot.transform(target), target)


def test_the_scale_of_the_features_does_not_change_the_plan():
    rng = np.random.default_rng(0)
    source, target = rng.normal(size=(25, 2)), rng.normal(size=(20, 2)) + 5.0
    y = np.arange(25) % 3
    one = OtMapping().fit(source, y, X_target=target)
    other = OtMapping().fit(100 * source, y, X_target=100 * target)
    np.testing.assert_allclose(one.plan_, other.plan_, atol=1e-7)


def test_the_class_regulariser_needs_labels():
    with pytest.raises(TypeError, match="y is None"):
        OtMapping().fit(np.eye(3), X_target=np.eye(3))
    with pytest.raises(ValueError, match="class_weight must be at least 0"):
        OtMapping(class_weight=-1.0).fit(np.eye(3), X_target=np.eye(3))
