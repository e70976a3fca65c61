"""Files of weights: what is read, and what is refused with a reason."""

import sys
import types

import ml_dtypes
import numpy as np
import pytest
import safetensors.numpy

from da_zoo.models.pretrained import files
from da_zoo.models.pretrained.files import file_digest, locate, read_weights

WEIGHTS = {
    "fc.weight": np.arange(6, dtype=np.float32).reshape(2, 3),
    "steps": np.array(3, np.int64),
}


@pytest.mark.parametrize("ending", ["safetensors", "npz"])
def test_arrays_come_back_by_name(tmp_path, ending):
    path = tmp_path / f"w.{ending}"
    if ending == "npz":
        np.savez(path, **WEIGHTS)
    else:
        safetensors.numpy.save_file(WEIGHTS, path)
    read = read_weights(path)
    assert read.keys() == WEIGHTS.keys()
    for name, value in WEIGHTS.items():
        np.testing.assert_array_equal(read[name], value)
        assert read[name].dtype == value.dtype


def test_bfloat16_is_read(tmp_path):
    values = np.array([1.0, -2.5, 3e38], ml_dtypes.bfloat16)
    header = b'{"w":{"dtype":"BF16","shape":[3],"data_offsets":[0,6]}}'
    content = len(header).to_bytes(8, "little") + header + values.tobytes()
    (tmp_path / "half.safetensors").write_bytes(content)
    read = read_weights(tmp_path / "half.safetensors")["w"]
    assert read.dtype == ml_dtypes.bfloat16
    np.testing.assert_array_equal(read, values)


@pytest.mark.parametrize("ending", ["safetensors", "npz"])
@pytest.mark.parametrize("content", [b"", b"no weights at all", b"PK\x03\x04torn"])
def test_damaged_files_are_named(tmp_path, ending, content):
    path = tmp_path / f"torn.{ending}"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=rf"torn\.{ending} is damaged"):
        read_weights(path)


def test_a_truncated_file_is_named(tmp_path):
    path = tmp_path / "w.safetensors"
    safetensors.numpy.save_file(WEIGHTS, path)
    path.write_bytes(path.read_bytes()[:-4])
    with pytest.raises(ValueError, match="damaged"):
        read_weights(path)


def test_nothing_is_unpickled(tmp_path):
    np.savez(tmp_path / "objects.npz", w=np.array([{}], dtype=object))
    with pytest.raises(ValueError, match="Python objects"):
        read_weights(tmp_path / "objects.npz")


def test_missing_files_and_other_kinds_are_refused(tmp_path):
    with pytest.raises(ValueError, match="there is no file"):
        read_weights(tmp_path / "absent.npz")
    with pytest.raises(ValueError, match=r"weights\.h5: weights come as"):
        read_weights(tmp_path / "weights.h5")


def test_without_torch_the_conversion_is_explained(tmp_path, monkeypatch):
    (tmp_path / "w.pth").write_bytes(b"anything")
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(ValueError, match=r"save_file\(.*'w\.safetensors'"):
        read_weights(tmp_path / "w.pth")


def _fake_torch(content):
    """The part of torch that is called, without torch."""

    class Tensor:
        dtype = "float32"

        def detach(self):
            return self

        cpu = detach

        def numpy(self):
            return np.ones(2, np.float32)

    def load(path, *, map_location, weights_only):
        assert weights_only is True
        if content == "pickle":
            raise RuntimeError("Weights only load failed")
        return content(Tensor)

    fake = types.ModuleType("torch")
    fake.Tensor, fake.load, fake.bfloat16 = Tensor, load, "bfloat16"
    return fake


@pytest.mark.parametrize("wrap", [None, "state_dict", "model"])
def test_torch_files_are_read_where_torch_is(tmp_path, monkeypatch, wrap):
    def content(tensor):
        weights = {"w": tensor()}
        return {wrap: weights, "epoch": 3} if wrap else weights

    (tmp_path / "w.pth").touch()
    monkeypatch.setitem(sys.modules, "torch", _fake_torch(content))
    assert read_weights(tmp_path / "w.pth")["w"].shape == (2,)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("pickle", "more than tensors"),
        (lambda tensor: [tensor()], "no dict of tensors"),
        (lambda tensor: {"epoch": 3}, "no dict of tensors"),
    ],
)
def test_torch_files_of_other_things_are_refused(
    tmp_path, monkeypatch, content, message
):
    (tmp_path / "w.pth").touch()
    monkeypatch.setitem(sys.modules, "torch", _fake_torch(content))
    with pytest.raises(ValueError, match=message):
        read_weights(tmp_path / "w.pth")


def test_hub_ids_are_taken_apart(tmp_path, monkeypatch):
    asked = []
    hub = types.ModuleType("huggingface_hub")

    def download(repository, file, revision):
        asked.append((repository, file, revision))
        return str(tmp_path / file)

    hub.hf_hub_download = download
    monkeypatch.setitem(sys.modules, "huggingface_hub", hub)
    assert locate("hub:timm/resnet50") == tmp_path / "model.safetensors"
    locate("hub:timm/resnet50/a/b.npz@main")
    assert asked == [
        ("timm/resnet50", "model.safetensors", None),
        ("timm/resnet50", "a/b.npz", "main"),
    ]


def test_bad_hub_ids_and_a_missing_hub_are_explained(monkeypatch):
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(ImportError, match=r"da-zoo\[weights\]"):
        locate("hub:timm/resnet50")
    for name in ("hub:", "hub:resnet50", "hub:/resnet50"):
        with pytest.raises(ValueError, match="no id of the hub"):
            locate(name)


def test_the_digest_is_of_the_content(tmp_path):
    (tmp_path / "a").write_bytes(b"abc")
    known = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert file_digest(tmp_path / "a") == known
    assert files.HUB == "hub:"
