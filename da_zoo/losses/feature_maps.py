"""DELTA's distance: how far feature maps have moved, channel by channel."""

import math

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from da_zoo.losses.weighting import weighted_mean, without_padding

__all__ = ["channel_importance", "feature_map_distance"]

TEMPERATURE = 5.0
"""What standardised loss increases are divided by before their softmax (DELTA)."""


def feature_map_distance(
    maps: Float[Array, "n ..."],
    start: Float[Array, "n ..."],
    importance: Float[Array, " c"] | None = None,
    *,
    weight: Float[Array, " n"] | None = None,
) -> Float[Array, ""]:
    """Half the squared distance per place, averaged over rows.

    ``1 / 2 sum_c a_c / P |maps_c - start_c|^2`` with P places per map (height times
    width; 1 for a dense layer).

    Args:
        maps: [n, ..., c], of the network that trains.
        start: likewise, of the network it starts from; gets no gradient.
        importance: a, [c] or [1], of mean 1; None weighs all channels 1.
        weight: [n], 0 = padding.

    Returns:
        At least 0; 0 where the maps are the same.

    Raises:
        ValueError: if the shapes differ.

    Example:
        >>> maps = jnp.ones((2, 3, 3, 4))
        >>> float(feature_map_distance(maps, 0.0 * maps))
        2.0

    References:
        Li et al., "DELTA: Deep Learning Transfer using Feature Map with Attention for
        Convolutional Networks", ICLR 2019, equations 3 to 5.
    """
    if maps.shape != start.shape:
        raise ValueError(f"maps and start differ: {maps.shape} and {start.shape}")
    kept, reference = (
        without_padding(rows, weight) for rows in (maps, jax.lax.stop_gradient(start))
    )
    channels = maps.shape[-1]
    places = math.prod(maps.shape[1:-1])
    squares = jnp.square(kept - reference).reshape(-1, places, channels)
    each = jnp.sum(squares, axis=1) / places
    if importance is not None:
        each = each * importance[None, :]
    return 0.5 * weighted_mean(jnp.sum(each, axis=1), weight)


def channel_importance(increases: Float[Array, " c"]) -> Float[Array, " c"]:
    """Turns what the loss gains when a channel is cut into weights of mean 1.

    ``c softmax(z / 5)`` of the standardised increases z; all 1 where they are alike.

    Args:
        increases: [c], of the loss, in nats.

    Example:
        >>> [round(float(a), 2) for a in channel_importance(jnp.array([0.0, 0.0, 0.3]))]
        [0.85, 0.85, 1.3]

    References:
        Li et al., ICLR 2019, section 3.4.
    """
    centred = increases - jnp.mean(increases)
    spread = jnp.sqrt(jnp.mean(jnp.square(centred)))
    standard = jnp.where(spread > 0, centred / jnp.where(spread > 0, spread, 1.0), 0.0)
    return increases.shape[0] * jax.nn.softmax(standard / TEMPERATURE)
