import numpy as np
import pytest

from da_zoo.transferability import transrate


def rate(z, distortion):
    n, d = z.shape
    return np.linalg.slogdet(np.eye(d) + z.T @ z / (n * distortion))[1] / 2


def derived(f, labels, distortion=1e-4):
    z = f - f.mean(axis=0)
    classes = np.unique(labels)
    within = [rate(z[labels == c], distortion) for c in classes]
    return rate(z, distortion) - sum(within) / len(classes)


@pytest.mark.parametrize("distortion", [1e-4, 0.5])
@pytest.mark.parametrize("width", [3, 40])
def test_value(width, distortion):
    rng = np.random.default_rng(0)
    labels = np.array([0] * 4 + [1] * 9 + [2] * 12)
    f = rng.normal(size=(25, width)) + rng.normal(size=(3, width))[labels]
    ours = transrate(features=f, labels=labels, distortion=distortion)
    np.testing.assert_allclose(ours, derived(f, labels, distortion), rtol=1e-9)


@pytest.mark.parity
def test_the_reference_values(toy):
    features, labels, noise = toy
    ours = transrate(features=features, labels=labels)
    np.testing.assert_allclose(ours, 1.58507, atol=5e-6)
    np.testing.assert_allclose(
        transrate(features=noise, labels=labels), 0.28745, atol=5e-6
    )


@pytest.mark.parametrize("classes", [2, 4, 7])
@pytest.mark.parametrize("distortion", [1e-4, 1e-2])
def test_one_hot_features(classes, distortion):
    # Centred, Z'Z / n is (I - 11' / C) / C: the value 1 / C, C - 1 times. The rows of a
    # class are one vector, whose squared length is 1 - 1 / C.
    expected = (classes - 1) / 2 * np.log1p(1 / (classes * distortion))
    expected -= np.log1p((1 - 1 / classes) / distortion) / 2
    labels = np.arange(5 * classes) % classes
    ours = transrate(
        features=np.eye(classes)[labels], labels=labels, distortion=distortion
    )
    np.testing.assert_allclose(ours, expected, atol=1e-12)


def test_two_balanced_classes_are_its_blind_spot():
    rows = np.random.default_rng(1).normal(size=(30, 4))
    for distance in (0.0, 1.0, 100.0):
        f = np.concatenate([rows + distance, -rows - distance])
        labels = np.repeat([0, 1], 30)
        np.testing.assert_allclose(transrate(features=f, labels=labels), 0.0, atol=1e-9)


def test_with_few_rows_it_counts_dimensions():
    rng = np.random.default_rng(0)
    labels = np.arange(40) % 4
    noise = rng.normal(size=(40, 64))
    signal = noise + 3.0 * rng.normal(size=(4, 64))[labels]
    poor = transrate(features=noise, labels=labels)
    good = transrate(features=signal, labels=labels)
    assert 0 < good - poor < 0.05 * poor
    # All rows span 39 directions, those of a class 10: doubling adds their difference.
    doubled = transrate(features=2.0 * noise, labels=labels)
    np.testing.assert_allclose(doubled - poor, (39 - 10) * np.log(2), rtol=1e-3)


def test_its_sign():
    rng = np.random.default_rng(2)
    for _ in range(20):
        # By concavity of log det, for classes of one size.
        f = rng.normal(size=(24, 3)) * rng.exponential(size=3)
        assert transrate(features=f, labels=np.arange(24) % 3) > 0
    # A large class near the mean and a few rows far from it.
    f = np.concatenate([rng.normal(size=(200, 3)), 5.0 * rng.normal(size=(20, 3))])
    assert transrate(features=f, labels=np.repeat([0, 1], [200, 20])) < 0


def test_shift_rotation_and_class_numbers_do_not_matter(toy):
    f, labels, _ = toy
    ours = transrate(features=f, labels=labels)
    rotation = np.linalg.qr(np.random.default_rng(3).normal(size=(5, 5)))[0]
    moved = transrate(features=f @ rotation + 7.0, labels=labels)
    np.testing.assert_allclose(moved, ours, rtol=1e-9)
    # Class 2 without rows divides by zero in the reference.
    renamed = transrate(features=f, labels=np.array([0, 1, 3, 9])[labels])
    np.testing.assert_allclose(renamed, ours, rtol=1e-12)


def test_scale_counts_against_the_distortion(toy):
    f, labels, _ = toy
    scaled = transrate(features=0.1 * f, labels=labels, distortion=1e-6)
    np.testing.assert_allclose(scaled, transrate(features=f, labels=labels))
    assert transrate(features=1e-3 * f, labels=labels) < 0.1


def test_the_distortion_is_checked(toy):
    f, labels, _ = toy
    for distortion in (0.0, -1.0, np.nan, np.inf):
        with pytest.raises(ValueError, match="distortion must be positive"):
            transrate(features=f, labels=labels, distortion=distortion)


def test_it_rises_as_features_clear_up(blurred):
    scores = []
    for noise in (4.0, 1.0, 0.5, 0.2):
        f, labels = blurred(noise)
        scores.append(transrate(features=f, labels=labels))
    assert np.all(np.diff(scores) > 0.05)
