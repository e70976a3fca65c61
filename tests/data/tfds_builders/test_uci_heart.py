"""Heart disease from UCI's CSV files."""

import math

import numpy as np
import pytest

from tests.data.tfds_builders.raw import (
    heart_lines,
    no_tensorflow,
    prepared,
    real,
    rows,
)

NAMES = ("age", "sex", "cp", "trestbps", "chol", "fbs", "restecg", "thalach", "exang")
COUNTS = {
    "cleveland": [164, 55, 36, 35, 13],
    "hungarian": [188, 106],
    "switzerland": [8, 48, 32, 30, 5],
    "va": [51, 56, 41, 42, 10],
}


def test_values_and_what_is_missing(tmp_path):
    x = np.arange(26, dtype=float).reshape(2, 13)
    x[1, 4] = np.nan
    heart_lines(tmp_path / "raw" / "processed.va.data", x, [0, 1])
    builder = prepared("uci_heart", tmp_path / "raw", tmp_path / "sets", "va")
    first, second = sorted(rows(builder), key=lambda one: one["age"])
    assert [first[name] for name in NAMES] == list(range(9))
    assert math.isnan(second["chol"]) and second["thal"] == 25
    assert (first["label"], second["label"]) == (0, 1)
    assert (first["severity"], second["severity"]) == (0, 1)
    assert builder.info.features["label"].names == ["absent", "present"]
    assert no_tensorflow()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1,2,3\n", r"processed\.va\.data, line 1: 3 cells instead of 14"),
        (",".join("1" * 13) + ",5\n", "diagnoses 0 to 4"),
        (",".join(["a"] + ["1"] * 13) + "\n", "line 1: could not convert"),
        ("", "is empty"),
    ],
)
def test_other_files_are_refused(tmp_path, text, message):
    (tmp_path / "raw").mkdir()
    (tmp_path / "raw" / "processed.va.data").write_text(text)
    with pytest.raises(ValueError, match=message):
        prepared("uci_heart", tmp_path / "raw", tmp_path / "sets", "va")


@pytest.mark.parametrize("hospital", COUNTS)
def test_the_published_counts(tmp_path, data_dir, hospital):
    arrays = real(data_dir, f"heart_{hospital}.npz")
    file = tmp_path / "raw" / f"processed.{hospital}.data"
    heart_lines(file, arrays["x"], arrays["y_raw"])
    builder = prepared("uci_heart", tmp_path / "raw", tmp_path / "sets", hospital)
    examples = rows(builder)
    counts = np.bincount([one["severity"] for one in examples])
    assert counts.tolist() == COUNTS[hospital]
    assert all((one["severity"] > 0) == one["label"] for one in examples)
    missing = sum(one["thal"] != one["thal"] for one in examples)
    assert missing == np.isnan(arrays["x"][:, 12]).sum()
