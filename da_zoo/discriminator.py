"""A domain discriminator: a small dense network on features, one logit per row."""

import functools
import itertools
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from da_zoo.compose import named_key
from da_zoo.network import make_head
from da_zoo.types import Key, Params

__all__ = ["Discriminator", "make_discriminator"]


class Discriminator(NamedTuple):
    """``init(key, features_dim) -> {"discriminator": params}`` and ``apply``."""

    init: Callable[[Key, int], Params]
    apply: Callable[[Params, Float[Array, "n d"]], Float[Array, " n"]]


@functools.lru_cache(maxsize=64)
def make_discriminator(hidden: tuple[int, ...] = (100,)) -> Discriminator:
    """Returns dense layers with ReLU between them and one linear output.

    Logits, never probabilities: a softmax over one unit is constant, has no gradient,
    and has made another library's DANN inert.

    Args:
        hidden: widths of the hidden layers.

    Raises:
        ValueError: if a width is not positive.

    Example:
        >>> discriminator = make_discriminator((8,))
        >>> params = discriminator.init(jax.random.key(0), 4)
        >>> discriminator.apply(params, jnp.ones((3, 4))).shape
        (3,)
    """
    if any(width < 1 for width in hidden):
        raise ValueError(f"discriminator widths must be at least 1, got {hidden}")

    def init(key: Key, features_dim: int) -> Params:
        sizes = (features_dim, *hidden, 1)
        layers = {
            f"Dense_{i}": make_head(a, b).init(named_key(key, f"discriminator_{i}"))
            for i, (a, b) in enumerate(itertools.pairwise(sizes))
        }
        return {"discriminator": layers}

    def apply(params: Params, features: Float[Array, "n d"]) -> Float[Array, " n"]:
        layers = params["discriminator"]
        x = features
        for i in range(len(layers)):
            layer = layers[f"Dense_{i}"]
            x = make_head(*layer["kernel"].shape).apply(layer, x)
            x = jax.nn.relu(x) if i + 1 < len(layers) else x
        return jnp.squeeze(x, axis=1)

    return Discriminator(init, apply)
