"""Features and logits of a whole training set, in blocks."""

import functools
from collections.abc import Callable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PyTree

from da_zoo.batch_norm import domain_encoder
from da_zoo.network import Network, make_head, mask_classes
from da_zoo.types import TrainState

__all__ = ["BLOCK", "row_scores"]

BLOCK = 1024
"""Rows that are encoded at a time where a whole training set is."""


@functools.lru_cache(maxsize=256)
def row_scores(
    network: Network, batch_norm: str, domain: str = "target"
) -> Callable[[TrainState, PyTree], tuple[Float[Array, "n d"], Float[Array, "n k"]]]:
    """Returns ``(state, x) -> (features, logits)`` for a whole training set.

    It is the encoder of ``predict``, running statistics and all, with the source's
    head; rows go through it in blocks, because a training set's activations may not
    fit into memory at once.

    Args:
        network: the encoder.
        batch_norm: the policy.
        domain: whose statistics.
    """
    encoder = domain_encoder(network, batch_norm)

    def scores(state: TrainState, x: PyTree) -> tuple[Array, Array]:
        def block(x: PyTree) -> tuple[Array, Array]:
            outputs = encoder.encode(state.params, state.stats, x, domain=domain)
            head = state.params["head_source"]
            raw = make_head(*head["kernel"].shape).apply(head, outputs.features)
            return outputs.features, mask_classes(raw, state.hparams["classes_source"])

        n = jax.tree.leaves(x)[0].shape[0]
        if n <= BLOCK:
            return block(x)
        number = -(-n // BLOCK)

        def cut(leaf: Array) -> Array:
            last = jnp.minimum(jnp.arange(number * BLOCK), n - 1)
            return leaf[last].reshape(number, BLOCK, *leaf.shape[1:])

        found = jax.lax.map(block, jax.tree.map(cut, x))
        return jax.tree.map(lambda a: a.reshape(-1, a.shape[-1])[:n], found)

    return scores
