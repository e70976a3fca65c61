"""Means over rows of which some are padding."""

import jax.numpy as jnp
from jaxtyping import Array, Float

__all__ = ["pair_mean", "pair_weights", "weighted_mean", "without_padding"]


def weighted_mean(
    values: Float[Array, "n *rest"], weight: Float[Array, " n"] | None = None
) -> Float[Array, "*rest"]:
    """Averages over rows with their weights; 0 (not NaN) where they are all 0.

    Args:
        values: [n], or [n, ...] for a mean of each column.
        weight: [n], at least 0; None weighs every row 1.

    Example:
        >>> float(weighted_mean(jnp.array([1.0, 9.0]), jnp.array([1.0, 0.0])))
        1.0
    """
    if weight is None:
        return jnp.mean(values, axis=0)
    total = jnp.sum(weight)
    safe = jnp.where(total > 0, total, 1.0)
    column = weight.reshape(-1, *(1 for _ in values.shape[1:]))
    # A padding row may hold anything, a NaN too: select before multiplying.
    return jnp.sum(jnp.where(column > 0, values, 0.0) * column, axis=0) / safe


def pair_weights(
    weight_rows: Float[Array, " n"] | None,
    weight_columns: Float[Array, " m"] | None,
    shape: tuple[int, ...],
) -> Float[Array, "n m"] | None:
    """The weight of each pair, the product of its two rows' own.

    Args:
        weight_rows: [n]; None weighs every row 1.
        weight_columns: [m], likewise.
        shape: (n, m).

    Returns:
        [n, m], or None where neither side has weights.

    Example:
        >>> pair_weights(None, jnp.array([1.0, 0.0]), (1, 2)).tolist()
        [[1.0, 0.0]]
    """
    if weight_rows is None and weight_columns is None:
        return None
    n, m = shape
    rows = jnp.ones(n) if weight_rows is None else weight_rows
    columns = jnp.ones(m) if weight_columns is None else weight_columns
    return rows[:, None] * columns[None, :]


def pair_mean(
    values: Float[Array, "n m"], pairs: Float[Array, "n m"] | None = None
) -> Float[Array, ""]:
    """Averages over pairs of rows with their weights; 0 where they are all 0.

    Args:
        values: [n, m], finite for padding too (see :func:`without_padding`).
        pairs: [n, m], at least 0; None weighs every pair 1.

    Example:
        >>> float(pair_mean(jnp.array([[1.0, 9.0]]), jnp.array([[1.0, 0.0]])))
        1.0
    """
    if pairs is None:
        return jnp.mean(values)
    total = jnp.sum(pairs)
    return jnp.sum(values * pairs) / jnp.where(total > 0, total, 1.0)


def without_padding(
    rows: Float[Array, "n *rest"], weight: Float[Array, " n"] | None = None
) -> Float[Array, "n *rest"]:
    """Zeroes padding rows: their NaN would poison values and gradients of others.

    Select before a row enters a product or a function: ``0 * NaN`` is NaN, in the
    backward pass too.

    Args:
        rows: [n, ...].
        weight: [n], 0 = padding; None means that there is none.

    Example:
        >>> without_padding(jnp.array([1.0, jnp.nan]), jnp.array([2.0, 0.0])).tolist()
        [1.0, 0.0]
    """
    if weight is None:
        return rows
    column = weight.reshape(-1, *(1 for _ in rows.shape[1:]))
    return jnp.where(column > 0, rows, 0.0)
