"""MNIST-M: the published archive, and the recipe."""

import tarfile

import numpy as np
import pytest
from PIL import Image

from da_zoo.data.tfds_builders.mnist_files import read_idx
from da_zoo.data.tfds_builders.mnist_m.mnist_m_dataset_builder import (
    MnistMConfig,
    blend,
)
from tests.data.tfds_builders.raw import idx, image, no_tensorflow, prepared, real, rows

PHOTOGRAPHS = "BSR/BSDS500/data/images/train"


def published(root, x_train, y_train, x_test, y_test):
    """The layout of mnist_m.tar.gz."""
    for part, x, y in (("train", x_train, y_train), ("test", x_test, y_test)):
        folder = root / "mnist_m" / f"mnist_m_{part}"
        folder.mkdir(parents=True)
        lines = []
        for n, (pixels, label) in enumerate(zip(x, y, strict=True)):
            Image.fromarray(pixels).save(folder / f"{n:08d}.png", compress_level=1)
            lines.append(f"{n:08d}.png {label}\n")
        (root / "mnist_m" / f"mnist_m_{part}_labels.txt").write_text("".join(lines))


def recipe(root, digits, labels):
    draws = np.random.default_rng(1)
    for n in range(3):
        image(root / PHOTOGRAPHS / f"{n}.jpg")
        noise = draws.integers(0, 256, (40, 50, 3), dtype=np.uint8)
        Image.fromarray(noise).save(root / PHOTOGRAPHS / f"{n}.jpg", quality=95)
    for part in ("train", "t10k"):
        idx(root / f"{part}-images-idx3-ubyte.gz", digits)
        idx(root / f"{part}-labels-idx1-ubyte.gz", labels)


@pytest.fixture
def digits():
    x = np.zeros((12, 28, 28), np.uint8)
    x[:, 10:18, 10:18] = 255
    return x, np.arange(12) % 10


def test_the_published_archive(tmp_path):
    x = np.arange(6 * 32 * 32 * 3).reshape(6, 32, 32, 3).astype(np.uint8)
    published(tmp_path / "tree", x, range(6), x[:2], range(2))
    (tmp_path / "raw").mkdir()
    with tarfile.open(tmp_path / "raw" / "mnist_m.tar.gz", "w:gz") as file:
        file.add(tmp_path / "tree" / "mnist_m", "mnist_m")
    builder = prepared("mnist_m", tmp_path / "raw", tmp_path / "sets", "published")
    found = {one["label"]: one["image"] for one in rows(builder)}
    assert sorted(found) == list(range(6))
    assert all((found[n] == x[n]).all() for n in range(6))
    assert len(rows(builder, "test")) == 2
    assert builder.info.metadata["seed"] is None
    assert builder.info.metadata["files"]["mnist_m.tar.gz"]["published"] is False
    assert no_tensorflow()


def test_the_recipe(tmp_path, digits):
    recipe(tmp_path / "raw", *digits)
    builder = prepared("mnist_m", tmp_path / "raw", tmp_path / "sets", "generated")
    assert builder.info.metadata["seed"] == 0
    found = sorted(rows(builder), key=lambda one: one["label"])
    assert [one["label"] for one in found] == sorted(digits[1].tolist())
    photographs = [
        np.asarray(Image.open(path)) for path in sorted(tmp_path.rglob("BSR/**/*.jpg"))
    ]
    for one in found:
        undone = one["image"].copy()
        undone[10:18, 10:18] = 255 - undone[10:18, 10:18]  # |patch - 255|
        places = [
            np.array_equal(picture[top : top + 28, left : left + 28], undone)
            for picture in photographs
            for top in range(13)
            for left in range(23)
        ]
        assert sum(places) == 1


def test_the_seed_decides(tmp_path, digits):
    recipe(tmp_path / "raw", *digits)

    def images(data_dir, config):
        builder = prepared("mnist_m", tmp_path / "raw", tmp_path / data_dir, config)
        return sorted(one["image"].tobytes() for one in rows(builder))

    first = images("a", "generated")
    assert first == images("b", "generated")
    other = MnistMConfig(name="generated_1", description="Seed 1.", seed=1, side=28)
    assert first != images("c", other)


def test_a_blend_is_a_difference():
    photograph = np.arange(20 * 20 * 3).reshape(20, 20, 3).astype(np.uint8)
    draws = np.random.default_rng(3)
    same = blend(np.zeros((4, 5), np.uint8), photograph, draws)
    assert same.shape == (4, 5, 3)
    with pytest.raises(ValueError, match="20x20 is smaller"):
        blend(np.zeros((21, 4), np.uint8), photograph, draws)


def test_other_files_are_refused(tmp_path, digits):
    path = tmp_path / "a"
    idx(path, digits[0])
    assert (read_idx(path, 3) == digits[0]).all()
    with pytest.raises(ValueError, match="no idx file of bytes with 1 axes"):
        read_idx(path, 1)
    path.write_bytes(path.read_bytes()[:-3])
    with pytest.raises(ValueError, match=r"\[12, 28, 28\] bytes, and holds 9405"):
        read_idx(path, 3)
    published(tmp_path, np.zeros((1, 32, 32, 3), np.uint8), [0], [], [])
    (tmp_path / "mnist_m/mnist_m_train_labels.txt").write_text("../0.png 3\n")
    with pytest.raises(ValueError, match=r"line 1: '\.\./0\.png 3' is no file"):
        prepared("mnist_m", tmp_path / "mnist_m", tmp_path / "s", "published")


@pytest.mark.slow
def test_what_is_here_of_the_published_images(tmp_path, data_dir):
    arrays = real(data_dir, "mnistm_subset.npz")
    parts = [arrays[f"{a}_{b}"] for b in ("train", "test") for a in ("x", "y")]
    published(tmp_path / "raw", *parts)
    builder = prepared("mnist_m", tmp_path / "raw", tmp_path / "sets", "published")
    for part, count in (("train", 13_000), ("test", 5_000)):
        labels = [one["label"] for one in rows(builder, part)]
        assert len(labels) == count
        assert (np.bincount(labels) == np.bincount(arrays[f"y_{part}"])).all()


@pytest.mark.slow
def test_the_recipe_gives_as_many_images_as_mnist_has(tmp_path, data_dir):
    arrays = real(data_dir, "mnist.npz")
    recipe(tmp_path / "raw", np.zeros((1, 28, 28)), np.zeros(1))
    idx(tmp_path / "raw/t10k-images-idx3-ubyte.gz", arrays["x_test"][..., 0])
    idx(tmp_path / "raw/t10k-labels-idx1-ubyte.gz", arrays["y_test"])
    builder = prepared("mnist_m", tmp_path / "raw", tmp_path / "sets", "generated")
    labels = [one["label"] for one in rows(builder, "test")]
    assert np.bincount(labels).tolist() == np.bincount(arrays["y_test"]).tolist()
