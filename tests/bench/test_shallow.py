"""Shallow methods in the benchmark: planned when named, rows like the others'."""

import numpy as np
import pytest

from da_zoo import METHODS, SHALLOW
from da_zoo.bench import run
from da_zoo.bench import shallow as module
from da_zoo.bench.plan import batches, configurations, make_plan, method_values
from da_zoo.bench.shallow import shallow_keys
from da_zoo.bench.store import RowStore
from da_zoo.scenarios import build, load_suite

SUITE = """
name = "tiny"
label_fractions = [0.05]
[defaults]
network = "mlp"
network_options = { hidden = [8, 4] }
steps = 4
batch_size = 8
batch_norm = "separate"
[defaults.methods.tca]
components = 20
[[scenarios]]
name = "shift"
source = { pool = "digits8", input_map = "plain", task = "digit" }
target = { pool = "digits8", input_map = "over07", task = "digit" }
[[scenarios]]
name = "other_task"
source = { pool = "digits8", input_map = "plain", task = "digit" }
target = { pool = "digits8", input_map = "plain", task = "parity" }
"""


@pytest.fixture
def suite(tmp_path):
    path = tmp_path / "tiny.toml"
    path.write_text(SUITE)
    return path


def rows_of(out):
    rows, problems = RowStore.open(out, create=False).read()
    assert problems == []
    return rows


def test_shallow_methods_are_planned_when_they_are_named(suite):
    loaded = load_suite(suite)
    by_default = {cell.method.name for cell in make_plan(loaded)}
    assert by_default == set(METHODS)
    named = make_plan(loaded, methods=["coral", "shallow", "coral"])
    assert [c.method.name for c in named if c.track == "U"][:3] == [
        "coral",
        "unadapted",
        "subspace_alignment",
    ]
    assert {cell.method.name for cell in named} == set(SHALLOW)
    runs = [(c.scenario.name, c.track) for c in named if not c.undefined]
    assert set(runs) == {("shift", "U")}
    with pytest.raises(ValueError, match="did you mean 'coral'"):
        make_plan(loaded, methods=["corral"])


def test_the_suite_s_network_settings_are_no_options_of_shallow_methods(suite):
    loaded = load_suite(suite)
    assert method_values(SHALLOW["tca"], loaded) == {"components": 20}
    assert method_values(SHALLOW["coral"], loaded) == {}


def test_configurations_are_drawn_and_run_apart(suite):
    drawn = configurations(SHALLOW["tca"], {"components": 20}, 4)
    assert drawn[0] == {"components": 20}
    assert all("learning_rate" not in values for values in drawn)
    cells = make_plan(
        load_suite(suite), methods=["tca"], tracks=["U"], configuration_count=4
    )
    runs = [cell for cell in cells if not cell.undefined]
    assert [len(batch) for batch in batches(runs)] == [1, 1, 1, 1]


def test_a_method_without_choices_has_one_configuration_once():
    """Equal values would share a key, and one row group would replace the other."""
    assert configurations(SHALLOW["unadapted"], {}, 8) == [{}]
    drawn = configurations(SHALLOW["gfk"], {}, 8)
    assert len({repr(values) for values in drawn}) == len(drawn)


def test_rows_are_like_those_of_deep_methods(suite, tmp_path):
    out = tmp_path / "out"
    names = ["source_only", "coral", "tca", "kmm"]
    result = run(suite, methods=names, seeds=2, out=out, progress=False)
    rows = rows_of(out)
    assert result.failed == 0, [row["reason"] for row in rows]
    ok = [r for r in rows if r["status"] == "ok"]
    deep = next(r for r in ok if r["method"] == "source_only")
    shallow = [r for r in ok if r["method"] in SHALLOW]
    assert len(shallow) == 6
    for row in shallow:
        assert set(row) == set(deep)
        assert (row["case"], row["track"], row["label_fraction"]) == (3, "U", None)
        assert 0 <= row["accuracy"] <= 1
        assert row["accuracy_oracle"] == row["accuracy"]
        # Weights under disjoint supports ruin both accuracies, and say so.
        assert row["source_accuracy"] > 0.8 or row["warnings"] == ["collapse"]
        assert row["diagnostics"]["mmd_squared"] is not None
        assert np.isfinite([row["nll"], row["brier"], row["ece"]]).all()
        assert row["data_fingerprint"] == deep["data_fingerprint"] or row["seed"] == 1
        assert row["steps"] is None
        assert row["fit_seconds"] > 0
    # Gains are over the same baseline, whatever its number of steps.
    ran = [r for r in result.leaderboard.rows if r["status"] == "ok"]
    gains = {(r["method"], r["seed"]): r["gain"] for r in ran}
    for name in ("coral", "tca", "kmm"):
        assert gains[name, 0] is not None
    undefined = {r["reason"] for r in rows if r["status"] == "na"}
    assert "uses no target labels: see track U" in undefined
    again = run(suite, methods=names, seeds=2, out=out, progress=False)
    assert again.ran == 0


def test_target_labels_are_not_read(suite):
    loaded = load_suite(suite)
    cell = make_plan(loaded, methods=["jda"], scenarios=["shift"], tracks=["U"])[0]
    cell = cell._replace(values={"iterations": 2, "components": 10})
    data = build(cell.scenario, seed=0)
    _, predicted = module._run(cell, data, 0)
    poisoned = data._replace(
        target_train=data.target_train._replace(
            labels=data.target_train.labels[::-1].copy()
        ),
        target_test=data.target_test._replace(
            labels=data.target_test.labels[::-1].copy()
        ),
    )
    np.testing.assert_array_equal(module._run(cell, poisoned, 0)[1], predicted)


def test_at_most_so_many_rows_are_fitted_on(suite, monkeypatch):
    loaded = load_suite(suite)
    cell = make_plan(loaded, methods=["unadapted"], scenarios=["shift"])[0]
    data = build(cell.scenario, seed=0)
    whole, _ = module._run(cell, data, 0)
    assert whole["hyperparameters"]["rows"] == [560, 560]
    monkeypatch.setattr(module, "MOST_ROWS", 7)
    # Seven rows hold seven classes at most; the others get the least probability.
    few, predicted = module._run(cell, data, 0)
    assert few["hyperparameters"]["rows"] == [7, 7]
    assert predicted.shape == (397, 10)
    assert few["accuracy"] < whole["accuracy"]


def test_keys_depend_on_options_and_data_not_on_networks(suite):
    loaded = load_suite(suite)
    first, second = make_plan(
        loaded,
        methods=["tca"],
        scenarios=["shift"],
        tracks=["U"],
        seeds=1,
        configuration_count=2,
    )
    data = {0: build(first.scenario, seed=0)}
    key = shallow_keys(first, loaded, data, 4)
    assert shallow_keys(first, loaded, data, 5) == key
    assert shallow_keys(second, loaded, data, 4).group != key.group
    other = {0: build(first.scenario, seed=1)}
    assert shallow_keys(first, loaded, other, 4).group != key.group


def test_shallow_methods_are_listed_and_shown(capsys):
    from da_zoo.cli import main

    assert main(["list", "methods"]) == 0
    listed = capsys.readouterr().out
    assert all(f"\n{name} " in listed for name in SHALLOW)
    assert main(["show", "tca"]) == 0
    assert "@article{pan2011domain" in capsys.readouterr().out


def test_a_run_without_a_score_is_a_failed_row(suite, tmp_path, monkeypatch):
    fit = module._run

    def overflows(cell, data, seed):
        scores, logits = fit(cell, data, seed)
        return (scores | {"accuracy": float("nan")} if seed else scores), logits

    monkeypatch.setattr(module, "_run", overflows)
    out = tmp_path / "out"
    options = {"methods": ["unadapted"], "scenarios": ["shift"], "tracks": ["U"]}
    run(suite, seeds=2, out=out, progress=False, **options)
    rows = rows_of(out)
    assert [row["status"] for row in rows] == ["ok", "failed"]
    assert "its accuracy is nan" in rows[1]["reason"]
    logits = RowStore.open(out, create=False).load_logits(rows[0]["group"])
    assert list(logits) == ["seed_0"]
