import itertools

import numpy as np
import pytest

from da_zoo.data.embedded import digits8
from da_zoo.data.splits import labelled_rows
from da_zoo.scenarios import (
    Domain,
    Scenario,
    Side,
    Task,
    build,
    list_suites,
    load_suite,
)
from da_zoo.scenarios.build import check_classes
from da_zoo.scenarios.maps import IMAGE_MAPS, LABEL_MAPS

CASES = {
    "plain_to_plain": 1,
    "over07_to_over07": 1,
    "digit_to_parity": 2,
    "parity_to_digit": 2,
    "plain_to_over07": 3,
    "plain_to_rot30": 3,
    "plain_to_classes_0_4": 3,
    "digit_to_parity_over07": 4,
    "inverted_parity_to_digit": 4,
}


def scenario(name, suite="embedded"):
    return next(s for s in load_suite(suite).scenarios if s.name == name)


def test_the_embedded_suite_is_what_it_says():
    suite = load_suite("embedded")
    assert {s.name: s.case for s in suite.scenarios} == CASES
    assert suite.label_fractions == (0.05,)
    assert suite.width == 10
    assert not suite.needs_data
    assert load_suite("digits").needs_data


def test_the_full_suite_holds_the_embedded_one_at_four_fractions():
    full = load_suite("embedded_full")
    assert set(load_suite("embedded").scenarios) <= set(full.scenarios)
    assert full.label_fractions == (0.01, 0.05, 0.2, 1.0)
    assert {s.case for s in full.scenarios} == {1, 2, 3, 4}
    assert scenario("cancer_mean_to_mean", "embedded_full").case == 1
    assert scenario("cancer_mean_to_worst", "embedded_full").case == 3
    assert scenario("cancer_small_to_large", "embedded_full").case == 3


@pytest.mark.parametrize("part", ["pool", "selection", "input_map"])
def test_a_domain_differs_with_any_of_its_parts(part):
    base = {"pool": "p", "selection": "all", "input_map": "plain"}
    task = Task("digit", "digit")
    other = Domain(**(base | {part: "x"}))
    pair = Scenario("s", Side(Domain(**base), task), Side(other, task))
    assert pair.case == 3
    assert not pair.same_domain


def test_a_task_differs_with_any_of_its_parts():
    domain = Domain("p")
    one = Side(domain, Task("digit", "digit"))
    for task in (Task("other", "digit"), Task("digit", "other")):
        assert Scenario("s", one, Side(domain, task)).case == 2
    assert Scenario("s", one, one).case == 1


def test_label_maps_by_hand():
    digits = np.arange(10)
    expected = {
        "digit": digits,
        "parity": [0, 1] * 5,
        "loops": [1, 0, 0, 0, 0, 0, 1, 0, 2, 1],
        "at_least_5": [0] * 5 + [1] * 5,
    }
    for name, values in expected.items():
        assert LABEL_MAPS[name].apply(digits).tolist() == list(values)
        assert LABEL_MAPS[name].classes == len(set(values))


def rendered(name, grey, seed=0):
    return IMAGE_MAPS[name](grey, np.random.default_rng(seed))


@pytest.mark.parametrize("name", list(IMAGE_MAPS))
def test_image_maps_give_colour_images_in_range(name):
    images = rendered(name, digits8()[0][:50])
    assert images.shape == (50, 8, 8, 3)
    assert images.min() >= 0.0
    assert images.max() <= 1.0
    assert images.std() > 0.01


def test_image_maps_known_answers():
    black, white = np.zeros((3, 8, 8), np.float32), np.ones((3, 8, 8), np.float32)
    assert (rendered("invert", black) == 1).all()
    np.testing.assert_allclose(rendered("contrast", white), 0.8)
    assert (rendered("over07", white) == 1).all()
    photograph = rendered("over10", black)
    assert photograph.std() > 0.05
    np.testing.assert_allclose(rendered("over07", black), 0.7 * photograph, rtol=1e-6)
    np.testing.assert_allclose(rendered("blend", black), photograph, rtol=1e-6)
    np.testing.assert_allclose(rendered("blend", white), 1 - photograph, atol=1e-6)
    dot = black.copy()
    dot[:, 4, 4] = 1
    assert rendered("thick", dot)[0, :, :, 0].sum() == 9
    assert rendered("scale6", white)[0, 0, 0, 0] == 0.0
    assert rendered("scale6", white)[0, 3:5, 3:5].min() > 0.99
    bar = black.copy()
    bar[:, :, 3:5] = 1
    assert np.abs(rendered("rot30", bar) - rendered("plain", bar)).max() > 0.5


def test_splits_are_disjoint_sized_and_seeded():
    plain = scenario("plain_to_plain")
    data = build(plain, seed=0)
    sizes = [len(split.rows) for split in data[:6]]
    assert sizes == [560, 140, 397, 560, 140, 397]
    order = np.random.default_rng(0).permutation(1797)
    labels = digits8()[1]
    assert np.array_equal(data.source_train.labels, labels[order[:560]])
    assert np.array_equal(data.target_train.labels, labels[order[700:1260]])
    assert np.array_equal(data.source_test.labels, data.target_test.labels)
    training = (data.source_train, data.source_val, data.target_train, data.target_val)
    seen = np.concatenate([s.x[..., 0].reshape(len(s.rows), -1) for s in training])
    # Different rows of the pool: as many distinct images as the pool's rows allow.
    assert len(np.unique(seen, axis=0)) == len(
        np.unique(digits8()[0][order[:1400]].reshape(1400, -1), axis=0)
    )
    again, other = build(plain, seed=0), build(plain, seed=1)
    assert again.fingerprint == data.fingerprint
    assert other.fingerprint != data.fingerprint


def test_two_renderings_of_one_domain_differ_in_pixels():
    data = build(scenario("over07_to_over07"), seed=0)
    assert not np.array_equal(data.source_test.x, data.target_test.x)


def test_a_selection_keeps_only_its_classes():
    data = build(scenario("plain_to_classes_0_4"), seed=0)
    for split in (data.target_train, data.target_val, data.target_test):
        assert set(split.labels) == {0, 1, 2, 3, 4}
    assert set(data.source_train.labels) == set(range(10))
    assert data.target_classes == 10


def test_patients_are_scaled_by_the_source_and_biased_as_told():
    data = build(scenario("cancer_mean_to_mean", "embedded_full"), seed=0)
    np.testing.assert_allclose(data.source_train.x.mean(axis=0), 0.0, atol=1e-5)
    sizes = [len(split.rows) for split in data[:6]]
    assert sizes == [176, 44, 129, 176, 44, 129]
    biased = build(scenario("cancer_small_to_large", "embedded_full"), seed=0)
    radius = [s.x[:, 0].mean() for s in (biased.source_train, biased.target_train)]
    assert radius[1] > radius[0] + 1.0


def test_labelled_shares_are_stratified_and_nested():
    labels = np.repeat([0, 1, 2], [100, 41, 3])
    shares = [labelled_rows(labels, q, seed=5) for q in (0.01, 0.05, 0.2, 1.0)]
    for small, large in itertools.pairwise(shares):
        assert set(small) <= set(large)
    for q, rows in zip((0.01, 0.05, 0.2, 1.0), shares, strict=True):
        counts = np.bincount(labels[rows])
        expected = [max(1, int(q * n + 0.5)) for n in (100, 41, 3)]
        assert counts.tolist() == expected
    assert np.array_equal(labelled_rows(labels, 0.05, seed=5), shares[1])
    assert not np.array_equal(labelled_rows(labels, 0.05, seed=6), shares[1])
    for fraction in (0.0, 1.5):
        with pytest.raises(ValueError, match="fraction"):
            labelled_rows(labels, fraction, seed=0)


def test_an_absent_class_is_named():
    plain = scenario("plain_to_plain").target
    with pytest.raises(ValueError, match=r"class 3, 7 is absent from the target pool"):
        check_classes(np.setdiff1d(np.arange(10), [3, 7]), plain, "s")
    half = scenario("plain_to_classes_0_4").target
    check_classes(np.arange(5), half, "s")
    with pytest.raises(ValueError, match="class 2 is absent"):
        check_classes(np.array([0, 1, 3, 4]), half, "s")


HEAD = """
[defaults]
network = "mlp"
steps = 5
batch_size = 8
[[scenarios]]
name = "mine"
source = { pool = "digits8", task = "digit" }
"""


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ('{ pool = "digit8", task = "digit" }', "'digit8'; did you mean 'digits8'"),
        ('{ pool = "digits8", task = "paritty" }', "did you mean 'parity'"),
        ('{ pool = "digits8", input_map = "over", task = "digit" }', "'over07'"),
        ('{ pool = "digits8", maps = "plain", task = "digit" }', "'input_map'|known"),
        ('{ pool = "digits8", selection = "class", task = "digit" }', "selection"),
        ('{ pool = "digits8" }', "lacks 'task'"),
        ('"digits8"', "must be a table"),
    ],
)
def test_mistakes_in_a_suite_file_are_named(tmp_path, target, message):
    path = tmp_path / "mine.toml"
    path.write_text(f"{HEAD}target = {target}\n")
    with pytest.raises(ValueError, match=message):
        load_suite(path)


def test_a_suite_file_of_ones_own(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(HEAD + 'target = { pool = "digits8", task = "parity" }\n')
    suite = load_suite(str(path))
    assert [(s.name, s.case) for s in suite.scenarios] == [("mine", 2)]
    path.write_text("[defaults")
    with pytest.raises(ValueError, match="no valid TOML"):
        load_suite(path)
    with pytest.raises(ValueError, match="does not exist"):
        load_suite(tmp_path / "none.toml")
    with pytest.raises(ValueError, match="unknown suite 'embeded'; did you mean"):
        load_suite("embeded")
    assert {"digits", "embedded", "embedded_full", "regression"} <= set(list_suites())


def test_one_table_of_defaults_can_be_another_suite_s(tmp_path):
    path = tmp_path / "mine.toml"
    scenarios = HEAD[HEAD.index("[[scenarios]]") :]
    side = 'target = { pool = "digits8", task = "parity" }\n'
    path.write_text('defaults_from = "embedded"\n' + scenarios + side)
    assert load_suite(path).defaults == load_suite("embedded").defaults
    path.write_text('defaults_from = "embedded"\n' + HEAD + side)
    with pytest.raises(ValueError, match=r"defaults_from and \[defaults\]"):
        load_suite(path)
    path.write_text('defaults_from = "embeded"\n' + scenarios + side)
    with pytest.raises(ValueError, match="did you mean 'embedded'"):
        load_suite(path)
    path.write_text('defaults_from = "mine.toml"\n' + scenarios + side)
    with pytest.raises(ValueError, match="suite in defaults_from"):
        load_suite(path)


@pytest.mark.parametrize("name", ["graded_rotation", "graded_photographs"])
def test_every_step_of_a_graded_axis_lies_farther_off(name):
    first, *steps = load_suite(name).scenarios
    assert first.case == 1 and {s.case for s in steps} == {3}
    plain = build(first, seed=0).target_test
    moved = [build(step, seed=0).target_test for step in steps]
    assert all((m.labels == plain.labels).all() for m in moved)
    distances = [float(np.mean((m.x - plain.x) ** 2)) for m in moved]
    assert distances == sorted(distances) and distances[0] > 0
