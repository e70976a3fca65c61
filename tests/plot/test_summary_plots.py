"""Gains, heatmap and ranks: what is drawn is what the leaderboard says."""

import numpy as np
import pytest
from matplotlib.colors import to_hex

from da_zoo import plot
from da_zoo.bench.leaderboard import build_leaderboard
from da_zoo.bench.ranks import Ranks, compare_ranks
from da_zoo.plot.style import PALETTE
from tests.bench.fake_rows import SCENARIOS, make_row, make_rows

BOARD = build_leaderboard(make_rows())


def y_labels(ax):
    return [text.get_text() for text in ax.get_yticklabels()]


def texts(ax):
    return [text.get_text() for text in ax.texts]


def test_gains_are_the_summaries_dots_and_intervals():
    ax = plot.gains(BOARD, case=3, track="U")
    own = [
        s for s in BOARD.cases if s.case == 3 and s.track == "U" and s.gain is not None
    ]
    shown = [s for s in own if not s.baseline]
    assert y_labels(ax) == [s.method for s in shown]
    assert texts(ax) == ["Case 3, no target labels"]
    zero, *lines = ax.lines
    assert zero.get_xdata() == [0.0, 0.0]
    whiskers, dots = lines[::2], lines[1::2]
    for s, whisker, dot in zip(shown, whiskers, dots, strict=True):
        assert dot.get_label() == s.method
        assert dot.get_xdata()[0] == pytest.approx(100 * s.gain.mean)
        ends = [100 * s.gain.low, 100 * s.gain.high]
        assert whisker.get_xdata().tolist() == pytest.approx(ends)
        assert whisker.get_ydata()[0] == dot.get_ydata()[0]


def test_a_gain_is_filled_only_where_its_interval_excludes_zero():
    rows = [make_row(method="source_only", seed=s, accuracy=0.5) for s in (0, 1)]
    runs = {"up": (0.7, 0.71), "down": (0.3, 0.31), "unsure": (0.5, 0.7)}
    rows += [
        make_row(method=name, seed=s, accuracy=a)
        for name, values in runs.items()
        for s, a in enumerate(values)
    ]
    face = {
        line.get_label(): (line.get_color(), to_hex(line.get_markerfacecolor()))
        for line in plot.gains(rows).lines
    }
    blue, red = PALETTE[:2]
    assert face["up"] == (blue, blue.lower())
    assert face["down"] == (red, red.lower())
    assert face["unsure"] == (blue, "#ffffff")


def test_gains_of_one_seed_have_no_whisker_and_are_hollow():
    rows = [make_row(method="source_only", accuracy=0.5), make_row(method="dan")]
    ax = plot.gains(rows)
    assert len(ax.lines) == 2  # zero and one dot
    assert to_hex(ax.lines[1].get_markerfacecolor()) == "#ffffff"


def test_gains_group_by_case_track_and_fraction():
    ax = plot.gains(BOARD)
    assert len(texts(ax)) == 6  # cases 1 and 3 in U, all four in F
    assert not {"source_only", "target_only"} & set(y_labels(ax))
    one = plot.gains(BOARD, scenario="plain_to_over07")
    assert texts(one) == [
        "plain_to_over07, no target labels",
        "plain_to_over07, 5 % of the target labels",
    ]
    # No name stands on another.
    assert len(set(ax.get_yticks())) == len(y_labels(ax))


def test_the_heatmap_holds_the_gains():
    ax = plot.heatmap(BOARD, track="U")
    (image,) = ax.images
    names = [text.get_text() for text in ax.get_xticklabels()]
    assert sorted(names) == sorted(n for n, s in SCENARIOS.items() if s[0] in (1, 3))
    values = image.get_array()
    for s in BOARD.scenarios:
        if s.track == "U" and s.gain is not None and not s.baseline:
            at = y_labels(ax).index(s.method), names.index(s.scenario)
            assert values[at] == pytest.approx(100 * s.gain.mean)
    low, high = image.get_clim()
    assert low == -high  # zero is white
    assert np.ma.count(values) == len(ax.texts) == values.size


def test_the_heatmap_tells_failed_from_not_applicable():
    ax = plot.heatmap(BOARD, track="F")
    names = [text.get_text() for text in ax.get_xticklabels()]
    failed = y_labels(ax).index("dann"), names.index("digit_to_parity_over07 (5 %)")
    values = ax.images[0].get_array()
    assert values.mask[failed]
    place = failed[1], failed[0]
    (text,) = [t for t in ax.texts if t.get_position() == place]
    assert text.get_text() == "failed"
    assert [p.get_xy() for p in ax.patches] == [(place[0] - 0.5, place[1] - 0.5)]
    both = plot.heatmap(BOARD)
    assert "–" in texts(both)  # adabn takes no labels


def test_heatmap_numbers_are_readable_on_their_colour():
    ax = plot.heatmap(BOARD)
    image = ax.images[0]
    for text in ax.texts:
        j, i = text.get_position()
        if not image.get_array().mask[i, j]:
            ground = image.cmap(image.norm(image.get_array()[i, j]))[:3]
            ink = 0.0 if text.get_color() == "black" else 1.0
            assert contrast((ink,) * 3, ground) >= 4.5


def contrast(a, b):
    low, high = sorted(
        sum(
            w * (c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4)
            for w, c in zip((0.2126, 0.7152, 0.0722), colour, strict=True)
        )
        for colour in (a, b)
    )
    return (high + 0.05) / (low + 0.05)


def test_ranks_stand_at_their_place_and_bars_over_their_cliques():
    steps = np.linspace(0.0, 0.1, 5)
    noise = 0.06 * np.random.default_rng(0).normal(size=(14, 5))
    ranks = compare_ranks(("a", "b", "c", "d", "$e"), noise + steps)
    assert ranks.cliques
    ax = plot.rank_diagram(ranks)
    names, bars = ax.lines[:5], ax.lines[5:]
    assert [line.get_xdata()[0] for line in names] == list(ranks.ranks)
    place = dict(zip(ranks.methods, ranks.ranks, strict=True))
    for bar, clique in zip(bars, ranks.cliques, strict=True):
        own = [place[name] for name in clique]
        assert bar.get_xdata().tolist() == [min(own), max(own)]
    assert len({bar.get_ydata()[0] for bar in bars}) == len(bars)
    assert rf"\$e {place['$e']:.1f}" in texts(ax)


def test_ranks_of_a_leaderboard_say_why_they_have_no_bars():
    ax = plot.rank_diagram(BOARD)
    own = BOARD.standings[0]
    assert [line.get_xdata()[0] for line in ax.lines] == list(own.ranks.ranks)
    assert "no bars" in ax.get_title() and own.ranks.reason in ax.get_title()
    assert "no target labels" in ax.get_title()
    labelled = plot.rank_diagram(BOARD, track="F")
    assert "5 % of the target labels" in labelled.get_title()


def test_one_method_has_a_rank_too():
    ax = plot.rank_diagram(Ranks(("a",), (1.0,), None, (), "too few"))
    assert texts(ax) == ["a 1.0"]


@pytest.mark.parametrize("draw", [plot.gains, plot.heatmap, plot.rank_diagram])
def test_nothing_to_draw_is_said(draw):
    with pytest.raises(ValueError, match="to draw"):
        draw([make_row()])
