"""Diagnostics and warnings reach the rows, the leaderboard and the report."""

import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from da_zoo import METHODS, ArrayData, build_recipe, fit, network_by_name
from da_zoo import programs as programs_module
from da_zoo.bench import run
from da_zoo.bench.health import WARNINGS, count_warnings, warnings_of
from da_zoo.bench.leaderboard import build_leaderboard
from da_zoo.bench.probe import INERT, adaptation_effect
from da_zoo.bench.report import write_report
from da_zoo.bench.store import RowStore
from da_zoo.losses.coral import coral
from da_zoo.methods.deep_coral import SPEC as DEEP_CORAL
from da_zoo.network import network_from_linen
from da_zoo.programs import forget_programs
from da_zoo.settings import resolve_classes, resolve_settings
from da_zoo.supervised import aligned, discrepancy
from da_zoo.testing import toy_data
from tests.bench.fake_rows import make_row

NETWORK = network_by_name("mlp", hidden=(8, 4))
KEYS = jax.vmap(jax.random.key)(jnp.arange(2))
SUITE = """
name = "tiny"
label_fractions = [0.05]
[defaults]
network = "mlp"
network_options = { hidden = [8, 4] }
steps = 20
batch_size = 16
batch_norm = "separate"
learning_rate = 1e-2
[[scenarios]]
name = "shift"
source = { pool = "digits8", input_map = "plain", task = "digit" }
target = { pool = "digits8", input_map = "over07", task = "digit" }
"""


@pytest.fixture(autouse=True)
def _few_programs():
    yield
    forget_programs()


def distance_without_gradient(source, target, **weights):
    return jax.lax.stop_gradient(coral(source, target))


def inert_coral(network, *, classes, trade_off=1.0, labelled_target=False, **settings):
    training = resolve_settings(**settings)
    return aligned(
        network,
        resolve_classes(classes, training.width),
        training,
        discrepancy(distance_without_gradient, "coral", "constant"),
        hparams={"trade_off": trade_off},
        labelled_target=labelled_target,
    )


INERT_SPEC = DEEP_CORAL._replace(name="inert_coral", factory=inert_coral)


def effect_of(spec, *, sweep=None, network=NETWORK, batch_norm="separate", **options):
    recipe = build_recipe(spec, network, classes=3, batch_norm=batch_norm)
    fitted = {"steps": 30, "batch_size": 8, "sweep": sweep}
    result = fit(recipe, toy_data(), KEYS, workers=1, **fitted, **options)
    before = len(programs_module._EXECUTABLES)
    found = adaptation_effect(recipe, toy_data(), KEYS, result, **fitted)
    assert len(programs_module._EXECUTABLES) == before, "the probe compiled a program"
    return found


@pytest.mark.slow
@pytest.mark.parametrize("name", ["dann", "dan", "deep_coral", "adabn", "shot", "t3a"])
def test_what_adapts_is_not_called_inert(name):
    effect = effect_of(METHODS[name])
    assert effect.shape == (2,)
    assert (effect > 100 * INERT).all(), effect


def test_a_term_behind_a_stopped_gradient_is_inert():
    np.testing.assert_array_equal(effect_of(INERT_SPEC), 0.0)


@pytest.mark.slow
@pytest.mark.parametrize("mode", [{}, {"loop": "python", "seeds_mode": "sequential"}])
def test_each_point_of_a_sweep_is_judged_by_itself(mode):
    points = [{"trade_off": 0.0}, {"trade_off": 1.0}]
    effect = effect_of(DEEP_CORAL, sweep=points, **mode)
    np.testing.assert_array_equal(effect[:2], 0.0)
    assert (effect[2:] > 100 * INERT).all()


def test_adabn_without_batch_normalisation_is_inert():
    from flax import linen

    class Plain(linen.Module):
        @linen.compact
        def __call__(self, x, train=False):
            return linen.relu(linen.Dense(8)(x))

    effect = effect_of(METHODS["adabn"], network=network_from_linen(Plain()))
    np.testing.assert_array_equal(effect, 0.0)


def test_methods_that_read_no_unlabelled_target_are_not_judged():
    data = ArrayData(toy_data().source, None, toy_data().target_labelled)
    recipe = build_recipe(METHODS["fine_tuning"], NETWORK, classes=3)
    result = fit(recipe, data, KEYS, steps=4, batch_size=8, workers=1)
    found = adaptation_effect(recipe, data, KEYS, result, steps=4, batch_size=8)
    assert found is None


def test_warnings_are_named():
    assert {*warnings_of({"collapsed": True}, 0.0), "memory"} == set(WARNINGS)
    assert warnings_of({"collapsed": False}, 0.5) == []
    assert warnings_of({}, None) == []


def test_a_benchmark_stores_diagnostics_and_warns(tmp_path, monkeypatch):
    monkeypatch.setitem(METHODS, "inert_coral", INERT_SPEC)
    # Its code is this file's, which is no module of the package.
    monkeypatch.setattr("da_zoo.bench.group.source_hash", lambda module: module)
    suite = tmp_path / "tiny.toml"
    suite.write_text(SUITE)
    names = ["source_only", "dann", "inert_coral"]
    out = tmp_path / "out"
    result = run(suite, methods=names, seeds=2, tracks=("U",), out=out, progress=False)
    assert result.failed == 0
    rows, _ = RowStore.open(out).read()
    for row in rows:
        found = row["diagnostics"]
        assert 0.0 <= found["proxy_a_distance"] <= 2.0
        assert sum(found["class_shares"]) == pytest.approx(1.0)
        assert 0.0 <= found["target_entropy"] <= np.log(10)
        assert found["coral"] >= 0.0
        assert (found["discriminator_accuracy"] is None) == (row["method"] != "dann")
        assert ("inert" in row["warnings"]) == (row["method"] == "inert_coral")
        assert ("collapse" in row["warnings"]) == row["collapsed"]
    assert "inert_coral on shift (U; 2 of 2 seeds)" in result.leaderboard.to_text(200)
    assert "inert_coral on shift" in (out / "leaderboard.md").read_text()
    board = json.loads((out / "leaderboard.json").read_text())
    (inert,) = [w for w in board["summary"]["warnings"] if w["warning"] == "inert"]
    assert (inert["method"], inert["seeds"], inert["runs"]) == ("inert_coral", 2, 2)
    html = result.report.read_text()
    assert 'aria-label="Warnings"' in html
    assert WARNINGS["inert"] in html


def test_constant_predictions_are_a_collapse_and_are_counted_by_cell(tmp_path):
    rows = [
        make_row(method="mcc", seed=s, collapsed=s < 2, warnings=["collapse"] * (s < 2))
        for s in range(3)
    ]
    rows += [make_row(method="dann", seed=s, warnings=[]) for s in range(3)]
    # A row of before there were warnings.
    rows += [make_row(method="bnm", collapsed=True)]
    warned = count_warnings(rows)
    assert [(w.method, w.warning, w.seeds, w.runs) for w in warned] == [
        ("mcc", "collapse", 2, 3),
        ("bnm", "collapse", 1, 1),
    ]
    board = build_leaderboard(rows)
    assert "mcc on plain_to_over07 (U; 2 of 3 seeds)" in board.to_text()
    page = write_report(board, tmp_path).read_text()
    assert '<td class="text">collapse</td>' in page
    assert (
        'aria-label="Warnings"'
        not in write_report(build_leaderboard(rows[3:6]), tmp_path).read_text()
    )
