"""Plots of runs: each point is where the rows say."""

import io

import numpy as np
import pytest
from matplotlib.colors import to_hex

from da_zoo import plot
from da_zoo.bench.leaderboard import build_leaderboard
from da_zoo.plot.style import GREY, marks
from tests.bench.fake_rows import make_row, make_rows

ROWS = make_rows()
BOARD = build_leaderboard(ROWS)


def labelled(ax):
    return {
        line.get_label(): line
        for line in ax.lines
        if not line.get_label().startswith("_")
    }


def names_of(legend):
    return [text.get_text() for text in legend.get_texts()]


def of(scenario, track, method, fraction=None):
    found = [
        row
        for row in BOARD.rows
        if (row["scenario"], row["track"], row["method"]) == (scenario, track, method)
        and row["status"] == "ok"
        and (track == "U" or row["label_fraction"] == fraction)
    ]
    return sorted(found, key=lambda row: row["seed"])


def test_every_seed_is_a_dot():
    ax = plot.seeds(BOARD, scenario="plain_to_over07", track="U")
    dots = labelled(ax)
    assert set(dots) == {"source_only", "adabn", "ddc", "dan", "deep_coral", "dann"}
    order = [text.get_text() for text in ax.get_yticklabels()]
    means = []
    for name in order:
        values = [100 * row["accuracy"] for row in of("plain_to_over07", "U", name)]
        assert sorted(dots[name].get_xdata()) == pytest.approx(sorted(values))
        assert set(dots[name].get_ydata()) == {order.index(name)}
        means.append(np.mean(values))
    assert means == sorted(means, reverse=True)
    baseline = ax.lines[0]
    assert baseline.get_linestyle() == "--"
    assert baseline.get_xdata()[0] == pytest.approx(means[order.index("source_only")])
    assert ax.get_title() == "plain_to_over07, no target labels"


def test_a_regressions_least_error_is_on_top():
    rows = [
        make_row(method=name, metric="rmse", rmse=value, accuracy=None, seed=seed)
        for name, value in (("source_only", 0.9), ("rsd", 0.4))
        for seed in (0, 1)
    ]
    ax = plot.seeds(rows)
    assert [text.get_text() for text in ax.get_yticklabels()] == ["rsd", "source_only"]
    assert ax.get_xlabel() == "RMSE of every seed, %"


def test_the_dumbbell_has_both_ends_and_says_that_one_is_not_ranked():
    rows = [
        row | {"accuracy_oracle": row["accuracy"] + 0.02}
        for row in of("plain_to_over07", "U", "dann")
        + of("plain_to_rot30", "U", "dann")
        + of("plain_to_over07", "U", "dan")
    ]
    ax = plot.dumbbell(rows)
    # dan lacks a scenario: its mean would be of an easier pair.
    assert [text.get_text() for text in ax.get_yticklabels()] == ["dann"]
    mean = np.mean([100 * row["accuracy"] for row in rows if row["method"] == "dann"])
    bar, last, best = ax.lines
    assert last.get_xdata() == pytest.approx([mean])
    assert best.get_xdata() == pytest.approx([mean + 2])
    assert bar.get_xdata().tolist() == pytest.approx([mean, mean + 2])
    assert to_hex(best.get_markerfacecolor()) == "#ffffff"
    assert names_of(ax.figure.legends[0])[1].endswith("(not ranked)")
    one = plot.dumbbell(rows, scenario="plain_to_over07")
    assert len(one.get_yticklabels()) == 2


def test_label_efficiency_is_over_the_logarithm_of_the_fraction():
    rows = make_rows(fractions=(0.01, 0.05, 0.2, 1.0))
    ax = plot.label_efficiency(rows, scenario="plain_to_over07")
    assert ax.get_xscale() == "log"
    lines = labelled(ax)
    assert lines["target_only"].get_xdata().tolist() == [1, 5, 20, 100]
    assert lines["target_only"].get_color() == GREY
    assert lines["fine_tuning"].get_xdata().tolist() == [1, 5, 20]
    own = [
        row["accuracy"]
        for row in rows
        if row["scenario"] == "plain_to_over07"
        and row["method"] == "fine_tuning"
        and row["label_fraction"] == 0.05
    ]
    assert lines["fine_tuning"].get_ydata()[1] == pytest.approx(100 * np.mean(own))
    bound = lines["source_only, no target label"]
    assert bound.get_linestyle() == ":"
    scratch = of("plain_to_over07", "U", "source_only")
    assert bound.get_ydata()[0] == pytest.approx(
        100 * np.mean([row["accuracy"] for row in scratch])
    )
    assert len(ax.collections) == len(lines) - 1  # a band for each curve
    assert [text.get_text() for text in ax.texts] == ["oracle"]


def test_gain_over_distance_pairs_gains_with_the_sources_distance():
    distance = {"plain_to_over07": 1.2, "plain_to_rot30": 1.8}
    rows = [
        row | {"diagnostics": {"proxy_a_distance": distance.get(row["scenario"])}}
        for row in BOARD.rows
    ]
    ax = plot.gain_over_distance(rows)
    lines = labelled(ax)
    assert set(lines) == {"adabn", "ddc", "dan", "deep_coral", "dann"}
    for name, line in lines.items():
        assert line.get_xdata().tolist() == pytest.approx([1.2, 1.8])
        expected = [
            100 * np.mean([row["gain"] for row in of(scenario, "U", name)])
            for scenario in distance
        ]
        assert line.get_ydata().tolist() == pytest.approx(expected)
    assert {line.get_marker() for line in lines.values()} == {
        mark.marker for mark in marks(lines).values()
    }
    with pytest.raises(ValueError, match="proxy_a_distance"):
        plot.gain_over_distance(BOARD)


def test_the_front_joins_what_no_cheaper_method_equals():
    values = {
        "source_only": (1.0, 0.5),
        "cheap": (2.0, 0.6),
        "beaten": (3.0, 0.55),
        "best": (4.0, 0.8),
    }
    rows = [
        make_row(method=name, fit_seconds=cost, accuracy=accuracy + s / 100, seed=s)
        for name, (cost, accuracy) in values.items()
        for s in (0, 1)
    ]
    ax = plot.pareto(rows)
    front = next(line for line in ax.lines if line.get_label() == "_front")
    assert front.get_xdata().tolist() == pytest.approx([1.0, 2.0, 4.0])
    assert front.get_ydata().tolist() == pytest.approx([0.0, 10.0, 30.0])
    assert front.get_drawstyle() == "steps-post"
    at = {
        name: (line.get_xdata()[0], line.get_ydata()[0])
        for name, line in labelled(ax).items()
    }
    assert at["beaten"] == pytest.approx((3.0, 5.0))
    assert ax.get_xscale() == "log"
    assert {"1", "2"} <= {text.get_text() for text in ax.get_xticklabels()}
    assert [text.get_text() for text in ax.texts] == sorted(
        values, key=lambda name: -values[name][1]
    )
    with pytest.raises(ValueError, match="cost must be one of"):
        plot.pareto(rows, cost="money")


def test_methods_that_lack_a_scenario_are_not_compared():
    ax = plot.pareto(BOARD, track="F")
    assert "dann" not in labelled(ax)  # failed in one scenario
    assert "dan" in labelled(ax)
    assert ax.get_title() == "9 scenarios, 5 % of the target labels"


def test_learning_curves_have_thin_seeds_and_a_thick_mean():
    curves = [[0.2, 0.4, None], [0.4, 0.6, 0.8]]
    rows = [
        make_row(seed=s, curve={"step": [10, 20, 30], "accuracy": values})
        for s, values in enumerate(curves)
    ]
    ax = plot.learning_curves(rows)
    one, two, mean = ax.lines
    assert one.get_xdata().tolist() == [10, 20, 30]
    np.testing.assert_allclose(one.get_ydata(), [20, 40, np.nan])
    np.testing.assert_allclose(two.get_ydata(), [40, 60, 80])
    np.testing.assert_allclose(mean.get_ydata(), [30, 50, np.nan])
    assert one.get_linewidth() < mean.get_linewidth()
    assert names_of(ax.figure.legends[0]) == ["dann"]
    uneven = [rows[0], rows[1] | {"curve": {"step": [1], "accuracy": [0.5]}}]
    assert len(labelled(plot.learning_curves(uneven))["dann"].get_xdata()) == 0


def test_reliability_pools_the_rows_of_all_seeds():
    bins = [
        {"count": [0, 1], "confidence": [None, 0.9], "accuracy": [None, 1.0]},
        {"count": [2, 3], "confidence": [0.4, 0.7], "accuracy": [0.5, 1 / 3]},
    ]
    rows = [make_row(seed=s, reliability=one) for s, one in enumerate(bins)]
    line = labelled(plot.reliability(rows))["dann"]
    np.testing.assert_allclose(line.get_xdata(), [40, 75])
    np.testing.assert_allclose(line.get_ydata(), [50, 50])
    diagonal = plot.reliability(rows).lines[0]
    assert list(diagonal.get_xdata()) == list(diagonal.get_ydata()) == [0, 100]


def test_an_embedding_has_a_dot_per_row_and_a_name_per_class():
    drawn = {
        "source": [[0, 0], [2, 2], [5, 5]],
        "target": [[1, 0], [9, 9]],
        "source_labels": [0, 0, 1],
        "target_labels": [0, 7],
    }
    rows = [make_row(seed=s, embedding=drawn if s else None) for s in (0, 1)]
    ax = plot.embedding(rows)
    source, target = ax.collections
    assert source.get_offsets().tolist() == drawn["source"]
    assert target.get_offsets().tolist() == drawn["target"]
    assert len(source.get_facecolors()) == 0  # hollow
    colours = [to_hex(c) for c in source.get_edgecolors()]
    assert colours[0] == colours[1] != colours[2]
    assert to_hex(target.get_facecolors()[0]) == colours[0]
    places = {text.get_text(): text.xy for text in ax.texts}
    assert places == {"0": (1.0, 1.0), "1": (5.0, 5.0), "7": (9.0, 9.0)}
    assert ax.get_title() == "dann on plain_to_over07, seed 1"


@pytest.mark.parametrize("name", ["gains", "seeds", "heatmap", "pareto"])
def test_a_name_with_a_dollar_is_no_formula(name):
    rows = [
        make_row(method=method, seed=s, accuracy=a + s / 100)
        for method, a in (("source_only", 0.5), ("$x_{", 0.6))
        for s in (0, 1)
    ]
    getattr(plot, name)(rows).figure.savefig(io.BytesIO())


def test_of_many_methods_the_highest_and_the_baseline_are_drawn():
    rows = [
        make_row(method=f"m{i}", seed=seed, accuracy=0.5 + i / 100)
        for i in range(12)
        for seed in (0, 1)
    ]
    rows += [make_row(method="source_only", seed=seed, accuracy=0.1) for seed in (0, 1)]
    curved = [
        row | {"curve": {"step": [1, 2], "accuracy": [0.1, row["accuracy"]]}}
        for row in rows
    ]
    ax = plot.learning_curves(curved, most=4)
    named = set(ax.get_legend_handles_labels()[1])
    assert named == {"source_only", "m11", "m10", "m9"}
