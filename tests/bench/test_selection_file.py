"""The criteria's file: what is wrong with it costs a note, never the page."""

import json

import pytest

from da_zoo.bench.rendering import render
from da_zoo.bench.report.criteria_table import criteria_table
from da_zoo.bench.selection_file import load_selection
from da_zoo.bench.store import RowStore
from tests.bench.fake_rows import make_row
from tests.bench.rich_rows import selection


def write(folder, text: str) -> None:
    (folder / "selection.json").write_text(text, encoding="utf-8")


def test_what_was_written_is_read(tmp_path) -> None:
    write(tmp_path, json.dumps(selection()))
    assert load_selection(tmp_path) == (selection(), "")


def test_numbers_may_be_null_or_missing(tmp_path) -> None:
    few = {"schema_version": 1, "tables": [{"criteria": [{"criterion": "snd"}]}]}
    few["tables"][0]["criteria"].append({"criterion": "dev", "accuracy": None})
    write(tmp_path, json.dumps(few))
    assert load_selection(tmp_path) == (few, "")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "null",
        '{"schema_version": 2, "tables": []}',
        '{"schema_version": 1}',
        '{"schema_version": 1, "tables": [1]}',
        '{"schema_version": 1, "tables": [{}]}',
        '{"schema_version": 1, "tables": [{"criteria": [{}]}]}',
        '{"schema_version": 1, "tables": [{"criteria": [], "methods": 3}]}',
        '{"schema_version": 1, "tables": [{"criteria": '
        '[{"criterion": "a", "accuracy": NaN}]}]}',
        '{"schema_version": 1, "tables": [{"criteria": '
        '[{"criterion": "a", "accuracy": "high"}]}]}',
        '{"schema_version": 1, "tables": [{"criteria": '
        '[{"criterion": "a", "runs": true}]}]}',
        "[" * 100_000,
    ],
)
def test_what_is_damaged_is_left_out_with_a_note(text, tmp_path) -> None:
    write(tmp_path, text)
    found, note = load_selection(tmp_path)
    assert found is None
    assert note.startswith("selection.json ")


def test_bytes_that_are_no_text(tmp_path) -> None:
    (tmp_path / "selection.json").write_bytes(b"\xff\xfe{")
    assert load_selection(tmp_path)[0] is None


def folder_of_rows(tmp_path):
    row = make_row(group="a1")
    RowStore.open(tmp_path).append_group([row])
    return tmp_path


def test_the_page_shows_it(tmp_path) -> None:
    folder = folder_of_rows(tmp_path)
    write(folder, json.dumps(selection()))
    board, page, told = render(folder)
    assert board.selection == selection()
    assert told == []
    assert 'id="criteria"' in page.read_text(encoding="utf-8")


def test_the_page_says_that_it_is_damaged(tmp_path) -> None:
    folder = folder_of_rows(tmp_path)
    write(folder, "{")
    board, page, told = render(folder)
    assert board.selection is None
    assert [note[:26] for note in told] == ["selection.json is not JSON"]
    assert told[0] in " ".join(board.notes)
    assert 'id="criteria"' not in page.read_text(encoding="utf-8")


def tuned(criterion="bnm", gain=(0.02, 0.01, 0.03), **fields):
    names = ("mean", "low", "high")
    line = {"track": "U", "label_fraction": None, "method": "dann"}
    line |= {
        "criterion": criterion,
        "accuracy": {"mean": 0.6},
        "default": {"mean": 0.58},
    }
    return line | {"gain": dict(zip(names, gain, strict=True))} | fields


def test_what_tuning_gives_is_counted_by_its_intervals():
    section = criteria_table(
        {
            "ranked": "last_step",
            "tables": [],
            "tuned": [
                tuned(),
                tuned(gain=(-0.04, -0.05, -0.03)),
                tuned(gain=(0.0, None, None)),
                tuned("entropy", label_fraction=0.05, track="F"),
            ],
        }
    )
    first, second = section.tables
    assert first.rows == [["bnm", "60.0", "58.0", "−0.7", "1", "1", "3"]]
    assert "Track F, 5 % of the labels" in second.label


@pytest.mark.parametrize(
    ("lines", "flaw"),
    [
        ({}, ""),
        ("no", "else than a list"),
        ([{"criterion": 3}], "without a criterion"),
        ([tuned(gain=(None, 0.1, 0.2))], "no interval"),
        ([tuned() | {"default": 0.5}], "without default"),
    ],
)
def test_a_damaged_list_of_tuned_configurations_is_said(tmp_path, lines, flaw):
    content = {"schema_version": 1, "tables": [], "tuned": lines}
    (tmp_path / "selection.json").write_text(json.dumps(content))
    found, said = load_selection(tmp_path)
    assert (found is None) == bool(flaw) and flaw in said
