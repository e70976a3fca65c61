"""Integrated gradients: which inputs a logit's change from a baseline is owed to."""

from typing import Any, NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Float, Int, Shaped

from da_zoo.interpret.model import as_floats, chosen_classes
from da_zoo.interpret.saliency import Logits, input_gradient

__all__ = ["Attributions", "integrated_gradients"]


class Attributions(NamedTuple):
    """What :func:`integrated_gradients` returns."""

    values: Float[Array, "n ..."]
    """Like the inputs, in logits; of either sign."""
    completeness_error: Float[Array, " n"]
    """By how much a row's attributions miss the difference of its logit from the
    baseline's, in logits; more steps make it smaller."""


def integrated_gradients(
    logits: Logits,
    x: Shaped[Any, "n ..."],
    *,
    classes: int | Int[Any, " n"] | None = None,
    baseline: Float[Any, "..."] | None = None,
    steps: int = 50,
) -> Attributions:
    """Integrates the gradient on the straight line from a baseline, by midpoints.

    Args:
        logits: inputs [n, ...] -> logits [n, k], row by row (evaluation mode).
        x: inputs [n, ...].
        classes: which logit: one for all rows or one a row; None the largest at ``x``.
        baseline: inputs that hold nothing, of one row's shape or of ``x``'s; None means
            zeros (black; the mean of standardised columns).
        steps: points on the line.

    Returns:
        Attributions, which add up to the logit's difference from the baseline but for
        ``completeness_error``, exactly so for a linear model.

    Raises:
        TypeError: for inputs that are no numbers, ids too.
        ValueError: for unknown classes, another shape of the baseline, or no steps.

    Example:
        >>> weight = jnp.array([[2.0], [-3.0]])
        >>> x = jnp.array([[1.0, 5.0]])
        >>> integrated_gradients(lambda x: x @ weight, x, baseline=jnp.ones(2)).values
        Array([[  0., -12.]], dtype=float32)

    References:
        Sundararajan, Taly and Yan, "Axiomatic Attribution for Deep Networks", ICML
        2017.
    """
    if isinstance(steps, bool) or not isinstance(steps, int) or steps < 1:
        raise ValueError(f"steps must be a whole number of at least 1, got {steps!r}")
    inputs = as_floats(x)
    if baseline is None:
        start = jnp.zeros_like(inputs)
    else:
        start = jnp.asarray(baseline, jnp.float32)
        if start.shape == inputs.shape[1:]:
            start = jnp.broadcast_to(start[None], inputs.shape)
        if start.shape != inputs.shape:
            raise ValueError(
                f"baseline must have the shape of a row, {inputs.shape[1:]}, or of x, "
                f"{inputs.shape}; got {start.shape}"
            )
    at_x = logits(inputs)
    which = chosen_classes(at_x, classes)
    gradient = input_gradient(logits)

    total = jnp.zeros_like(inputs)
    for number in range(steps):
        fraction = (number + 0.5) / steps
        total = total + gradient(start + fraction * (inputs - start), which)
    values = (inputs - start) * total / steps
    change = jnp.take_along_axis(at_x - logits(start), which[:, None], axis=1)[:, 0]
    added = jnp.sum(values.reshape(len(values), -1), axis=1)
    return Attributions(values, jnp.abs(added - change))
