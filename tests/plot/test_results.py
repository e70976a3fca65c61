"""What the plots are given: folders, leaderboards, rows, summaries."""

import builtins

import pytest

from da_zoo import plot
from da_zoo.bench.leaderboard import build_leaderboard
from da_zoo.bench.store import RowStore
from da_zoo.plot.results import rows_of, rows_with, summaries_of
from da_zoo.plot.style import PALETTE, drawing, legend, marks
from tests.bench.fake_rows import METHODS, make_row, make_rows

ROWS = make_rows(seeds=2)


def test_a_folder_is_read_and_left_as_it_is(tmp_path):
    store = RowStore.open(tmp_path)
    row = make_row(method="source_only")
    store.append_group([row])
    before = sorted(path.name for path in tmp_path.iterdir())
    board = plot.load(tmp_path)
    assert [r["method"] for r in board.rows] == ["source_only"]
    assert sorted(path.name for path in tmp_path.iterdir()) == before
    with pytest.raises(ValueError, match="holds no benchmark"):
        plot.load(tmp_path / "other")


def test_rows_and_their_leaderboard_are_the_same_runs():
    board = build_leaderboard(ROWS)
    key = lambda row: row["key"]  # noqa: E731
    assert sorted(rows_of(board), key=key) == sorted(rows_of(ROWS), key=key)
    assert all(row["status"] == "ok" for row in rows_of(ROWS))
    # A part of a leaderboard keeps the gains it has: its baseline is not needed again.
    part = [row for row in board.rows if row["method"] == "dan"]
    assert any(row["gain"] for row in rows_of(part))


def test_other_configurations_are_not_drawn():
    assert rows_of([make_row(), make_row(configuration=1)])[0]["configuration"] == 0
    assert len(rows_of([make_row(), make_row(configuration=1)])) == 1


def test_a_group_that_is_not_whole_is_not_drawn():
    rows = [row | {"group_rows": 9} for row in make_rows()]
    assert rows_of(rows) == []


def test_summaries_of_anything():
    board = build_leaderboard(ROWS)
    for given in (board, ROWS, board.scenarios, [*board.cases, *board.scenarios]):
        found = summaries_of(given, by_scenario=True)
        assert found == list(board.scenarios)
    assert summaries_of(ROWS, by_scenario=False) == list(board.cases)


def test_runs_cannot_be_had_from_summaries():
    with pytest.raises(TypeError, match="needs runs"):
        plot.seeds(build_leaderboard(ROWS).scenarios)
    with pytest.raises(TypeError, match="needs runs"):
        plot.rank_diagram(build_leaderboard(ROWS).cases)


def test_what_is_not_there_is_named():
    with pytest.raises(ValueError, match="no run has a curve"):
        plot.learning_curves(ROWS)
    with pytest.raises(ValueError, match=r"scenario='x'; there are: .*plain_to_rot30"):
        rows_with(ROWS, "accuracy", scenario="x")


def test_a_method_looks_the_same_in_every_figure():
    one = marks(METHODS)
    assert one == marks(reversed(list(METHODS)))
    assert len(set(one.values())) == len(METHODS) - 1  # both baselines are grey
    assert "#F0E442" not in PALETTE  # yellow on white is not read


def test_it_says_what_to_install_without_matplotlib(monkeypatch):
    real = builtins.__import__

    def absent(name, *rest):
        if name.startswith("matplotlib"):
            raise ImportError(name)
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", absent)
    with pytest.raises(ImportError, match="pip install matplotlib"):
        plot.seeds(ROWS)


def test_given_axes_are_drawn_on_and_keep_their_figure():
    from matplotlib.figure import Figure

    left, right = Figure().subplots(1, 2)
    assert plot.gains(ROWS, ax=left) is left
    assert plot.seeds(ROWS, ax=right) is right
    assert left.figure.axes == [left, right]


def test_the_legend_of_one_of_several_axes_stays_inside():
    from matplotlib.figure import Figure

    left, _ = Figure(layout="constrained").subplots(1, 2)
    left.plot([0, 1], label="dann")
    legend(left)
    assert left.get_legend() is not None and not left.figure.legends


def test_the_style_ends_with_the_figure():
    import matplotlib

    before = dict(matplotlib.rcParams)
    with drawing(None, 1.0) as ax:
        assert ax.xaxis.get_label().get_fontsize() == 8.0
    assert dict(matplotlib.rcParams) == before
