"""KMM, KLIEP and the domain classifier: weights, constraints, known ratios."""

import numpy as np
import pytest
from scipy.optimize import minimize

from da_zoo.shallow import DensityRatio, Kliep, Kmm
from da_zoo.shallow.kernels import gaussian_kernel
from da_zoo.shallow.kmm import project

WEIGHTERS = (Kmm, Kliep, DensityRatio)


def gaussians(n=300, m=250, shift=1.0, seed=0):
    """Two unit normals; the target's is moved by ``shift`` along the first axis."""
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, 2)), rng.normal(size=(m, 2)) + np.array([shift, 0])


@pytest.mark.parametrize("method", WEIGHTERS)
def test_weights_are_those_of_a_density_ratio(method):
    source, target = gaussians()
    weights = method().fit(source, X_target=target).weights_
    assert weights.min() >= 0
    assert weights.mean() == pytest.approx(1.0, abs=0.1)
    # log N(x; 1, 1) - log N(x; 0, 1) rises with the first coordinate alone.
    order = np.argsort(source[:, 0]).reshape(6, -1)
    truth = np.exp(source[order, 0] - 0.5).mean(1)
    assert np.corrcoef(weights[order].mean(1), truth)[0, 1] > 0.9
    assert np.average(source[:, 0], weights=weights) == pytest.approx(1.0, abs=0.35)


@pytest.mark.parametrize("method", WEIGHTERS)
def test_weights_of_equal_domains_are_nearly_equal(method):
    source, _ = gaussians()
    weights = method().fit(source, X_target=source).weights_
    assert weights.mean() == pytest.approx(1.0, abs=0.01)
    assert weights.std() < 0.3


@pytest.mark.parametrize("method", WEIGHTERS)
def test_bad_input_is_named(method):
    source, target = gaussians(20, 20)
    with pytest.raises(TypeError, match="X_target"):
        method().fit(source, X_target=None)
    with pytest.raises(ValueError, match="same columns"):
        method().fit(source, X_target=target[:, :1])
    with pytest.raises(ValueError, match="X holds NaN"):
        method().fit(np.full_like(source, np.nan), X_target=target)


def test_kmm_solves_its_quadratic_programme():
    source, target = gaussians(25, 30)
    kmm = Kmm(bandwidth=0.7, largest=3.0, slack=0.1, max_iterations=9000)
    kmm.set_params(tolerance=1e-9)
    weights = kmm.fit(source, X_target=target).weights_
    k = gaussian_kernel(source, source, 0.7)
    pull = gaussian_kernel(source, target, 0.7).sum(1) * 25 / 30

    def objective(w):
        return 0.5 * w @ k @ w - pull @ w

    other = minimize(
        objective,
        np.ones(25),
        jac=lambda w: k @ w - pull,
        bounds=[(0, 3)] * 25,
        constraints=[
            {"type": "ineq", "fun": lambda w: 0.1 - (w.mean() - 1)},
            {"type": "ineq", "fun": lambda w: 0.1 + (w.mean() - 1)},
        ],
        method="SLSQP",
        options={"maxiter": 1000, "ftol": 1e-12},
    )
    assert objective(weights) <= other.fun + 1e-4
    assert weights.max() <= 3.0
    assert abs(weights.mean() - 1) <= 0.1 + 1e-9


def test_projection_is_the_nearest_point():
    rng = np.random.default_rng(0)
    for slack in (0.0, 0.2):
        for scale in (0.1, 5.0):
            x = scale * rng.normal(size=6)
            nearest = project(x, 2.0, slack)
            assert nearest.min() >= 0
            assert nearest.max() <= 2
            assert abs(nearest.mean() - 1) <= slack + 1e-9
            for _ in range(200):
                other = project(rng.normal(size=6) * 3, 2.0, slack)
                assert np.sum((x - nearest) ** 2) <= np.sum((x - other) ** 2) + 1e-9


def test_kmm_s_bounds_are_checked():
    source, target = gaussians(20, 20)
    with pytest.raises(ValueError, match="largest must be at least 1"):
        Kmm(largest=0.5).fit(source, X_target=target)
    with pytest.raises(ValueError, match="slack must be at least 0"):
        Kmm(slack=-0.1).fit(source, X_target=target)


def test_kliep_s_ratio_has_mean_one_and_is_the_maximum():
    source, target = gaussians(80, 70)
    kliep = Kliep(bandwidth=0.8, centres=10, max_iterations=20_000, tolerance=1e-12)
    kliep.fit(source, X_target=target)
    assert kliep.weights_.mean() == pytest.approx(1.0)
    assert kliep.proportions_.sum() == pytest.approx(1.0)
    bases = gaussian_kernel(target, kliep.centres_, 0.8)
    scale = gaussian_kernel(source, kliep.centres_, 0.8).mean(0)

    def loss(alpha):
        return -np.mean(np.log(bases @ alpha))

    other = minimize(
        loss,
        0.1 / scale,
        bounds=[(0, None)] * 10,
        constraints=[{"type": "eq", "fun": lambda a: scale @ a - 1}],
        method="SLSQP",
        options={"maxiter": 1000, "ftol": 1e-12},
    )
    assert loss(kliep.proportions_ / scale) == pytest.approx(other.fun, abs=1e-4)


def test_kliep_picks_a_bandwidth_by_likelihood():
    source, target = gaussians()
    chosen = Kliep().fit(source, X_target=target)
    assert 0 < chosen.bandwidth_ < 10
    assert Kliep().fit(source, X_target=target).bandwidth_ == chosen.bandwidth_


def test_kliep_stands_domains_that_do_not_overlap():
    source, target = gaussians(30, 30, shift=1e4)
    weights = Kliep().fit(source, X_target=target).weights_
    assert np.isfinite(weights).all()
    assert weights.min() >= 0


def test_the_domain_classifier_s_weights_are_its_odds():
    source, target = gaussians()
    ratio = DensityRatio().fit(source, X_target=target)
    p = ratio.domain_classifier_.predict_proba(source)[:, 1]
    wanted = p / (1 - p)
    np.testing.assert_allclose(ratio.weights_, wanted / wanted.mean())
    bounded = DensityRatio(largest=2.0).fit(source, X_target=target).weights_
    assert bounded.max() < ratio.weights_.max()
    with pytest.raises(ValueError, match="largest must be at least 1"):
        DensityRatio(largest=0.1).fit(source, X_target=target)
