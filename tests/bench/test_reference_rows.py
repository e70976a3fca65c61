"""A user's rows beside the published ones."""

import csv

import pytest

from da_zoo.bench import render
from da_zoo.bench.reference import add_reference
from da_zoo.bench.store import RowStore
from da_zoo.cli import main
from tests.bench.fake_rows import make_row, make_rows

SCENARIO = "plain_to_over07"


def store_of(folder, rows):
    store = RowStore.open(folder)
    groups = {}
    for row in rows:
        groups.setdefault(row["group"], []).append(row)
    for own in groups.values():
        store.append_group(own)
    return store


@pytest.fixture
def reference(tmp_path):
    return store_of(tmp_path / "reference", make_rows(seeds=3))


def mine(reference, **change):
    """A method of one's own on the data of the reference."""
    data = {
        row["seed"]: row["data_fingerprint"]
        for row in reference.read()[0]
        if (row["scenario"], row["method"], row["track"])
        == (SCENARIO, "source_only", "U")
    }
    return [
        make_row(
            method="of_my_own",
            scenario=SCENARIO,
            seed=seed,
            accuracy=0.9,
            **{"data_fingerprint": fingerprint} | change,
        )
        for seed, fingerprint in data.items()
    ]


def test_one_method_shows_among_the_others(tmp_path, reference, capsys):
    store = store_of(tmp_path / "mine", mine(reference))
    before = store.rows_path.read_bytes()
    words = ["report", str(store.folder), "--with-reference", str(reference.folder)]
    assert main(words) == 0
    assert "of_my_own" in capsys.readouterr().out
    assert store.rows_path.read_bytes() == before
    with (store.folder / "leaderboard.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert {row["scenario"] for row in rows} == {SCENARIO}
    assert {row["origin"] for row in rows if row["method"] == "of_my_own"} == {""}
    others = {row["origin"] for row in rows if row["method"] != "of_my_own"}
    assert others == {"reference"}
    assert all(row["gain"] for row in rows if row["method"] == "of_my_own")
    board, _, _ = render(store.folder, reference=reference.folder)
    assert any("3 rows are this folder's" in note for note in board.notes)
    assert any("that this folder has no rows of" in note for note in board.notes)
    render(store.folder)
    assert "origin" not in (store.folder / "leaderboard.csv").read_text()


def test_the_users_cell_counts(reference):
    own = mine(reference)
    own += [row | {"method": "dann", "accuracy": 0.123, "group": "d"} for row in own]
    rows, notes = add_reference(own, reference.read()[0])
    dann = [r for r in rows if (r["method"], r["track"]) == ("dann", "U")]
    assert [(r["accuracy"], r["origin"]) for r in dann] == [(0.123, "")] * 3
    assert any(
        note.startswith("3 rows of the reference are of cells") for note in notes
    )


@pytest.mark.parametrize(
    "change", [{"data_fingerprint": "x"}, {"steps": 7}, {"network": {"name": "cnn"}}]
)
def test_other_data_or_steps_have_no_gain(tmp_path, reference, change):
    store = store_of(tmp_path / "mine", mine(reference, **change))
    board, _, _ = render(store.folder, reference=reference.folder)
    own = [row for row in board.rows if row["method"] == "of_my_own"]
    assert [row["gain"] for row in own] == [None] * 3
    assert any(
        "on other data, in other steps or by another network" in note
        for note in board.notes
    )
    assert any("runs without a gain" in note for note in board.notes)


def test_a_folder_that_is_no_benchmark_is_refused(tmp_path, reference, capsys):
    (tmp_path / "other").mkdir()
    words = ["report", str(reference.folder), "--with-reference"]
    assert main([*words, str(tmp_path / "other")]) == 2
    assert "holds no benchmark" in capsys.readouterr().err


def test_a_stale_row_that_is_dropped_does_not_push_the_other_s_out(tmp_path, reference):
    old = [row | {"source": "0" * 64} for row in mine(reference)]
    stale = [row | {"method": "dann", "group": "d" * 8} for row in old]
    store = store_of(tmp_path / "mine", [*mine(reference), *stale])
    kept, _, _ = render(store.folder, reference=reference.folder)
    assert {r["origin"] for r in kept.rows if of_dann(r)} == {""}
    dropped, _, _ = render(store.folder, stale="drop", reference=reference.folder)
    assert {r["origin"] for r in dropped.rows if of_dann(r)} == {"reference"}


def of_dann(row):
    return (row["method"], row["track"], row["scenario"]) == ("dann", "U", SCENARIO)


def test_it_is_said_which_methods_are_the_user_s(reference):
    _, notes = add_reference(mine(reference), reference.read()[0])
    assert "This folder's methods: of_my_own." in notes[0]
