"""Replication cards: published numbers as they were read, ours from the right runs."""

import json
import tomllib
from pathlib import Path

import pytest

from da_zoo.bench.report import replication as module
from da_zoo.bench.report.replication import DIRECTIONS, replication
from da_zoo.bench.summary import add_gains
from da_zoo.methods import METHODS
from tests.bench.rich_rows import digit_rows

PAPERS = tomllib.loads(
    Path(module.__file__).with_name("replication.toml").read_text("utf-8")
)["papers"]


def cards(rows):
    found = replication([r for r in add_gains(rows) if r["status"] == "ok"])
    return {card.method: card.comparisons for card in found.cards}


def test_the_data_file_names_methods_and_directions_that_exist() -> None:
    for paper in PAPERS:
        assert paper["protocol"].endswith(".")
        assert paper["source_only"].keys() <= DIRECTIONS.keys()
        for method, numbers in paper["methods"].items():
            assert method in METHODS
            assert numbers.keys() <= DIRECTIONS.keys()
            assert all(20 < value < 100 for value in numbers.values())


def test_both_gains_are_over_their_own_baseline() -> None:
    found = cards(digit_rows())
    assert set(found) == {"dann", "mcc"}
    first = found["dann"][0]
    assert (first.direction, first.source[:8]) == ("MNIST → USPS", "Transfer")
    assert first.published_gain == pytest.approx(0.917 - 0.821)
    assert first.our_gain.mean == pytest.approx(0.913 - 0.815)
    assert first.ours.n == 3
    assert first.baselines_apart is None
    far = next(c for c in found["dann"] if c.direction == "USPS → MNIST")
    assert far.baselines_apart == pytest.approx(0.61 - 0.746)


def test_the_mean_of_both_directions_needs_both() -> None:
    rows = digit_rows()
    both = [c for c in cards(rows)["mcc"] if c.direction.startswith("MNIST ↔")]
    assert [c.ours.mean for c in both] == pytest.approx([(0.953 + 0.90) / 2 + 0.01])
    one_way = [row for row in rows if row["scenario"] != "usps_to_mnist"]
    assert not [c for c in cards(one_way)["mcc"] if c.direction.startswith("MNIST ↔")]


def test_other_suites_and_tracks_and_failed_runs_stand_beside_no_paper() -> None:
    assert not cards([row | {"suite": "embedded"} for row in digit_rows()])
    labelled = {"track": "F", "label_fraction": 0.05}
    assert not cards([row | labelled for row in digit_rows()])
    assert not cards([row | {"status": "failed"} for row in digit_rows()])


def test_no_number_is_one_that_nobody_looked_up() -> None:
    text = json.dumps(PAPERS)
    for number in ("75.2", "57.1", "90.1", "89.2", "96.2", "94.2", "96.7"):
        assert f": {number}" not in text
