"""Variables learned elsewhere, and networks that start from them."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, PyTree

from da_zoo.network import Network
from da_zoo.partition import shape_differences
from da_zoo.types import Key

__all__ = ["Pretrained", "start_from"]


class Pretrained(NamedTuple):
    """What pre-training, or a file of weights, leaves.

    Example:
        >>> Pretrained({"kernel": jnp.ones((3, 2))}).head is None
        True
    """

    params: PyTree
    """Of the encoder."""
    stats: PyTree = {}  # noqa: RUF012
    """Of its normalisation layers."""
    head: dict[str, Array] | None = None
    """The source's head, {"kernel": [d, classes], "bias": [classes]}; None for a
    self-supervised task, whose head is of no further use."""
    manifest: dict[str, Any] = {}  # noqa: RUF012
    """Where it comes from: network, task, data, steps, file; plain JSON values."""


def start_from(network: Network, pretrained: Pretrained) -> Network:
    """Returns a network that is initialised with pre-trained variables.

    So it does in every method and plan. A plan needs no source phase then:
    ``plan.recipe(start_from(network, pretrained), classes=3, source_share=0.0)``. Call
    it once and keep what it returns: each call's network compiles programs of its own.

    Args:
        network: whose variables they are.
        pretrained: parameters, statistics and, if it has one, the source's head, which
            must be no wider than the recipe's (a narrower one is padded).

    Returns:
        The same network with another ``init``; its key is not used.

    Raises:
        TypeError: if the arguments are something else, or swapped.
        ValueError: when it is initialised, if a variable is missing, unexpected or of
            another shape; the message names the first ones.

    Example:
        >>> from da_zoo import network_by_name
        >>> network = network_by_name("mlp", hidden=(4,))
        >>> params, stats = network.init(jax.random.key(0), jnp.ones((2, 3)))
        >>> same = start_from(network, Pretrained(params, stats))
        >>> again, _ = same.init(jax.random.key(1), jnp.ones((2, 3)))
        >>> bool(jnp.all(again["Dense_0"]["kernel"] == params["Dense_0"]["kernel"]))
        True
    """
    for name, value, wanted in (
        ("network", network, Network),
        ("pretrained", pretrained, Pretrained),
    ):
        if not isinstance(value, wanted):
            raise TypeError(
                f"{name} must be a {wanted.__name__}, got {type(value).__name__}: "
                "start_from(network, Pretrained(params, stats))"
            )
    given = jax.tree.map(jnp.asarray, (pretrained.params, pretrained.stats))

    def init(key: Key, x: PyTree) -> tuple[PyTree, PyTree]:
        expected = jax.eval_shape(network.init, key, x)
        for what, want, have in zip(("params", "stats"), expected, given, strict=True):
            _check(what, want, have)
        # Leaves in the order of their paths: an empty collection may lack in one.
        leaves = [jnp.copy(leaf) for leaf in jax.tree.leaves(given)]
        return jax.tree.unflatten(jax.tree.structure(expected), leaves)

    head = pretrained.head
    if head is None:
        return network._replace(init=init, pretrained=True)
    kernel, bias = jnp.asarray(head["kernel"]), jnp.asarray(head["bias"])

    def head_init(width: int) -> dict[str, Array]:
        spare = width - kernel.shape[1]
        if spare < 0:
            raise ValueError(
                f"the pre-trained head has {kernel.shape[1]} outputs and the recipe "
                f"{width}: give classes={{'source': {kernel.shape[1]}, 'target': "
                f"{width}}}, or drop the head, pretrained._replace(head=None)"
            )
        return {
            "kernel": jnp.pad(kernel, ((0, 0), (0, spare))),
            "bias": jnp.pad(bias, (0, spare)),
        }

    return network._replace(init=init, head_init=head_init, pretrained=True)


def _check(what: str, expected: PyTree, given: PyTree) -> None:
    if wrong := shape_differences(given, expected):
        raise ValueError(
            f"pre-trained {what} do not fit the network in {len(wrong)} places: "
            f"{'; '.join(wrong[:5])}"
        )
