"""The critical-difference diagram: what it draws, and whose names it escapes."""

import re
from xml.etree import ElementTree

from da_zoo.bench.ranks import Ranks
from da_zoo.bench.report.rank_diagram import rank_diagram

EVIL = '<script>alert("1")</script>'


def test_a_bar_joins_its_methods_and_no_other() -> None:
    ranks = Ranks(
        ("a", "b", "c", EVIL),
        (1.0, 2.0, 3.0, 4.0),
        0.001,
        (("a", "b"), ("c", EVIL)),
        "",
    )
    svg = str(rank_diagram(ranks))
    root = ElementTree.fromstring(svg)
    assert "<script" not in svg
    leaders = [p.get("d") for p in root.findall("path") if p.get("class") == "leader"]
    at = [float(re.match(r"M([\d.]+)", d).group(1)) for d in leaders]
    assert at == sorted(at) and len(at) == 4
    bars = [p.get("d") for p in root.findall("path") if p.get("class") == "clique"]
    ends = [tuple(map(float, re.findall(r"[\d.]+", d)[::2])) for d in bars]
    assert [
        (lo < at[i] and at[j] < hi)
        for (lo, hi), (i, j) in zip(ends, [(0, 1), (2, 3)], strict=True)
    ] == [True, True]
    assert ends[0][1] < at[2] and ends[1][0] > at[1]
    texts = ["".join(t.itertext()) for t in root.findall("text")]
    assert any(EVIL in text for text in texts)


def test_nothing_is_drawn_where_nothing_can_be_told_apart() -> None:
    assert rank_diagram(Ranks(("a",), (1.0,), None, (), "3 scenarios")) == ""
