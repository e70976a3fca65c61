"""Co-Tuning's relationship: which source classes stand for a target class."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from da_zoo.losses.weighting import without_padding

__all__ = ["category_relationship"]


def category_relationship(
    probabilities: Float[Array, "n s"],
    labels: Int[Array, " n"],
    classes: int,
    *,
    weight: Float[Array, " n"] | None = None,
) -> Float[Array, "t s"]:
    """Mean source probabilities of each target class's rows, p(source | target).

    Args:
        probabilities: [n, s], the source classifier's on labelled target rows.
        labels: [n], their target classes, 0..classes-1.
        classes: how many target classes, t.
        weight: [n], 0 = padding.

    Returns:
        [t, s]; a class's row is on the simplex, or zeros where it has no rows.

    Example:
        >>> p = jnp.array([[0.75, 0.25], [0.25, 0.75], [0.0, 1.0]])
        >>> category_relationship(p, jnp.array([0, 0, 1]), 3).tolist()
        [[0.5, 0.5], [0.0, 1.0], [0.0, 0.0]]

    References:
        You et al., "Co-Tuning for Transfer Learning", NeurIPS 2020, section 3.2
        (the direct approach).
    """
    member = jax.nn.one_hot(labels, classes)
    if weight is not None:
        member = member * weight[:, None]
    total = jnp.sum(member, axis=0)
    sums = member.T @ without_padding(probabilities, weight)
    return sums / jnp.where(total > 0, total, 1.0)[:, None]
