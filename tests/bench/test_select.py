import json

import numpy as np
import pytest

from da_zoo.bench.criteria import CRITERIA
from da_zoo.bench.execute import keep_group
from da_zoo.bench.group import GroupRows
from da_zoo.bench.preview import preview
from da_zoo.bench.rendering import render
from da_zoo.bench.run import run
from da_zoo.bench.select import Judged, choose, judge, judged_of, selection_tables
from da_zoo.bench.store import RowStore
from da_zoo.bench.tuned import tuned_tables
from da_zoo.cli import main
from tests.bench.fake_rows import make_row


def judged(step=100, accuracy=0.5, *, value=0.0, configuration=0, **fields):
    one = Judged(
        "s", "U", None, "dann", 0, configuration, step, False, {}, accuracy, 0.4
    )
    criteria = {"last_step": float(step), "entropy": value}
    return one._replace(criteria=criteria, **fields)


def test_regret_is_what_the_best_had_more():
    candidates = [judged(100, 0.8, value=1), judged(200, 0.6, value=2)]
    choice = choose(candidates, "entropy")
    assert choice.chosen.step == 200
    assert choice.regret == pytest.approx(0.2)
    assert choice.correlation == pytest.approx(-1)


def test_a_collapsed_checkpoint_is_never_chosen_while_another_stands():
    sure = judged(200, 0.1, value=9, collapsed=True)
    choice = choose([judged(100, 0.6, value=1), sure], "entropy")
    assert (choice.chosen.accuracy, choice.rejected) == (0.6, 1)
    assert choose([sure], "entropy").chosen is sure


def test_the_last_step_is_the_defaults_last():
    candidates = [
        judged(step, 0.5, configuration=number)
        for number in (0, 1)
        for step in (100, 200)
    ]
    chosen = choose(candidates, "last_step").chosen
    assert (chosen.configuration, chosen.step) == (0, 200)


def test_an_undefined_criterion_chooses_nothing():
    assert choose([judged()], "mixval") is None
    table = selection_tables([judged()])[0]["tables"][0]
    line = next(x for x in table["criteria"] if x["criterion"] == "mixval")
    assert line["runs"] == 0 and line["regret_mean"] is None
    assert table["criteria"][-1]["runs"] == 0  # below those that say something


def test_known_quantiles_of_regret():
    units = []
    for seed in range(10):
        good = judged(100, 0.9, value=0, seed=seed)
        units += [good, judged(200, 0.9 - seed / 100, value=1, seed=seed)]
    tables, choices = selection_tables(units)
    line = next(
        x for x in tables["tables"][0]["criteria"] if x["criterion"] == "entropy"
    )
    assert line["regret_mean"] == pytest.approx(0.045)
    assert line["regret_max"] == pytest.approx(0.09)
    assert line["regret_p95"] == pytest.approx(np.quantile(np.arange(10) / 100, 0.95))
    assert line["below_source_only"] == 0.0
    assert len([c for c in choices if c.criterion == "entropy"]) == 10


def test_a_seed_does_not_choose_what_it_reports():
    """Each of two seeds likes what the other does not: each gets the other's choice."""
    runs = [
        judged(
            100,
            0.9 if configuration == seed else 0.5,
            value=float(configuration == seed),
            configuration=configuration,
            seed=seed,
        )
        for seed in (0, 1)
        for configuration in (0, 1)
    ]
    table = next(x for x in tuned_tables(runs) if x["criterion"] == "entropy")
    assert table["accuracy"]["mean"] == pytest.approx(0.5)
    assert table["configurations"] == {"0": 1, "1": 1}


def test_tuning_that_helps_is_seen_and_collapse_comes_last():
    runs = [
        judged(
            100,
            accuracy,
            value=value,
            configuration=number,
            seed=seed,
            collapsed=number == 2,
        )
        for seed in range(3)
        for number, (accuracy, value) in enumerate([(0.5, 1), (0.7, 2), (0.1, 9)])
    ]
    table = next(x for x in tuned_tables(runs) if x["criterion"] == "entropy")
    assert table["gain"]["mean"] == pytest.approx(0.2)
    assert table["configurations"] == {"1": 3}


def test_a_configuration_that_failed_costs_itself_not_the_method():
    runs = [
        judged(100, accuracy, value=value, configuration=number, seed=seed)
        for seed in range(3)
        for number, (accuracy, value) in enumerate([(0.5, 1), (0.7, 2), (0.9, 3)])
        if (number, seed) not in {(2, 0), (2, 1)}
    ]
    table = next(x for x in tuned_tables(runs) if x["criterion"] == "entropy")
    assert table["seeds"] == 3
    # Configuration 2 won on seed 2 alone, and failed where it would be chosen.
    assert table["configurations"] == {"1": 3}
    without = [run for run in runs if run.configuration]
    assert tuned_tables(without) == []  # no defaults to compare with


def test_a_criterion_of_fewer_choices_stands_below():
    runs = [judged(100, 0.5, value=1), judged(100, 0.5, value=1, seed=1)]
    rare = runs[0]._replace(criteria=runs[0].criteria | {"snd": 1.0})
    lines = selection_tables([rare, runs[1]])[0]["tables"][0]["criteria"]
    assert [line["runs"] for line in lines] == sorted(
        (line["runs"] for line in lines), reverse=True
    )
    assert {line["criterion"]: line["runs"] for line in lines}["snd"] == 1


def run_with_checkpoints(out):
    return run(
        "embedded",
        methods=["source_only", "dann"],
        scenarios=["plain_to_rot30"],
        tracks=["U"],
        seeds=2,
        steps=40,
        out=out,
        checkpoints=True,
        progress=False,
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    out = tmp_path_factory.mktemp("select") / "results"
    run_with_checkpoints(out)
    return out


def test_the_last_checkpoint_is_the_row(folder):
    store = RowStore.open(folder, create=False)
    rows = {r["seed"]: r for r in store.read()[0] if r["method"] == "dann"}
    found = judged_of(store, rows.values())
    for seed, row in rows.items():
        last = max((c for c in found if c.seed == seed), key=lambda c: c.step)
        assert last.accuracy == pytest.approx(row["accuracy"], abs=1e-6)
        assert set(last.criteria) == set(CRITERIA)
        assert all(value is not None for value in last.criteria.values())


def test_criteria_never_see_a_target_label(folder):
    """What is stored of the target is its predictions; labels are the source's."""
    store = RowStore.open(folder, create=False)
    group = group_of(folder, "dann")
    names = {name.split("/")[2] for name in store.load_checkpoints(group)}
    assert {n for n in names if "label" in n} == {"source_labels"}


def test_the_command_writes_what_the_report_reads(folder, capsys):
    assert main(["select", str(folder)]) == 0
    assert "last_step" in capsys.readouterr().out
    table = json.loads((folder / "selection.json").read_text())
    assert table["ranked"] == "last_step"
    assert {x["criterion"] for x in table["tables"][0]["criteria"]} == set(CRITERIA)
    first = (folder / "selection.csv").read_text().splitlines()[0]
    assert first.startswith("criterion,scenario,track")


def test_groups_without_checkpoints_are_run_again(folder):
    group = next((folder / "checkpoints").glob("*.npz"))
    group.unlink()
    again = run_with_checkpoints(folder)
    assert again.ran == 1 and group.is_file()


def test_planning_knows_that_checkpoints_are_missing(folder):
    options = {"methods": ["dann"], "scenarios": ["plain_to_rot30"], "tracks": ["U"]}
    options |= {"seeds": 2, "steps": 40, "out": folder}
    left = [p.there for p in preview("embedded", checkpoints=True, **options).planned]
    assert left == [True]
    (file,) = (folder / "checkpoints" / f"{group_of(folder, 'dann')}.npz",)
    saved = file.read_bytes()
    file.unlink()
    try:
        plans = [
            preview("embedded", checkpoints=wanted, **options).planned[0].there
            for wanted in (True, False)
        ]
    finally:
        file.write_bytes(saved)
    assert plans == [False, True]


def group_of(folder, method):
    rows = RowStore.open(folder, create=False).read()[0]
    return next(row["group"] for row in rows if row["method"] == method)


def test_checkpoints_of_what_is_kept_though_stale_are_refused(tmp_path):
    for call in (run, preview):
        with pytest.raises(ValueError, match="leave checkpoints out"):
            call("embedded", checkpoints=True, stale="keep", out=tmp_path)


def test_writing_a_group_anew_forgets_the_checkpoints_of_before(tmp_path):
    store = RowStore.open(tmp_path)
    row = make_row(method="dann", seed=0) | {"group": "ab"}
    keep_group(GroupRows([row], {}, {}), "da-zoo bench", store, checkpoints=True)
    assert store.has_checkpoints("ab")  # there were none, and that is known
    keep_group(GroupRows([row], {}, {}), "da-zoo bench", store, checkpoints=False)
    assert not store.has_checkpoints("ab")


def test_rows_without_checkpoints_forget_those_of_an_earlier_try(tmp_path):
    store = RowStore.open(tmp_path)
    store.save_checkpoints("ab", {})
    assert store.has_checkpoints("ab")
    store.remove_checkpoints("ab")
    store.remove_checkpoints("ab")
    assert not store.has_checkpoints("ab")


def test_a_report_says_that_criteria_were_judged_on_other_rows(folder):
    assert main(["select", str(folder)]) == 0
    said = "judged on other rows"
    assert not any(said in note for note in render(folder)[0].notes)
    path = folder / "selection.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"groups": "others"}))
    assert any(said in note for note in render(folder)[0].notes)


def test_a_folder_without_checkpoints_says_how_to_get_them(tmp_path, capsys):
    RowStore.open(tmp_path)
    assert main(["select", str(tmp_path)]) == 2
    assert "--checkpoints" in capsys.readouterr().err


def test_a_criterion_that_cannot_be_computed_is_none():
    from da_zoo.bench.criteria import Candidate

    x = np.eye(4)
    blind = Candidate(x, None, np.arange(4), x, x, step=1)
    found = judge(blind)
    assert found["source_validation"] is None and found["dev"] is None
    assert found["entropy"] is not None
