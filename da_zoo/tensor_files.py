"""Arrays by name in one file, with text beside them: safetensors, whole or not at all.

The format holds no code, so that a file from anywhere can be read; nothing is pickled.
"""

import hashlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import PyTree
from safetensors import SafetensorError, TensorSpec, deserialize, serialize

from da_zoo.whole_files import write_whole

__all__ = ["decode_tree", "encode_tree", "hash_arrays", "read_arrays", "write_arrays"]

_DTYPES: dict[str, Any] = {
    "BF16": jnp.bfloat16,
    "BOOL": np.bool_,
    "F16": np.float16,
    "F32": np.float32,
    "F64": np.float64,
    **{f"I{bits}": np.dtype(f"int{bits}") for bits in (8, 16, 32, 64)},
    **{f"U{bits}": np.dtype(f"uint{bits}") for bits in (8, 16, 32, 64)},
}


def hash_arrays(arrays: Mapping[str, np.ndarray]) -> str:
    """Returns the sha256 of names, dtypes, shapes and bytes, in the names' order.

    Example:
        >>> hash_arrays({"a": np.ones(2)}) == hash_arrays({"a": np.ones(2)})
        True
        >>> hash_arrays({"a": np.ones(2)}) == hash_arrays({"a": np.ones((2, 1))})
        False
    """
    hasher = hashlib.sha256()
    for name in sorted(arrays):
        array = np.asarray(arrays[name])
        head = json.dumps([name, array.dtype.name, list(array.shape)])
        hasher.update(head.encode() + b"\n")
        hasher.update(np.ascontiguousarray(array).tobytes())
    return hasher.hexdigest()


def write_arrays(
    path: str | Path, arrays: Mapping[str, np.ndarray], text: Mapping[str, str]
) -> None:
    """Writes a file that is complete or not there, whenever the process ends.

    Args:
        path: of the file; one that is there is replaced.
        arrays: by name.
        text: what stands beside them.

    Raises:
        OSError: if the folder is missing or cannot be written to.
        ValueError: for a dtype that the format lacks.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "ones.safetensors"
        >>> write_arrays(path, {"ones": np.ones(2)}, {"of": "ones"})
        >>> read_arrays(path)[1]
        {'of': 'ones'}
    """
    whole = {name: np.asarray(a, order="C") for name, a in arrays.items()}
    for name, array in whole.items():
        if not any(array.dtype == dtype for dtype in _DTYPES.values()):
            raise ValueError(f"{name} has dtype {array.dtype}, which no file can hold")
    specs = {
        name: TensorSpec(
            dtype=array.dtype.name,
            shape=array.shape,
            data_ptr=array.ctypes.data,
            data_len=array.nbytes,
        )
        for name, array in whole.items()
    }
    content = serialize(specs, metadata=dict(text))
    write_whole(path, content)


def read_arrays(path: str | Path) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """Reads what :func:`write_arrays`, or any writer of safetensors, wrote.

    Args:
        path: of the file.

    Returns:
        Arrays by name, and the text beside them.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if it is no safetensors file, cut short, or of an unknown dtype.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "not.safetensors"
        >>> _ = path.write_bytes(b"something else")
        >>> read_arrays(path)
        Traceback (most recent call last):
        ...
        ValueError: .../not.safetensors is damaged or no safetensors file: ...
    """
    content = Path(path).read_bytes()
    try:
        tensors = deserialize(content)
        size = int.from_bytes(content[:8], "little")
        header = json.loads(content[8 : 8 + size])
        return (
            {name: _array(spec) for name, spec in tensors},
            dict(header.get("__metadata__", {})),
        )
    except (SafetensorError, KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{path} is damaged or no safetensors file: {error}") from None


def _array(spec: Mapping[str, Any]) -> np.ndarray:
    if spec["dtype"] not in _DTYPES:
        raise ValueError(f"unknown dtype {spec['dtype']!r}")
    flat = np.frombuffer(spec["data"], dtype=_DTYPES[spec["dtype"]])
    return flat.reshape(spec["shape"])


def encode_tree(
    tree: PyTree,
    leaf: Callable[[tuple[Any, ...], Any], list[str] | None],
    keys: tuple[Any, ...] = (),
) -> Any:
    """Writes a tree of dicts as JSON values; empty dicts, None and int keys stay.

    Args:
        tree: of dicts, arrays and None.
        leaf: ``(keys, array) -> what stands in the array's place``.
        keys: of the tree itself.

    Raises:
        TypeError: if it holds anything else.

    Example:
        >>> encode_tree({"a": {0: np.ones(1)}}, lambda keys, _: [str(keys)])
        {'dict': [['a', {'dict': [[0, ["('a', 0)"]]]}]]}
    """
    if isinstance(tree, Mapping):
        pairs = [[k, encode_tree(v, leaf, (*keys, k))] for k, v in tree.items()]
        return {"dict": pairs}
    if tree is None:
        return None
    if not hasattr(tree, "shape"):
        raise TypeError(
            f"{'/'.join(map(str, keys))} is a {type(tree).__name__}; variables are "
            "dicts of arrays"
        )
    return leaf(keys, tree)


def decode_tree(told: Any, leaf: Callable[[list[str]], Any]) -> Any:
    """Undoes :func:`encode_tree`.

    Args:
        told: the JSON values.
        leaf: what stood in an array's place -> the array.

    Example:
        >>> decode_tree({"dict": [["a", ["x"]], ["b", None]]}, lambda told: told[0])
        {'a': 'x', 'b': None}
    """
    if isinstance(told, dict):
        return {key: decode_tree(value, leaf) for key, value in told["dict"]}
    return None if told is None else leaf(told)
