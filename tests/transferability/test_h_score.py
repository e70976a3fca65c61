import numpy as np
import pytest
from sklearn.covariance import LedoitWolf
from sklearn.feature_selection import f_classif

from da_zoo.transferability import h_score


def class_means(f, labels):
    g = np.zeros_like(f)
    for c in np.unique(labels):
        g[labels == c] = f[labels == c].mean(axis=0)
    return g


def test_value(toy):
    f, labels, _ = toy
    g = class_means(f, labels)
    expected = np.trace(np.linalg.inv(np.cov(f.T)) @ np.cov(g.T))
    np.testing.assert_allclose(h_score(features=f, labels=labels), expected)


@pytest.mark.parity
def test_the_reference_value(toy):
    f, labels, _ = toy
    ours = h_score(features=f, labels=labels)
    np.testing.assert_allclose(ours, 2.3992838, atol=1e-7)


@pytest.mark.parametrize("classes", [2, 4, 7])
def test_one_hot_features_reach_the_bound(classes):
    labels = np.arange(10 * classes) % classes
    # Centred they span C - 1 directions, all of whose variance lies between classes.
    ours = h_score(features=np.eye(classes)[labels], labels=labels)
    np.testing.assert_allclose(ours, classes - 1)


def test_one_feature_gives_the_share_of_variance_between_classes(toy):
    f, labels, _ = toy
    # F of the analysis of variance is (share / (C - 1)) / ((1 - share) / (n - C)).
    ratio = f_classif(f[:, :1], labels)[0][0] * 3 / 96
    expected = ratio / (1 + ratio)
    ours = h_score(features=f[:, :1], labels=labels)
    np.testing.assert_allclose(ours, expected)


def test_equal_class_means_score_0():
    rows = np.random.default_rng(0).normal(size=(10, 3))
    labels = np.repeat([0, 1], 10)
    f = np.concatenate([rows, 2.0 * (rows - rows.mean(0)) + rows.mean(0)])
    for regularised in (False, True):
        ours = h_score(features=f, labels=labels, regularised=regularised)
        np.testing.assert_allclose(ours, 0.0, atol=1e-12)


def test_affine_maps_change_nothing(toy):
    f, labels, _ = toy
    rng = np.random.default_rng(1)
    ours = h_score(features=f, labels=labels)
    mapped = f @ rng.normal(size=(5, 5)) + 100.0
    np.testing.assert_allclose(h_score(features=mapped, labels=labels), ours)
    # A combination of features adds no direction; nor does a constant.
    more = np.concatenate([f, f @ rng.normal(size=(5, 3)), np.full((100, 1), 0.1)], 1)
    np.testing.assert_allclose(h_score(features=more, labels=labels), ours)


def test_regularised_value(toy):
    f, labels, _ = toy
    rng = np.random.default_rng(2)
    for rows in (f, f @ rng.normal(size=(5, 150)) + rng.normal(size=(100, 150))):
        estimate = LedoitWolf().fit(rows)
        between = np.cov(class_means(rows, labels).T, bias=True)
        shrunk = (1 - estimate.shrinkage_) * between
        expected = np.trace(np.linalg.inv(estimate.covariance_) @ shrunk)
        ours = h_score(features=rows, labels=labels, regularised=True)
        np.testing.assert_allclose(ours, expected, rtol=1e-8)
        assert 0.01 < estimate.shrinkage_ < 0.9


def test_regularised_is_free_of_scale_rotation_and_shift_only(toy):
    f, labels, _ = toy
    rng = np.random.default_rng(3)
    ours = h_score(features=f, labels=labels, regularised=True)
    rotation = np.linalg.qr(rng.normal(size=(5, 5)))[0]
    moved = h_score(features=9.0 * f @ rotation + 4.0, labels=labels, regularised=True)
    np.testing.assert_allclose(moved, ours)
    stretched = h_score(features=f * [1, 1, 1, 1, 50], labels=labels, regularised=True)
    assert abs(stretched - ours) > 0.05


def test_without_shrinkage_the_two_are_one(toy, monkeypatch):
    from importlib import import_module

    f, labels, _ = toy
    module = import_module("da_zoo.transferability.h_score")
    monkeypatch.setattr(module, "ledoit_wolf_shrinkage", lambda *_, **__: 0.0)
    ours = h_score(features=f, labels=labels, regularised=True)
    np.testing.assert_allclose(ours, h_score(features=f, labels=labels))


def test_with_few_rows_the_plain_score_says_nothing_and_the_regularised_does():
    rng = np.random.default_rng(4)
    labels = np.arange(24) % 4
    noise = rng.normal(size=(24, 60))
    signal = noise + 3.0 * rng.normal(size=(4, 60))[labels]
    for f in (noise, signal):
        np.testing.assert_allclose(h_score(features=f, labels=labels), 3.0)
    poor = h_score(features=noise, labels=labels, regularised=True)
    good = h_score(features=signal, labels=labels, regularised=True)
    assert poor < 1.0 and 2.5 < good < 3.0


def test_spherical_features_are_the_blind_spot_of_the_regularised_score(toy):
    f, labels, noise = toy
    white = np.linalg.svd(f - f.mean(axis=0), full_matrices=False)[0] + 1e-3 * noise
    assert h_score(features=white, labels=labels) > 2.0
    regularised = h_score(features=white, labels=labels, regularised=True)
    np.testing.assert_allclose(regularised, 0.0, atol=1e-9)


def test_features_without_variation_score_0():
    labels = np.arange(10) % 2
    for value in (0.0, 0.1):
        for regularised in (False, True):
            f = np.full((10, 3), value)
            assert h_score(features=f, labels=labels, regularised=regularised) == 0.0


@pytest.mark.parametrize("regularised", [False, True])
def test_it_rises_as_features_clear_up(blurred, regularised):
    scores = []
    for noise in (4.0, 1.0, 0.5, 0.2):
        f, labels = blurred(noise)
        scores.append(h_score(features=f, labels=labels, regularised=regularised))
    assert np.all(np.diff(scores) > 0.05)
