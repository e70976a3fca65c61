import json

import numpy as np
import pytest

from da_zoo.data.domain_data import make_domain_data
from da_zoo.data.inspect import Inspection, inspect_data
from da_zoo.data.inspect_text import inspection_text
from da_zoo.data.table import Table

RNG = np.random.default_rng(0)


def side(name, shift=0.0, classes="ab", rows=40, labelled=True, kind="features"):
    labels = [classes[row % len(classes)] for row in range(rows)]
    x = RNG.normal(size=(rows, 3)) + shift
    return make_domain_data(name, kind, x, labels if labelled else None)


@pytest.mark.parametrize(
    ("classes", "label_sets", "case"),
    [
        ("ab", "closed", 3),
        ("a", "partial", 3),
        ("abc", "open", 3),
        ("cd", "disjoint", 4),
    ],
)
def test_the_case_follows_from_distances_and_classes(classes, label_sets, case):
    (pair,) = inspect_data(side("s"), side("t", 2.0, classes)).pairs
    assert (pair.label_sets, pair.case) == (label_sets, case)
    assert pair.same_domain is False
    far = pair.distances["proxy_a_distance"]
    assert far.value > 1.5 > far.chance
    assert ("osbp" in pair.methods) == (label_sets == "open")


def test_one_domain_and_one_task_are_case_1():
    x = RNG.normal(size=(80, 3))
    labels = list("ab") * 40
    pair = inspect_data(
        make_domain_data("s", "features", x[::2], labels[:40]),
        make_domain_data("t", "features", x[1::2], labels[:40]),
    ).pairs[0]
    assert pair.same_domain is True and pair.case == 1


def test_labels_that_were_not_read_leave_the_case_open():
    found = inspect_data(side("s"), side("t", 2.0, labelled=False))
    assert found.pairs[0].label_sets == "unknown" and found.pairs[0].case is None
    assert found.pairs[0].same_domain is False
    text = inspection_text(found)
    assert "s to t: labels not known on both sides; another domain" in text


def test_values_are_one_task():
    sides = [
        make_domain_data(
            n,
            "features",
            RNG.normal(size=(40, 3)) + s,
            RNG.normal(size=40),
            regression=True,
        )
        for n, s in (("s", 0.0), ("t", 3.0))
    ]
    found = inspect_data(*sides)
    assert found.pairs[0].label_sets == "values" and found.pairs[0].case == 3
    assert "rsd" in found.pairs[0].methods
    assert "deviation" in inspection_text(found)


def test_domains_of_one_file_are_compared_with_each_other():
    data = side("s", rows=120)
    data = make_domain_data(
        "s", "features", data.x, list("ab") * 60, domain=list("uvw") * 40
    )
    found = inspect_data(data)
    assert [(p.source, p.target) for p in found.pairs] == [
        ("u", "v"),
        ("u", "w"),
        ("v", "w"),
    ]
    assert [one.rows for one in found.summaries] == [40, 40, 40]


def test_many_pairs_and_few_rows_are_said():
    data = make_domain_data("s", "features", np.eye(18), domain=list("abcdef") * 3)
    found = inspect_data(data)
    assert len(found.pairs) == 10 and not found.pairs[0].distances
    assert "Of 15 pairs of domains the first 10 are compared" in found.notes[0]
    assert any("a and b: too few rows" in note for note in found.notes)
    flat = make_domain_data("s", "features", np.ones((20, 2)), domain=list("ab") * 10)
    assert "every input column is the same" in " ".join(inspect_data(flat).notes)


def test_tables_are_compared_by_the_columns_that_both_have():
    def table(**columns):
        made = Table({name: RNG.normal(size=20) for name in columns})
        return make_domain_data("a", "table", made, mark="")

    found = inspect_data(table(age=1, pulse=1), table(age=1, weight=1))
    assert "Distances are of the common columns: age." in found.notes
    with pytest.raises(ValueError, match="no column in common"):
        inspect_data(table(age=1), table(weight=1))


def test_images_and_kinds_that_differ():
    pixels = RNG.integers(0, 256, (20, 40, 40, 3), dtype=np.uint8)
    dark = make_domain_data("dark", "images", pixels // 4)
    bright = make_domain_data("bright", "images", pixels)
    pair = inspect_data(dark, bright).pairs[0]
    assert pair.same_domain is False
    with pytest.raises(ValueError, match="dark holds images and s features"):
        inspect_data(dark, side("s"))


def test_json_is_plain_and_strict():
    found = inspect_data(side("s"), side("t", 2.0))
    told = json.loads(json.dumps(found.to_json(), allow_nan=False))
    assert told["domains"][0]["classes"] == {"a": 20, "b": 20}
    assert told["pairs"][0]["distances"]["mmd"]["value"] > 0
    assert told["pairs"][0]["case"] == 3


def test_text_holds_every_part():
    found = inspect_data(side("s"), side("t", 2.0, "abc"))
    text = inspection_text(found._replace(notes=("A note.",)))
    for part in (
        "s       features  40    40        3 float64",
        "a      20 (50 %)  14 (35 %)",
        "c      -          13 (32 %)",
        "proxy_a_distance",
        "the target has classes that the source lacks; another domain; case 3",
        "Methods without target labels (open)",
        "Notes\n  A note.",
    ):
        assert part in text
    assert max(map(len, text.split("\n"))) < 100
    assert inspection_text(Inspection((), (), ())).startswith("Rows")
