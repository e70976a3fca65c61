"""Label-set relations, several sources, and the suites that use them."""

import numpy as np
import pytest

from da_zoo.scenarios import Domain, Scenario, Side, Task, build, load_suite
from da_zoo.scenarios.label_sets import number_unknown

DIGIT, PARITY = Task("digit", "digit"), Task("parity", "parity")


def side(selection="all", input_map="plain", task=DIGIT):
    return Side(Domain("digits8", selection, input_map), task)


@pytest.mark.parametrize(
    ("source", "target", "relation"),
    [
        (side(), side(input_map="over07"), "closed"),
        (side(), side("classes_0_4"), "partial"),
        (side("classes_0_4"), side(), "open"),
        (side("classes_0_4"), side("classes_5_9"), "open"),
        (side("classes_0_4"), side("classes_0_4", "over07"), "closed"),
        # Both halves of the digits are even and odd.
        (side("classes_0_4", task=PARITY), side(task=PARITY), "closed"),
        (side(), side("classes_0_4", task=PARITY), "closed"),
    ],
)
def test_the_relation_of_label_sets_is_computed(source, target, relation):
    assert Scenario("s", source, target).label_sets == relation


def test_sources_count_together():
    halves = side("classes_0_4"), side("classes_5_9")
    whole = Scenario("s", halves[0], side(), more_sources=halves[1:])
    assert whole.label_sets == "closed"
    assert Scenario("s", halves[0], side()).label_sets == "open"


def test_the_domain_is_the_same_only_if_every_source_has_it():
    plain, turned = side(), side(input_map="rot30")
    assert Scenario("s", plain, plain, more_sources=(plain,)).case == 1
    assert Scenario("s", plain, plain, more_sources=(turned,)).case == 3
    assert Scenario("s", turned, plain, more_sources=(plain,)).case == 3
    with pytest.raises(ValueError, match="all sources must have one task"):
        Scenario("s", plain, plain, more_sources=(side(task=PARITY),))


def test_the_suites_are_what_they_say():
    expected = {
        "embedded_multi": ("closed", {2, 3}),
        "embedded_partial": ("partial", {1}),
        "embedded_open": ("open", {1}),
    }
    for name, (relation, sources) in expected.items():
        suite = load_suite(name)
        assert suite.name == name
        assert {s.label_sets for s in suite.scenarios} == {relation}
        assert {len(s.sources) for s in suite.scenarios} == sources
        assert {s.case for s in suite.scenarios} == {3}
    assert load_suite("embedded_open").label_fractions == ()


def test_several_sources_share_out_the_rows_of_one():
    (multi, *_), (single, *_) = (
        load_suite(name).scenarios for name in ("embedded_multi", "embedded_partial")
    )
    data, one = build(multi, seed=0), build(single, seed=0)
    for part in ("source_train", "source_val", "source_test"):
        joined = getattr(data, part)
        assert (np.diff(joined.domain) >= 0).all()
        sizes = np.bincount(joined.domain)
        assert sizes.max() - sizes.min() <= 1
        alone = getattr(one, part)
        for i in range(3):  # every third row of a single source's, in order
            assert np.array_equal(joined.labels[joined.domain == i], alone.labels[i::3])
    plain = data.source_train.x[data.source_train.domain == 0]
    np.testing.assert_allclose(plain, one.source_train.x[::3])
    contrast = data.source_train.x[data.source_train.domain == 2]
    assert contrast.min() >= 0.5 - 1e-6
    assert data.target_train.domain is None
    assert build(multi, seed=0).fingerprint == data.fingerprint
    swapped = Scenario("s", multi.sources[1], multi.target, "", multi.sources[:1])
    assert build(swapped, seed=0).fingerprint != data.fingerprint


def test_open_labels_are_numbered_and_the_rest_is_one_class():
    open_, *_ = load_suite("embedded_open").scenarios
    data = build(open_, seed=0)
    assert data.open_set
    assert (data.source_classes, data.target_classes) == (5, 6)
    assert set(data.source_train.labels) == set(range(5))
    assert set(data.target_test.labels) == set(range(6))
    whole = Scenario("s", side(), side())
    digits = build(whole, seed=0).target_test.labels
    assert np.array_equal(data.target_test.labels, np.minimum(digits, 5))
    upper = Scenario("s", side("classes_5_9"), side())
    numbered = build(upper, seed=0).target_test.labels
    assert np.array_equal(numbered, np.where(digits >= 5, digits - 5, 5))
    splits, known = number_unknown([data.source_train], {0, 2})
    assert known == 2
    assert set(splits[0].labels) == {0, 1, 2}


def test_partial_scenarios_keep_the_numbering():
    partial, *_ = load_suite("embedded_partial").scenarios
    data = build(partial, seed=0)
    assert not data.open_set
    assert data.source_classes == data.target_classes == 10
    assert set(data.target_test.labels) == set(range(5))


HEAD = """
[defaults]
network = "mlp"
steps = 5
batch_size = 8
[[scenarios]]
name = "mine"
target = { pool = "digits8", task = "digit" }
"""
ONE = '{ pool = "digits8", task = "digit" }'


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (f"sources = [{ONE}]", "at least two tables"),
        (f"source = {ONE}\nsources = [{ONE}, {ONE}]", "not both"),
        (f"sources = {ONE}", "at least two tables"),
        (f'sources = [{ONE}, {{ pool = "digits8" }}]', "source 1 of .* lacks 'task'"),
        (
            f'sources = [{ONE}, {{ pool = "digits8", task = "parity" }}]',
            "all sources must have one task",
        ),
        (
            f'sources = [{ONE}, {{ pool = "breast_cancer", task = "benign" }}]',
            "for the pool 'digits8' alone",
        ),
    ],
)
def test_mistakes_in_sources_are_named(tmp_path, line, message):
    path = tmp_path / "mine.toml"
    path.write_text(f"{HEAD}{line}\n")
    with pytest.raises(ValueError, match=message):
        load_suite(path)
