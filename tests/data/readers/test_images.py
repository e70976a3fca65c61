import shutil

import numpy as np
import pytest
from PIL import Image

from da_zoo.data.image_files import ImageFiles
from da_zoo.data.readers.images import read_images


def save(path, value=0, size=(6, 4), mode="RGB"):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new(mode, size, value).save(path)


@pytest.fixture
def office(tmp_path):
    root = tmp_path / "office"
    for place, domain in enumerate(("amazon", "webcam")):
        for number, name in enumerate(("mug", "pen")):
            shade = (10 + 100 * place + number,) * 3
            save(root / domain / name / "0.png", shade)
            save(root / domain / name / "1.jpg", shade)
    return root


def test_a_tree_of_domains_and_classes(office):
    data = read_images(office, label=True)
    assert (data.kind, data.classes) == ("images", ("mug", "pen"))
    assert data.domains == ("amazon", "webcam") and isinstance(data.x, ImageFiles)
    assert data.labels.tolist() == [0, 0, 1, 1] * 2
    assert data.domain.tolist() == [0] * 4 + [1] * 4
    assert data.x.sizes.tolist() == [[4, 6]] * 8
    some = data.of("webcam").take(np.array([2]))
    assert some.labels.tolist() == [1]
    assert some.x.decode(np.array([0]), 1, 1).tolist() == [[[[111]]]]
    only = read_images(office, label=True, domain="webcam", classes=["pen", "mug"])
    assert only.rows == 4 and only.labels.tolist() == [1, 1, 0, 0]
    with pytest.raises(ValueError, match=r"classes \['pen'\]"):
        read_images(office, label=True, classes=["mug"])


def test_labels_are_read_only_if_asked_for(office):
    data = read_images(office)
    assert data.labels is None and data.classes == () and not data.labelled.any()
    # Nor does it matter what the folders of classes are called.
    (office / "amazon" / "mug").rename(office / "amazon" / "PEN")
    assert read_images(office, label=False).rows == 8
    with pytest.raises(ValueError, match="look alike"):
        read_images(office, label=True)


def test_the_fingerprint_is_of_names_and_bytes(office, tmp_path):
    before = read_images(office, label=True).fingerprint
    shutil.copytree(office, tmp_path / "copy")
    assert read_images(tmp_path / "copy", label=True).fingerprint == before
    save(tmp_path / "copy" / "webcam" / "pen" / "0.png", (1, 2, 3))
    assert read_images(tmp_path / "copy", label=True).fingerprint != before
    (office / "webcam" / "pen" / "0.png").rename(office / "webcam" / "pen" / "2.png")
    assert read_images(office, label=True).fingerprint != before


def test_a_corrupt_file_is_named_and_left_out_only_if_asked_for(office):
    bad = office / "amazon" / "pen" / "1.jpg"
    bad.write_bytes(bad.read_bytes()[:-30])
    with pytest.raises(
        ValueError, match=r"amazon/pen/1\.jpg \(.*\): this image .*skip_"
    ):
        read_images(office, label=True)
    (office / "webcam" / "mug" / "0.png").write_text("no image")
    with pytest.raises(ValueError, match=r"nor can 1 others"):
        read_images(office, label=True)
    data = read_images(office, label=True, skip_corrupt=True)
    assert data.rows == len(data.x) == 6
    assert data.labels.tolist() == [0, 0, 1, 0, 1, 1]
    (note,) = data.notes
    assert note.startswith("2 of 8 images cannot be read and are left out")
    assert str(bad) in note and "webcam/mug/0.png (no image)" in note


def test_nothing_is_left_if_all_are_corrupt(tmp_path):
    (tmp_path / "a.png").write_text("no image")
    with pytest.raises(ValueError, match=r"a\.png \(no image\)"):
        read_images(tmp_path, skip_corrupt=True)


def test_flat_folders_and_single_files(tmp_path):
    save(tmp_path / "b.png", 5, mode="L")
    save(tmp_path / "a.webp", (9, 9, 9))
    data = read_images(tmp_path)
    assert [p.rsplit("/", 1)[1] for p in data.x.paths] == ["a.webp", "b.png"]
    assert data.x.grey.tolist() == [False, True]
    assert data.domains == (str(tmp_path),)
    assert read_images(tmp_path / "b.png").rows == 1
    with pytest.raises(ValueError, match="no class folders"):
        read_images(tmp_path, label=True)
    with pytest.raises(ValueError, match="one image"):
        read_images(tmp_path / "b.png", label=True)
    (tmp_path / "a.txt").write_text("x")
    with pytest.raises(ValueError, match=r"a\.txt must end in"):
        read_images(tmp_path / "a.txt")
    with pytest.raises(ValueError, match="is no folder"):
        read_images(tmp_path / "nowhere")
