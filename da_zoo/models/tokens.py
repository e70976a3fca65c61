"""What encoders of text share: their input, and how tokens are embedded."""

from collections.abc import Mapping
from typing import Any

import flax.linen as nn
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, PyTree

__all__ = ["embedding", "split_text", "token_ids"]


def token_ids(name: str, x: Any) -> Int[Array, "n t"]:
    """Checks token ids.

    Args:
        name: how errors call them.
        x: [n, t] integers, or floats of 24 bits and more that hold integers: inputs of
            other integer types than int32 are float32 by the time that they are here,
            which is exact up to 16 777 216.

    Raises:
        ValueError: if it has not two axes.
        TypeError: if it is of a float type that cannot hold ids.

    Example:
        >>> token_ids("tokens", jnp.array([[3.0, 7.0]])).tolist()
        [[3, 7]]
    """
    x = jnp.asarray(x)
    if x.ndim != 2:
        raise ValueError(f"{name} must have shape [n, length], got {x.shape}")
    if jnp.issubdtype(x.dtype, jnp.integer):
        return x
    if x.dtype.itemsize < 4:
        raise TypeError(
            f"{name} of type {x.dtype} cannot hold token ids: pass them as int32"
        )
    return x.astype(jnp.int32)


def split_text(
    network: str, x: PyTree, max_length: int
) -> tuple[Int[Array, "n t"], Int[Array, "n t"] | None]:
    """Returns tokens and segments of a network's input.

    Args:
        network: how errors call it.
        x: ids [n, t], or {"tokens": ids, "segments": ids} of which the latter may lack.
        max_length: the longest text there are positions for.

    Raises:
        ValueError: for another key, a shape that is not [n, t], or a text that is too
            long.

    Example:
        >>> tokens, segments = split_text("bert", {"tokens": jnp.ones((2, 3))}, 8)
        >>> tokens.shape, segments
        ((2, 3), None)
    """
    parts = dict(x) if isinstance(x, Mapping) else {"tokens": x}
    if "tokens" not in parts or not set(parts) <= {"tokens", "segments"}:
        raise ValueError(
            f'{network} takes tokens [n, length] or {{"tokens": ..., "segments": ...}}'
            f", got the keys {sorted(parts)}"
        )
    found = {name: token_ids(f"{network} {name}", ids) for name, ids in parts.items()}
    tokens, segments = found["tokens"], found.get("segments")
    if tokens.shape[1] > max_length:
        raise ValueError(
            f"{network} has positions for {max_length} tokens, got {tokens.shape[1]}; "
            "cut the texts or set max_length"
        )
    if segments is not None and segments.shape != tokens.shape:
        raise ValueError(
            f"{network} segments must have the tokens' shape {tokens.shape}, got "
            f"{segments.shape}"
        )
    return tokens, segments


def embedding(
    ids: Int[Array, "n t"], count: int, width: int, deviation: float, name: str
) -> Float[Array, "n t d"]:
    """Looks vectors up; call it inside a compact module.

    An id that is not below ``count`` gives NaN, which a fit reports.

    Args:
        ids: [n, t].
        count: of vectors.
        width: of each.
        deviation: of their first values.
        name: of the table, whose path is ``<name>/embedding``.
    """
    init = nn.initializers.normal(deviation)
    return nn.Embed(count, width, embedding_init=init, name=name)(ids)
