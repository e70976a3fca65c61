"""Splits of users' files: apart, by class, seeded, and blind to target-test rows."""

import numpy as np
import pytest

from da_zoo.scenarios import build, load_suite
from da_zoo.scenarios.declared_splits import cut_by_class
from tests.scenarios.files import SUITE, table, write_suite


def built(path, seed=0, number=0, **options):
    return build(load_suite(path).scenarios[number], seed=seed, **options)


def test_cuts_are_apart_stratified_and_take_one_of_each_class():
    strata = np.repeat([0, 1, 2], [100, 10, 3])
    parts = cut_by_class(strata, (0.25, 0.15), np.random.default_rng(0))
    assert sorted(np.concatenate(parts).tolist()) == list(range(113))
    counts = [np.bincount(strata[part], minlength=3).tolist() for part in parts]
    assert counts == [[25, 3, 1], [15, 2, 1], [60, 5, 1]]


def test_splits_of_two_files(tmp_path):
    path = write_suite(tmp_path)
    data = built(path)
    for three, rows in ((data[:3], 80), (data[3:6], 60)):
        joined = np.concatenate([split.rows for split in three])
        assert len(joined) == len(set(joined.tolist())) == rows
        shares = [split.labels.mean() for split in three]
        assert np.ptp(shares) < 0.1
    sizes = [len(split.rows) for split in data[3:6]]
    assert np.abs(np.subtract(sizes, [36, 9, 15])).max() <= 1  # each class is rounded
    assert data.source_train.x.dtype == np.float32
    assert (data.source_classes, data.target_classes) == (2, 2)
    again, other = built(path), built(path, seed=1)
    assert again.fingerprint == data.fingerprint
    assert other.fingerprint != data.fingerprint
    assert not np.array_equal(other.target_test.rows, data.target_test.rows)


def test_one_domain_on_both_sides_is_two_halves(tmp_path):
    text = (
        SUITE
        + '[[scenarios]]\nname = "same"\nsource = { domain = "north" }\n'
        + 'target = { domain = "north" }\n'
    )
    data = built(write_suite(tmp_path, text), number=2)
    joined = np.concatenate([split.rows for split in data[:6]])
    assert len(joined) == len(set(joined.tolist())) == 80


def test_two_names_for_the_same_rows_are_refused(tmp_path):
    path = write_suite(tmp_path, south=table(80))
    with pytest.raises(ValueError, match="hold the same rows"):
        built(path)


def test_the_sources_training_rows_scale_both_sides(tmp_path):
    data = built(write_suite(tmp_path), seed=3)
    numbers = data.source_train.x[:, :2]
    np.testing.assert_allclose(numbers.mean(axis=0), 0, atol=1e-5)
    np.testing.assert_allclose(numbers.std(axis=0), 1, atol=1e-5)
    assert abs(data.source_test.x[:, :2].mean()) > 1e-3
    assert data.target_train.x[:, 0].mean() > 1.0  # shifted by 3


def test_target_test_rows_influence_nothing_else(tmp_path):
    path = write_suite(tmp_path)
    clean = built(path)
    poisoned = set(clean.target_test.rows.tolist())
    header, *lines = (tmp_path / "south.csv").read_text().splitlines()
    for row in poisoned:
        label = lines[row].split(",")[-1]
        lines[row] = f"1e6,-1e6,nobody,{label}"
    (tmp_path / "south.csv").write_text("\n".join([header, *lines]) + "\n")
    dirty = built(path)
    assert dirty.fingerprint != clean.fingerprint
    assert dirty.notes == clean.notes
    for name in clean._fields[:5]:
        ours, theirs = getattr(clean, name), getattr(dirty, name)
        np.testing.assert_array_equal(ours.x, theirs.x)
        np.testing.assert_array_equal(ours.labels, theirs.labels)
    assert np.abs(dirty.target_test.x).max() > 1e4


def test_the_fingerprint_changes_with_the_file(tmp_path):
    path = write_suite(tmp_path)
    before = built(path).fingerprint
    text = (tmp_path / "south.csv").read_text()
    (tmp_path / "south.csv").write_text(text.replace(",f,", ",m,", 1))
    assert built(path).fingerprint != before


def test_classes_are_told_by_name_whatever_their_order_in_the_file(tmp_path):
    yes_first = table(60, shift=3.0, seed=1).splitlines()
    yes_first[1:] = sorted(yes_first[1:], key=lambda line: not line.endswith("yes"))
    data = built(write_suite(tmp_path, south="\n".join(yes_first) + "\n"))
    lines = yes_first[1:]
    for split in data[3:6]:
        names = [lines[row].split(",")[-1] for row in split.rows]
        assert [("no", "yes")[label] for label in split.labels] == names


def test_merged_classes_and_thresholds(tmp_path):
    merged = SUITE.replace(
        'classes = ["no", "yes"]', 'merge = { ill = ["1", "2"], well = ["0"] }'
    )
    kinds = [table(80, classes="012"), table(60, classes="012", seed=1)]
    data = built(write_suite(tmp_path, merged, north=kinds[0], south=kinds[1]))
    assert (data.target_classes, data.continuous) == (2, False)
    lines = kinds[1].splitlines()[1:]
    wells = [lines[row][-1] == "0" for row in data.target_test.rows]
    assert data.target_test.labels.tolist() == [int(well) for well in wells]
    limit = SUITE.replace(
        'classes = ["no", "yes"]', 'classes = ["low", "high"]\nthreshold = 2'
    )
    path = write_suite(tmp_path, limit, north=kinds[0], south=kinds[1])
    high = [lines[row][-1] == "2" for row in built(path).target_test.rows]
    assert built(path).target_test.labels.tolist() == [int(one) for one in high]


def test_values_are_standardised_by_the_source(tmp_path):
    values = SUITE.replace('classes = ["no", "yes"]', "continuous = true").replace(
        '"sick"', '"dose"'
    )
    data = built(write_suite(tmp_path, values))
    assert data.continuous
    assert data.target_test.labels.shape == (15, 1)
    np.testing.assert_allclose(data.source_train.labels.mean(), 0, atol=1e-5)
    np.testing.assert_allclose(data.source_train.labels.std(), 1, atol=1e-5)


def test_rows_without_a_label_are_left_out_and_counted(tmp_path):
    lines = table(60, shift=3.0, seed=1).splitlines()
    lines[5] = lines[5].rsplit(",", 1)[0] + ","
    data = built(write_suite(tmp_path, south="\n".join(lines) + "\n"))
    assert any("south: 1 of 60 rows have no label" in note for note in data.notes)
    assert sum(len(split.rows) for split in data[3:6]) == 59


def test_values_that_mean_missing_in_one_column(tmp_path):
    lines = table(60, shift=3.0, seed=1).splitlines()
    for row in (4, 9):
        lines[row] = "0," + lines[row].split(",", 1)[1]
    south = "\n".join(lines) + "\n"
    before = built(write_suite(tmp_path, south=south))
    text = SUITE.replace("[every_domain]", "[every_domain]\nmissing_in = {age = [0]}")
    data = built(write_suite(tmp_path, text, south=south))
    assert any("2 values of age count as missing" in note for note in data.notes)
    assert data.target_train.pool[3, 0] == data.target_train.pool[8, 0] == 0.0
    assert before.target_train.pool[3, 0] != 0.0
    assert data.fingerprint != before.fingerprint
    wrong = text.replace("age = [0]", "agee = [0]")
    with pytest.raises(ValueError, match="did you mean 'age'"):
        built(write_suite(tmp_path, wrong))
    with pytest.raises(ValueError, match=r"missing_in.age .* must be a list"):
        load_suite(write_suite(tmp_path, text.replace("[0]", "0")))


def test_a_set_with_test_rows_of_its_own(tmp_path):
    draws = np.random.default_rng(0)
    for name, shift in (("a", 0), ("b", 2)):
        y = {"y_train": np.arange(40) % 2, "y_test": np.arange(10) % 2}
        x = {
            f"x_{part}": draws.normal(size=(rows, 3)) + shift
            for part, rows in (("train", 40), ("test", 10))
        }
        np.savez(tmp_path / f"{name}.npz", **x, **y)
    text = SUITE.replace(".csv", ".npz").replace('label = "sick"', 'test = "own"')
    text = (
        text.replace("north", "a")
        .replace("south", "b")
        .replace('"no", "yes"', '"0", "1"')
    )
    data = built(write_suite(tmp_path, text))
    assert [len(split.rows) for split in data[:3]] == [34, 6, 10]
    own = np.load(tmp_path / "b.npz", allow_pickle=False)["x_test"]
    assert data.target_test.x.shape == own.shape
    assert np.corrcoef(data.target_test.x[:, 0], own[:, 0])[0, 1] > 0.999


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"south": None}, "south.csv is not in"),
        ({"south": "age,dose,sex\n1,2,m\n"}, "label column"),
        ({"south": table(60, classes=("no", "maybe"))}, r"does not know .*\['maybe'\]"),
        (
            {"south": "age,dose,sex,sick\n" + "1,2,m,no\n" * 9 + "3,4,f,yes\n"},
            "1 rows of class 'yes'",
        ),
        ({"south": "size,sick\n" + "1,no\n2,yes\n" * 9}, "no column in common"),
    ],
)
def test_bad_files_are_named(tmp_path, change, message):
    path = write_suite(tmp_path)
    for name, text in change.items():
        file = tmp_path / f"{name}.csv"
        file.unlink() if text is None else file.write_text(text)
    with pytest.raises(ValueError, match=message):
        built(path)


def test_data_dir_comes_before_the_suites_folder(tmp_path):
    path = write_suite(tmp_path)
    other = tmp_path / "other"
    other.mkdir()
    (other / "south.csv").write_text(table(20, seed=5))
    assert len(built(path).target_test.pool) == 60
    assert len(built(path, data_dir=other).target_test.pool) == 20


def test_kinds_must_agree(tmp_path):
    np.savez(tmp_path / "south.npz", x=np.ones((9, 3)), sick=np.arange(9) % 2)
    text = SUITE.replace("south.csv", "south.npz").replace('"no", "yes"', '"0", "1"')
    path = write_suite(tmp_path, text, north=table(80, classes="01"))
    with pytest.raises(ValueError, match=r"source's rows are table and the\s+target's"):
        built(path)
