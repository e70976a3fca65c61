"""USPS from both of its formats."""

import bz2

import numpy as np
import pytest

from tests.data.tfds_builders.raw import no_tensorflow, prepared, real, rows, zip_lines

TRAIN = [1194, 1005, 731, 658, 652, 556, 664, 645, 542, 644]
TEST = [359, 264, 198, 166, 200, 160, 170, 147, 166, 177]


@pytest.fixture
def digits():
    draws = np.random.default_rng(0)
    return draws.integers(0, 256, (12, 16, 16, 1)).astype(np.uint8), np.arange(12) % 10


def by_label(examples):
    return sorted((int(e["label"]), e["image"].tobytes()) for e in examples)


def pairs(x, y):
    return [(int(label), one.tobytes()) for one, label in zip(x, y, strict=True)]


def test_lines_of_text(tmp_path, digits):
    x, y = digits
    zip_lines(tmp_path / "raw" / "zip.train.gz", x, y)
    zip_lines(tmp_path / "raw" / "zip.test.gz", x[:3], y[:3])
    builder = prepared("usps", tmp_path / "raw", tmp_path / "sets")
    expected = sorted(
        (int(label), one.tobytes()) for one, label in zip(x, y, strict=True)
    )
    assert by_label(rows(builder)) == expected
    assert len(rows(builder, "test")) == 3
    files = builder.info.metadata["files"]
    assert files["zip.train.gz"]["published"] is None  # nobody's sum is known
    assert no_tensorflow()


def libsvm(path, x, y):
    lines = []
    for image, label in zip(x.reshape(len(x), -1), y, strict=True):
        values = image / 255 * 2 - 1
        cells = [f"{n}:{v:.6f}" for n, v in enumerate(values, start=1) if v]
        lines.append(" ".join([str(label + 1), *cells]))
    path.write_bytes(bz2.compress("\n".join(lines).encode()))


def test_libsvm_gives_the_same(tmp_path, digits):
    x, y = digits
    (tmp_path / "raw").mkdir()
    libsvm(tmp_path / "raw" / "usps.bz2", x, y)
    libsvm(tmp_path / "raw" / "usps.t.bz2", x[:3], y[:3])
    builder = prepared("usps", tmp_path / "raw", tmp_path / "sets")
    expected = sorted(
        (int(label), one.tobytes()) for one, label in zip(x, y, strict=True)
    )
    assert by_label(rows(builder)) == expected
    assert builder.info.metadata["files"]["usps.bz2"]["published"] is False


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda x, y: (x, y + 1), "digits 0 to 9"),
        (lambda x, y: (x[:, :15], y), "line 1: 241 cells instead of 257"),
    ],
)
def test_another_file_is_refused(tmp_path, digits, change, message):
    zip_lines(tmp_path / "raw" / "zip.train.gz", *change(*digits))
    zip_lines(tmp_path / "raw" / "zip.test.gz", *digits)
    with pytest.raises(ValueError, match=message):
        prepared("usps", tmp_path / "raw", tmp_path / "sets")
    assert not list((tmp_path / "sets").rglob("dataset_info.json"))


@pytest.mark.parametrize(
    "parts", [["test"], pytest.param(["train", "test"], marks=pytest.mark.slow)]
)
def test_the_published_counts(tmp_path, data_dir, parts):
    arrays = real(data_dir, "usps.npz")
    for part in ("train", "test"):
        x, y = arrays[f"x_{part}"], arrays[f"y_{part}"]
        most = len(x) if part in parts else 10
        zip_lines(tmp_path / "raw" / f"zip.{part}.gz", x[:most], y[:most])
    builder = prepared("usps", tmp_path / "raw", tmp_path / "sets")
    for part in parts:
        examples = rows(builder, part)
        found = np.bincount([e["label"] for e in examples], minlength=10)
        assert found.tolist() == {"train": TRAIN, "test": TEST}[part]
        expected = pairs(arrays[f"x_{part}"], arrays[f"y_{part}"])
        assert by_label(examples) == sorted(expected)
