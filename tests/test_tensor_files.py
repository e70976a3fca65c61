"""Files of arrays: every dtype bit by bit, whole or refused."""

import os

import jax.numpy as jnp
import numpy as np
import pytest

from da_zoo.tensor_files import (
    decode_tree,
    encode_tree,
    hash_arrays,
    read_arrays,
    write_arrays,
)


def arrays():
    rng = np.random.default_rng(0)
    raw = rng.normal(size=(3, 4))
    dtypes = (
        "float64",
        "float32",
        "float16",
        "int8",
        "uint8",
        "int32",
        "uint64",
        "bool",
    )
    found = {name: raw.astype(name) for name in dtypes}
    found["half"] = np.asarray(jnp.asarray(raw, jnp.bfloat16))
    found["scalar"] = np.float32(2.5)
    found["none"] = np.zeros((0, 3), np.float32)
    found["odd"] = np.float32([np.nan, -0.0, np.inf])
    found["turned"] = raw.T
    return {name: np.asarray(a) for name, a in found.items()}


def test_there_and_back(tmp_path):
    path = tmp_path / "all.safetensors"
    write_arrays(path, arrays(), {"of": "tests", "json": '{"a": "é"}'})
    read, text = read_arrays(path)
    assert text == {"of": "tests", "json": '{"a": "é"}'}
    assert read.keys() == arrays().keys()
    for name, array in arrays().items():
        assert (read[name].dtype, read[name].shape) == (array.dtype, array.shape), name
        assert read[name].tobytes() == array.tobytes(), name
    assert hash_arrays(read) == hash_arrays(arrays())
    assert os.listdir(tmp_path) == ["all.safetensors"]


def test_a_hash_is_of_names_dtypes_shapes_and_bits():
    base = {"a": np.float32([0.0, 1.0]), "b": np.float32([2.0])}
    others = [
        {"a": base["a"], "c": base["b"]},
        {"a": base["a"][:, None], "b": base["b"]},
        {"a": base["a"].view(np.int32), "b": base["b"]},
        {"a": np.float32([-0.0, 1.0]), "b": base["b"]},
        {"a": base["a"]},
    ]
    hashes = [hash_arrays(each) for each in (base, *others)]
    assert len(set(hashes)) == len(hashes)
    assert hash_arrays(dict(reversed(base.items()))) == hashes[0]


def test_a_write_that_fails_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "a.safetensors"
    write_arrays(path, {"a": np.ones(2)}, {})
    before = path.read_bytes()

    def full(*_):
        raise OSError("no space left")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="no space"):
        write_arrays(path, {"a": np.zeros(2)}, {})
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["a.safetensors"]
    monkeypatch.undo()
    with pytest.raises(FileNotFoundError):
        write_arrays(tmp_path / "no" / "a.safetensors", {"a": np.zeros(2)}, {})


@pytest.mark.parametrize("share", [0.0, 0.01, 0.3, 0.99])
def test_files_cut_short_are_refused(tmp_path, share):
    path = tmp_path / "a.safetensors"
    write_arrays(path, arrays(), {"a": "b"})
    whole = path.read_bytes()
    path.write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(ValueError, match="damaged or no safetensors file"):
        read_arrays(path)


@pytest.mark.parametrize(
    "content", [b"\x80\x04K\x01.", b"PK\x03\x04 a zip", b"\xff" * 64, b"{}"]
)
def test_other_files_are_refused(tmp_path, content):
    path = tmp_path / "a.safetensors"
    path.write_bytes(content)
    with pytest.raises(ValueError, match="damaged or no safetensors file"):
        read_arrays(path)


def test_objects_are_refused(tmp_path):
    with pytest.raises(ValueError, match="dtype object"):
        write_arrays(tmp_path / "a", {"a": np.array([print])}, {})


def test_trees_keep_what_paths_lose():
    tree = {"a": {0: np.ones(1), "0": np.ones(2)}, "b/c": {}, "d": None}
    told = encode_tree(tree, lambda keys, leaf: [len(leaf)])
    assert decode_tree(told, lambda told: told[0]) == {
        "a": {0: 1, "0": 2},
        "b/c": {},
        "d": None,
    }
    with pytest.raises(TypeError, match="a/b is a list"):
        encode_tree({"a": {"b": [1.0]}}, lambda keys, leaf: [])
