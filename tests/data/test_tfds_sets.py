"""Names of TFDS sets, and the folders in which prepared ones lie."""

import pytest

from da_zoo.data.tfds_sets import (
    TfdsName,
    data_folder,
    find_prepared,
    leftovers,
    parse_name,
    prepared_folders,
)


def make(folder, whole=True):
    folder.mkdir(parents=True)
    if whole:
        (folder / "dataset_info.json").write_text("{}")
    return folder


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("tfds:mnist", ("mnist", None, None)),
        ("mnist:3.0.1", ("mnist", None, "3.0.1")),
        ("domainnet/sketch", ("domainnet", "sketch", None)),
        ("tfds:a_1/b-2.x+y:1.0.0", ("a_1", "b-2.x+y", "1.0.0")),
    ],
)
def test_names(text, parts):
    assert tuple(parse_name(text)) == parts
    assert str(parse_name(text)) == text.removeprefix("tfds:")


@pytest.mark.parametrize(
    "text", ["", "tfds:", "../mnist", "a/../b", "/etc", "a/b/c", "a b", "a:1"]
)
def test_names_that_are_none(text):
    with pytest.raises(ValueError, match="is no name of a tensorflow-datasets set"):
        parse_name(text)


def test_the_newest_version_of_each_config(tmp_path):
    for place in ("a/x/1.0.0", "a/x/1.10.0", "a/x/1.9.0", "a/y/2.0.0", "b/1.0.0"):
        make(tmp_path / place)
    make(tmp_path / "a/z/1.0.0", whole=False)
    (tmp_path / "a/.config").mkdir()
    found = prepared_folders(TfdsName("a"), tmp_path)
    assert {k: v.name for k, v in found.items()} == {"x": "1.10.0", "y": "2.0.0"}
    assert list(prepared_folders(TfdsName("b"), tmp_path)) == [""]
    assert find_prepared(TfdsName("a", "x", "1.9.0"), tmp_path).name == "1.9.0"
    assert find_prepared(TfdsName("a", "y"), tmp_path).name == "2.0.0"
    with pytest.raises(ValueError, match=r"has the configs \['x', 'y'\]"):
        find_prepared(TfdsName("a"), tmp_path)
    with pytest.raises(ValueError, match="tfds:a/z is not prepared"):
        find_prepared(TfdsName("a", "z"), tmp_path)


def test_leftovers(tmp_path):
    make(tmp_path / "a/x/1.0.0")
    killed = make(tmp_path / "a/x/incomplete.ABC_1.0.0", whole=False)
    half = make(tmp_path / "a/y/1.0.0", whole=False)
    assert leftovers(TfdsName("a"), tmp_path) == [killed, half]
    assert leftovers(TfdsName("a", "y"), tmp_path) == [half]
    assert leftovers(TfdsName("b"), tmp_path) == []


def test_the_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path))
    assert data_folder() == tmp_path
    assert data_folder("sets").name == "sets"
    monkeypatch.delenv("TFDS_DATA_DIR")
    assert data_folder().name == "tensorflow_datasets"
