"""What the default suite is there to show, held to by paired intervals over seeds.

Slow (minutes): ``pytest -m slow tests/test_embedded_suite.py``.
"""

import numpy as np
import pytest

from da_zoo.bench import run
from da_zoo.bench.statistics import paired_difference

pytestmark = pytest.mark.slow
ALIGNERS = ("dan", "deep_coral", "dann")
FOUNDERS = (
    *("source_only", "target_only", "pooled", "fine_tuning", "linear_probe"),
    *("partial_freezing", "lp_ft", "adabn", "ddc", *ALIGNERS),
)


@pytest.fixture(scope="module")
def board(tmp_path_factory):
    out = tmp_path_factory.mktemp("bench")
    return run("embedded", methods=FOUNDERS, out=out, progress=False)


@pytest.fixture(scope="module")
def accuracy(board):
    """(scenario, track, fraction, method) -> accuracy by seed."""
    table = {}
    for row in board.leaderboard.rows:
        if row["status"] == "ok":
            cell = (row["scenario"], row["track"], row["label_fraction"], row["method"])
            table.setdefault(cell, {})[row["seed"]] = row["accuracy"]
    return {
        cell: np.array([by_seed[seed] for seed in sorted(by_seed)])
        for cell, by_seed in table.items()
    }


def test_nothing_fails_and_every_case_is_there(board):
    statuses = {row["status"] for row in board.leaderboard.rows}
    assert statuses == {"ok", "na"}
    assert {row["case"] for row in board.leaderboard.rows} == {1, 2, 3, 4}
    assert len({row["method"] for row in board.leaderboard.rows}) == 12


@pytest.mark.parametrize("scenario", ["plain_to_over07", "plain_to_rot30"])
@pytest.mark.parametrize("method", ALIGNERS)
def test_aligners_beat_source_only_under_a_shift(accuracy, scenario, method):
    ours = accuracy[scenario, "U", None, method]
    baseline = accuracy[scenario, "U", None, "source_only"]
    assert paired_difference(ours, baseline).above_zero


@pytest.mark.parametrize("scenario", ["plain_to_over07", "plain_to_rot30"])
@pytest.mark.parametrize("method", ["dan", "deep_coral"])
def test_alignment_beats_target_statistics_alone(accuracy, scenario, method):
    ours = accuracy[scenario, "U", None, method]
    adabn = accuracy[scenario, "U", None, "adabn"]
    assert paired_difference(ours, adabn).above_zero


@pytest.mark.parametrize("scenario", ["plain_to_plain", "over07_to_over07"])
@pytest.mark.parametrize("method", ALIGNERS)
def test_aligners_do_next_to_nothing_without_a_shift(accuracy, scenario, method):
    ours = accuracy[scenario, "U", None, method]
    baseline = accuracy[scenario, "U", None, "source_only"]
    assert abs(np.mean(ours - baseline)) < 0.015


@pytest.mark.parametrize("scenario", ["digit_to_parity", "digit_to_parity_over07"])
def test_fine_tuning_beats_training_from_scratch(accuracy, scenario):
    ours = accuracy[scenario, "F", 0.05, "fine_tuning"]
    scratch = accuracy[scenario, "F", 0.05, "target_only"]
    assert paired_difference(ours, scratch).above_zero


@pytest.mark.parametrize("method", ALIGNERS)
def test_alignment_harms_where_the_target_has_half_the_classes(accuracy, method):
    ours = accuracy["plain_to_classes_0_4", "U", None, method]
    baseline = accuracy["plain_to_classes_0_4", "U", None, "source_only"]
    assert paired_difference(ours, baseline).below_zero


def test_the_report_says_so_in_words(board):
    said = " ".join(verdict.text for verdict in board.leaderboard.verdicts)
    assert "plain_to_classes_0_4" in said
