"""Random damage to inputs that a network learns to see through or to repair."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from da_zoo.types import Key

__all__ = ["drop_entries", "shuffle_columns", "shuffle_features"]

Rows = Float[Array, "n *shape"]
Share = float | Float[Array, ""]


def shuffle_columns(
    key: Key, x: Rows, weight: Float[Array, " n"] | None = None
) -> Rows:
    """Permutes every column among the rows, each by a permutation of its own.

    A column keeps its values, and so its distribution; what columns have to do with
    one another is gone.

    Args:
        key: of the draws.
        x: [n, ...]; every entry of a row is a column.
        weight: [n]; rows of weight 0 are padding: they stay where they are.

    Example:
        >>> x = jnp.arange(12.0).reshape(6, 2)
        >>> shuffled = shuffle_columns(jax.random.key(0), x)
        >>> jnp.sort(shuffled, axis=0).tolist() == x.tolist()
        True
    """
    n = x.shape[0]
    flat = x.reshape(n, -1)
    noise = jax.random.uniform(key, flat.shape)
    if weight is None:
        order = jnp.argsort(noise, axis=0)
        return jnp.take_along_axis(flat, order, axis=0).reshape(x.shape)
    counts = (weight > 0)[:, None]
    # Rows that count come first, in random order; the k-th of them gets the k-th.
    order = jnp.argsort(jnp.where(counts, noise, 2.0), axis=0)
    rank = jnp.clip(jnp.cumsum(weight > 0) - 1, 0)
    moved = jnp.take_along_axis(flat, order[rank], axis=0)
    return jnp.where(counts, moved, flat).reshape(x.shape)


def shuffle_features(
    key: Key, x: Rows, weight: Float[Array, " n"] | None = None, *, share: Share = 0.3
) -> tuple[Rows, Bool[Array, "n *shape"]]:
    """Replaces entries, each with this probability, by the same column's of other rows.

    Args:
        key: of the draws.
        x: [n, ...].
        weight: [n]; rows of weight 0 are padding, whose values go nowhere.
        share: probability, in [0, 1].

    Returns:
        The rows, and which entries were drawn; a drawn one may have got its own value
        again.

    Example:
        >>> x = jnp.arange(12.0).reshape(6, 2)
        >>> kept, drawn = shuffle_features(jax.random.key(0), x, share=0.0)
        >>> bool((kept == x).all()), bool(drawn.any())
        (True, False)

    References:
        Yoon et al., "VIME: Extending the Success of Self- and Semi-supervised Learning
        to Tabular Domain", NeurIPS 2020, equation 3.
    """
    key_mask, key_order = jax.random.split(key)
    drawn = jax.random.bernoulli(key_mask, share, x.shape)
    return jnp.where(drawn, shuffle_columns(key_order, x, weight), x), drawn


def drop_entries(key: Key, x: Rows, *, share: Share = 0.3) -> Rows:
    """Sets entries to 0, each with this probability; the others are not scaled up.

    Args:
        key: of the draws.
        x: [n, ...].
        share: probability, in [0, 1].

    Example:
        >>> drop_entries(jax.random.key(0), jnp.ones((2, 1)), share=1.0).tolist()
        [[0.0], [0.0]]

    References:
        Vincent et al., "Extracting and Composing Robust Features with Denoising
        Autoencoders", ICML 2008: masking noise.
    """
    return jnp.where(jax.random.bernoulli(key, share, x.shape), 0.0, x)
