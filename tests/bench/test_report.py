"""The page: self-contained, small, escaped, complete, readable by machines too."""

import itertools
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from da_zoo.bench.leaderboard import build_leaderboard
from da_zoo.bench.report import figures, write_report
from da_zoo.bench.report import html as html_module
from da_zoo.bench.report.figures import DotRow, dot_panel, gain_bar, ticks
from da_zoo.bench.report.heatmap import colour_limit, heatmap
from da_zoo.bench.report.provenance import provenance
from da_zoo.bench.statistics import Interval
from tests.bench.fake_rows import METHODS, SCENARIOS, make_row, make_rows

FOLDER = Path(figures.__file__).parent
VOID = {"meta", "wbr", "br"}


class Page(HTMLParser):
    """Checks that every element is closed, and collects tags and text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict]] = []
        self.open: list[str] = []
        self.text: list[str] = []
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] not in ("script", "style"):
            self.text.append(data)


def render(rows, folder) -> str:
    path = write_report(build_leaderboard(rows), folder)
    assert path == folder / "report.html"
    return path.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def html(tmp_path_factory):
    return render(make_rows(), tmp_path_factory.mktemp("report"))


@pytest.fixture(scope="module")
def page(html):
    return Page(html)


def test_it_asks_nothing_of_any_network(html, page):
    assert not re.search(r"https?:|//[a-z]|@import|url\(", html)
    for tag, attributes in page.tags:
        assert tag not in ("link", "img", "iframe", "object")
        assert not attributes.get("src")
        assert attributes.get("href", "#").startswith("#")
    policy = next(a["content"] for _, a in page.tags if "http-equiv" in a)
    assert policy.startswith("default-src 'none'")


def test_it_is_small(html):
    assert len((FOLDER / "script.js").read_bytes()) <= 10_000
    assert len(html.encode()) < 300_000


@pytest.mark.slow
def test_a_suite_three_times_as_large_keeps_its_figures_below_a_megabyte(tmp_path):
    large = render(make_rows(fractions=(0.01, 0.05, 0.2, 1.0), copies=3), tmp_path)
    assert len(large.encode()) < 1_000_000
    # Only the table that leaderboard.json repeats goes.
    assert large.count("eft out to keep this page small") == 1
    assert "All numbers per scenario" not in large
    assert large.count('<svg class="dots"') > 90


def test_what_is_too_large_to_mail_leaves_its_longest_tables_out(tmp_path, monkeypatch):
    whole = render(make_rows(), tmp_path)
    limits = {150_000: 1, 120_000: 2, 95_000: 3}  # the heatmap goes last
    for limit, parts in limits.items():
        monkeypatch.setattr(html_module, "_LARGEST_PAGE", limit)
        page = render(make_rows(), tmp_path)
        assert len(page.encode()) < limit < len(whole.encode())
        assert page.count("Left out to keep this page small") == parts
        Page(page)


def test_sections_stand_in_reading_order(html, page):
    sections = [a["id"] for tag, a in page.tags if tag == "section"]
    assert sections == [
        "verdicts",
        "standings",
        "tables",
        "heatmap",
        "cost",
        "seeds",
        "scenarios",
        "provenance",
    ]
    text = "".join(page.text)
    assert "every adaptation method is below" in text
    for name in (*METHODS, *SCENARIOS):
        assert name in text


def test_every_link_has_its_target(page):
    identifiers = [a["id"] for _, a in page.tags if "id" in a]
    assert len(identifiers) == len(set(identifiers))
    for tag, attributes in page.tags:
        if tag == "a":
            assert attributes["href"][1:] in identifiers


def test_every_finished_seed_is_a_dot(html):
    dots = re.findall(r'class="dot" d="([^"]*)"', html)
    oracle_panels = sum(2 if SCENARIOS[name][2] else 1 for name in SCENARIOS)
    finished = sum(
        row["status"] == "ok" and row["label_fraction"] != 1.0 for row in make_rows()
    )
    assert sum(path.count("h0") for path in dots) == finished + 5 * oracle_panels


def test_failures_and_what_is_not_applicable_are_said(page):
    text = "".join(page.text)
    assert "non-finite loss at step 87" in text
    assert "5 of 10 runs failed, only 1 of 2 scenarios" in text
    assert "n/a (needs target labels)" in text
    cells = [
        a["class"].split()[0] for tag, a in page.tags if tag == "td" and a.get("class")
    ]
    assert cells.count("failed") == 1
    assert cells.count("na") > 10


@pytest.mark.parametrize(
    "evil", ["<script>alert(1)</script>", '"><img src=x onerror=y>', "`</style>&'\"_"]
)
def test_no_text_of_a_row_becomes_markup(evil, tmp_path, html):
    fields = {
        "method": evil,
        "scenario": evil,
        "device": evil,
        "command": evil,
        "suite": evil,
        "data_fingerprint": evil,
        "hyperparameters": {evil: evil},
        "network": {evil: evil},
        "versions": {evil: evil},
    }
    rows = [
        *(make_row(**fields | {"method": "source_only"}, seed=s) for s in (0, 1)),
        *(make_row(**fields, seed=s, accuracy=0.1 + 0.01 * s) for s in (0, 1)),
        make_row(**fields, seed=2, status="failed", reason=evil),
        *(
            make_row(
                **fields | {"method": f"b{evil}"}, status="na", reason=evil, seed=s
            )
            for s in (0, 1)
        ),
    ]
    page = Page(render(rows, tmp_path))
    expected = {tag for tag, _ in Page(html).tags}
    assert {tag for tag, _ in page.tags} <= expected
    assert [tag for tag, _ in page.tags].count("script") == 1
    assert not any(name.startswith("on") for _, a in page.tags for name in a)
    assert evil in "".join(page.text)


def test_tables_can_be_sorted_by_keyboard_and_scrolled(page):
    headings = [a for tag, a in page.tags if tag == "button"]
    assert len(headings) > 50
    assert all(a["type"] == "button" for a in headings)
    regions = [a for _, a in page.tags if a.get("class") == "scroll"]
    assert all(a["tabindex"] == "0" and a["aria-label"] for a in regions)
    figures = [a for tag, a in page.tags if tag == "svg"]
    assert all(a["role"] == "img" and a["aria-label"] for a in figures)


def test_it_says_so_when_there_is_nothing(tmp_path):
    assert "no finished runs yet" in render([], tmp_path)
    only = render([make_row(status="failed", reason="out of memory")], tmp_path)
    assert "failed (out of memory)" in only


def test_the_same_rows_give_the_same_page(html, tmp_path):
    assert render(make_rows()[::-1], tmp_path) == html


def luminance(colour):
    linear = [
        c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4
        for c in (part / 255 for part in colour)
    ]
    return sum(w * c for w, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def contrast(a, b):
    low, high = sorted((luminance(a), luminance(b)))
    return (high + 0.05) / (low + 0.05)


# Machado et al. 2009, "A physiologically-based model for simulation of color vision
# deficiency", severity 1; on linear RGB.
COLOUR_BLINDNESS = {
    "none": np.eye(3),
    "protanopia": np.array(
        [
            [0.152286, 1.052583, -0.204868],
            [0.114503, 0.786281, 0.099216],
            [-0.003882, -0.048116, 1.051998],
        ]
    ),
    "deuteranopia": np.array(
        [
            [0.367322, 0.860646, -0.227968],
            [0.280085, 0.672501, 0.047413],
            [-0.011820, 0.042940, 0.968881],
        ]
    ),
}


def apart(one, other, matrix):
    """The largest difference of a channel, as shown, from 0 to 1."""
    linear = [((np.array(c) / 255 + 0.055) / 1.055) ** 2.4 for c in (one, other)]
    seen = [np.clip(matrix @ c, 0, 1) ** (1 / 2.4) for c in linear]
    return float(np.abs(seen[0] - seen[1]).max())


@pytest.mark.parametrize("scheme", [0, 1, 2], ids=["light", "dark", "chosen dark"])
def test_colours_have_the_contrast_of_wcag_aa(scheme):
    style = (FOLDER / "style.css").read_text()
    block = re.findall(r":root[^{]*\{([^}]*--bg: [^}]*--dot[^}]*)\}", style)[scheme]
    colours = {
        name: tuple(bytes.fromhex(hexadecimal))
        for name, hexadecimal in re.findall(r"--([a-z]+): #([0-9a-f]{6})", block)
    }
    colours |= {
        name: tuple(map(int, parts.split()))
        for name, parts in re.findall(r"--([a-z]+): (\d+ \d+ \d+)", block)
    }
    for text in ("ink", "muted"):
        for ground in ("bg", "surface", "faint", "na"):
            assert contrast(colours[text], colours[ground]) >= 4.5, (text, ground)
    for ground in ("pos", "neg"):
        assert contrast(colours["ink"], colours[ground]) >= 4.5, ground
    for text in ("accent", "warm"):
        assert contrast(colours[text], colours["surface"]) >= 4.5, text
    classes = [colours[f"c{letter}"] for letter in "abcdefgh"]
    assert len(set(classes)) == 8
    for colour in classes:
        assert contrast(colour, colours["surface"]) >= 3, colour
    for one, other in itertools.combinations(classes, 2):
        for kind, matrix in COLOUR_BLINDNESS.items():
            assert apart(one, other, matrix) > 0.1, (one, other, kind)


def test_ticks_are_round_and_cover_the_range():
    assert ticks(0.31, 0.97) == [0.2, 0.4, 0.6, 0.8, 1.0]
    assert ticks(0.9, 1.0, 5) == [0.9, 0.92, 0.94, 0.96, 0.98, 1.0]


def test_a_gain_bar_shows_whether_zero_is_excluded():
    assert 'class="bar up"' in gain_bar(Interval(0.2, 0.1, 0.3, 5), -0.1, 0.3)
    assert 'class="bar down"' in gain_bar(Interval(-0.2, -0.3, -0.1, 5), -0.3, 0.0)
    assert 'class="bar flat"' in gain_bar(Interval(0.05, -0.1, 0.2, 5), -0.1, 0.2)
    flat = gain_bar(Interval(0.0, -0.1, 0.1, 5), -0.1, 0.1)
    assert 'class="bar flat"' in flat
    assert 'cx="66.0"' in flat  # zero in the middle of a symmetric scale
    assert 'class="w"' not in gain_bar(Interval(0.1, None, None, 1), 0.0, 0.1)


def test_dot_panels_of_constant_or_missing_values():
    panel = dot_panel([DotRow("a", {0: 1.0}), DotRow("b", {}, "", "failed")], label="x")
    assert "failed" in panel
    assert "nan" not in panel
    assert dot_panel([DotRow("a", {})], label="x") == ""


def test_a_few_extremes_do_not_pale_the_heatmap():
    assert colour_limit([]) == 0.05
    assert colour_limit([0.1] * 20 + [0.9]) == 0.1
    assert colour_limit([0.9] * 5) == 0.5


def test_heatmap_columns_and_colours():
    content = heatmap(build_leaderboard(make_rows()).scenarios)
    assert [span for _, span in content["cases"]] == [4, 2, 6, 2]
    assert len(content["columns"]) == 14
    cells = {row["method"]: row["cells"] for row in content["rows"]}
    assert set(cells) == set(METHODS) - {"source_only", "target_only"}
    names = [name for name, span in content["scenarios"] for _ in range(span)]
    harm = cells["dan"][names.index("plain_to_classes_0_4")]
    assert (harm.kind, harm.sure, harm.strength) == ("neg", True, 1.0)
    assert cells["adabn"][1].kind == "na"
    failed = cells["dann"][names.index("digit_to_parity_over07")]
    assert failed.kind == "failed"
    partly = cells["dann"][names.index("plain_to_rot30") + 1]
    assert partly.partly


def test_the_heatmap_s_lowest_rung_is_the_majority_class():
    rows = [
        make_row(method=method, seed=seed, accuracy=0.5, majority_accuracy=0.25)
        for method in ("source_only", "dann")
        for seed in (0, 1)
    ]
    assert heatmap(build_leaderboard(rows).scenarios)["majority"] == ["25.0"]
    skewed = [row | {"metric": "balanced_accuracy"} for row in rows]
    assert heatmap(build_leaderboard(skewed).scenarios)["majority"] == []


def test_provenance_splits_shared_and_own_values():
    content = provenance(make_rows())
    assert ("batch_norm", "separate") in content["shared"]
    assert content["methods"] == [("dann", [("trade_off", "0.1")])]
    assert len(content["failures"]) == 6
    assert dict(content["facts"])["Steps"] == ["1000"]
    assert content["more"]["commands"] > 0
