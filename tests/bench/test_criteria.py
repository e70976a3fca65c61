"""Criteria of selection: known answers, and what each of them prefers."""

import numpy as np
import pytest

from da_zoo.bench.criteria import CRITERIA, RANKED, Candidate, density_weights

SURE = 12.0


def candidate(
    predicted: np.ndarray,
    *,
    sure: float = SURE,
    spread: float = 0.1,
    shift: float = 0.0,
) -> Candidate:
    """Two classes in two blobs; the target's predictions as told."""
    draws = np.random.default_rng(0)
    labels = np.arange(60) % 2
    source = np.where(labels, 3.0, -3.0)[:, None] + draws.normal(size=(60, 3))
    truth = np.arange(len(predicted)) % 2
    target = np.where(truth, 3.0, -3.0)[:, None] + spread * draws.normal(
        size=(len(predicted), 3)
    )
    eye = np.eye(2) * sure
    return Candidate(source, eye[labels], labels, target + shift, eye[predicted], 10)


TRUE = np.arange(80) % 2
COLLAPSED = np.zeros(80, int)
GUESSED = np.random.default_rng(1).integers(2, size=80)


def test_known_answers() -> None:
    sure = candidate(TRUE)
    p = np.exp(SURE) / (np.exp(SURE) + 1)
    own = p * np.log(p) + (1 - p) * np.log(1 - p)
    assert CRITERIA["entropy"](sure) == pytest.approx(own, rel=1e-9)
    assert CRITERIA["infomax"](sure) == pytest.approx(np.log(2) + own, rel=1e-9)
    assert CRITERIA["bnm"](sure) == pytest.approx(1.0, abs=1e-4)
    assert CRITERIA["bnm"](candidate(COLLAPSED)) == pytest.approx(2**-0.5, abs=1e-4)
    assert CRITERIA["class_ami"](sure) == pytest.approx(1.0)
    assert CRITERIA["source_validation"](sure) == 1.0
    assert CRITERIA["last_step"](sure) == 10.0
    # Each row has 39 equal neighbours and 40 at likeness 0, which hardly count.
    near, far = np.exp(1 / 0.05), 1.0
    total = 39 * near + 40 * far
    told = -39 * near / total * np.log(near / total)
    assert CRITERIA["snd"](sure) == pytest.approx(told, rel=1e-3)


@pytest.mark.parametrize("name", ["infomax", "bnm", "class_ami"])
def test_collapse_is_not_preferred(name: str) -> None:
    assert CRITERIA[name](candidate(TRUE)) > CRITERIA[name](candidate(COLLAPSED)) + 0.1


@pytest.mark.parametrize("name", ["entropy", "snd"])
def test_these_prefer_a_collapse_or_do_not_see_it(name: str) -> None:
    # Why a guard against collapse comes before any criterion.
    assert (
        CRITERIA[name](candidate(COLLAPSED)) >= CRITERIA[name](candidate(TRUE)) - 1e-9
    )


def test_doubt_costs() -> None:
    for name in ("entropy", "infomax", "bnm"):
        assert CRITERIA[name](candidate(TRUE)) > CRITERIA[name](
            candidate(TRUE, sure=1.0)
        )


def test_classes_that_ignore_the_clusters_score_nothing() -> None:
    assert abs(CRITERIA["class_ami"](candidate(GUESSED))) < 0.1


def test_density_weights_favour_what_the_target_has() -> None:
    own = candidate(TRUE)
    ones = own._replace(target_features=own.target_features[TRUE == 1])
    weights = density_weights(ones)
    assert (
        weights[own.source_labels == 1].mean()
        > 3 * weights[own.source_labels == 0].mean()
    )
    assert 0.3 < weights.mean() < 3.0


def test_dev_corrects_by_what_the_mean_weight_is_off() -> None:
    """With weights of mean 1 the control variate would vanish, and dev be no more."""
    own = candidate(TRUE)
    ones = own._replace(
        target_features=own.target_features[TRUE == 1],
        source_logits=np.eye(2)[np.zeros(60, int)] * SURE,
    )
    weights = density_weights(ones)
    losses = (own.source_labels == 1).astype(float)  # every 1 is missed
    centred = weights - weights.mean()
    slope = np.sum(centred * (weights * losses)) / np.sum(centred**2)
    expected = np.mean(weights * losses) - slope * (weights.mean() - 1)
    assert CRITERIA["dev"](ones) == pytest.approx(1 - expected)
    assert abs(weights.mean() - 1) > 1e-3
    plain = 1 - np.sum(weights * losses) / np.sum(weights)
    assert CRITERIA["importance_weighted"](ones) == pytest.approx(plain)
    assert CRITERIA["dev"](ones) != pytest.approx(plain)


def test_weighted_risks_see_where_the_errors_are() -> None:
    own = candidate(TRUE)
    ones = own._replace(target_features=own.target_features[TRUE == 1])
    wrong_there = np.eye(2)[np.zeros(60, int)] * SURE  # every 1 is missed
    wrong_elsewhere = np.eye(2)[np.ones(60, int)] * SURE
    for name in ("importance_weighted", "dev"):
        bad = CRITERIA[name](ones._replace(source_logits=wrong_there))
        good = CRITERIA[name](ones._replace(source_logits=wrong_elsewhere))
        assert good > bad + 0.3, name


def test_dev_has_the_mean_of_the_weighted_risk_for_equal_domains() -> None:
    draws = np.random.default_rng(0)
    same = draws.normal(size=(400, 2))
    labels = draws.integers(2, size=400)
    logits = np.eye(2)[np.where(draws.random(400) < 0.2, 1 - labels, labels)] * SURE
    own = Candidate(same, logits, labels, draws.normal(size=(400, 2)), logits, 1)
    assert CRITERIA["dev"](own) == pytest.approx(0.8, abs=0.06)
    assert CRITERIA["importance_weighted"](own) == pytest.approx(0.8, abs=0.06)


def test_mixtures_by_hand() -> None:
    own = candidate(TRUE)
    pairs = np.array([[0, 2], [0, 1], [1, 0]])  # one of a class, two of two
    mixed = np.eye(2)[[0, 0, 0]]
    told = own._replace(mixed_logits=mixed, mixed_pairs=pairs)
    assert CRITERIA["mixval"](told) == pytest.approx((1.0 + 0.5) / 2)
    with pytest.raises(ValueError, match="mixtures"):
        CRITERIA["mixval"](own)


def test_what_ranks_is_fixed_and_there() -> None:
    assert RANKED in CRITERIA
    assert not any("label" in name and "target" in name for name in Candidate._fields)
