"""Layers that methods share: gradient reversal, a convolution, a pooling."""

import jax
import jax.numpy as jnp
import numpy as np
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

    By strided slices and maxima, two by two: the backward pass of a reduce-window is
    slow on CPU, and reshaping and reducing has met wrong gradients from XLA's
    simplifier there. Where pixels of a window tie, they share its gradient.

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
    _, h, w, _ = x.shape
    if not 1 <= window <= min(h, w):
        raise ValueError(f"window={window} does not fit an image of {h} x {w}")
    rows, columns = h // window, w // window
    cut = x[:, : rows * window, : columns * window]
    parts = [cut[:, i::window, j::window] for i, j in np.ndindex(window, window)]
    while len(parts) > 1:
        odd = parts[-1:] if len(parts) % 2 else []
        pairs = zip(parts[::2], parts[1::2], strict=False)
        parts = [jnp.maximum(a, b) for a, b in pairs] + odd
    return parts[0]
