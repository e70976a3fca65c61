import inspect
import json
from types import SimpleNamespace

import jax
import numpy as np
import pytest

from da_zoo import METHODS, programs
from da_zoo.bench import group as group_module
from da_zoo.bench import run, workload
from da_zoo.bench import run as run_benchmark
from da_zoo.bench.clock import Clock
from da_zoo.bench.fingerprint import source_hash
from da_zoo.bench.group import group_keys
from da_zoo.bench.plan import (
    BUDGETS,
    Budget,
    batches,
    configurations,
    make_plan,
    method_values,
)
from da_zoo.bench.store import RowStore
from da_zoo.cli import main
from da_zoo.commands.bench import _require_device
from da_zoo.programs import forget_programs
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
learning_rate = 1e-2
METHODS
[[scenarios]]
name = "shift"
source = { pool = "digits8", input_map = "plain", task = "digit" }
target = { pool = "digits8", input_map = "over07", task = "digit" }
[[scenarios]]
name = "other_task"
source = { pool = "digits8", input_map = "plain", task = "digit" }
target = { pool = "digits8", input_map = "plain", task = "parity" }
"""


@pytest.fixture(autouse=True)
def _few_programs():
    yield
    forget_programs()


@pytest.fixture
def suite(tmp_path):
    def write(methods=""):
        path = tmp_path / "tiny.toml"
        path.write_text(SUITE.replace("METHODS", methods))
        return path

    return write


def bench(suite, out, methods=("source_only", "deep_coral", "target_only"), **options):
    return run(suite, methods=methods, seeds=2, out=out, progress=False, **options)


def metrics_of(out):
    rows, _ = RowStore.open(out, create=False).read()
    fields = ("accuracy", "macro_f1", "nll", "brier", "ece", "source_accuracy")
    return {
        row["key"]: (row["status"], *(row[field] for field in fields)) for row in rows
    }


def test_rows_hold_what_the_protocol_asks(suite, tmp_path):
    result = bench(suite(), tmp_path / "out")
    rows, problems = RowStore.open(tmp_path / "out").read()
    assert problems == []
    assert result.failed == 0, [row["reason"] for row in rows]
    cells = {
        (r["scenario"], r["track"], r["label_fraction"], r["method"]) for r in rows
    }
    # 2 scenarios x (3 methods x 2 tracks + the oracle)
    assert len(cells) == 14
    assert len(rows) == 28
    for row in rows:
        undefined = METHODS[row["method"]].undefined(row["case"], row["track"])
        assert (row["status"], row["reason"]) == (
            "na" if undefined else "ok",
            undefined,
        )
        assert (row["accuracy"] is None) == bool(undefined)
        assert row["case"] == {"shift": 3, "other_task": 2}[row["scenario"]]
        assert row["command"].startswith("da-zoo bench --suite tiny")
    one = next(r for r in rows if r["method"] == "target_only" and r["status"] == "ok")
    few = range(24, 33)  # 5 % of 560, rounded class by class
    assert one["labelled_count"] in {0.05: few, 1.0: (560,)}[one["label_fraction"]]
    assert (one["loop"], one["group_width"]) == ("scan+vmap", 2)
    assert one["parameters"] == 192 * 8 + 16 + 8 * 4 + 8
    assert one["hyperparameters"]["learning_rate"] == 1e-2
    board = json.loads((tmp_path / "out" / "leaderboard.json").read_text())
    assert {"schema_version", "rows", "summary"} <= set(board)
    wanted = "scenario case track label_fraction method seed status accuracy macro_f1 "
    wanted += "gain fit_seconds compile_seconds"
    assert set(wanted.split()) <= set(board["rows"][0])
    logits = RowStore.open(tmp_path / "out").load_logits(one["group"])
    assert logits["seed_0"].shape == (397, 10)


def test_a_second_call_runs_nothing_and_a_torn_one_is_finished(suite, tmp_path):
    out, path = tmp_path / "out", suite()
    first = bench(path, out, tracks=("U",))
    assert first.ran == 6
    whole = metrics_of(out)
    files = [
        (out / f"leaderboard.{kind}").read_bytes() for kind in ("json", "csv", "md")
    ]
    assert bench(path, out, tracks=("U",)).ran == 0
    again = [
        (out / f"leaderboard.{kind}").read_bytes() for kind in ("json", "csv", "md")
    ]
    assert again == files
    # Killed while the second group was being written:
    lines = (out / "rows.jsonl").read_bytes().splitlines(keepends=True)
    (out / "rows.jsonl").write_bytes(b"".join(lines[:3]) + lines[3][:40])
    torn = bench(path, out, tracks=("U",))
    assert torn.ran == 5
    assert any("line 4" in problem for problem in torn.problems)
    assert metrics_of(out) == whole


@pytest.mark.slow
def test_methods_go_in_blocks_and_rows_do_not_see_it(suite, tmp_path, monkeypatch):
    bench(suite(), tmp_path / "whole")
    monkeypatch.setattr(workload, "BLOCK", 1)
    monkeypatch.setattr(programs, "MOST_PROGRAMS", 1)
    bench(suite(), tmp_path / "blocks")
    assert metrics_of(tmp_path / "blocks") == metrics_of(tmp_path / "whole")
    rows, _ = RowStore.open(tmp_path / "blocks", create=False).read()
    visits = list(dict.fromkeys((row["method"], row["scenario"]) for row in rows))
    methods = list(dict.fromkeys(method for method, _ in visits))
    assert [method for method, _ in visits] == [m for m in methods for _ in range(2)]


def test_a_failing_method_leaves_a_reason_and_the_others_run(
    suite, tmp_path, monkeypatch
):
    def breaks(*args, **kwargs):
        raise RuntimeError("no such luck <script>")

    broken = METHODS["deep_coral"]._replace(factory=breaks)
    monkeypatch.setitem(METHODS, "deep_coral", broken)
    monkeypatch.setattr(breaks, "__module__", "da_zoo.methods.deep_coral")
    result = bench(suite(), tmp_path / "out", tracks=("U",), scenarios=["shift"])
    assert result.failed == 1
    rows = result.leaderboard.rows
    failed = [row for row in rows if row["status"] == "failed"]
    assert [row["seed"] for row in failed] == [0, 1]
    assert "RuntimeError: no such luck" in failed[0]["reason"]
    assert all(row["accuracy"] is None for row in failed)
    assert any(r["method"] == "source_only" and r["status"] == "ok" for r in rows)
    assert "<script>no" not in (tmp_path / "out" / "report.html").read_text()


def test_a_reason_longer_than_a_row_may_be_ends_nothing(suite, tmp_path, monkeypatch):
    def breaks(*args, **kwargs):
        raise RuntimeError("x" * 200_000 + " and that was it")

    broken = METHODS["deep_coral"]._replace(factory=breaks)
    monkeypatch.setitem(METHODS, "deep_coral", broken)
    monkeypatch.setattr(breaks, "__module__", "da_zoo.methods.deep_coral")
    methods, options = ["deep_coral"], {"tracks": ("U",), "scenarios": ["shift"]}
    assert bench(suite(), tmp_path / "out", methods, **options).failed == 1
    rows, problems = RowStore.open(tmp_path / "out").read()
    assert not problems and len(rows) == 2
    reason = rows[0]["reason"]
    assert len(reason) < 10_100
    assert reason.startswith("RuntimeError: xxx")
    assert reason.endswith("x and that was it") and "are left out" in reason


def test_many_failures_of_a_run_are_a_row_too(suite):
    result = SimpleNamespace(finite=np.array([False]), failures=("y" * 99_999,) * 2)
    scores, logits = inspect.unwrap(group_module._scored)(
        result, (0,), None, True, False
    )
    assert logits is None and len(scores["reason"]) < 10_100


def test_non_finite_training_is_a_failed_row(suite, tmp_path):
    path = suite("[defaults.methods.deep_coral]\nlearning_rate = 1e30")
    options = {"tracks": ("U",), "scenarios": ["shift"], "steps": 20}
    result = bench(path, tmp_path / "out", methods=["deep_coral"], **options)
    assert {row["status"] for row in result.leaderboard.rows} == {"failed"}
    assert "non-finite at step" in result.leaderboard.rows[0]["reason"]


def test_target_labels_outside_the_information_set_change_nothing(
    suite, tmp_path, monkeypatch
):
    """Every label a method may not see is permuted; predictions stay bit-identical."""
    methods = ["source_only", "adabn", "ddc", "dan", "deep_coral", "dann"]
    options = {"tracks": ("U",), "scenarios": ["shift"], "methods": methods}
    bench(suite(), tmp_path / "clean", **options)

    def poisoned(scenario, *, seed, data_dir=None):
        data = build(scenario, seed=seed, data_dir=data_dir)
        changed = {
            name: getattr(data, name)._replace(labels=9 - getattr(data, name).labels)
            for name in ("target_train", "target_val")
        }
        return data._replace(**changed)

    monkeypatch.setattr(workload, "build", poisoned)
    bench(suite(), tmp_path / "poisoned", **options)
    stores = [RowStore.open(tmp_path / name) for name in ("clean", "poisoned")]
    for a, b in zip(*(store.read()[0] for store in stores), strict=True):
        assert a["accuracy"] == b["accuracy"]
        clean, dirty = (
            store.load_logits(row["group"])
            for store, row in zip(stores, (a, b), strict=True)
        )
        for seed in clean:
            assert np.array_equal(clean[seed], dirty[seed])


def test_the_plan_has_the_oracle_and_the_seeds():
    suite = load_suite("embedded")
    unlabelled = ["source_only", "adabn", "ddc", "dan", "deep_coral", "dann"]
    labelled = ["target_only", "pooled", "fine_tuning", "linear_probe"]
    names = [*unlabelled, *labelled, "partial_freezing", "lp_ft"]
    cells = make_plan(suite, methods=names, scenarios=["plain_to_rot30"], seeds=3)
    assert {cell.seeds for cell in cells} == {(0, 1, 2)}
    oracle = [c.method.name for c in cells if c.label_fraction == 1.0]
    assert oracle == ["target_only"]
    assert len([c for c in cells if c.track == "U" and not c.undefined]) == 6
    assert len([c for c in cells if c.label_fraction == 0.05]) == 12


def test_configurations_are_drawn_by_name():
    spec, suite = METHODS["deep_coral"], load_suite("embedded")
    defaults = method_values(spec, suite)
    assert defaults["trade_off"] == 100.0
    drawn = configurations(spec, defaults, 8)
    assert drawn[0] == defaults
    assert drawn == configurations(spec, defaults, 8)
    assert drawn[:4] == configurations(spec, defaults, 4)
    for values in drawn[1:]:
        assert 0.1 <= values["trade_off"] <= 1000.0
        assert 1e-4 <= values["learning_rate"] <= 1e-2
    assert len({values["trade_off"] for values in drawn}) == 8


def test_batches_differ_in_traced_values_alone(suite):
    plan = make_plan(load_suite(suite()), tracks=["U"], configuration_count=6)
    cells = [c for c in plan if c.scenario.name == "shift"]
    found = batches(cells)
    assert sorted(id(c) for batch in found for c in batch) == sorted(map(id, cells))
    dann = [b for b in found if b[0].method.name == "dann"]
    schedules = [
        {c.values.get("trade_off_schedule", "ramp") for c in batch} for batch in dann
    ]
    assert len(dann) == len(schedules) > 1
    assert all(len(own) == 1 for own in schedules)
    assert max(map(len, dann)) > 1
    assert [len(b) for b in found if b[0].method.name == "source_only"] == [6]


def test_keys_are_of_content(suite):
    loaded = load_suite(suite())
    cells = make_plan(loaded, scenarios=["shift"], methods=["dan"], seeds=2)
    data = {seed: build(cells[0].scenario, seed=seed) for seed in (0, 1)}
    key = group_keys(cells[0], loaded, data, 10).group
    assert group_keys(cells[0], loaded, data, 10).group == key
    assert group_keys(cells[0], loaded, data, 11).group != key
    other = data | {1: data[1]._replace(fingerprint="x")}
    assert group_keys(cells[0], loaded, other, 10).group != key
    changed = cells[0]._replace(values=cells[0].values | {"trade_off": 2.0})
    assert group_keys(changed, loaded, data, 10).group != key
    narrow = cells[0]._replace(seeds=(0,))
    assert group_keys(narrow, loaded, data, 10).group != key


def test_source_hashes_follow_imports_and_not_other_methods(monkeypatch):
    from da_zoo.bench import fingerprint

    seen = set()
    queue = ["da_zoo.methods.dan"]
    while queue:
        name = queue.pop()
        if name not in seen:
            seen.add(name)
            queue += fingerprint._imports(name)
    assert {"da_zoo.losses.mmd", "da_zoo.compose", "da_zoo.batch_norm"} <= seen
    assert "da_zoo.losses.coral" not in seen
    assert "da_zoo.methods.dann" not in seen
    assert source_hash("da_zoo.methods.dan") != source_hash("da_zoo.methods.dann")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"methods": ["dan_n"]}, "unknown method 'dan_n'; did you mean"),
        ({"scenarios": ["shft"]}, "unknown scenario of suite 'tiny' 'shft'"),
        ({"budget": "quik"}, "unknown budget 'quik'; did you mean 'quick'"),
        ({"tracks": ["X"]}, "unknown track 'X'"),
        ({"label_fractions": [0.0]}, r"label_fractions must be in \(0, 1\]"),
        ({"steps": 0}, "steps must be at least 1"),
    ],
)
def test_bad_options_are_named(suite, tmp_path, options, message):
    with pytest.raises(ValueError, match=message):
        run_benchmark(suite(), out=tmp_path / "out", progress=False, **options)
    assert not (tmp_path / "out").exists()


def test_mistakes_in_method_tables_are_named(suite, tmp_path):
    for table, message in (
        ("[defaults.methods.dan_n]\ntrade_off = 1", "unknown method"),
        ("[defaults.methods.dan]\ntrade_of = 1", "did you mean 'trade_off'"),
    ):
        with pytest.raises(ValueError, match=message):
            bench(suite(table), tmp_path / "out", methods=["dan"])


def test_foreign_and_unwritable_folders_are_refused(suite, tmp_path):
    foreign = tmp_path / "foreign"
    foreign.mkdir()
    (foreign / "thesis.txt").write_text("years of work")
    with pytest.raises(ValueError, match="foreign"):
        bench(suite(), foreign)
    assert (foreign / "thesis.txt").read_text() == "years of work"
    (tmp_path / "file").write_text("")
    with pytest.raises(ValueError, match="file"):
        bench(suite(), tmp_path / "file")


def test_compile_time_is_counted_apart():
    with Clock() as clock:
        jax.jit(lambda x: x * 3 + 1)(np.ones(3))
    assert clock.compiling > 0
    with Clock() as clock:
        sum(range(100_000))
    assert clock.compiling == 0
    assert clock.running > 0


def test_the_command_line(suite, tmp_path, capsys, monkeypatch):
    out = str(tmp_path / "out")
    words = ["bench", "--suite", str(suite()), "--methods", "source_only,adabn"]
    words += ["--scenarios", "shift", "--seeds", "2", "--tracks", "U", "--out", out]
    monkeypatch.setattr("da_zoo.commands.bench.cache_programs", lambda: None)
    assert main([*words, "--no-progress"]) == 0
    said = capsys.readouterr().out
    assert "adabn" in said
    assert "report.html" in said
    assert main(["report", out]) == 0
    assert main(["status", out]) == 0
    assert "4 rows in 2 groups" in capsys.readouterr().out
    assert main(["list", "scenarios"]) == 0
    assert "case 3  plain_to_over07" in capsys.readouterr().out
    assert main(["list", "suites"]) == 0
    assert main(["show", "dan"]) == 0
    assert "estimator" in capsys.readouterr().out
    assert main(["show", "dam"]) == 2
    assert "did you mean" in capsys.readouterr().err
    assert main([*words[:3], "--methods", "dam"]) == 2
    assert main(["status", str(tmp_path / "nowhere")]) == 2
    assert main(["bench", "--device", "abacus"]) == 2
    assert main([*words[:3], "--methods", ""]) == 2
    assert "methods is empty" in capsys.readouterr().err
    nothing = [*words[:3], "--methods", "adabn", "--tracks", "F", "--no-baselines"]
    nothing += ["--label-fractions", "0.05", "--scenarios", "shift", "--seeds", "1"]
    assert main([*nothing, "--out", str(tmp_path / "none"), "--no-progress"]) == 0
    assert "nothing was trained: adabn" in capsys.readouterr().err

    def none(*args):
        raise RuntimeError("Unknown backend: 'tpu' requested\nand more")

    with monkeypatch.context() as patched:
        patched.setattr("jax.devices", none)
        with pytest.raises(ValueError, match=r"JAX finds none here.*Unknown backend"):
            _require_device("tpu")

    def interrupt(*args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr(workload, "make_plan", interrupt)
    assert main([*words, "--no-progress"]) == 130
    assert "continues" in capsys.readouterr().err


def test_configurations_are_trained_together_and_each_as_if_alone(
    suite, tmp_path, monkeypatch
):
    widths = []
    real = group_module.fit

    def spy(*args, **options):
        result = real(*args, **options)
        widths.append(result.width)
        return result

    monkeypatch.setattr(group_module, "fit", spy)
    monkeypatch.setitem(BUDGETS, "smoke", Budget(3, 2, 4))
    options = {"scenarios": ["shift"], "tracks": ["U"], "budget": "smoke"}
    out = tmp_path / "out"
    assert bench(suite(), out, ["source_only"], **options).ran == 3
    assert widths == [6]
    rows = {(r["configuration"], r["seed"]): r for r in RowStore.open(out).read()[0]}
    assert len(rows) == 6
    loaded = load_suite(suite())
    data = {s: build(loaded.scenarios[0], seed=s) for s in (0, 1)}
    cells = make_plan(
        loaded,
        methods=["source_only"],
        scenarios=["shift"],
        tracks=["U"],
        seeds=2,
        configuration_count=3,
    )
    for cell in cells:
        keys = group_keys(cell, loaded, data, 4)
        (group,) = group_module.run_groups([cell], loaded, data, [keys], steps=4)
        for row in group.rows:
            together = rows[cell.configuration, row["seed"]]
            assert together["group_width"] == 6
            assert together["hyperparameters"] == row["hyperparameters"]
            for field in ("nll", "brier"):
                np.testing.assert_allclose(together[field], row[field], rtol=1e-4)
    assert len({rows[c, 0]["nll"] for c in range(3)}) == 3

    # A group that is lost is run again with its companions, which stay as they are.
    lines = (out / "rows.jsonl").read_text().splitlines(keepends=True)
    kept = [line for line in lines if json.loads(line)["configuration"] != 1]
    assert len(kept) == len(lines) - 2
    (out / "rows.jsonl").write_text("".join(kept))
    widths.clear()
    assert bench(suite(), out, ["source_only"], **options).ran == 1
    assert widths == [6]
    after = (out / "rows.jsonl").read_text().splitlines(keepends=True)
    assert after[: len(kept)] == kept
    again = {(r["configuration"], r["seed"]): r for r in RowStore.open(out).read()[0]}
    assert {k: r["nll"] for k, r in again.items()} == {
        k: r["nll"] for k, r in rows.items()
    }
