"""Standings over scenarios: hand-made rows with known answers."""

import numpy as np
import pytest

from da_zoo.bench.standings import find_standings
from da_zoo.bench.summary import add_gains


def rows_of(scores, *, track="U", fraction=None, status="ok", steps=10):
    """Rows from {method: {scenario: [accuracy by seed]}}."""
    return [
        {
            "method": method,
            "scenario": scenario,
            "track": track,
            "label_fraction": fraction,
            "seed": seed,
            "configuration": 0,
            "case": 3,
            "status": status,
            "accuracy": accuracy,
            "steps": steps,
            "data_fingerprint": f"{scenario}{seed}",
        }
        for method, own in scores.items()
        for scenario, values in own.items()
        for seed, accuracy in enumerate(values)
    ]


def oracle(values):
    return rows_of(
        {"target_only": {name: [v, v] for name, v in values.items()}},
        track="F",
        fraction=1.0,
    )


SCENARIOS = [f"s{i}" for i in range(6)]
BASE = {name: [0.5, 0.6] for name in SCENARIOS}


def better(by):
    return {name: [a + by for a in own] for name, own in BASE.items()}


def one(rows):
    found = find_standings(add_gains(rows))
    assert len(found) == 1
    return found[0]


def test_known_gaps_and_ranks():
    rows = rows_of({"source_only": BASE, "half": better(0.175), "worse": better(-0.1)})
    found = one(rows + oracle(dict.fromkeys(SCENARIOS, 0.9)))
    half, base, worse = found.methods
    # The bracket is 0.9 - 0.55 in every scenario.
    assert half.method == "half" and half.gap_closed.mean == pytest.approx(0.5)
    assert half.gap_closed.low == pytest.approx(0.5) == half.gap_closed.high
    assert (half.rank, base.rank, worse.rank) == (1.0, 2.0, 3.0)
    assert half.improvement.mean == 1.0 and worse.improvement.mean == 0.0
    assert base.improvement.mean == 0.5 and base.gap_closed.mean == 0.0
    assert worse.negative_transfer_rate == 1.0
    assert half.against_baseline == (6, 0, 0)
    assert found.pairwise["worse", "half"] == (0, 0, 6)
    assert half.signed_rank.better > 0.95


def test_a_hair_better_everywhere_is_certain_and_a_tie():
    rows = rows_of({"source_only": BASE, "hair": better(0.001)})
    found = one(rows + oracle(dict.fromkeys(SCENARIOS, 0.9)))
    hair = next(m for m in found.methods if m.method == "hair")
    assert hair.improvement.mean == 1.0
    assert hair.against_baseline == (0, 6, 0)
    assert hair.signed_rank.alike > 0.95


def test_narrow_brackets_are_left_out_and_listed():
    rows = rows_of({"source_only": BASE, "half": better(0.1)})
    found = one(rows + oracle({**dict.fromkeys(SCENARIOS, 0.9), "s0": 0.569}))
    assert "s0" not in found.scenarios and len(found.scenarios) == 5
    assert any("s0" in note and "+1.9 points" in note for note in found.notes)


def test_scenarios_without_an_oracle_are_listed():
    rows = rows_of({"source_only": BASE, "half": better(0.1)})
    found = one(rows + oracle(dict.fromkeys(SCENARIOS[1:], 0.9)))
    assert "s0: no oracle was run." in found.notes


def test_only_finished_rows_count():
    rows = rows_of({"source_only": BASE, "half": better(0.1)})
    rows += rows_of({"broken": better(0.3)}, status="failed")
    rows += rows_of({"partly": {"s1": [0.9, 0.9]}})
    found = one(rows + oracle(dict.fromkeys(SCENARIOS, 0.9)))
    assert {m.method for m in found.methods} == {"source_only", "half"}
    assert any("partly" in note for note in found.notes)


def test_oracle_and_realistic_are_never_mixed():
    """The best checkpoint by target labels must not move anything."""
    rows = rows_of({"source_only": BASE, "half": better(0.1)})
    rows += oracle(dict.fromkeys(SCENARIOS, 0.9))
    before = find_standings(add_gains(rows))
    noise = np.random.default_rng(0)
    shown = [row | {"accuracy_oracle": float(noise.random())} for row in rows]
    after = find_standings(add_gains(shown))
    assert [blind(one) for one in after] == [blind(one) for one in before]


def blind(standings):
    """Without the one column that says what choosing better could have won."""
    own = tuple(method._replace(regret=None) for method in standings.methods)
    return standings._replace(methods=own)


def test_regret_is_the_mean_distance_to_the_best_look():
    rows = rows_of({"source_only": BASE, "half": better(0.1)})
    rows += oracle(dict.fromkeys(SCENARIOS, 0.9))
    looked = [
        row | {"accuracy_oracle": row["accuracy"] + 0.01 * (1 + row["seed"])}
        for row in rows
    ]
    assert one(looked).methods[0].regret == pytest.approx(0.015)
    assert one(rows).methods[0].regret is None


def test_tracks_stand_apart_and_the_oracle_has_no_table():
    rows = rows_of({"source_only": BASE})
    rows += rows_of(
        {"target_only": BASE, "fine_tuning": better(0.1)}, track="F", fraction=0.05
    )
    found = find_standings(add_gains(rows + oracle(dict.fromkeys(SCENARIOS, 0.9))))
    assert [(s.track, s.label_fraction, s.baseline) for s in found] == [
        ("U", None, "source_only"),
        ("F", 0.05, "target_only"),
    ]


def test_a_method_that_failed_on_a_seed_is_not_ranked():
    """Without the hard seed it would look better than it is."""
    rows = rows_of({"source_only": BASE, "half": better(0.05)})
    lucky = rows_of({"lucky": better(-0.05)})
    rows += [row for row in lucky if row["seed"] == 1]
    found = one(rows + oracle(dict.fromkeys(SCENARIOS, 0.9)))
    assert "lucky" not in {m.method for m in found.methods}
    assert any("lucky" in note for note in found.notes)


@pytest.mark.parametrize("change", [{"steps": 11}, {"network": {"name": "cnn"}}])
def test_an_oracle_of_another_budget_holds_nobody_up(change):
    rows = rows_of({"source_only": BASE, "half": better(0.1)})
    names = SCENARIOS[:3]
    own = oracle(dict.fromkeys(SCENARIOS, 0.9))
    foreign = [row | (change if row["scenario"] in names else {}) for row in own]
    found = one(rows + foreign)
    assert found.scenarios == tuple(SCENARIOS[3:])
    assert sum("of the same data, steps and network" in n for n in found.notes) == 3
