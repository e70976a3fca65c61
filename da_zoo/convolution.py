"""A convolution whose backward pass stays fast on CPU, inside loops too.

XLA:CPU leaves its fast path for the gradients of a convolution inside any loop. Here
both gradients are written as plain FORWARD convolutions: that of the input with the
flipped kernel, that of the kernel with channels in the place of the batch, summed over
cache-sized pieces of the batch.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

__all__ = ["Conv", "convolution"]

PIECE = 8
"""Rows per piece of the kernel's gradient: their images stay in the cache."""
FEW_CHANNELS = (2, 8)
"""Inputs of so many channels (half open) are padded to 8: XLA:CPU is slow on 3."""

Pads = tuple[tuple[int, int], tuple[int, int]]


def _plain(x: Array, kernel: Array, pads: Pads, strides: tuple[int, int]) -> Array:
    return jax.lax.conv_general_dilated(
        x, kernel, strides, pads, dimension_numbers=("NHWC", "HWIO", "NHWC")
    )


def _few_channels(x: Array, kernel: Array) -> tuple[Array, Array]:
    low, high = FEW_CHANNELS
    channels = x.shape[3]
    if not low <= channels < high:
        return x, kernel
    extra = high - channels
    return (
        jnp.pad(x, ((0, 0), (0, 0), (0, 0), (0, extra))),
        jnp.pad(kernel, ((0, 0), (0, 0), (0, extra), (0, 0))),
    )


@partial(jax.custom_vjp, nondiff_argnums=(2,))
def _fast(x: Array, kernel: Array, pads: Pads) -> Array:
    return _plain(*_few_channels(x, kernel), pads, (1, 1))


def _fast_forward(x: Array, kernel: Array, pads: Pads) -> Any:
    return _fast(x, kernel, pads), (x, kernel)


def _fast_backward(pads: Pads, saved: tuple[Array, Array], g: Array) -> Any:
    x, kernel = saved
    height, width = kernel.shape[:2]
    flipped = kernel[::-1, ::-1].swapaxes(2, 3)
    (top, bottom), (left, right) = pads
    mirrored = (
        (height - 1 - top, height - 1 - bottom),
        (width - 1 - left, width - 1 - right),
    )
    gradient_x = _plain(g, flipped, mirrored, (1, 1))
    # The sum over pieces is a reduction: float32 even where images are bfloat16.
    wide = jnp.promote_types(kernel.dtype, jnp.float32)
    gradient_kernel = jnp.zeros((x.shape[3], height, width, kernel.shape[3]), wide)
    for start in range(0, x.shape[0], PIECE):
        images = x[start : start + PIECE].transpose(3, 1, 2, 0)
        filters = g[start : start + PIECE].transpose(1, 2, 0, 3)
        gradient_kernel += _plain(images, filters, pads, (1, 1)).astype(wide)
    return gradient_x, gradient_kernel.transpose(1, 2, 0, 3).astype(kernel.dtype)


_fast.defvjp(_fast_forward, _fast_backward)


def _pads(
    padding: str | Pads, x: Array, kernel: Array, strides: tuple[int, int]
) -> Pads:
    if not isinstance(padding, str):
        return padding
    if padding not in ("SAME", "VALID"):
        raise ValueError(
            'padding must be "SAME", "VALID" or pads ((top, bottom), (left, right)), '
            f"got {padding!r}"
        )
    pads = jax.lax.padtype_to_pads(x.shape[1:3], kernel.shape[:2], strides, padding)
    (a, b), (c, d) = pads
    return (int(a), int(b)), (int(c), int(d))


def convolution(
    x: Float[Array, "n h w i"],
    kernel: Float[Array, "p q j o"],
    *,
    padding: str | Pads = "SAME",
    strides: tuple[int, int] = (1, 1),
) -> Float[Array, "n y z o"]:
    """Two-dimensional convolution (cross-correlation, as everywhere in deep learning).

    On CPU at stride 1 the gradients are those of this module; elsewhere XLA's own,
    which are faster there.

    Args:
        x: images [n, h, w, channels in].
        kernel: [height, width, channels in, channels out].
        padding: "SAME" (at a stride it is asymmetric), "VALID", or rows and columns of
            zeros ((top, bottom), (left, right)).
        strides: by rows and columns.

    Returns:
        [n, y, z, channels out].

    Raises:
        ValueError: for another padding, or channels that do not fit.

    Example:
        >>> convolution(jnp.ones((1, 4, 4, 1)), jnp.ones((3, 3, 1, 2))).shape
        (1, 4, 4, 2)
    """
    if x.shape[3] != kernel.shape[2]:
        raise ValueError(
            f"x has {x.shape[3]} channels and the kernel expects {kernel.shape[2]}"
        )
    dtype = jnp.promote_types(x.dtype, kernel.dtype)
    x, kernel = x.astype(dtype), kernel.astype(dtype)
    pads = _pads(padding, x, kernel, strides)
    if jax.default_backend() == "cpu" and strides == (1, 1):
        return _fast(x, kernel, pads)
    return _plain(x, kernel, pads, strides)


class Conv(nn.Module):
    """A Linen layer over :func:`convolution`, with the parameters of ``nn.Conv``.

    Attributes:
        features: channels out.
        kernel_size: rows and columns.
        strides: by rows and columns.
        padding: "SAME", "VALID" or ((top, bottom), (left, right)).
        use_bias: leave it out in front of a batch normalisation.

    Example:
        >>> layer = Conv(4, (3, 3))
        >>> params = layer.init(jax.random.key(0), jnp.ones((1, 8, 8, 1)))
        >>> layer.apply(params, jnp.ones((1, 8, 8, 1))).shape
        (1, 8, 8, 4)
    """

    features: int
    kernel_size: tuple[int, int]
    strides: tuple[int, int] = (1, 1)
    padding: str | Pads = "SAME"
    use_bias: bool = True
    kernel_init: Callable[..., Array] = nn.initializers.lecun_normal()

    @nn.compact
    def __call__(self, x: Float[Array, "n h w i"]) -> Float[Array, "n y z o"]:
        """Convolves [n, h, w, i]."""
        shape = (*self.kernel_size, x.shape[3], self.features)
        kernel = self.param("kernel", self.kernel_init, shape)
        y = convolution(x, kernel, padding=self.padding, strides=self.strides)
        if self.use_bias:
            bias = self.param("bias", nn.initializers.zeros, (self.features,))
            y = y + bias[None, None, None, :]
        return y
