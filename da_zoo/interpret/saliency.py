"""Saliency: how much a logit answers to each input, for small changes."""

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, PyTree, Shaped

from da_zoo.interpret.model import Model, as_floats, chosen_classes
from da_zoo.network import Network

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


def compiled(function: Callable[..., Any], logits: Logits) -> Callable[..., Any]:
    """Returns ``function(logits, ...)`` as a program; step by step if it is no model.

    A fit's ``predict`` is a program with compiler options, which JAX refuses inside
    another one and under differentiation. Step by step it is no program.

    Args:
        function: of a model and arrays; the same object for the same work, for a
            network's program is kept by it.
        logits: a model, or any function from inputs to logits.

    Example:
        >>> float(compiled(lambda logits, x: logits(x), jnp.cos)(0.0))
        1.0
    """
    if isinstance(logits, Model):
        program = _program(function, logits.network)
        return functools.partial(program, logits.params, logits.stats, logits.head)

    def step_by_step(*arguments: Any) -> Any:
        with jax.disable_jit():
            return function(logits, *arguments)

    return step_by_step


@functools.lru_cache(maxsize=64)
def _program(function: Callable[..., Any], network: Network) -> Callable[..., Any]:
    """Variables are arguments, so that one program serves every training's."""

    def run(params: PyTree, stats: PyTree, head: Any, *arguments: Any) -> Any:
        return function(Model(network, params, stats, head), *arguments)

    return jax.jit(run)


def _total(logits: Logits, x: Array, which: Array) -> Array:
    # Rows do not see each other, so the gradient of the sum is row by row.
    return jnp.sum(jnp.take_along_axis(logits(x), which[:, None], axis=1))


_GRADIENT = jax.grad(_total, argnums=1)


def input_gradient(
    logits: Logits,
) -> Callable[[Float[Array, "n ..."], Int[Array, " n"]], Float[Array, "n ..."]]:
    """Returns ``(x, classes) -> derivative of each row's logit by its own inputs``.

    Example:
        >>> gradient = input_gradient(lambda x: x**2)
        >>> gradient(jnp.array([[3.0, 5.0]]), jnp.array([1]))
        Array([[ 0., 10.]], dtype=float32)
    """
    return compiled(_GRADIENT, logits)
