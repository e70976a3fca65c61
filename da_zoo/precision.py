"""Mixed precision: an encoder that computes in bfloat16, in a float32 world.

Parameters, optimiser, batch statistics, heads, kernels, covariances and losses stay in
float32: only what is inside the encoder, where the time goes, is rounded.
"""

import functools
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, PyTree

from da_zoo.naming import choose
from da_zoo.network import Network
from da_zoo.types import Outputs

__all__ = ["PRECISIONS", "with_precision"]

PRECISIONS = {"float32": jnp.float32, "bf16": jnp.bfloat16}
"""What an encoder may compute in, by name."""


def _cast(tree: PyTree, before: Any, after: Any) -> PyTree:
    def leaf(value: Array) -> Array:
        return value.astype(after) if jnp.asarray(value).dtype == before else value

    return jax.tree.map(leaf, tree)


@functools.lru_cache(maxsize=64)
def with_precision(network: Network, precision: str) -> Network:
    """Returns the network with its encoder computing in another precision.

    Args:
        network: any, of float32 parameters.
        precision: "float32" (the network itself) or "bf16": parameters and inputs are
            rounded to bfloat16 on the way in; features and stages come back as float32.
            Statistics of batch normalisation are computed and kept in float32.

    Raises:
        ValueError: for another precision.

    Example:
        >>> from da_zoo import network_by_name
        >>> network = with_precision(network_by_name("mlp"), "bf16")
        >>> params, stats = network.init(jax.random.key(0), jnp.ones((2, 3)))
        >>> {str(leaf.dtype) for leaf in jax.tree.leaves((params, stats))}
        {'float32'}
        >>> network.apply(params, stats, jnp.ones((2, 3)))[0].features.dtype
        dtype('float32')

    References:
        Micikevicius et al., "Mixed Precision Training", ICLR 2018; bfloat16 has
        float32's range, so no loss scaling is needed.
    """
    choose(PRECISIONS, precision, "precision")
    if precision == "float32":
        return network
    low = PRECISIONS[precision]

    def apply(
        params: PyTree, stats: PyTree, x: PyTree, **options: Any
    ) -> tuple[Outputs, PyTree]:
        rounded = _cast((params, x), jnp.float32, low)
        outputs, stats = network.apply(rounded[0], stats, rounded[1], **options)
        return _cast((outputs, stats), low, jnp.float32)

    return network._replace(apply=apply, name=f"{network.name}_{precision}")
