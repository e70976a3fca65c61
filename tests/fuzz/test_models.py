"""Model directories of strangers: a model, or refused; nothing else."""

import functools
import hashlib
import json
import struct
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from hypothesis import given
from hypothesis import strategies as st

import da_zoo
from da_zoo.cli import main
from da_zoo.finetune import load_delta, presets, save_delta
from da_zoo.models import load_pretrained
from da_zoo.models.pretrained.files import read_weights
from da_zoo.tensor_files import hash_arrays, read_arrays, write_arrays
from da_zoo.testing import toy_data
from tests.fuzz.clean import (
    VALUES,
    answer,
    damaged,
    deep,
    edited,
    folder,
    fuzz,
    untouched,
)

EXAMPLES = 820
FILES = ("model.json", "weights.safetensors")
ROWS = np.linspace(-1, 1, 12, dtype=np.float32).reshape(4, 3)


@functools.cache
def model() -> dict[str, bytes]:
    """A tiny model as it is saved."""
    source = (np.tile(ROWS, (4, 1)), np.tile(["a", "b"], 8))
    found = da_zoo.adapt(
        source,
        ROWS,
        method="dann",
        steps=2,
        network="mlp",
        network_options={"hidden": (4,)},
    )
    with folder() as name:
        found.model.save(name)
        return {file: (name / file).read_bytes() for file in FILES}


def written(name: Path, **changed: bytes) -> Path:
    """The model's folder, with other contents of some files."""
    there = name / "model"
    there.mkdir()
    for file, content in {**model(), **changed}.items():
        (there / file).write_bytes(content)
    return there


def signed(told: Any) -> bytes:
    """A description whose checksum is right, as a stranger would write it."""
    if not isinstance(told, dict):
        return json.dumps(told).encode()
    told = {key: value for key, value in told.items() if key != "content"}
    digest = hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()
    return json.dumps({**told, "content": digest}).encode()


def predicts_or_refuses(there: Path) -> None:
    with untouched(there):
        found, _ = answer(lambda: da_zoo.load(there), str(there))
        if found is not None:
            values, _ = answer(lambda: found.predict_proba(ROWS))
            if values is not None:
                assert values.shape == (4, len(found.classes))


@fuzz(150)
@given(st.sampled_from(FILES), st.data())
def test_damaged_files(file, data):
    content = data.draw(damaged(model()[file]))
    with folder() as name:
        predicts_or_refuses(written(name, **{file: content}))


@fuzz(120)
@given(st.data())
def test_descriptions_that_were_edited_and_signed(data):
    told = json.loads(model()["model.json"])
    content = signed(data.draw(edited(told)))
    with folder() as name:
        predicts_or_refuses(written(name, **{"model.json": content}))


SIZES = st.sampled_from([0, -1, 1, 5, 2**20 - 1, 2**31, 10**9, 10**30, 1.5, None, "4"])


@fuzz(100)
@given(
    st.sampled_from(["network_options", "shape", "classes", "values", "encoder"]),
    st.data(),
)
def test_specs_that_would_take_all_memory(field, data):
    told = json.loads(model()["model.json"])
    spec = told["spec"]
    if field == "network_options":
        hidden = data.draw(st.lists(SIZES, max_size=3) | SIZES)
        more = data.draw(st.sampled_from(["depth", "width", "heads", "hidden"]))
        spec["network"] = data.draw(
            st.sampled_from(["mlp", "mlp", "cnn1d", "vit_ti16"])
        )
        spec["network_options"] = {"hidden": hidden, more: data.draw(SIZES)}
    elif field == "shape":
        spec["shape"] = data.draw(st.lists(SIZES, max_size=4))
    elif field == "classes":
        spec["classes"] = ["a"] * data.draw(st.sampled_from([0, 1, 3, 10**5]))
    elif field == "values":
        name = data.draw(
            st.sampled_from(["hidden", "discriminator_hidden", "bottleneck"])
        )
        spec["values"][name] = data.draw(SIZES)
    else:
        spec["encoder"] = data.draw(
            st.sampled_from(
                [
                    {"encoder": "images", "side": 4096, "channels": 3, "crop": False},
                    {
                        "encoder": "signals",
                        "time": 10**9,
                        "mean": [0],
                        "deviation": [1],
                    },
                    {"encoder": "text", "how": "words", "length": 10**6},
                    {
                        "encoder": "features",
                        "normalise": "none",
                        "mean": [1e308] * 3,
                        "deviation": [1e-308] * 3,
                    },
                ]
            )
        )
    with folder() as name:
        predicts_or_refuses(written(name, **{"model.json": signed(told)}))


@fuzz(60)
@given(st.data())
def test_trees_that_were_edited_with_their_weights(data):
    told = json.loads(model()["model.json"])
    with folder() as name:
        there = written(name)
        arrays, text = read_arrays(there / FILES[1])
        own = data.draw(st.sampled_from(sorted(arrays)))
        arrays[own] = data.draw(
            st.sampled_from(
                [
                    np.zeros(0, np.float32),
                    np.full(arrays[own].shape, np.nan, arrays[own].dtype),
                    np.zeros((2, 2, 2), np.int8),
                    np.full(arrays[own].shape, 1e38, np.float32),
                    arrays[own].astype(np.float16),
                    np.zeros((4, 10**6), np.bool_),
                ]
            )
        )
        if data.draw(st.booleans()):
            told["tree"] = data.draw(edited(told["tree"]))
        elif data.draw(st.booleans()):
            tree = json.dumps(told["tree"])
            told["tree"] = json.loads(
                '{"dict": [["params", ' * 200 + tree + "]]}" * 200
            )
        told["weights"] = hash_arrays(arrays)
        write_arrays(there / FILES[1], arrays, text)
        (there / FILES[0]).write_bytes(signed(told))
        predicts_or_refuses(there)


def test_the_model_itself_is_read():
    with folder() as name:
        found, error = answer(lambda: da_zoo.load(written(name)))
        assert error is None and found.predict(ROWS).shape == (4,)
        told = json.loads(model()["model.json"])
        again = name / "again"
        again.mkdir()
        found, error = answer(
            lambda: da_zoo.load(written(again, **{"model.json": signed(told)}))
        )
        assert error is None  # so that what is signed is refused for what it says


@fuzz(40)
@given(st.data())
def test_the_command_line_says_so(data):
    with folder() as name:
        there = written(name, **{FILES[0]: data.draw(damaged(model()[FILES[0]]))})
        rows = name / "rows.csv"
        rows.write_text("a,b,c\n1,2,3\n")
        with untouched(name):
            code, error = answer(lambda: main(["predict", str(there), str(rows)]))
        assert error is not None or code in (0, 2)


@functools.cache
def delta() -> tuple[bytes, da_zoo.Pretrained]:
    network = da_zoo.network_by_name("mlp", hidden=(4,))
    base = da_zoo.Pretrained(*network.init(jax.random.key(0), jnp.ones((2, 6))))
    plan = presets.lora(rank=2)
    recipe = plan.recipe(da_zoo.start_from(network, base), classes=3, source_share=0.0)
    state = da_zoo.fit(recipe, toy_data(), jax.random.key(0), steps=2, batch_size=6)
    with folder() as name:
        path = name / "delta.safetensors"
        save_delta(path, base, state.state, plan=plan, manifest={"of": "toy"})
        return path.read_bytes(), base


def resealed(arrays: dict, text: dict) -> dict:
    """A delta's text whose checksum is right."""
    text = {key: value for key, value in text.items() if key != "content"}
    words = np.frombuffer(json.dumps(text, sort_keys=True).encode(), np.uint8)
    return text | {"content": hash_arrays({**arrays, "": words})}


@fuzz(150)
@given(st.data())
def test_deltas(data):
    content, base = delta()
    with folder() as name:
        path = name / "delta.safetensors"
        path.write_bytes(content)
        if data.draw(st.booleans()):
            path.write_bytes(data.draw(damaged(content)))
        else:
            arrays, text = read_arrays(path)
            field = data.draw(st.sampled_from(["tree", "plan", "classes", "manifest"]))
            new = data.draw(
                edited(json.loads(text[field])).map(json.dumps)
                | st.sampled_from([deep(10**5), "", "NaN", "1e999", "[" * 999])
            )
            write_arrays(path, arrays, resealed(arrays, text | {field: new}))
        with untouched(name):
            found, _ = answer(lambda: load_delta(path, base), "delta.safetensors")
            if found is not None:
                answer(lambda: found.tuned)


def safetensors(header: bytes, body: bytes) -> bytes:
    return struct.pack("<Q", len(header)) + header + body


@fuzz(80)
@given(
    st.fixed_dictionaries(
        {
            "dtype": st.sampled_from(["F32", "I64", "BOOL", "F8_E4M3", "x", 3]),
            "shape": st.lists(SIZES, max_size=3),
            "data_offsets": st.lists(SIZES, max_size=3) | st.just([0, 16]),
        }
    ),
    VALUES,
    st.integers(0, 2),
)
def test_headers_of_weights(entry, metadata, kind):
    whole = {"a": entry} if kind else {"a": entry, "__metadata__": metadata}
    content = safetensors(json.dumps(whole).encode(), bytes(16))
    if kind == 2:
        content = struct.pack("<Q", 2**60) + content[8:]
    with folder() as name:
        path = name / "w.safetensors"
        path.write_bytes(content)
        with untouched(name):
            answer(lambda: read_arrays(path), "w.safetensors")


@functools.cache
def weights() -> dict[str, bytes]:
    arrays = {
        "features.0.weight": np.ones((4, 3), np.float32),
        "classifier.bias": np.zeros(3, np.float32),
    }
    with folder() as name:
        np.savez(name / "w.npz", **arrays)
        write_arrays(name / "w.safetensors", arrays, {})
        return {one.suffix: one.read_bytes() for one in name.iterdir()}


@fuzz(120)
@given(st.sampled_from([".npz", ".safetensors", ".pth", ".bin", ".h5"]), st.data())
def test_weights_files(suffix, data):
    content = weights().get(suffix, b"PK\x03\x04 no archive")
    if data.draw(st.booleans()):
        content = data.draw(damaged(content))
    with folder() as name:
        path = name / f"w{suffix}"
        path.write_bytes(content)
        with untouched(name):
            found, error = answer(lambda: read_weights(path), f"w{suffix}")
            # Tracing a ResNet takes long; what was read is not one, ever.
            if found is None or data.draw(st.integers(0, 9)) == 0:
                _, error = answer(lambda: load_pretrained(path, "resnet18"))
                assert error is not None
