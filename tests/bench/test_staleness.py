"""Rows of an older source: counted, told, left out or kept."""

import pytest

from da_zoo.bench import render
from da_zoo.bench.fingerprint import source_hash
from da_zoo.bench.staleness import count_stale, is_stale, matching_stale, stale_note
from da_zoo.bench.store import RowStore
from da_zoo.cli import main
from tests.bench.fake_rows import make_row, sha

PRESENT = source_hash("da_zoo.methods.dann")


def test_absent_and_unknown_sources_are_not_judged():
    assert not is_stale(make_row())
    assert not is_stale(make_row(source=PRESENT))
    assert not is_stale(make_row(method="of_my_own", source="0"))
    assert is_stale(make_row(source="0"))
    assert is_stale(make_row(method="tca", source="0"))
    rows = [make_row(source="0", seed=s) for s in range(3)] + [make_row()]
    assert count_stale(rows) == {"dann": 3}
    assert stale_note({}) == ""
    assert "dann (3)" in stale_note({"dann": 3})


@pytest.fixture
def folder(tmp_path):
    store = RowStore.open(tmp_path / "out")
    for method, source in (("source_only", None), ("dann", "0"), ("dan", None)):
        store.append_group(
            [make_row(method=method, source=source, seed=s) for s in (0, 1)]
        )
    return store


def test_the_report_keeps_or_drops_them(folder, capsys):
    board, _, _ = render(folder.folder)
    assert len(board.rows) == 6
    assert any("dann (2)" in note and "--stale drop" in note for note in board.notes)
    before = folder.rows_path.read_bytes()
    assert main(["report", str(folder.folder), "--stale", "drop"]) == 0
    assert "left out: dann (2)" in (folder.folder / "leaderboard.md").read_text()
    assert "dann," not in (folder.folder / "leaderboard.csv").read_text()
    assert folder.rows_path.read_bytes() == before
    assert main(["status", str(folder.folder)]) == 0
    assert "stale: 2 rows of an older source of dann" in capsys.readouterr().out
    assert main(["report", str(folder.folder), "--stale", "rerun"]) == 2
    assert "unknown stale 'rerun'" in capsys.readouterr().err


def test_rows_that_newer_ones_replaced_are_no_news(folder):
    fresh = [make_row(source=PRESENT, seed=s, group=sha("new")) for s in (0, 1)]
    folder.append_group(fresh)
    board, _, _ = render(folder.folder)
    assert not any("older source" in note for note in board.notes)


def test_only_the_same_cell_is_kept():
    network = {"name": "mlp", "hidden": (128, 64)}
    blank = make_row(hyperparameters={"layers": (1, 2)}, network=network)
    wanted = [blank | {"seed": s} for s in (0, 1)]
    stored = {"hyperparameters": {"layers": [1, 2]}}
    stored |= {"network": {"name": "mlp", "hidden": [128, 64]}, "group_rows": 2}
    old = [make_row(**stored, seed=s, data_fingerprint=f"d{s}") for s in (0, 1)]
    prints = {0: "d0", 1: "d1"}
    assert matching_stale(wanted, prints, 1000, old)
    assert not matching_stale(wanted, prints, 1000, old[:1])
    assert not matching_stale(wanted[:1], prints, 1000, old)
    assert not matching_stale(wanted, prints, 999, old)
    assert not matching_stale(wanted, {0: "d0", 1: "x"}, 1000, old)
    for change in (
        {"hyperparameters": {"layers": (1, 3)}},
        {"configuration": 1},
        {"network": {"name": "mlp", "hidden": (64,)}},
        {"label_fraction": 0.05},
    ):
        other = [row | change for row in wanted]
        assert not matching_stale(other, prints, 1000, old), change
    failed = [row | {"status": "failed"} for row in old]
    assert not matching_stale(wanted, prints, 1000, failed)
