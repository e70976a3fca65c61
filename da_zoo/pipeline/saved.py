"""A model as a folder: ``model.json`` and ``weights.safetensors``.

The one says what it is, the other what it learned. No code is stored and nothing is
pickled, so a stranger's model can at worst be refused.
"""

import json
import re
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from da_zoo.json_files import digest, read_json
from da_zoo.pipeline.limits import check_options, check_program, check_shape
from da_zoo.pipeline.model import AdaptedModel, Spec
from da_zoo.tensor_files import (
    decode_tree,
    encode_tree,
    hash_arrays,
    read_arrays,
    write_arrays,
)
from da_zoo.types import TrainState
from da_zoo.whole_files import write_whole

__all__ = ["FORMAT", "load", "read_spec", "save", "spec_of"]

FORMAT = "da_zoo model 1"
LARGEST_JSON = 256 * 1024 * 1024
"""Bytes; a vocabulary takes some, nothing that we write takes so many."""
DEEPEST_JSON = 300
"""Lists and objects within each other: three for each part of a network's path."""
LARGEST_NUMBER = 1e100
LONGEST_MESSAGE = 2000
MOST_SOURCES = 1000
PARTS = ("params", "stats", "extra", "hparams")
"""Of a state, what predicting may need."""


def save(model: AdaptedModel, folder: str | Path) -> Path:
    """Writes a model; the description comes last, so that a half-written one is none.

    Args:
        model: of :func:`da_zoo.adapt`.
        folder: made where there is none; files of the two names are replaced.

    Returns:
        The folder.

    Raises:
        OSError: if it cannot be written.
        TypeError: if the method keeps something beside arrays in its state, or its spec
            holds what JSON does not; nothing is replaced then.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    arrays: dict[str, np.ndarray] = {}

    def place(keys: tuple[Any, ...], leaf: Any) -> list[str]:
        name = f"{len(arrays)}/" + "/".join(map(str, keys))
        arrays[name] = np.asarray(leaf)
        return [name]

    tree = encode_tree({part: getattr(model.state, part) for part in PARTS}, place)
    told = {
        "format": FORMAT,
        "weights": hash_arrays(arrays),
        "spec": model.spec._asdict(),
        "tree": tree,
    }
    told["content"] = digest(told)
    # As text before anything is replaced: what JSON cannot hold costs no model.
    text = json.dumps(told, allow_nan=False, indent=1)
    description = folder / "model.json"
    description.unlink(missing_ok=True)
    write_arrays(folder / "weights.safetensors", arrays, {"format": FORMAT})
    write_whole(description, text)
    return folder


def load(folder: str | Path) -> AdaptedModel:
    """Reads a model that :func:`save` wrote.

    Args:
        folder: of it.

    Returns:
        The model; it predicts bit by bit what the saved one did.

    Raises:
        FileNotFoundError: if there is no model.
        ValueError: if it is damaged, or no model of this version.

    Example:
        >>> load("nowhere")
        Traceback (most recent call last):
        ...
        FileNotFoundError: nowhere holds no model.json; da-zoo adapt writes one
    """
    folder = Path(folder)
    spec, tree, digest = _description(folder)
    weights = folder / "weights.safetensors"
    if not weights.is_file():
        raise FileNotFoundError(f"{folder} holds no weights.safetensors")
    arrays, _ = read_arrays(weights)
    if hash_arrays(arrays) != digest:
        raise ValueError(f"{weights} is not what model.json was written with")
    try:
        whole = decode_tree(tree, lambda name: jnp.asarray(arrays[name[0]]))
        parts = {part: whole[part] for part in PARTS}
        state = TrainState(
            step=jnp.asarray(0),
            total_steps=jnp.asarray(1.0),
            key=jax.random.key(0),
            opt_state={},
            **parts,
        )
        model = AdaptedModel.of(spec, state)
        check_program(model)
        # A stranger's weights of another shape say so here, not at the first row.
        row = np.zeros((1, *spec.shape), spec.trained.get("dtype", "float32"))
        width = 1 if model.continuous else len(model.classes)
        if model.logits(row)[0].shape != (1, width):
            raise ValueError(f"it has not the {width} outputs that it names")
    except Exception as error:
        raise ValueError(
            f"{folder} is damaged or no model of ours: {_told(error)}"
        ) from None
    return model


def read_spec(folder: str | Path) -> Spec:
    """Reads what a model is, without its weights.

    Args:
        folder: of it.

    Raises:
        FileNotFoundError: if there is no model.
        ValueError: if it is damaged, or no model of this version.

    Example:
        >>> read_spec("nowhere")
        Traceback (most recent call last):
        ...
        FileNotFoundError: nowhere holds no model.json; da-zoo adapt writes one
    """
    return _description(Path(folder))[0]


def _told(error: Exception) -> str:
    """What an error says, not at any length, nor where its library explains it."""
    text = re.sub(r"\s*\(https?://\S*\)", "", str(error))
    return text[:LONGEST_MESSAGE] or type(error).__name__


def _description(folder: Path) -> tuple[Spec, Any, str]:
    path = folder / "model.json"
    if not path.is_file():
        raise FileNotFoundError(
            f"{folder} holds no model.json; da-zoo adapt writes one"
        )
    told = read_json(path, most_bytes=LARGEST_JSON, deepest=DEEPEST_JSON)
    try:
        if told["format"] != FORMAT:
            raise ValueError(f"its format is {told['format']!r}, not {FORMAT!r}")
        if told.pop("content", None) != digest(told):
            raise ValueError("its content is not what was written")
        if not isinstance(told["weights"], str):
            raise ValueError("its checksum of weights is no text")
        return spec_of(told["spec"]), told["tree"], told["weights"]
    except (KeyError, TypeError, RecursionError, ValueError) as error:
        raise ValueError(
            f"{path} is damaged or no model of ours: {_told(error)}"
        ) from None


def spec_of(told: Any) -> Spec:
    """Checks what a description says of its model.

    Args:
        told: by JSON, a stranger's perhaps.

    Raises:
        ValueError: for other fields than a spec's, or values that none of ours has.

    Example:
        >>> spec_of({})
        Traceback (most recent call last):
        ...
        ValueError: its spec has the fields []
    """
    if set(told) != set(Spec._fields):
        raise ValueError(f"its spec has the fields {sorted(told)}")
    spec = Spec(**told)
    wanted = {
        "kind": str,
        "method": str,
        "values": dict,
        "network": str,
        "network_options": dict,
        "classes": list,
        "source_classes": list,
        "labelled_target": bool,
        "sources": int,
        "encoder": dict,
        "reading": dict,
        "shape": list,
        "trained": dict,
    }
    for name, kind in wanted.items():
        if not isinstance(getattr(spec, name), kind):
            raise ValueError(f"its {name} must be a {kind.__name__}")
    check_shape(spec)
    check_options(spec)
    for number in (spec.centre, spec.spread):
        if type(number) not in (int, float) or not abs(number) < LARGEST_NUMBER:
            raise ValueError("its centre and spread must be finite numbers")
    for names in (spec.classes, spec.source_classes):
        if not all(isinstance(name, str) for name in names):
            raise ValueError("its classes must be texts")
    if not 1 <= spec.sources <= MOST_SOURCES:
        raise ValueError(f"its sources must be in [1, {MOST_SOURCES}]")
    return spec
