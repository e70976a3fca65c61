"""What the tasks on texts share: checks of ids, and logits over a vocabulary."""

from collections.abc import Mapping
from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PyTree, Shaped

from da_zoo.network import make_head
from da_zoo.types import Key, Outputs, Params

__all__ = ["check_id", "check_texts", "decoder_init", "tied_logits", "tokens_of"]

EMBEDDING = "embed_tokens"
"""The layer of the zoo's encoders of text whose table a tied decoder shares."""


def check_id(name: str, value: Any, vocabulary: int) -> int:
    """Returns a token id.

    Raises:
        ValueError: if it is no integer in 0..vocabulary-1.

    Example:
        >>> check_id("pad_id", 0, 30)
        0
    """
    whole = isinstance(value, int) and not isinstance(value, bool)
    if not whole or not 0 <= value < vocabulary:
        raise ValueError(f"{name} must be 0..{vocabulary - 1}, got {value!r}")
    return value


def check_texts(x: Shaped[np.ndarray, "n ..."], vocabulary: int, axes: int) -> None:
    """Checks token ids given by a user.

    Args:
        x: [n, t], or [n, 2, t] for pairs.
        vocabulary: number of ids.
        axes: how many there must be.

    Raises:
        ValueError: for another shape, fractions, or ids out of the vocabulary.

    Example:
        >>> check_texts(np.array([[2, 7]]), 30, 2)
    """
    shape = "[n, length]" if axes == 2 else "[n, 2, length]"
    if x.ndim != axes or 0 in x.shape or (axes == 3 and x.shape[1] != 2):
        raise ValueError(f"token ids must have shape {shape}, got {list(x.shape)}")
    if x.dtype.kind not in "iu" and not (x == np.rint(x)).all():
        raise ValueError(f"token ids must be integers, got {x.dtype} with fractions")
    low, high = int(x.min()), int(x.max())
    if low < 0 or high >= vocabulary:
        raise ValueError(
            f"token ids must be 0..{vocabulary - 1} for vocabulary={vocabulary}, got "
            f"{low}..{high}"
        )


def tokens_of(outputs: Outputs) -> Any:
    """Returns an encoder's outputs per token, [n, t, d] (or their shapes).

    Raises:
        ValueError: if the network has no stage "tokens".

    Example:
        >>> outputs = Outputs(jnp.ones((1, 4)), {"tokens": jnp.ones((1, 3, 4))})
        >>> tokens_of(outputs).shape
        (1, 3, 4)
    """
    if "tokens" not in outputs.stages:
        raise ValueError(
            "the network has no stage 'tokens', an output per token; take bert or "
            f"gpt2. Its stages are {sorted(outputs.stages)}"
        )
    return outputs.stages["tokens"]


def decoder_init(key: Key, width: int, vocabulary: int, tied: bool) -> PyTree:
    """Draws the parameters of the logits: a bias, and a matrix unless it is tied.

    Example:
        >>> import jax
        >>> sorted(decoder_init(jax.random.key(0), 4, 30, True))
        ['bias']
    """
    if tied:
        return {"bias": jnp.zeros((vocabulary,))}
    return make_head(width, vocabulary).init(key)


def tied_logits(
    params: Params, layer: Mapping[str, Array], hidden: Float[Array, "n t d"]
) -> Float[Array, "n t v"]:
    """Logits over the vocabulary, by the encoder's own embeddings or a matrix.

    Args:
        params: all groups; the encoder's table is read where ``layer`` has no kernel.
        layer: {"bias": [v]} and, untied, {"kernel": [d, v]}.
        hidden: [n, t, d].

    Raises:
        ValueError: if the encoder has no such table, or one of another size.

    Example:
        >>> params = {"encoder": {"embed_tokens": {"embedding": jnp.ones((5, 4))}}}
        >>> tied_logits(params, {"bias": jnp.zeros(5)}, jnp.ones((1, 2, 4))).shape
        (1, 2, 5)
    """
    bias = layer["bias"]
    if "kernel" in layer:
        return hidden @ layer["kernel"] + bias[None, None, :]
    table = params["encoder"].get(EMBEDDING, {}).get("embedding")
    if table is None or table.shape != (len(bias), hidden.shape[2]):
        found = "none" if table is None else f"one of shape {table.shape}"
        raise ValueError(
            f"a tied decoder needs the encoder's table {EMBEDDING}/embedding of shape "
            f"{(len(bias), hidden.shape[2])}, and there is {found}; give the network's "
            "own vocabulary, or tied=False"
        )
    return hidden @ table.T + bias[None, None, :]
