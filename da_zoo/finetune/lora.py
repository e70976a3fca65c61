"""LoRA: low-rank updates beside frozen kernels, for any network.

The factors live in a tree of their own and are added to the kernels before the network
sees them: no module is rewritten, and convolutions are matrices like the others.
"""

import functools
import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PyTree

from da_zoo.compose import named_key
from da_zoo.network import Network, Train
from da_zoo.partition import leaves_by_path, matching, paths
from da_zoo.types import Key, Outputs

__all__ = ["LoRA", "lora_factors", "lora_network", "merge_lora", "unmerge_lora"]


class LoRA(NamedTuple):
    """Which kernels get a low-rank update, and of what size.

    Example:
        >>> LoRA(rank=4).scale
        2.0
    """

    rank: int = 8
    alpha: float = 8.0
    pattern: str = "kernel$"
    """Of paths inside the encoder; what it matches needs two axes or more. A kernel is
    the matrix of its last axis against all the others: so for dense layers and
    convolutions, not for the three-axis kernels of Flax's attention."""

    @property
    def scale(self) -> float:
        """Alpha over rank: what the product of the factors is multiplied by."""
        return self.alpha / self.rank


def _flat(kernel: Array) -> tuple[int, int]:
    return math.prod(kernel.shape[:-1]), kernel.shape[-1]


def lora_factors(key: Key, params: PyTree, lora: LoRA) -> dict[str, dict[str, Array]]:
    """Draws the factors: a from Kaiming's uniform law, b zero, so that nothing changes.

    Args:
        key: for the draws.
        params: of an encoder.
        lora: size and place.

    Returns:
        path -> {"a": [inputs, rank], "b": [rank, outputs]}; a convolution's inputs are
        its window times its channels.

    Raises:
        ValueError: if the rank or alpha is not positive, or the pattern matches nothing
            or something with fewer than two axes.

    Example:
        >>> params = {"Dense_0": {"kernel": jnp.ones((6, 4)), "bias": jnp.ones(4)}}
        >>> factors = lora_factors(jax.random.key(0), params, LoRA(rank=2))
        >>> factors["Dense_0/kernel"]["a"].shape, factors["Dense_0/kernel"]["b"].shape
        ((6, 2), (2, 4))

    References:
        Hu et al., "LoRA: Low-Rank Adaptation of Large Language Models", ICLR 2022; the
        law of a is the authors' code's, ``kaiming_uniform(a=sqrt(5))``.
    """
    if lora.rank < 1 or not lora.alpha > 0:
        raise ValueError(
            f"rank must be at least 1 and alpha positive, got {lora.rank} and "
            f"{lora.alpha}"
        )
    found = {}
    for path, kernel in leaves_by_path(params).items():
        if not matching(lora.pattern)(path):
            continue
        if kernel.ndim < 2:
            raise ValueError(
                f"pattern {lora.pattern!r} matches {path!r} of shape {kernel.shape}, "
                "which has no low-rank update: it needs two axes or more"
            )
        inputs, outputs = _flat(kernel)
        bound = 1.0 / math.sqrt(inputs)
        shape = (inputs, lora.rank)
        found[path] = {
            "a": jax.random.uniform(
                named_key(key, path), shape, minval=-bound, maxval=bound
            ),
            "b": jnp.zeros((lora.rank, outputs)),
        }
    if not found:
        raise ValueError(
            f"pattern {lora.pattern!r} matches no parameter; there are {paths(params)}"
        )
    return found


def merge_lora(params: PyTree, factors: PyTree, scale: float) -> PyTree:
    """Adds ``scale * a @ b`` to the kernels.

    Args:
        params: of an encoder.
        factors: of :func:`lora_factors`.
        scale: of the product.

    Returns:
        The parameters of an ordinary encoder.

    Raises:
        ValueError: if there are factors for a path that is not in ``params``.

    Example:
        >>> params = {"kernel": jnp.zeros((2, 2))}
        >>> factors = {"kernel": {"a": jnp.ones((2, 1)), "b": jnp.ones((1, 2))}}
        >>> float(merge_lora(params, factors, 0.5)["kernel"][0, 0])
        0.5
    """
    names = paths(params)
    if unknown := sorted(set(factors) - set(names)):
        raise ValueError(
            f"factors have paths that params lack: {unknown}; params is the encoder's "
            'base, state.params["encoder"]["base"]'
        )
    leaves, structure = jax.tree.flatten(params)

    def merged(path: str, kernel: Array) -> Array:
        if path not in factors:
            return kernel
        own = factors[path]
        return kernel + scale * (own["a"] @ own["b"]).reshape(kernel.shape)

    whole = [merged(path, leaf) for path, leaf in zip(names, leaves, strict=True)]
    return jax.tree.unflatten(structure, whole)


def unmerge_lora(params: PyTree, factors: PyTree, scale: float) -> PyTree:
    """Undoes :func:`merge_lora`, to rounding.

    Example:
        >>> params = {"kernel": jnp.ones((2, 2))}
        >>> factors = {"kernel": {"a": jnp.ones((2, 1)), "b": jnp.ones((1, 2))}}
        >>> float(unmerge_lora(params, factors, 0.5)["kernel"][0, 0])
        0.5
    """
    return merge_lora(params, factors, -scale)


@functools.lru_cache(maxsize=256)
def lora_network(network: Network, lora: LoRA) -> Network:
    """Wraps a network: its parameters become ``{"base": ..., "lora": ...}``.

    Args:
        network: any.
        lora: size and place.

    Returns:
        A network whose base is meant to be frozen (a rule for ``^encoder/base/``).

    Raises:
        ValueError: when it is initialised, as in :func:`lora_factors`.

    Example:
        >>> from da_zoo import network_by_name
        >>> network = lora_network(network_by_name("mlp", hidden=(4,)), LoRA(rank=2))
        >>> params, _ = network.init(jax.random.key(0), jnp.ones((2, 3)))
        >>> sorted(params)
        ['base', 'lora']
    """

    def init(key: Key, x: PyTree) -> tuple[PyTree, PyTree]:
        params, stats = network.init(key, x)
        factors = lora_factors(named_key(key, "lora"), params, lora)
        return {"base": params, "lora": factors}, stats

    def apply(
        params: PyTree,
        stats: PyTree,
        x: PyTree,
        *,
        weight: Float[Array, " n"] | None = None,
        train: Train = False,
        key: Key | None = None,
    ) -> tuple[Outputs, PyTree]:
        whole = merge_lora(params["base"], params["lora"], lora.scale)
        return network.apply(whole, stats, x, weight=weight, train=train, key=key)

    return network._replace(init=init, apply=apply)
