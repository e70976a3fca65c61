"""Dense layers with ReLU between them, as pure functions over a plain dict."""

import itertools
from collections.abc import Sequence

import jax
from jaxtyping import Array, Float

from da_zoo.compose import named_key
from da_zoo.network import make_head
from da_zoo.types import Key

__all__ = ["check_widths", "dense_apply", "dense_init"]

Layers = dict[str, dict[str, Array]]


def check_widths(name: str, widths: Sequence[int]) -> tuple[int, ...]:
    """Returns the widths as a tuple.

    Raises:
        ValueError: if one is no positive integer.

    Example:
        >>> check_widths("decoder", [8])
        (8,)
    """
    if any(isinstance(w, bool) or not isinstance(w, int) or w < 1 for w in widths):
        raise ValueError(f"{name} must be widths of at least 1, got {widths!r}")
    return tuple(widths)


def dense_init(key: Key, sizes: tuple[int, ...]) -> Layers:
    """Draws the layers: LeCun-normal weights, zero biases.

    Args:
        key: of the draws.
        sizes: widths from input to output, at least two.

    Example:
        >>> sorted(dense_init(jax.random.key(0), (4, 8, 2)))
        ['Dense_0', 'Dense_1']
    """
    return {
        f"Dense_{i}": make_head(a, b).init(named_key(key, f"Dense_{i}"))
        for i, (a, b) in enumerate(itertools.pairwise(sizes))
    }


def dense_apply(layers: Layers, x: Float[Array, "n d"]) -> Float[Array, "n k"]:
    """Applies the layers, with ReLU after all but the last.

    Args:
        layers: from :func:`dense_init`.
        x: [n, d].

    Example:
        >>> layers = dense_init(jax.random.key(0), (4, 8, 2))
        >>> dense_apply(layers, jax.numpy.ones((3, 4))).shape
        (3, 2)
    """
    for i in range(len(layers)):
        layer = layers[f"Dense_{i}"]
        x = make_head(*layer["kernel"].shape).apply(layer, x)
        x = jax.nn.relu(x) if i + 1 < len(layers) else x
    return x
