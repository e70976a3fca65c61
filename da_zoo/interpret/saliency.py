"""Saliency: how much a logit answers to each input, for small changes."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, Shaped

from da_zoo.interpret.model import Model, as_floats, chosen_classes

__all__ = ["compiled", "input_gradient", "saliency"]

Logits = Callable[[Any], Any] | Model


def saliency(
    logits: Logits,
    x: Shaped[Any, "n ..."],
    *,
    classes: int | Int[Any, " n"] | None = None,
) -> Float[Array, "n ..."]:
    """Absolute derivative of a logit by each input.

    Args:
        logits: inputs [n, ...] -> logits [n, k], row by row (evaluation mode): a
            :class:`da_zoo.interpret.Model`, or any function that JAX can differentiate,
            ``lambda x: result.predict(x).logits["target"]`` too (which is slower).
        x: inputs [n, ...].
        classes: which logit: one for all rows or one a row; None the largest.

    Returns:
        Like ``x``, at least 0, in logits per unit of input. It says nothing of large
        changes: a saturated unit has derivative 0 however much it matters.

    Raises:
        TypeError: for inputs that are no numbers, ids too.
        ValueError: for unknown classes.

    Example:
        >>> weight = jnp.array([[2.0, 0.0], [-3.0, 1.0]])
        >>> saliency(lambda x: x @ weight, jnp.ones((1, 2)), classes=0)
        Array([[2., 3.]], dtype=float32)

    References:
        Simonyan, Vedaldi and Zisserman, "Deep Inside Convolutional Networks", ICLR 2014
        workshop.
    """
    inputs = as_floats(x)
    which = chosen_classes(logits(inputs), classes)
    return jnp.abs(input_gradient(logits)(inputs, which))


def compiled(logits: Logits, function: Callable[..., Any]) -> Callable[..., Any]:
    """Compiles a function of a model; runs that of any other one step by step.

    A fit's ``predict`` is a program with compiler options, which JAX refuses inside
    another one and under differentiation. Step by step it is no program.

    Example:
        >>> float(compiled(jnp.sin, jnp.cos)(0.0))
        1.0
    """
    if isinstance(logits, Model):
        return jax.jit(function)

    def step_by_step(*arguments: Any) -> Any:
        with jax.disable_jit():
            return function(*arguments)

    return step_by_step


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

    return compiled(logits, jax.grad(total))
