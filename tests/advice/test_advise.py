import json

import numpy as np
import pytest

import da_zoo
from da_zoo.advice.rows import from_arrays
from da_zoo.advice.sides import allow_labels, thin
from da_zoo.cli import main
from da_zoo.programs import forget_programs


@pytest.fixture(autouse=True, scope="module")
def _few_programs():
    yield
    forget_programs()


def told_by(advice):
    """The text without its line breaks."""
    text = advice.to_text()
    assert max(map(len, text.splitlines())) <= 100
    return " ".join(text.split())


def toy(seed, shift=0.0, names=("0", "1"), rows=90):
    rng = np.random.default_rng(seed)
    y = np.arange(rows) % 2
    x = rng.normal(size=(rows, 3)) + shift
    x[:, 0] += 3.0 * y
    return x, np.array(names)[y]


SAME, MOVED = 0.0, 4.0


@pytest.mark.parametrize(
    ("shift", "names", "case"),
    [
        (SAME, ("0", "1"), 1),
        (SAME, ("good", "bad"), 2),
        (MOVED, ("0", "1"), 3),
        (MOVED, ("good", "bad"), 4),
    ],
)
def test_the_four_cases(shift, names, case):
    advice = da_zoo.advise(toy(0), toy(1, shift, names), steps=5)
    assert advice.cases == (case,)
    text = told_by(advice)
    assert f"Case {case} (" in text
    assert ("may remain" if case < 3 else "no proof of harm") in text


def test_without_target_labels_two_cases_remain_unless_one_is_stated():
    blind = da_zoo.advise(toy(0), toy(1, MOVED)[0], steps=5)
    assert blind.cases == (3, 4) and blind.forecast.scores == {}
    assert "--task same" in told_by(blind)
    assert "dann" in blind.methods[3] and blind.methods[4] == ()
    stated = da_zoo.advise(toy(0), toy(1, MOVED)[0], task="different", steps=5)
    assert stated.cases == (4,)


def test_labels_that_may_not_be_read_change_nothing():
    x, y = toy(1, MOVED)
    seen = da_zoo.advise(toy(0), (x, y), target_labels=0, steps=5)
    poisoned = np.array(["nonsense"] * len(y))
    other = da_zoo.advise(toy(0), (x, poisoned), target_labels=0, steps=5)
    assert seen == other and seen.labelled_rows == 0
    # A few: only they count.
    rows = from_arrays("t", x, y)
    few = allow_labels(rows, 20, 0)
    y[~few.labelled] = "nonsense"
    first, second = (
        da_zoo.advise(toy(0), (x, labels), target_labels=20, steps=5)
        for labels in (few.y, y)
    )
    assert first.labelled_rows == 20 and first.task.same
    assert second.forecast.scores == first.forecast.scores


@pytest.mark.parametrize(
    ("wanted", "count"), [(None, 90), (0, 0), (7, 7), (0.1, 9), (1.0, 90)]
)
def test_so_many_labels_may_be_read(wanted, count):
    rows = allow_labels(from_arrays("t", *toy(0)), wanted, 0)
    assert rows.labelled.sum() == count
    assert (rows.y is None) == (count == 0)
    assert count == 0 or set(rows.y[~rows.labelled]) <= {""}


def test_the_sample_for_distances_is_random_and_labelled_rows_follow():
    x = np.arange(5000.0)[:, None]
    y = np.where(np.arange(5000) >= 4990, "a", None)
    rows = thin(from_arrays("t", x, y), 0)
    assert 500 < len(rows.x) <= 510 and rows.labelled.sum() == 10
    assert abs(rows.x[:500].mean() - 2500) < 200
    assert len(np.unique(rows.x)) == len(rows.x)


def test_rows_on_both_sides_are_noticed():
    advice = da_zoo.advise(toy(0), toy(0), steps=2)
    assert advice.cases == (1,)
    assert "90 of 90 target rows looked at are source rows too" in told_by(advice)


def test_a_guess_no_better_than_the_majority_is_told():
    x, y = toy(1)
    flipped = np.where(y == "0", "1", "0")
    text = told_by(da_zoo.advise(toy(0), (x, flipped), steps=60))
    assert "no better than guessing" in text


def test_evidence_is_quoted_and_its_absence_is_told(tmp_path):
    pair = toy(0), toy(1, MOVED)[0]
    none = da_zoo.advise(*pair, task="same", steps=2)
    assert "No benchmark was named" in told_by(none)
    runs = [("source_only", 0.5), ("dann", 0.7), ("mcd", 0.4)]
    rows = [
        {
            "scenario": "digits",
            "case": 3,
            "track": "U",
            "label_fraction": None,
            "method": method,
            "configuration": 0,
            "seed": seed,
            "status": "ok",
            "accuracy": accuracy + 0.002 * seed,
        }
        for seed in range(3)
        for method, accuracy in runs
    ]
    board = {"schema_version": 1, "rows": rows}
    (tmp_path / "leaderboard.json").write_text(json.dumps(board))
    advice = da_zoo.advise(*pair, task="same", evidence=tmp_path, steps=2)
    text = told_by(advice)
    assert "gain over source_only" in text and "mean of digits" in text
    assert "1 of 2 methods are detectably above the baseline, 1 below it (mcd)" in text
    json.dumps(advice.to_json(), allow_nan=False)
    other = da_zoo.advise(*pair, task="different", evidence=tmp_path, steps=2)
    assert "has no finished comparison in this situation" in told_by(other)


@pytest.mark.parametrize(
    ("options", "error", "told"),
    [
        ({"task": "other"}, ValueError, "same"),
        ({"steps": 0}, ValueError, "at least 1"),
        ({"target_labels": -1}, ValueError, "at least 0"),
        ({"target_labels": 1.5}, ValueError, "at least 0"),
        ({"target_labels": 91}, ValueError, "has 90 labelled rows"),
        ({"target_labels": True}, TypeError, "must be a number"),
    ],
)
def test_wrong_options_are_refused(options, error, told):
    with pytest.raises(error, match=told):
        da_zoo.advise(toy(0), toy(1), **options)


def test_a_source_needs_labels_and_a_name_a_name():
    with pytest.raises(ValueError, match="it needs labels"):
        da_zoo.advise(toy(0)[0], toy(1))
    with pytest.raises(ValueError, match="a name goes with a name"):
        da_zoo.advise("digits8", toy(1))
    with pytest.raises(ValueError, match="has its task"):
        da_zoo.advise("digits8", "digits8", label="y")


def test_the_command_prints_text_and_json(tmp_path, capsys):
    paths = []
    for number, shift in enumerate((SAME, MOVED)):
        x, y = toy(number, shift)
        cells = zip(x, y, strict=True)
        lines = ["a,b,c,ill", *(",".join(map(str, (*row, c))) for row, c in cells)]
        paths.append(tmp_path / f"hospital {number}.csv")
        paths[-1].write_text("\n".join(lines))
    words = ["advise", "--source", str(paths[0]), "--target", str(paths[1])]
    words += ["--label", "ill", "--steps", "5"]
    assert main([*words, "--target-labels", "0.5"]) == 0
    assert "Case 3 (" in capsys.readouterr().out
    assert main([*words, "--json", "--target-labels", "none"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["cases"] == [3, 4] and told["labelled_rows"] == 0
    assert told["distances"]["mmd"]["p"] < 0.02


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--source", "none.npz", "--target", "digits8"], "none.npz"),
        (["--source", "none.csv", "--target", "none.csv"], "does not exist"),
        (["--source", "digitz", "--target", "digits8"], "did you mean 'digits8'"),
        (
            ["--source", "digits8", "--target", "digits8", "--evidence", "no"],
            "no folder",
        ),
        (["--source", "/", "--target", "/"], "is no file"),
        (["--source", "", "--target", ""], "is no file"),
    ],
)
def test_a_wrong_command_is_one_line_and_an_exit_code(words, told, capsys):
    assert main(["advise", *words]) == 2
    error = capsys.readouterr().err
    assert told in error and error.count("\n") == 1


@pytest.mark.slow
def test_a_named_pair_knows_its_task(capsys):
    words = ["--source", "digits8", "--target", "digits8:parity", "--steps", "5"]
    assert main(["advise", *words, "--target-labels", "0"]) == 0
    assert "Case 2 (same domain, different task)" in capsys.readouterr().out
