"""A training state as arrays by name, and what tells whether they are the same."""

import math
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, PyTree

__all__ = ["describe", "fingerprints", "from_arrays", "to_arrays"]

MOST_ELEMENTS = 2**33
"""Of an array whose size a checkpoint may say: memory banks are sized in training."""


def _is_key(leaf: Any) -> bool:
    return jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key)


def _names(tree: PyTree) -> list[str]:
    # Numbered: what a path may hold and a file name may not is nobody's business.
    return [f"a{i:05d}" for i in range(len(jax.tree.leaves(tree)))]


def to_arrays(state: PyTree) -> dict[str, Array]:
    """Copies a state's leaves, by name; keys as the integers that they are.

    Copies, because the next step reuses the buffers while these are being written.
    Arrays without elements are left out.

    Example:
        >>> sorted(to_arrays({"key": jax.random.key(3), "none": jnp.ones(0)}))
        ['a00000']
    """
    leaves = jax.tree.leaves(state)
    plain = [jax.random.key_data(leaf) if _is_key(leaf) else leaf for leaf in leaves]
    return {
        name: jnp.copy(leaf)
        for name, leaf in zip(_names(state), plain, strict=True)
        if leaf.size
    }


def describe(state: PyTree) -> dict[str, dict[str, Any]]:
    """Says of each leaf what it is called, its shape and its type, as JSON.

    Args:
        state: of arrays, or shapes.

    Example:
        >>> describe({"w": jnp.ones(2)})
        {'a00000': {'path': "['w']", 'shape': [2], 'dtype': 'float32'}}
    """
    paths = jax.tree_util.tree_flatten_with_path(state)[0]
    return {
        name: {
            "path": jax.tree_util.keystr(path),
            "shape": list(leaf.shape),
            "dtype": str(leaf.dtype),
        }
        for name, (path, leaf) in zip(_names(state), paths, strict=True)
    }


def expected_arrays(
    structure: PyTree, told: dict[str, dict[str, Any]]
) -> dict[str, jax.ShapeDtypeStruct]:
    """Compares what a checkpoint says with what the training has, and names its arrays.

    Args:
        structure: the state's shapes, of this training.
        told: of :func:`describe`, by the checkpoint.

    Raises:
        ValueError: naming the first leaf that differs. Only of ``extra`` may the shape:
            a refresh gives a memory bank its size.
    """
    own = describe(structure)
    if list(own) != list(told):
        raise ValueError(f"it holds {len(told)} arrays, this training {len(own)}")
    found = {}
    for name, leaf in zip(own, jax.tree.leaves(structure), strict=True):
        here, there = own[name], told[name]
        shape = tuple(there["shape"])
        free = here["path"].startswith(".extra") and math.prod(shape) <= MOST_ELEMENTS
        if here != (there | {"shape": here["shape"]} if free else there):
            raise ValueError(f"its array {there} is not this training's {here}")
        dtype = leaf.dtype
        if _is_key(leaf):
            data = jax.eval_shape(
                jax.random.key_data, jax.ShapeDtypeStruct(shape, dtype)
            )
            shape, dtype = data.shape, data.dtype
        if math.prod(shape):
            found[name] = jax.ShapeDtypeStruct(shape, dtype)
    return found


def from_arrays(
    structure: PyTree,
    told: dict[str, dict[str, Any]],
    arrays: dict[str, Any],
    key_impl: Any,
) -> PyTree:
    """Undoes :func:`to_arrays`.

    Args:
        structure: the state's shapes.
        told: of :func:`describe`.
        arrays: by name; those without elements are made anew.
        key_impl: of the training's keys.
    """

    def leaf(name: str, shape: Any) -> Array:
        if name not in arrays:
            empty = jnp.zeros(tuple(told[name]["shape"]), jnp.uint32)
            return empty if _is_key(shape) else empty.astype(shape.dtype)
        if _is_key(shape):
            return jax.random.wrap_key_data(arrays[name], impl=key_impl)
        return arrays[name]

    leaves, tree = jax.tree.flatten(structure)
    made = [leaf(n, s) for n, s in zip(_names(structure), leaves, strict=True)]
    return jax.tree.unflatten(tree, made)


def _fingerprint(leaf: Array) -> Array:
    """Sums an array's bits, each word times an odd number of its place, mod 2^32."""
    size = leaf.dtype.itemsize
    if leaf.dtype == jnp.bool_ or size == 1:
        words = leaf.astype(jnp.uint8).astype(jnp.uint32)
    elif size == 2:
        words = jax.lax.bitcast_convert_type(leaf, jnp.uint16).astype(jnp.uint32)
    else:
        words = jax.lax.bitcast_convert_type(leaf, jnp.uint32)
    words = words.ravel()
    place = jax.lax.iota(jnp.uint32, words.size) * jnp.uint32(2654435761)
    return jnp.sum((words + jnp.uint32(1)) * (place | jnp.uint32(1)), dtype=jnp.uint32)


_fingerprints = jax.jit(lambda arrays: {k: _fingerprint(v) for k, v in arrays.items()})


def fingerprints(arrays: dict[str, Array]) -> dict[str, int]:
    """Returns a 32-bit sum of each array's bits, computed where they lie.

    Sharded over devices and hosts or not, it is the same number: what was restored can
    be compared with what was saved, however it lies now.

    Example:
        >>> ones = fingerprints({"a": jnp.array([1.0, 2.0])})
        >>> ones == fingerprints({"a": jnp.array([2.0, 1.0])})
        False
    """
    return {name: int(mark) for name, mark in _fingerprints(arrays).items()}
