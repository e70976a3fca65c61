"""Human activities: thirty people in two parts of one archive."""

import io
import zipfile

import numpy as np
import pytest

from da_zoo.data.tfds_builders.uci_har_subjects import (
    uci_har_subjects_dataset_builder as har,
)
from tests.data.tfds_builders.raw import no_tensorflow, prepared, rows


def files(part, subjects, labels):
    """Texts by name; signal c of row r has the value r + c / 10."""
    count = len(subjects)
    made = {
        f"subject_{part}.txt": "\n".join(map(str, subjects)),
        f"y_{part}.txt": "\n".join(map(str, labels)),
        f"X_{part}.txt": "\n".join(" ".join(["1.0e-001"] * 561) for _ in range(count)),
    }
    for c, name in enumerate(har.SIGNALS):
        lines = ["  ".join([f"{r + c / 10:.7e}"] * 128) for r in range(count)]
        made[f"Inertial Signals/{name}_{part}.txt"] = "\n".join(lines) + "\n"
    return made


def write(root, parts):
    for part, (subjects, labels) in parts.items():
        for name, text in files(part, subjects, labels).items():
            path = root / part / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)


PARTS = {"train": ([1, 1, 3], [4, 6, 1]), "test": ([2, 2], [1, 2])}


def test_a_subject_is_a_domain(tmp_path):
    write(tmp_path / "raw" / "UCI HAR Dataset", PARTS)
    assert len(har.CLASSES) == 6 and har.SIGNALS[0] == "body_acc_x"
    sets = tmp_path / "sets"
    first = prepared("uci_har_subjects", tmp_path / "raw", sets, "subject_01")
    found = sorted(rows(first), key=lambda one: one["label"])
    assert [har.CLASSES[one["label"]] for one in found] == ["sitting", "laying"]
    assert found[1]["signal"].shape == (128, 9)
    assert np.allclose(found[1]["signal"][5], 1 + np.arange(9) / 10)
    assert np.allclose(found[0]["features"], 0.1) and len(found[0]["features"]) == 561
    second = prepared("uci_har_subjects", tmp_path / "raw", sets, "subject_02")
    assert [har.CLASSES[one["label"]] for one in rows(second)] != []
    with pytest.raises(ValueError, match="no windows of subject 9"):
        prepared("uci_har_subjects", tmp_path / "raw", sets, "subject_09")
    assert no_tensorflow()


def test_the_archive_within_the_archive(tmp_path):
    inner = io.BytesIO()
    with zipfile.ZipFile(inner, "w") as file:
        for part, (subjects, labels) in PARTS.items():
            for name, text in files(part, subjects, labels).items():
                file.writestr(f"UCI HAR Dataset/{part}/{name}", text)
    (tmp_path / "raw").mkdir()
    name = "human+activity+recognition+using+smartphones.zip"
    with zipfile.ZipFile(tmp_path / "raw" / name, "w") as file:
        file.writestr("UCI HAR Dataset.zip", inner.getvalue())
        file.writestr("UCI HAR Dataset.names", "about it")
    builder = prepared(
        "uci_har_subjects", tmp_path / "raw", tmp_path / "sets", "subject_03"
    )
    assert [one["label"] for one in rows(builder)] == [0]
    assert builder.info.metadata["files"][name]["published"] is False


@pytest.mark.parametrize(
    ("part", "message"),
    [(([1, 1], [1]), r"unlike lengths, \[1, 2\]"), (([1], [7]), "must be 1 to 6")],
)
def test_other_files_are_refused(tmp_path, part, message):
    write(tmp_path / "raw", {"train": part, "test": ([2], [1])})
    with pytest.raises(ValueError, match=message):
        prepared("uci_har_subjects", tmp_path / "raw", tmp_path / "s", "subject_01")
