import numpy as np
import pytest

from da_zoo.transferability import leep, nce


def predictions(seed, n=60, z=5, sharpness=2.0):
    logits = sharpness * np.random.default_rng(seed).normal(size=(n, z))
    weights = np.exp(logits)
    return weights / weights.sum(axis=1, keepdims=True)


def derived(theta, labels):
    """The definition, row by row and class by class."""
    n, z = theta.shape
    classes = sorted(set(labels.tolist()))
    joint = {
        (y, s): sum(theta[i, s] for i in range(n) if labels[i] == y) / n
        for y in classes
        for s in range(z)
    }
    marginal = [sum(joint[y, s] for y in classes) for s in range(z)]
    total = 0.0
    for i in range(n):
        total += np.log(
            sum(
                joint[labels[i], s] / marginal[s] * theta[i, s]
                for s in range(z)
                if marginal[s] > 0
            )
        )
    return total / n


def entropy(labels):
    share = np.unique(labels, return_counts=True)[1] / len(labels)
    return -np.sum(share * np.log(share))


@pytest.mark.parametrize("seed", range(4))
def test_value(seed):
    theta = predictions(seed)
    labels = np.random.default_rng(seed).integers(0, 3, 60)
    ours = leep(source_probabilities=theta, labels=labels)
    np.testing.assert_allclose(ours, derived(theta, labels), rtol=1e-12)


def test_a_source_whose_classes_determine_the_targets_scores_0():
    # Two source classes for each of the target's three: a code, not an identity.
    source = np.arange(60) % 6
    assert leep(source_probabilities=np.eye(6)[source], labels=source // 2) == 0.0


@pytest.mark.parametrize("classes", [2, 4, 7])
def test_an_uninformative_source_scores_minus_log_classes(classes):
    labels = np.arange(10 * classes) % classes
    # Every row alike: P(y | z) = P(y) = 1 / C for each z, so the likelihood is 1 / C,
    # whatever the source answers.
    for answer in (np.full(3, 1 / 3), np.array([0.7, 0.2, 0.1])):
        theta = np.tile(answer, (len(labels), 1))
        ours = leep(source_probabilities=theta, labels=labels)
        np.testing.assert_allclose(ours, -np.log(classes), rtol=1e-12)


@pytest.mark.parametrize("error", [0.0, 0.1, 0.5, 0.75])
def test_an_evenly_mistaken_source(error):
    # Probability 1 - e on the true class, e / 3 on each other. By symmetry
    # P(y = c | z = c) is 1 - e too, so the likelihood is (1 - e)^2 + 3 (e / 3)^2.
    labels = np.arange(40) % 4
    right = np.eye(4)[labels]
    theta = (1 - error) * right + error / 3 * (1 - right)
    expected = np.log((1 - error) ** 2 + error**2 / 3)
    ours = leep(source_probabilities=theta, labels=labels)
    np.testing.assert_allclose(ours, expected, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("seed", range(4))
def test_hard_predictions_give_nce(seed):
    rng = np.random.default_rng(seed)
    source, labels = rng.integers(0, 5, 80), rng.integers(0, 3, 80)
    hard = leep(source_probabilities=np.eye(5)[source], labels=labels)
    np.testing.assert_allclose(hard, nce(source_labels=source, labels=labels))
    assert hard < -0.1


@pytest.mark.parametrize("seed", range(8))
def test_bounds(seed):
    theta = predictions(seed, sharpness=4.0)
    labels = np.random.default_rng(seed).integers(0, 3, 60)
    ours = leep(source_probabilities=theta, labels=labels)
    assert -entropy(labels) < ours < 0
    # Property 1 of the paper, with the likeliest source classes.
    hard = nce(source_labels=theta.argmax(axis=1), labels=labels)
    assert ours >= hard + np.mean(np.log(theta.max(axis=1)))


def test_order_and_names_of_classes_do_not_matter():
    theta = predictions(0)
    labels = np.random.default_rng(0).integers(0, 3, 60)
    ours = leep(source_probabilities=theta, labels=labels)
    for other in (
        leep(source_probabilities=theta[:, ::-1], labels=labels),
        leep(source_probabilities=theta[::-1], labels=labels[::-1]),
        leep(source_probabilities=theta, labels=np.array([40, 0, 7])[labels]),
    ):
        np.testing.assert_allclose(other, ours, rtol=1e-12)


def test_a_source_class_that_is_never_predicted_changes_nothing():
    theta = predictions(0)
    labels = np.random.default_rng(0).integers(0, 3, 60)
    padded = np.concatenate([theta, np.zeros((60, 2))], axis=1)
    assert leep(source_probabilities=padded, labels=labels) == leep(
        source_probabilities=theta, labels=labels
    )


def test_rounding_does_not_lift_it_above_0():
    # Each class has source classes of its own, so every likelihood is 1 in exact
    # arithmetic, however a row's probability is spread over them.
    rng = np.random.default_rng(0)
    labels = np.arange(300) % 3
    for _ in range(5):
        theta = (np.arange(30)[None, :] // 10 == labels[:, None]) * rng.random(
            (300, 30)
        )
        theta = theta / theta.sum(axis=1, keepdims=True)
        assert -1e-15 < leep(source_probabilities=theta, labels=labels) <= 0


@pytest.mark.parametrize("total", [0.9995, 1.0, 1.0009])
def test_rounded_probabilities_are_brought_back_to_1(total):
    labels = np.arange(12) % 3
    theta = (np.eye(3)[labels] * total).astype(np.float16)
    assert leep(source_probabilities=theta, labels=labels) == 0.0


def test_it_rises_as_predictions_clear_up():
    labels = np.arange(60) % 3
    mixed = [
        leep(
            source_probabilities=share * np.eye(3)[labels]
            + (1 - share) * predictions(0, z=3),
            labels=labels,
        )
        for share in (0.0, 0.3, 0.6, 0.9)
    ]
    assert np.all(np.diff(mixed) > 0.05)
