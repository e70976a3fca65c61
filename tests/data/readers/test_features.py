"""Arrays from .npz, .npy and .mat files."""

from pathlib import Path

import numpy as np
import pytest
from scipy.io import savemat

from da_zoo.data.readers import matlab
from da_zoo.data.readers.features import read_features
from da_zoo.data.readers.read import guess, read

X = np.arange(12.0).reshape(4, 3)


@pytest.mark.parametrize(
    ("x", "kind"),
    [
        (X, "features"),
        (np.where(X > 10, np.nan, X), "table"),
        (np.zeros((4, 5, 2)), "signals"),
        (np.zeros((4, 5, 5), np.uint8), "images"),
        (np.zeros((4, 5, 5, 3), np.uint8), "images"),
        (np.zeros((4, 3), np.uint8), "features"),
    ],
)
def test_shapes_tell_what_rows_are(tmp_path: Path, x: np.ndarray, kind: str) -> None:
    np.savez(tmp_path / "a.npz", x=x, y=[0, 1, 0, 1])
    data = read(tmp_path / "a.npz", label="y")
    assert data.kind == kind and data.classes == ("0", "1")
    assert read(tmp_path / "a.npz").labels is None


def test_splits_names_and_columns(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    np.savez(path, x_train=X, y_train=[0, 1, 0, 1], x_test=X[:2], y_test=[1, 1])
    assert read_features(path, label="y").rows == 4
    assert read_features(path, label="y", split="test").labels.tolist() == [0, 0]
    named = tmp_path / "b.npz"
    np.savez(named, x=X, y=[1, 0, 1, 1], classes=["no", "yes"], columns=["a", "b", "c"])
    data = read_features(named, label="y")
    assert data.classes == ("no", "yes") and data.labels.tolist() == [1, 0, 1, 1]
    assert data.kind == "table" and data.x.names == ("a", "b", "c")


def test_matlab_and_npy(tmp_path: Path) -> None:
    savemat(tmp_path / "a.mat", {"fts": X, "labels": np.array([[1], [2], [1], [2]])})
    data = read(tmp_path / "a.mat", inputs="fts", label="labels")
    np.testing.assert_array_equal(data.x, X)
    assert data.classes == ("1", "2")
    np.save(tmp_path / "a.npy", X)
    assert read(tmp_path / "a.npy").rows == 4


@pytest.mark.parametrize("name", ["file", "args", "kwds", "arr_1", "out"])
def test_arrays_of_a_matlab_file_may_be_called_anything(tmp_path, name):
    path = tmp_path / "a.mat"
    savemat(path, {name: X, "x": X + 1})
    found = matlab.read_matlab(path, ["x", name])
    assert list(found) == sorted(["x", name])
    np.testing.assert_array_equal(found[name], X)
    np.testing.assert_array_equal(found["x"], X + 1)


def test_scipy_reads_matlab_in_a_process_of_its_own(
    tmp_path: Path, monkeypatch
) -> None:
    """What crashes its reader must not end this process."""
    savemat(tmp_path / "a.mat", {"x": X})
    for name in ("whosmat", "loadmat"):
        monkeypatch.setattr(f"scipy.io.{name}", None)
    np.testing.assert_array_equal(read_features(tmp_path / "a.mat").x, X)
    (tmp_path / "b.mat").write_bytes(b"no MATLAB at all" * 20)
    with pytest.raises(ValueError, match=r"b\.mat is no MATLAB file of version 7"):
        read_features(tmp_path / "b.mat")
    monkeypatch.setattr(matlab, "NAMES", "import os; os.abort()")
    with pytest.raises(ValueError, match=r"a\.mat .*its reader crashed"):
        read_features(tmp_path / "a.mat")


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"y": [1]}, "lacks the array x"),
        ({"x": X, "y": [1, 2]}, "'y' must have 4 entries"),
        ({"x": X[0], "y": [1, 2, 3]}, r"shape \[n, ...\]"),
        ({"x": np.array(["a"] * 4)}, "must be of numbers"),
        ({"x": np.full((4, 2), np.inf)}, "infinite"),
        ({"x": np.full((4, 2, 2), np.nan)}, "missing or infinite"),
    ],
)
def test_bad_archives(tmp_path: Path, arrays: dict, message: str) -> None:
    np.savez(tmp_path / "a.npz", **arrays)
    with pytest.raises(ValueError, match=message):
        read_features(tmp_path / "a.npz", label="y" if "y" in arrays else None)


def test_pickles_are_not_loaded(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", x=np.array([{}, {}], object))
    with pytest.raises(ValueError, match="pickled"):
        read_features(tmp_path / "a.npz")
    (tmp_path / "b.npz").write_bytes(b"PK\x03\x04 cut short")
    with pytest.raises(ValueError, match=r"no \.npz archive"):
        read_features(tmp_path / "b.npz")


def test_guesses(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("x\n1\n")
    assert guess(tmp_path / "a.csv") == "table"
    assert guess(tmp_path / "a.csv", ["text"]) == "text"
    with pytest.raises(ValueError, match="no known type"):
        (tmp_path / "a.docx").write_text("x")
        guess(tmp_path / "a.docx")
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(ValueError, match="it is empty"):
        guess(empty)
    with pytest.raises(ValueError, match="unknown option of table data 'labels'"):
        read(tmp_path / "a.csv", labels="x")
