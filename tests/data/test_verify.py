"""Sets are held against what was published of them."""

import re

import numpy as np
import pytest

from da_zoo.data.known_sets import WAYS, known_sets
from da_zoo.data.prepare import RECORD, prepare
from da_zoo.data.tfds_builders import BUILDERS, builder_class
from da_zoo.data.verify import verify
from da_zoo.scenarios import list_suites
from tests.data.tfds_builders.raw import heart_lines, no_tensorflow, real, tree
from tests.data.toy_tfds import write_toy


def test_the_list_agrees_with_the_builders():
    sets = known_sets()
    assert set(BUILDERS) <= set(sets)
    for name, known in sets.items():
        assert known.get in WAYS and known.domains, name
        assert all(len(one) == known.classes for one in known.class_counts.values())
        for key, counts in known.class_counts.items():
            domain, split = key.split("/")
            assert sum(counts) == known.counts[domain][split]
        if known.files:
            assert name in list_suites()
        if name in BUILDERS:
            cls = builder_class(name)
            configs = [one.name for one in cls.BUILDER_CONFIGS] or [name]
            assert sorted(configs) == sorted(known.domains)
            info = cls(
                data_dir="nowhere", config=configs[0] if len(configs) > 1 else None
            ).info
            assert info.features["label"].num_classes == known.classes
    total = sum(one["train"] for one in sets["uci_har_subjects"].counts.values())
    assert total == 10_299
    assert sum(one["train"] for one in sets["office_home"].counts.values()) == 15_588
    assert sum(one["train"] for one in sets["pacs"].counts.values()) == 9_991


@pytest.mark.parametrize("name", ["wine", "hospitals", "office_caltech_surf"])
def test_files_are_as_published(data_dir, name):
    results = verify(name, folder=data_dir)
    assert [one.differs for one in results] == [()] * len(known_sets()[name].files)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["digits", "office_caltech"])
def test_large_files_are_as_published(data_dir, name):
    assert all(one.right for one in verify(name, folder=data_dir))


def test_what_comes_along_is_as_published():
    for name in ("digits8", "breast_cancer", "diabetes"):
        assert verify(name)[0].right


def write(path, **arrays):
    np.savez(path, **arrays)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda a: a | {"x": a["x"] + 1}, "not those that da_zoo's numbers"),
        (
            lambda a: a | {"x": a["x"][:-1], "y": a["y"][:-1]},
            "1598 examples, where 1599",
        ),
        (lambda a: a | {"y": a["y"][::-1]}, "not those that"),
        (lambda a: a | {"y": np.where(a["y"] == 3, 4, a["y"])}, "of each class, where"),
        (lambda a: a | {"y": a["y"] + 0.5}, "y: no array of whole numbers"),
        (lambda a: {"x": a["x"]}, r"lacks the arrays \['columns', 'y'\]"),
    ],
)
def test_files_that_differ(tmp_path, data_dir, change, message):
    arrays = real(data_dir, "wine_red.npz")
    write(tmp_path / "wine_red.npz", **change(arrays))
    write(tmp_path / "wine_white.npz", **real(data_dir, "wine_white.npz"))
    red, white = verify("wine", folder=tmp_path)
    assert white.right and not red.right
    assert re.search(message, " ".join(red.differs))


def test_labels_of_another_whole_type_do_not_differ(tmp_path, data_dir):
    for name in ("wine_red.npz", "wine_white.npz"):
        arrays = real(data_dir, name)
        write(tmp_path / name, **(arrays | {"y": arrays["y"].astype(np.int64)}))
    assert all(one.right for one in verify("wine", folder=tmp_path))


def test_missing_files_and_folders(tmp_path):
    assert "is missing" in verify("wine", folder=tmp_path)[0].differs[0]
    with pytest.raises(ValueError, match=r"wine_red\.npz, wine_white\.npz with --data"):
        verify("wine")
    with pytest.raises(ValueError, match="run: da-zoo data prepare usps"):
        verify("usps", data_dir=tmp_path)


def heart(tmp_path, x, severity, name="s"):
    raw = tmp_path / f"raw_{name}"
    heart_lines(raw / "processed.switzerland.data", x, severity)
    options = {"data_dir": tmp_path / name, "progress": False}
    prepare("uci_heart/switzerland", manual_dir=raw, **options)
    (found,) = verify("uci_heart/switzerland", data_dir=tmp_path / name)
    return found


def test_content_counts_where_the_file_is_another(tmp_path, data_dir):
    arrays = real(data_dir, "heart_switzerland.npz")
    x, severity = arrays["x"], arrays["y_raw"]
    found = heart(tmp_path, x, severity)
    assert found.right and found.counts == {"train": 123}
    assert "value by value" in found.notes[0]
    shuffled = np.random.default_rng(0).permutation(len(x))
    assert heart(tmp_path, x[shuffled], severity[shuffled], "t").right
    other = x.copy()
    other[5, 0] += 1
    assert heart(tmp_path, other, severity, "u").differs == (
        "train: the values are not those that were published",
    )
    fewer = heart(tmp_path, x[1:], severity[1:], "v").differs
    assert fewer[0] == "train: 122 examples, where 123 were published"
    assert no_tensorflow()


def test_classes_are_counted_where_no_content_is_known(tmp_path):
    tree(tmp_path / "raw", ["dslr"], builder_class("office_caltech10").CLASSES, count=1)
    options = {"data_dir": tmp_path / "s", "manual_dir": tmp_path / "raw"}
    prepare("office_caltech10/dslr", progress=False, **options)
    (found,) = verify("office_caltech10", data_dir=tmp_path / "s")
    assert found.differs[0] == "train: 10 examples, where 157 were published"
    assert found.differs[1].startswith("train: [1, 1, 1, 1, 1, 1, 1, 1, 1, 1] of each")


def test_files_that_change_after_they_were_prepared(tmp_path):
    tree(tmp_path / "raw", ["photo"], builder_class("pacs").CLASSES, count=1)
    options = {"data_dir": tmp_path / "s", "manual_dir": tmp_path / "raw"}
    (one,) = prepare("pacs/photo", progress=False, **options)
    (record,) = one.folder.glob("*.array_record*")
    raw = bytearray(record.read_bytes())
    raw[100] ^= 1
    record.write_bytes(raw)
    (one.folder / "label.labels.txt").unlink()
    (found,) = verify("pacs", data_dir=tmp_path / "s")
    assert found.differs == (
        "label.labels.txt has gone since it was prepared",
        f"{record.name} has changed since it was prepared",
    )
    (one.folder / RECORD).write_text("[")
    (found,) = verify("pacs", data_dir=tmp_path / "s")
    assert "cannot be read" in found.differs[0]


def test_a_set_that_is_not_known(tmp_path):
    write_toy(tmp_path)
    (found,) = verify("toy", data_dir=tmp_path)
    assert found.right and found.counts == {"train": 20, "test": 4}
    assert "No counts are known" in found.notes[-1]
    assert "not prepared by da-zoo" in found.notes[0]
