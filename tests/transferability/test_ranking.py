from itertools import combinations

import numpy as np
import pytest

from da_zoo.transferability import (
    Candidate,
    coral_distance,
    h_score,
    leep,
    logme,
    mmd,
    nce,
    proxy_a_distance,
    rank_sources,
    transrate,
)

DISTANCES = ("proxy_a_distance", "mmd", "coral_distance")
LABELS = np.arange(60) % 4
NOISE = {"fair": 1.0, "good": 0.3, "poor": 4.0}


def candidate(noise, seed=0):
    rng = np.random.default_rng(seed)
    features = np.diag([1.0, 2.0, 3.0, 4.0])[LABELS] + noise * rng.normal(size=(60, 4))
    weights = np.exp(features)
    source = features[:50] + noise
    return Candidate(features, weights / weights.sum(1, keepdims=True), source)


@pytest.fixture(scope="module")
def ranking():
    candidates = {name: candidate(noise) for name, noise in NOISE.items()}
    return rank_sources(candidates=candidates, target=LABELS)


def test_best_comes_first(ranking):
    assert ranking.sources == ("good", "fair", "poor")
    assert ranking.mean_rank == (1.0, 2.0, 3.0)


def test_every_score_is_that_of_its_function(ranking):
    for row in ranking.rows:
        features, theta, source = candidate(NOISE[row["source"]])
        both = {"features": features, "labels": LABELS}
        pair = {"source": source, "target": features}
        expected = {
            "leep": leep(source_probabilities=theta, labels=LABELS),
            "nce": nce(source_labels=theta.argmax(1), labels=LABELS),
            "logme": logme(**both),
            "h_score": h_score(**both, regularised=True),
            "transrate": transrate(**both),
            "proxy_a_distance": proxy_a_distance(**pair),
            "mmd": mmd(**pair),
            "coral_distance": coral_distance(**pair),
        }
        assert list(row) == ["source", "mean_rank", *expected]
        for name, value in expected.items():
            assert row[name] == pytest.approx(value, rel=1e-12), name


def test_agreement_counts_pairs(ranking):
    assert len(ranking.agreement) == 8 * 7 / 2
    better = {
        name: np.array(values) * (-1 if name in DISTANCES else 1)
        for name, values in ranking.scores.items()
    }
    counted = 0
    for (a, b), value in ranking.agreement.items():
        x, y = better[a], better[b]
        pairs = [
            np.sign((x[i] - x[j]) * (y[i] - y[j])) for i, j in combinations(range(3), 2)
        ]
        if 0 not in pairs:
            counted += 1
            np.testing.assert_allclose(value, np.mean(pairs))
    assert counted > 20
    # "good" is moved the least, so nearness has to agree with the scores.
    assert ranking.agreement["logme", "coral_distance"] == pytest.approx(1.0)
    assert ranking.agreement["leep", "h_score"] == pytest.approx(1.0)


def test_text(ranking):
    scores, agreement = ranking.to_text().split("\n\n")
    lines = [line.split() for line in scores.splitlines()]
    assert lines[0] == ["source", "mean_rank", *ranking.scores]
    assert [line[0] for line in lines[1:]] == list(ranking.sources)
    assert float(lines[1][4]) == pytest.approx(ranking.scores["logme"][0], rel=1e-3)
    assert len(agreement.splitlines()) == 2 + 8
    # The same column ends at the same place in every line.
    ends = [line.index("leep") + 4 for line in scores.splitlines()[:1]]
    assert all(line[ends[0] - 1] != " " for line in scores.splitlines())


def test_what_a_candidate_lacks_is_left_out():
    candidates = {
        "classes": candidate(0.2)._replace(source_features=None),
        "raw": Candidate(candidate(1.0).features),
        "more": candidate(0.5)._replace(source_features=None),
    }
    ranking = rank_sources(candidates=candidates, target=LABELS)
    assert ranking.sources == ("classes", "more", "raw")
    assert list(ranking.scores) == ["leep", "nce", "logme", "h_score", "transrate"]
    assert np.isnan(ranking.scores["leep"]).tolist() == [False, False, True]
    # Of the two sources that both scores know.
    assert ranking.agreement["leep", "logme"] == pytest.approx(1.0)
    assert "raw" in ranking.to_text() and " - " in ranking.to_text()
    one = {name: candidates[name] for name in ("classes", "raw")}
    agreement = rank_sources(candidates=one, target=LABELS).agreement
    assert np.isnan(agreement["leep", "logme"])
    assert agreement["logme", "h_score"] == pytest.approx(1.0)


def test_ties_share_a_rank():
    same = Candidate(candidate(1.0).features)
    candidates = {"a": same, "b": same, "c": Candidate(candidate(0.2).features)}
    ranking = rank_sources(candidates=candidates, target=LABELS)
    assert ranking.sources == ("c", "a", "b")
    assert ranking.mean_rank == (1.0, 2.5, 2.5)
    both = rank_sources(candidates={"a": same, "b": same}, target=LABELS)
    assert np.isnan(both.agreement["logme", "h_score"])


def test_numbers_to_regress():
    rng = np.random.default_rng(3)
    y = rng.normal(size=(60, 2))
    candidates = {
        name: candidate(1.0)._replace(features=y + noise * rng.normal(size=(60, 2)))
        for name, noise in (("far", 2.0), ("near", 0.1))
    }
    candidates = {
        name: c._replace(source_features=c.features + 1.0)
        for name, c in candidates.items()
    }
    ranking = rank_sources(candidates=candidates, target=y, regression=True)
    assert ranking.sources == ("near", "far")
    assert list(ranking.scores) == [
        "logme",
        "proxy_a_distance",
        "mmd",
        "coral_distance",
    ]
    expected = logme(features=candidates["near"].features, labels=y, regression=True)
    assert ranking.scores["logme"][0] == expected


def test_a_message_names_the_candidate():
    good = candidate(0.2)

    def ranked(**changes):
        bad = good._replace(**changes)
        rank_sources(candidates={"good": good, "bad": bad}, target=LABELS)

    with pytest.raises(ValueError, match=r"target and candidates\['bad'\].features"):
        ranked(features=good.features[:59])
    with pytest.raises(ValueError, match=r"candidates\['bad'\].features holds NaN"):
        ranked(features=good.features * np.nan)
    with pytest.raises(ValueError, match=r"\['bad'\].source_probabilities must have"):
        ranked(source_probabilities=2.0 * good.source_probabilities)
    with pytest.raises(ValueError, match=r"\['bad'\].source_probabilities must descr"):
        ranked(source_probabilities=good.source_probabilities[:59])
    with pytest.raises(ValueError, match=r"\['bad'\].source_features must come from"):
        ranked(source_features=good.source_features[:, :2])
    with pytest.raises(ValueError, match=r"\['bad'\].source_features needs at least 4"):
        ranked(source_features=good.source_features[:3])


def test_bad_arguments():
    good = candidate(0.2)
    with pytest.raises(ValueError, match=r"at least two sources, got \['good'\]"):
        rank_sources(candidates={"good": good}, target=LABELS)
    two = {"good": good, "same": good}
    with pytest.raises(ValueError, match="target must hold at least 2 classes"):
        rank_sources(candidates=two, target=0 * LABELS)
    with pytest.raises(TypeError, match="target must be integer class numbers"):
        rank_sources(candidates=two, target=LABELS.astype(float))
    array = {"good": good, "array": good.features}
    with pytest.raises(TypeError, match=r"candidates\['array'\] must be a Candidate"):
        rank_sources(candidates=array, target=LABELS)
