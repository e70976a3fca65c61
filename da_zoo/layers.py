"""Layers that methods share: gradient reversal, a convolution, a pooling."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PyTree

from da_zoo.convolution import Conv, convolution

__all__ = ["Conv", "convolution", "max_pool", "reverse_gradient"]


@jax.custom_vjp
def _reverse(x: PyTree, scale: Float[Array, ""]) -> PyTree:
    del scale
    return x


def _reverse_forward(x: PyTree, scale: Array) -> tuple[PyTree, Array]:
    return x, scale


def _reverse_backward(scale: Array, cotangent: PyTree) -> tuple[PyTree, Array]:
    reversed_ = jax.tree.map(lambda c: (-scale * c).astype(c.dtype), cotangent)
    # The strength is a schedule, never learned: its own gradient is zero.
    return reversed_, jnp.zeros_like(scale)


_reverse.defvjp(_reverse_forward, _reverse_backward)


def reverse_gradient(x: PyTree, scale: float | Float[Array, ""] = 1.0) -> PyTree:
    """The identity forward; multiplies the gradient by ``-scale`` backward.

    Args:
        x: any tree of arrays.
        scale: strength, may be traced; 0 stops the gradient.

    Returns:
        ``x``, unchanged.

    Example:
        >>> float(jax.grad(lambda x: reverse_gradient(x, 0.5) ** 2)(3.0))
        -3.0

    References:
        Ganin and Lempitsky, "Unsupervised Domain Adaptation by Backpropagation", ICML
        2015, equations 4 to 6.
    """
    return _reverse(x, jnp.asarray(scale, jnp.float32))


def max_pool(x: Float[Array, "n h w c"], window: int = 2) -> Float[Array, "n p q c"]:
    """Maximum over disjoint square windows; rows and columns left over are dropped.

    By reshape and maximum: the backward pass of a reduce-window is slow on CPU. Where
    several pixels of a window tie, they share its gradient equally.

    Args:
        x: [n, h, w, c].
        window: side of a window, at least 1 and no larger than the image.

    Returns:
        [n, h // window, w // window, c].

    Raises:
        ValueError: if the window does not fit.

    Example:
        >>> max_pool(jnp.arange(16.0).reshape(1, 4, 4, 1))[0, :, :, 0]
        Array([[ 5.,  7.],
               [13., 15.]], dtype=float32)
    """
    n, h, w, c = x.shape
    if not 1 <= window <= min(h, w):
        raise ValueError(f"window={window} does not fit an image of {h} x {w}")
    rows, columns = h // window, w // window
    cut = x[:, : rows * window, : columns * window]
    return jnp.max(cut.reshape(n, rows, window, columns, window, c), axis=(2, 4))
