"""From files to a saved model and back, on small files that the tests write."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest

import da_zoo
from da_zoo.cli import main
from da_zoo.metrics_log import read_metrics
from da_zoo.pipeline import Adapted, adapt, load
from da_zoo.pipeline.cases import check_method
from da_zoo.pipeline.prepare import prepare
from da_zoo.pipeline.sides import read_sides

FAST = {"steps": 12, "network": "mlp", "network_options": {"hidden": [8]}}


def rows(shift: float, seed: int, count: int = 60) -> list[list[str]]:
    """Patients with a number that tells, one that does not, and a category."""
    draws = np.random.default_rng(seed)
    sick = np.arange(count) % 2
    return [
        [
            f"{draws.normal() + 3 * s + shift:.4f}",
            "?" if number % 7 == 0 else f"{draws.normal():.4f}",
            "mf"[number % 2],
            ("no", "yes")[s],
        ]
        for number, s in enumerate(sick)
    ]


def write(path: Path, table: list[list[str]], *, label: bool = True) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        own = [["pressure", "age", "sex", "sick"], *table]
        csv.writer(file).writerows(own if label else [row[:-1] for row in own])
    return path


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    return (
        write(tmp_path / "a.csv", rows(0.0, 0)),
        write(tmp_path / "b.csv", rows(1.0, 1)),
    )


def weights(found: Adapted) -> list[bytes]:
    import jax

    return [
        np.asarray(leaf).tobytes() for leaf in jax.tree.leaves(found.model.state[3])
    ]


def test_the_target_s_labels_are_never_read(files: tuple[Path, Path]) -> None:
    source, target = files
    before = adapt(source, target, label="sick", baseline=False, **FAST)
    poisoned = [[*row[:-1], "poison"] for row in rows(1.0, 1)]
    write(target, poisoned)
    after = adapt(source, target, label="sick", baseline=False, **FAST)
    assert weights(before) == weights(after)
    assert before.model.spec.classes == ["no", "yes"]
    write(target, rows(1.0, 1), label=False)
    bare = adapt(source, target, label="sick", baseline=False, **FAST)
    assert weights(bare) == weights(before)


def test_labels_that_only_score_do_not_train(files: tuple[Path, Path]) -> None:
    source, target = files
    options = {"label": "sick", "baseline": False, **FAST}
    before = adapt(source, target, **options)
    scored = adapt(source, target, target_labels="score", **options)
    assert weights(before) == weights(scored)
    assert "target accuracy" in scored.checks["deep_coral"].numbers
    assert "target accuracy" not in before.checks["deep_coral"].numbers


def test_encoders_see_the_source_s_training_rows_alone(
    files: tuple[Path, Path],
) -> None:
    source, target = files
    first = prepare(read_sides(source, target, label="sick"), 0, {})
    table = rows(0.0, 0)
    for row in first.validation:
        table[row][0] = "1e6"
    write(source, table)
    write(target, [["7e5", "-3", "m", "no"]] * 30)
    second = prepare(read_sides(source, target, label="sick"), 0, {})
    assert first.encoder.to_json() == second.encoder.to_json()
    np.testing.assert_array_equal(first.validation, second.validation)


def test_saved_and_loaded_it_predicts_the_same(
    files: tuple[Path, Path], tmp_path: Path
) -> None:
    source, target = files
    found = adapt(source, target, label="sick", out=tmp_path / "m", **FAST)
    again = da_zoo.load(tmp_path / "m")
    np.testing.assert_array_equal(
        again.predict_proba(target), found.model.predict_proba(target)
    )
    assert set(again.predict(target)) <= {"no", "yes"}
    assert again.transform(target).shape == (60, 8)
    page = (tmp_path / "m" / "report.html").read_text(encoding="utf-8")
    assert "source_only" in page and "http" not in page.replace("http-equiv", "")
    for name in ("answers", "embedding", "curves"):
        assert (tmp_path / "m" / f"{name}.png").stat().st_size > 1000


def test_a_damaged_model_is_refused(files: tuple[Path, Path], tmp_path: Path) -> None:
    source, target = files
    folder = tmp_path / "m"
    adapt(source, target, label="sick", out=folder, baseline=False, **FAST)
    description = folder / "model.json"
    whole = description.read_text(encoding="utf-8")
    told = json.loads(whole)
    for change in (
        lambda t: t.update(format="other"),
        lambda t: t["spec"].pop("classes"),
        lambda t: t["spec"].update(method="no_such"),
        lambda t: t["spec"].update(shape=[99]),
        lambda t: t["spec"]["encoder"].update(numbers=[["x", 0, 0]]),
        lambda t: t.update(weights="0"),
        lambda t: t.update(tree=[1]),
    ):
        copy = json.loads(whole)
        change(copy)
        description.write_text(json.dumps(copy), encoding="utf-8")
        with pytest.raises(ValueError, match=r"damaged|not what"):
            load(folder)
    description.write_text(json.dumps(told)[:100], encoding="utf-8")
    with pytest.raises(ValueError, match="damaged"):
        load(folder)
    description.unlink()
    with pytest.raises(FileNotFoundError, match=r"no model\.json"):
        load(folder)


def test_data_that_changed_since_are_told(
    files: tuple[Path, Path], tmp_path: Path
) -> None:
    source, target = files
    options = {"label": "sick", "out": tmp_path / "m", "baseline": False, **FAST}
    assert not any("is not what" in n for n in adapt(source, target, **options).notes)
    write(target, rows(2.0, 3))
    told = [n for n in adapt(source, target, **options).notes if "is not what" in n]
    assert len(told) == 1 and "b.csv" in told[0]
    # Reading the labels too is no change of the file.
    scored = adapt(source, target, target_labels="score", **options)
    assert not any("is not what" in note for note in scored.notes)


def test_a_regression_predicts_in_the_label_s_unit() -> None:
    x = np.random.default_rng(0).normal(size=(200, 2)).astype(np.float32)
    y = 1000.0 + 50.0 * x[:, 0] + 0.5
    found = adapt((x, y), x, steps=200, method="source_only")
    assert found.model.continuous
    predicted = found.model.predict(x)
    assert abs(predicted.mean() - 1000) < 20
    assert np.corrcoef(predicted, y)[0, 1] > 0.9
    with pytest.raises(ValueError, match="no probabilities"):
        found.model.predict_proba(x)


@pytest.mark.slow
def test_several_sources_by_a_column(tmp_path: Path) -> None:
    header = "x,site,y\n"
    lines = [f"{i % 5},{'pqr'[i % 3]},{i % 2}" for i in range(90)]
    path = tmp_path / "all.csv"
    path.write_text(header + "\n".join(lines) + "\n", encoding="utf-8")
    found = adapt(
        path,
        path,
        label="y",
        method="m3sda",
        reading={"domain": "site"},
        source_domains=("p", "q"),
        target_domains=("r",),
        **FAST,
    )
    assert found.model.spec.sources == 2


def test_another_task_gets_a_head_of_its_own(tmp_path: Path) -> None:
    x = np.random.default_rng(0).normal(size=(80, 3))
    other = (x, np.where(x[:, 0] > 0, "up", "down"))
    with pytest.raises(
        ValueError, match=r"Another task.*Methods for it: .*fine_tuning"
    ):
        adapt((x, list("abcd") * 20), other, method="dsan", target_labels="train")
    found = adapt(
        (x, list("abcd") * 20),
        other,
        method="fine_tuning",
        target_labels="train",
        **FAST,
    )
    assert found.model.classes == ("down", "up") and "case 2 or 4" in found.notes[0]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"label": None}, "has no labels; name their column"),
        ({"label": "sicc"}, "did you mean 'sick'"),
        ({"method": "dan_n"}, "did you mean 'dann'"),
        ({"method": "fine_tuning"}, "needs target labels.*target_labels='train'"),
        ({"target_labels": "yes"}, "unknown target_labels 'yes'"),
        ({"trade_of": 1.0}, "did you mean 'trade_off'"),
        ({"encoding": {"side": 3}}, "option of the table encoder 'side'"),
        ({"reading": {"lenght": 3}}, "option of table data 'lenght'"),
        ({"target": "nowhere.csv"}, "nowhere.csv does not exist"),
        ({"network": "mpl"}, "did you mean 'mlp'"),
        ({"method": "coral"}, "closed-form method.*ShallowAdapter"),
        ({"out": "/proc/no/such"}, "out .* cannot be written to"),
    ],
)
def test_bad_input_is_told_before_anything_is_trained(
    files: tuple[Path, Path], change: dict, message: str
) -> None:
    options = {"source": files[0], "target": files[1], "label": "sick"}
    with pytest.raises(ValueError, match=message):
        adapt(**{**options, **change})


def test_classes_that_differ_are_explained(tmp_path: Path) -> None:
    x = np.random.default_rng(0).normal(size=(40, 2))
    source = (x, list("abcd") * 10)
    spec = da_zoo.METHODS["dann"]

    def told(labels: str) -> str:
        sides = read_sides(source, (x, list(labels) * 10), target_labels="score")
        return check_method(spec, sides, False)

    assert "the same classes" in told("abcd")
    assert "partial" in told("abab") and "pada" in told("abab")
    assert "open" in told("abez") and "e, z" in told("abez")
    with pytest.raises(ValueError, match=r"label sets are closed.*dann"):
        adapt(source, source, method="osbp", target_labels="score")
    with pytest.raises(ValueError, match="the one class"):
        adapt((x, ["a"] * 40), x, **FAST)


def test_the_command_line(
    files: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model, new = tmp_path / "m", write(tmp_path / "new.csv", rows(1.0, 2), label=False)
    words = ["adapt", "--source", str(files[0]), "--target", str(files[1])]
    words += ["--label", "sick", "--steps", "12", "--out", str(model)]
    words += ["--set", "trade_off=3.5", "--network-option", "hidden=[8]"]
    assert main(words) == 0
    assert "information in target predictions" in capsys.readouterr().out
    assert load(model).spec.values["trade_off"] == 3.5
    assert main(["predict", str(model), str(new)]) == 0
    lines = list(csv.reader(capsys.readouterr().out.splitlines()))
    assert lines[0] == ["prediction", "probability_no", "probability_yes"]
    assert len(lines) == 61
    for prediction, no, yes in lines[1:]:
        assert prediction == ("yes" if float(yes) > float(no) else "no")
        assert abs(float(no) + float(yes) - 1) < 1e-5
    # With a column of labels, whatever stands in it, the answers are the same.
    write(new, [[*row[:-1], "poison"] for row in rows(1.0, 2)])
    assert (
        main(["predict", str(model), str(new), "--out", str(tmp_path / "p.csv")]) == 0
    )
    with (tmp_path / "p.csv").open(newline="") as file:
        assert list(csv.reader(file)) == lines
    assert main(["predict", str(model), str(new), "--out", str(tmp_path)]) == 2
    assert "must be a file" in capsys.readouterr().err
    assert main(["predict", str(tmp_path), str(new)]) == 2
    assert "no model.json" in capsys.readouterr().err


def test_metrics_lie_beside_the_model_and_with_writers(
    files: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("tensorboardX")
    model, board = tmp_path / "m", tmp_path / "board"
    words = ["adapt", "--source", str(files[0]), "--target", str(files[1])]
    words += ["--label", "sick", "--steps", "12", "--network-option", "hidden=[8]"]
    words += ["--out", str(model), "--tensorboard", str(board), "--log-format", "json"]
    assert main(words) == 0
    first, second = read_metrics(model / "metrics.jsonl")
    assert [one.run["method"] for one in (first, second)] == [
        "source_only",
        "deep_coral",
    ]
    assert second.run["steps"] == 12
    assert "task_loss" in second.chunks[0]["values"]
    assert sorted(p.name for p in board.iterdir()) == ["deep_coral", "source_only"]
    told = capsys.readouterr()
    events = [json.loads(line) for line in told.err.splitlines()]
    assert [(one["event"], one["method"]) for one in events] == [
        ("training_started", "source_only"),
        ("training_ended", "source_only"),
        ("training_started", "deep_coral"),
        ("training_ended", "deep_coral"),
    ]
    assert f"tensorboard --logdir {board}" in told.out
    load(model)  # a further file in its folder is no damage


def test_a_domain_may_not_be_on_both_sides(tmp_path: Path) -> None:
    path = tmp_path / "all.csv"
    lines = [
        f"{i % 5},{'pq'[i % 2]},{'ab'[i % 2] if i < 40 else 'c'}" for i in range(60)
    ]
    path.write_text("x,site,y\n" + "\n".join(lines) + "\n", encoding="utf-8")
    options = {"label": "y", "options": {"domain": "site"}}
    with pytest.raises(ValueError, match="p, q is on both sides"):
        read_sides(path, path, **options)
    sides = read_sides(
        path, path, **options, source_domains=("p",), target_domains=("q",)
    )
    assert sides.source.classes == ("a", "c")  # b is of the other domain alone
    with pytest.raises(ValueError, match="on both sides"):
        read_sides(path, path, label="y")


def test_a_list_of_texts_is_no_list_of_paths() -> None:
    texts = ["Mr. Smith likes it", "bad", "fine", "awful"] * 5
    sides = read_sides((texts, list("pnpn") * 5), texts)
    assert sides.source.kind == "text" and sides.target.rows == 20


def test_labels_that_are_not_finite_are_no_values() -> None:
    x = np.eye(4)
    sides = read_sides((x, ["1", "2", "nan", "1"]), x)
    assert not sides.source.continuous
    with pytest.raises(ValueError, match="regression needs numbers"):
        read_sides((x, ["1", "2", "inf", "1"]), x, regression=True)


def test_a_flipped_digit_of_the_description_is_seen(
    files: tuple[Path, Path], tmp_path: Path
) -> None:
    source, target = files
    folder = tmp_path / "m"
    adapt(source, target, label="sick", out=folder, baseline=False, **FAST)
    description = folder / "model.json"
    text = description.read_text(encoding="utf-8")
    mean = str(json.loads(text)["spec"]["encoder"]["numbers"][0][1])
    flipped = mean[:-1] + ("1" if mean[-1] != "1" else "2")
    description.write_text(text.replace(mean, flipped), encoding="utf-8")
    with pytest.raises(ValueError, match="not what was written"):
        load(folder)
