import json

import pytest

from da_zoo.advice.evidence import evidence_for, read_rows
from da_zoo.bench.leaderboard import build_leaderboard
from da_zoo.bench.store import RowStore
from da_zoo.json_files import digest


def run(method, accuracy, seed, **fields):
    cell = {
        "schema_version": 1,
        "scenario": "near",
        "case": 3,
        "track": "U",
        "label_fraction": None,
        "method": method,
        "configuration": 0,
        "seed": seed,
        "status": "ok",
        "accuracy": accuracy,
        "macro_f1": accuracy,
        "steps": 10,
        "data_fingerprint": f"d{seed}",
    } | fields
    keys = ("scenario", "track", "label_fraction", "method", "label_sets")
    return cell | {"group": digest([cell.get(k) for k in keys])}


def cell(gains, **fields):
    track = fields.get("track", "U")
    baseline = {"U": "source_only", "F": "target_only"}[track]
    rows = []
    for seed in range(3):
        rows.append(run(baseline, 0.5, seed, **fields))
        rows += [
            run(m, 0.5 + gain + 0.001 * seed, seed, **fields)
            for m, gain in gains.items()
        ]
    return rows


def test_the_situation_picks_the_rows_and_gains_are_ordered():
    rows = cell({"dann": 0.1, "dan": 0.2, "mcd": -0.1})
    rows += cell({"dann": 0.3}, case=1, scenario="alike")
    found = evidence_for(rows, case=3)
    assert [m.method for m in found.measured] == ["dan", "dann", "mcd"]
    assert found.measured[0].gain.mean == pytest.approx(0.201)
    assert found.measured[2].negative_transfer_rate == 1.0
    assert (found.baseline, found.scenarios) == ("source_only", ("near",))
    assert evidence_for(rows, case=1).measured[0].gain.mean == pytest.approx(0.301)
    assert evidence_for(rows, case=2) is None


def test_the_nearest_measured_share_counts_and_the_oracle_alone_does_not():
    rows = []
    for share, gain in ((0.01, 0.1), (0.2, 0.3)):
        rows += cell({"fine_tuning": gain}, track="F", label_fraction=share)
    rows += cell({}, track="F", label_fraction=1.0)
    for wanted, share in ((0.001, 0.01), (0.03, 0.01), (0.1, 0.2), (1.0, 0.2)):
        assert evidence_for(rows, case=3, label_fraction=wanted).label_fraction == share
    assert evidence_for(rows, case=3) is None  # nothing without labels


def test_label_sets_and_regressions_are_kept_apart():
    rows = cell({"dann": 0.1}) + cell({"pada": 0.2}, label_sets="partial")
    names = [
        m.method for m in evidence_for(rows, case=3, label_sets="partial").measured
    ]
    assert names == ["pada"]
    assert evidence_for(rows, case=3, continuous=True) is None


def test_a_leaderboard_says_the_same_as_the_rows(tmp_path):
    rows = cell({"dann": 0.1, "dan": 0.2})
    store = RowStore.open(tmp_path / "run")
    for group in dict.fromkeys(row["group"] for row in rows):
        store.append_group([row for row in rows if row["group"] == group])
    (tmp_path / "board").mkdir()
    build_leaderboard(rows).write(tmp_path / "board")
    found = [evidence_for(read_rows(tmp_path / p), case=3) for p in ("run", "board")]
    assert found[0] == found[1]
    assert len(found[0].measured) == 2


@pytest.mark.parametrize(
    "content", ["{", "[]", '{"rows": []}', '{"schema_version": 1, "rows": [3]}']
)
def test_a_broken_leaderboard_is_named(tmp_path, content):
    (tmp_path / "leaderboard.json").write_text(content)
    with pytest.raises(ValueError, match="is no leaderboard"):
        read_rows(tmp_path)


def test_a_leaderboard_of_another_version_is_named(tmp_path):
    content = {"schema_version": 99, "rows": [run("dann", 0.5, 0)]}
    (tmp_path / "leaderboard.json").write_text(json.dumps(content))
    with pytest.raises(ValueError, match="schema_version 99"):
        read_rows(tmp_path)


def test_a_folder_without_a_benchmark_is_named(tmp_path):
    with pytest.raises(ValueError, match="neither rows"):
        read_rows(tmp_path)
    with pytest.raises(ValueError, match="is no folder"):
        read_rows(tmp_path / "none")
