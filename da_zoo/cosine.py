"""Encoders whose features have one length: a linear head on them sees directions."""

import functools
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PyTree, Shaped

from da_zoo.network import Network, Train
from da_zoo.types import Key, Outputs

__all__ = ["normalised_network", "unit_rows"]


def unit_rows(rows: Float[Array, "n d"]) -> Float[Array, "n d"]:
    """Divides rows by their Euclidean lengths; zeros stay zeros, with gradient 0.

    Args:
        rows: [n, d].

    Example:
        >>> unit_rows(jnp.array([[3.0, 4.0], [0.0, 0.0]])).round(1).tolist()
        [[0.6000000238418579, 0.800000011920929], [0.0, 0.0]]
    """
    # By the largest entry first: squares of huge or tiny entries leave float32.
    largest = jax.lax.stop_gradient(jnp.max(jnp.abs(rows), axis=1, keepdims=True))
    moves = largest > 0
    scaled = rows / jnp.where(moves, largest, 1.0)
    squares = jnp.sum(jnp.square(scaled), axis=1, keepdims=True)
    return jnp.where(moves, scaled / jnp.sqrt(jnp.where(moves, squares, 1.0)), 0.0)


@functools.lru_cache(maxsize=256)
def normalised_network(network: Network, temperature: float) -> Network:
    """Returns the same encoder with features of length ``1 / temperature``.

    A linear head without bias on them is the cosine classifier of Chen et al. 2019 and
    Saito et al. 2019, whose kernel's columns are prototypes of the classes.

    Args:
        network: the encoder; its parameters and stages are the same.
        temperature: above 0; smaller gives surer predictions.

    Raises:
        ValueError: if ``temperature`` is not positive.

    Example:
        >>> from da_zoo.models import network_by_name
        >>> network = normalised_network(network_by_name("mlp", hidden=(4,)), 0.5)
        >>> params, stats = network.init(jax.random.key(0), jnp.ones((2, 3)))
        >>> outputs, _ = network.apply(params, stats, jnp.ones((2, 3)))
        >>> jnp.linalg.norm(outputs.features, axis=1).round(3).tolist()
        [2.0, 2.0]
    """
    if not temperature > 0:
        raise ValueError(f"temperature must be positive, got {temperature}")

    def apply(
        params: PyTree,
        stats: PyTree,
        x: PyTree[Shaped[Array, "n ..."]],
        *,
        weight: Float[Array, " n"] | None = None,
        train: Train = False,
        key: Key | None = None,
    ) -> tuple[Outputs, PyTree]:
        options: dict[str, Any] = {"weight": weight, "train": train, "key": key}
        outputs, stats = network.apply(params, stats, x, **options)
        features = unit_rows(outputs.features) / temperature
        return Outputs(features, outputs.stages), stats

    return network._replace(apply=apply)
