"""The sets that are trees of images: a config a domain, with one split."""

import io
import tarfile
import zipfile

import numpy as np
import pytest
from PIL import Image

from da_zoo.data.tfds_builders import builder_class
from tests.data.tfds_builders.raw import (
    image,
    no_tensorflow,
    prepared,
    real,
    rows,
    tree,
)

LAYOUTS = {
    "office31": {
        "amazon": "amazon/images",
        "dslr": "domain_adaptation_images/dslr/images",
        "webcam": "webcam",
    },
    "office_caltech10": {"amazon": "amazon", "caltech10": "caltech", "dslr": "x/dslr"},
    "office_home": {
        "art": "OfficeHomeDataset_10072016/Art",
        "real_world": "Real World",
    },
    "pacs": {"art_painting": "PACS/art_painting", "sketch": "kfold/sketch"},
    "visda2017": {"synthetic": "train", "real": "visda/validation"},
}
SIZES = {
    "office31": 31,
    "office_caltech10": 10,
    "office_home": 65,
    "pacs": 7,
    "visda2017": 12,
}


@pytest.mark.parametrize("name", LAYOUTS)
def test_every_domain_is_found_in_its_place(tmp_path, name):
    classes = builder_class(name).CLASSES
    assert len(classes) == len(set(classes)) == SIZES[name]
    tree(tmp_path / "raw", LAYOUTS[name].values(), classes, count=1)
    for place, domain in enumerate(LAYOUTS[name]):
        builder = prepared(name, tmp_path / "raw", tmp_path / "sets", domain)
        found = rows(builder)
        assert len(found) == len(classes)
        for one in found:
            assert one["image"].shape == (4, 6, 3)
            # The tree's colours say the domain and the class.
            assert one["image"][0, 0].tolist() == [place, one["label"], 0]
            assert one["file"].decode() == f"{classes[one['label']]}/0.png"
    assert no_tensorflow()


def test_real_world_with_a_blank_is_found(tmp_path):
    classes = builder_class("office_home").CLASSES
    tree(tmp_path / "raw", ["Real World"], classes, count=1)
    builder = prepared("office_home", tmp_path / "raw", tmp_path / "sets", "real_world")
    assert builder.info.splits["train"].num_examples == 65


def test_an_archive_is_unpacked_once(tmp_path):
    classes = builder_class("pacs").CLASSES
    tree(tmp_path / "tree", ["PACS/photo", "PACS/sketch"], classes, count=1)
    (tmp_path / "raw").mkdir()
    with zipfile.ZipFile(tmp_path / "raw" / "PACS.zip", "w") as file:
        for path in (tmp_path / "tree").rglob("*.png"):
            file.write(path, path.relative_to(tmp_path / "tree"))
    for domain in ("photo", "sketch"):
        builder = prepared("pacs", tmp_path / "raw", tmp_path / "sets", domain)
        assert len(rows(builder)) == 7
        assert "PACS.zip" in builder.info.metadata["files"]
    unpacked = tmp_path / "sets" / "downloads" / "extracted"
    assert len(list(unpacked.iterdir())) == 1


def test_a_hostile_archive_is_refused(tmp_path):
    (tmp_path / "raw").mkdir()
    with tarfile.open(tmp_path / "raw" / "train.tar", "w") as file:
        info = tarfile.TarInfo("../../evil.png")
        file.addfile(info, io.BytesIO())
    with pytest.raises(ValueError, match=r"'\.\./\.\./evil\.png' would lie outside"):
        prepared("visda2017", tmp_path / "raw", tmp_path / "sets", "synthetic")


def test_grey_and_transparent_images_become_coloured(tmp_path):
    classes = builder_class("pacs").CLASSES
    tree(tmp_path / "raw", ["photo"], classes, count=1)
    image(tmp_path / "raw/photo/dog/grey.jpg", (90, 0, 0), mode="L")
    image(tmp_path / "raw/photo/dog/clear.png", (1, 2, 3, 0), mode="RGBA")
    image(tmp_path / "raw/photo/dog/own.jpg", quality=50)
    builder = prepared("pacs", tmp_path / "raw", tmp_path / "sets", "photo")
    found = {one["file"].decode(): one["image"] for one in rows(builder)}
    assert found["dog/grey.jpg"].tolist() == np.full((4, 6, 3), 90).tolist()
    assert found["dog/clear.png"].min() == 255
    own = Image.open(tmp_path / "raw/photo/dog/own.jpg")
    assert (found["dog/own.jpg"] == np.asarray(own)).all()
    assert builder.info.metadata["converted_to_rgb"] == 2


def test_what_is_odd_in_a_tree_is_told(tmp_path):
    classes = builder_class("pacs").CLASSES
    with pytest.raises(ValueError, match=r"found no folder of pacs/photo.*PACS\.zip"):
        prepared("pacs", tmp_path / "raw", tmp_path / "sets", "photo")
    tree(tmp_path / "raw", ["photo"], classes[1:], count=1)
    with pytest.raises(ValueError, match=r"photo lacks the classes \['dog'\]"):
        prepared("pacs", tmp_path / "raw", tmp_path / "sets", "photo")
    tree(tmp_path / "raw", ["photo"], ["dog", "cat"], count=1)
    with pytest.raises(ValueError, match=r"no known class: \['cat'\]"):
        prepared("pacs", tmp_path / "raw", tmp_path / "sets", "photo")
    (tmp_path / "raw/photo/cat/0.png").unlink()
    (tmp_path / "raw/photo/cat").rmdir()
    (tmp_path / "raw/photo/dog/1.png").write_bytes(b"\x89PNG\r\n\x1a\nbroken")
    with pytest.raises(ValueError, match=r"dog/1\.png is no readable image"):
        prepared("pacs", tmp_path / "raw", tmp_path / "sets", "photo")
    assert not list((tmp_path / "sets").rglob("dataset_info.json"))


def test_the_test_set_of_visda_has_a_list_of_labels(tmp_path):
    raw = tmp_path / "raw" / "test"
    for n in range(3):
        image(raw / "trunk00" / f"{n}.jpg", (n, n, n), format="PNG")
    (raw / "image_list.txt").write_text(
        "".join(f"trunk00/{n}.jpg {n}\n" for n in range(3))
    )
    builder = prepared("visda2017", tmp_path / "raw", tmp_path / "sets", "test")
    found = sorted(
        (one["label"], one["image"][0, 0, 0].item()) for one in rows(builder)
    )
    assert found == [(0, 0), (1, 1), (2, 2)]
    (raw / "image_list.txt").write_text("../../x.jpg 1\n")
    with pytest.raises(ValueError, match="line 1"):
        prepared("visda2017", tmp_path / "raw", tmp_path / "more", "test")


def test_office_caltech_takes_office31s_names_and_gives_the_published_counts(
    tmp_path, data_dir
):
    counts = {"dslr": 157, "webcam": 295}
    for domain, count in counts.items():
        arrays = real(data_dir, f"officecaltech_img64_{domain}.npz")
        names = [str(one) for one in arrays["classes"]]
        assert names == list(builder_class("office_caltech10").CLASSES)
        names[0], names[5] = "back_pack", "laptop_computer"  # as Office-31 has it
        for n, (pixels, label) in enumerate(zip(arrays["x"], arrays["y"], strict=True)):
            path = tmp_path / "raw" / domain / "images" / names[label] / f"{n}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels).save(path, compress_level=1)
        builder = prepared("office_caltech10", tmp_path / "raw", tmp_path / "s", domain)
        found = rows(builder)
        assert len(found) == count
        classes = np.bincount([one["label"] for one in found])
        assert classes.tolist() == np.bincount(arrays["y"]).tolist()


@pytest.mark.slow
@pytest.mark.parametrize(("domain", "count"), [("amazon", 958), ("caltech10", 1123)])
def test_the_published_counts_of_the_large_domains(tmp_path, data_dir, domain, count):
    arrays = real(data_dir, f"officecaltech_img64_{domain}.npz")
    for n, (pixels, label) in enumerate(zip(arrays["x"], arrays["y"], strict=True)):
        name = str(arrays["classes"][label])
        image(tmp_path / "raw" / domain / name / f"{n}.png")
        Image.fromarray(pixels).save(tmp_path / "raw" / domain / name / f"{n}.png")
    builder = prepared("office_caltech10", tmp_path / "raw", tmp_path / "s", domain)
    labels = [one["label"] for one in rows(builder)]
    assert len(labels) == count
    assert np.bincount(labels).tolist() == np.bincount(arrays["y"]).tolist()
