"""Sets are prepared once, as a whole, or not at all."""

import json
from pathlib import Path

import numpy as np
import pytest
import tensorflow_datasets as tfds

from da_zoo.data import prepare as module
from da_zoo.data.prepare import RECORD, prepare
from da_zoo.data.tfds_builders import builder_class
from tests.data.tfds_builders.raw import heart_lines, real, tree


@pytest.fixture
def raw(tmp_path):
    heart_lines(tmp_path / "raw/processed.va.data", np.ones((4, 13)), [0, 1, 2, 0])
    return tmp_path / "raw"


def test_once(tmp_path, raw):
    (one,) = prepare(
        "uci_heart/va", data_dir=tmp_path / "sets", manual_dir=raw, progress=False
    )
    assert (one.name, one.counts, one.fresh) == ("uci_heart/va", {"train": 4}, True)
    marks = json.loads((one.folder / RECORD).read_text())
    assert set(marks) >= {"dataset_info.json", "features.json"}
    before = {p: p.stat().st_mtime_ns for p in one.folder.iterdir()}
    (again,) = prepare("tfds:uci_heart/va", data_dir=tmp_path / "sets", progress=False)
    assert again == one._replace(fresh=False)
    assert before == {p: p.stat().st_mtime_ns for p in one.folder.iterdir()}


def test_another_format_is_no_use_without_tensorflow(tmp_path, raw, monkeypatch):
    monkeypatch.setattr(module, "has_tensorflow", lambda: False)
    options = {"data_dir": tmp_path / "sets", "progress": False}
    (one,) = prepare("uci_heart/va", manual_dir=raw, **options)
    path = one.folder / "dataset_info.json"
    path.write_text(path.read_text().replace("array_record", "tfrecord"))
    with pytest.raises(ValueError, match="stored as tfrecord, which only TensorFlow"):
        prepare("uci_heart/va", **options)


def test_nothing_is_printed_to_stdout(tmp_path, raw, capsys):
    prepare("uci_heart/va", data_dir=tmp_path / "sets", manual_dir=raw)
    out, err = capsys.readouterr()
    assert out == "" and "Downloading and preparing" in err


@pytest.mark.parametrize("half", ["incomplete.X1_1.0.0", "1.0.0"])
def test_leftovers_are_refused(tmp_path, raw, half):
    folder = tmp_path / "sets/uci_heart/va" / half
    folder.mkdir(parents=True)
    with pytest.raises(ValueError, match=r"is left of a run .* remove it \(rm -r"):
        prepare("uci_heart/va", data_dir=tmp_path / "sets", manual_dir=raw)
    assert folder.is_dir()
    folder.rmdir()
    prepare("uci_heart/va", data_dir=tmp_path / "sets", manual_dir=raw, progress=False)


def test_a_failure_leaves_nothing_that_looks_prepared(tmp_path, raw):
    (raw / "processed.va.data").write_text("1,2\n")
    for _ in range(2):
        with pytest.raises(ValueError, match=r"va could not be prepared: .*line 1"):
            prepare("uci_heart/va", data_dir=tmp_path / "sets", manual_dir=raw)
    assert not list((tmp_path / "sets").rglob("*.array_record*"))


def test_one_config_does_not_stop_the_others(tmp_path):
    tree(tmp_path / "raw", ["train"], builder_class("visda2017").CLASSES, count=1)
    results = prepare(
        "visda2017",
        data_dir=tmp_path / "sets",
        manual_dir=tmp_path / "raw",
        progress=False,
    )
    assert [one.counts for one in results] == [{"train": 12}, {}, {}]
    assert "could not be prepared: found no folder of visda2017/real" in (
        results[1].problem
    )
    # What to do is said in the builder's own words.
    assert "Fetch http://csr.bu.edu/ftp/visda17/clf/train.tar" in results[2].problem
    with pytest.raises(ValueError, match="name the folder with --manual-dir\nFetch"):
        prepare("visda2017/test", data_dir=tmp_path / "more", progress=False)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("usp", "did you mean 'usps'"),
        ("uci_heart/cleveland2", "did you mean 'cleveland'"),
        ("usps/x", "it has no configs"),
        ("mnist_corrupted", r"has the configs \['identity'"),
        ("hospitals", r"not to be prepared: files in a folder .*heart_va\.npz"),
        ("diabetes", "comes along with scikit-learn"),
    ],
)
def test_what_cannot_be_prepared(tmp_path, monkeypatch, name, message):
    monkeypatch.setattr(module, "has_tensorflow", lambda: name == "mnist_corrupted")
    with pytest.raises(ValueError, match=message):
        prepare(name, data_dir=tmp_path)
    with pytest.raises(ValueError, match="nowhere is no folder"):
        prepare("usps", data_dir=tmp_path, manual_dir="nowhere")


def test_tensorflow_is_asked_for_before_anything_is_fetched(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "has_tensorflow", lambda: False)
    monkeypatch.setattr(module, "_class", lambda name: pytest.fail("too late"))
    with pytest.raises(ValueError, match=r'pip install "da-zoo\[tf\]"'):
        prepare("svhn_cropped", data_dir=tmp_path)


def test_a_builder_that_turns_out_to_need_tensorflow(tmp_path, monkeypatch):
    class Hungry(tfds.core.GeneratorBasedBuilder, skip_registration=True):
        name = "hungry"
        VERSION = tfds.core.Version("1.0.0")

        def _info(self):
            image = tfds.features.Image(shape=(2, 2, 3))
            return tfds.core.DatasetInfo(
                builder=self, features=tfds.features.FeaturesDict({"image": image})
            )

        def _split_generators(self, dl_manager):
            return {"train": self._generate_examples()}

        def _generate_examples(self):
            raise ModuleNotFoundError("No module named 'tensorflow'")
            yield

    monkeypatch.setattr(module, "_class", lambda name: Hungry)
    with pytest.raises(ValueError, match=r'hungry needs TensorFlow .*"da-zoo\[tf\]"'):
        prepare("hungry", data_dir=tmp_path, progress=False)


def fetched(monkeypatch, answer):
    """What TFDS's download manager gives for a URL."""
    monkeypatch.setattr(tfds.download.DownloadManager, "download", answer)


def test_a_download_is_held_against_the_published_sum(tmp_path, monkeypatch, data_dir):
    urls = []

    def download(self, url):
        urls.append(url)
        return tmp_path / "raw/processed.cleveland.data"

    fetched(monkeypatch, download)
    arrays = real(data_dir, "heart_cleveland.npz")
    heart_lines(tmp_path / "raw/processed.cleveland.data", arrays["x"], arrays["y_raw"])
    # Written anew, Cleveland's file is UCI's to the byte.
    (one,) = prepare("uci_heart/cleveland", data_dir=tmp_path / "s", progress=False)
    told = json.loads((one.folder / "metadata.json").read_text())
    assert told["files"]["processed.cleveland.data"]["published"] is True
    assert urls[0].startswith("https://archive.ics.uci.edu/")
    heart_lines(tmp_path / "raw/processed.cleveland.data", arrays["x"], arrays["y"])
    with pytest.raises(ValueError, match="gave another file than the published one"):
        prepare("uci_heart/cleveland", data_dir=tmp_path / "s2", progress=False)


def test_a_network_that_is_down(tmp_path, monkeypatch):
    def download(self, url):
        raise ConnectionError("no route")

    fetched(monkeypatch, download)
    with pytest.raises(ValueError, match=r"\(ConnectionError: no route\); fetch") as e:
        prepare("usps", data_dir=tmp_path, progress=False)
    assert "zip.train.gz" in str(e.value) and not list(Path(tmp_path).rglob("1.0.0"))
