"""Saliency: how much a logit answers to each input, for small changes."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, Shaped

from da_zoo.interpret.model import as_inputs, chosen_classes

__all__ = ["input_gradient", "saliency"]

Logits = Callable[[Any], Any]


def saliency(
    logits: Logits,
    x: Shaped[Any, "n ..."],
    *,
    classes: int | Int[Any, " n"] | None = None,
) -> Float[Array, "n ..."]:
    """Absolute derivative of a logit by each input.

    Args:
        logits: inputs [n, ...] -> logits [n, k], row by row (evaluation mode): a
            :class:`da_zoo.interpret.Model`, or ``lambda x: result.predict(x)
            .logits["target"]`` of any fit.
        x: inputs [n, ...].
        classes: which logit: one for all rows or one a row; None the largest.

    Returns:
        Like ``x``, at least 0, in logits per unit of input. It says nothing of large
        changes: a saturated unit has derivative 0 however much it matters.

    Raises:
        TypeError: for inputs that are no numbers.
        ValueError: for unknown classes.

    Example:
        >>> weight = jnp.array([[2.0, 0.0], [-3.0, 1.0]])
        >>> saliency(lambda x: x @ weight, jnp.ones((1, 2)), classes=0)
        Array([[2., 3.]], dtype=float32)

    References:
        Simonyan, Vedaldi and Zisserman, "Deep Inside Convolutional Networks", ICLR 2014
        workshop.
    """
    inputs = as_inputs(x)
    which = chosen_classes(logits(inputs), classes)
    return jnp.abs(jax.jit(input_gradient(logits))(inputs, which))


def input_gradient(
    logits: Logits,
) -> Callable[[Float[Array, "n ..."], Int[Array, " n"]], Float[Array, "n ..."]]:
    """Returns ``(x, classes) -> derivative of each row's logit by its own inputs``.

    Example:
        >>> gradient = input_gradient(lambda x: x**2)
        >>> gradient(jnp.array([[3.0, 5.0]]), jnp.array([1]))
        Array([[ 0., 10.]], dtype=float32)
    """

    def total(x: Array, which: Array) -> Array:
        # Rows do not see each other, so the gradient of the sum is row by row.
        return jnp.sum(jnp.take_along_axis(logits(x), which[:, None], axis=1))

    return jax.grad(total)
