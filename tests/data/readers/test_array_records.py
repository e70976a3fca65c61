"""Folders of array records as domains: labels only if asked for, rows only if read."""

import json

import numpy as np
import pytest

from da_zoo.data.array_record_header import HEADER
from da_zoo.data.array_record_writer import LABELS, write_array_records
from da_zoo.data.readers.array_records import read_array_records

ROWS = np.arange(12, dtype=np.uint8).reshape(6, 2)
NAMES = ["10", "9", None, "9", "", 10.0]


@pytest.fixture
def folder(tmp_path):
    return write_array_records(
        tmp_path / "set",
        ROWS,
        NAMES,
        kind="features",
        domain=["b", "b", "a", "a", "b", "a"],
        notes=["one was left out"],
    )


def test_labels_and_domains(folder):
    data = read_array_records(folder, label="label")
    assert (data.name, data.kind, data.notes) == (
        "set",
        "features",
        ("one was left out",),
    )
    assert data.classes == ("9", "10") and data.labels.dtype == np.int32
    assert data.labels[data.labelled].tolist() == [1, 0, 0, 1]
    assert data.labelled.tolist() == [True, True, False, True, False, True]
    assert data.domains == ("a", "b") and data.domain.tolist() == [1, 1, 0, 0, 1, 0]


def test_no_label_is_read_unless_it_is_asked_for(folder):
    (folder / LABELS).write_bytes(b"poison")
    data = read_array_records(folder)
    assert data.labels is None and data.classes == () and not data.labelled.any()
    assert read_array_records(folder, label=False).labels is None
    for asked in ("label", True):
        with pytest.raises(ValueError, match=r"labels.npy cannot be read"):
            read_array_records(folder, label=asked)
    with pytest.raises(ValueError, match="has no labels 'class'; it has 'label'"):
        read_array_records(folder, label="class")


def test_a_folder_without_labels_says_so(tmp_path):
    folder = write_array_records(tmp_path / "a", ROWS)
    with pytest.raises(ValueError, match="written without"):
        read_array_records(folder, label=True)


def test_classes_of_a_source_give_the_numbers(folder):
    data = read_array_records(folder, label="label", classes=("9", "a", "10"))
    assert data.labels[data.labelled].tolist() == [2, 0, 0, 2]
    with pytest.raises(ValueError, match="not among"):
        read_array_records(folder, label="label", classes=("9",))


def test_taking_rows_reads_none(folder, monkeypatch):
    data = read_array_records(folder, label="label")
    monkeypatch.setattr(type(data.x), "__getitem__", lambda *_: pytest.fail("read"))
    own = data.of("a").take(np.array([2, 0]))
    monkeypatch.undo()
    np.testing.assert_array_equal(own.x[:], ROWS[[5, 2]])
    assert own.labelled.tolist() == [True, False]


def test_a_regression(tmp_path):
    folder = write_array_records(
        tmp_path / "a", ROWS, [0.5, None, 2, "3", np.nan, -1], regression=True
    )
    data = read_array_records(folder, label="label")
    assert data.continuous and data.labelled.tolist() == [1, 0, 1, 1, 0, 1]
    assert data.labels.tolist() == [0.5, 0.0, 2.0, 3.0, 0.0, -1.0]


def test_the_fingerprint_is_of_the_contents(tmp_path):
    def mark(name, rows, labels=NAMES, label="label"):
        folder = write_array_records(tmp_path / name, rows, labels, name="x")
        return read_array_records(folder, label=label).fingerprint

    first = mark("a", ROWS)
    assert mark("b", ROWS) == first
    assert mark("c", ROWS[::-1]) != first
    assert mark("d", ROWS, ["9", *NAMES[1:]]) != first
    assert mark("e", ROWS, label=None) != first


def test_labels_of_another_length_are_refused(folder):
    np.save(folder / LABELS, np.zeros(5, np.int32))
    with pytest.raises(ValueError, match=r"must be int32 \[6\]"):
        read_array_records(folder, label="label")
    np.save(folder / LABELS, np.full(6, 2, np.int32))
    with pytest.raises(ValueError, match=r"must be -1..1, got 2..2"):
        read_array_records(folder, label="label")


def test_a_set_of_the_catalogue_is_pointed_elsewhere(tmp_path):
    (tmp_path / "mnist-test.array_record-00000-of-00001").write_bytes(b"")
    with pytest.raises(ValueError, match="tfds:"):
        read_array_records(tmp_path)


def test_the_header_is_readable(folder):
    told = json.loads((folder / HEADER).read_text(encoding="utf-8"))
    assert (told["rows"], told["shape"], told["classes"]) == (6, [2], ["9", "10"])
