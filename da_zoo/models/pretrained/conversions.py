"""From PyTorch's array layouts to Flax's.

Every conversion takes the arrays of an entry and the ``shape`` that our variable has,
and raises ValueError where the arrays cannot become it.
"""

import functools
from collections.abc import Callable

import numpy as np
from jaxtyping import Shaped

__all__ = [
    "as_is",
    "conv_kernel",
    "dense_after_flatten",
    "dense_kernel",
    "heads_bias",
    "heads_in_kernel",
    "heads_out_kernel",
    "part_of",
    "stem_kernel",
]

Array = Shaped[np.ndarray, "..."]
Convert = Callable[..., Array]
"""``(*arrays, shape) -> array``."""


def as_is(array: Array, *, shape: tuple[int, ...]) -> Array:
    """Vectors, tables of embeddings: nothing to do.

    Example:
        >>> as_is(np.ones(3), shape=(3,)).shape
        (3,)
    """
    del shape
    return array


def dense_kernel(kernel: Array, *, shape: tuple[int, ...]) -> Array:
    """[out, in] -> [in, out].

    Example:
        >>> dense_kernel(np.ones((2, 3)), shape=(3, 2)).shape
        (3, 2)
    """
    del shape
    return np.transpose(kernel)


def conv_kernel(kernel: Array, *, shape: tuple[int, ...]) -> Array:
    """[out, in, *window] -> [*window, in, out], in one, two or three dimensions.

    A depthwise kernel [channels, 1, *window] becomes [*window, 1, channels], Flax's
    with ``feature_group_count``.

    Example:
        >>> conv_kernel(np.ones((8, 3, 5, 7)), shape=(5, 7, 3, 8)).shape
        (5, 7, 3, 8)
    """
    del shape
    return np.moveaxis(kernel, (0, 1), (-1, -2))


def stem_kernel(kernel: Array, *, shape: tuple[int, ...]) -> Array:
    """Like :func:`conv_kernel`; where our images are grey, summed over RGB.

    The network then answers a grey image as the source's answers that image repeated
    in three channels.

    Example:
        >>> stem_kernel(np.ones((8, 3, 7, 7)), shape=(7, 7, 1, 8)).max()
        np.float64(3.0)
    """
    converted = conv_kernel(kernel, shape=shape)
    if shape[-2] == 1 and converted.shape[-2] == 3:
        return converted.sum(axis=-2, keepdims=True)
    return converted


@functools.lru_cache(maxsize=64)
def dense_after_flatten(height: int, width: int) -> Convert:
    """The first dense layer behind a flattened [height, width, channels] map.

    PyTorch flattens channels first, Flax channels last.

    Example:
        >>> kernel = np.arange(12.0).reshape(1, 12)  # 3 channels of 2 x 2
        >>> dense_after_flatten(2, 2)(kernel, shape=(12, 1))[:4, 0]
        array([0., 4., 8., 1.])
    """

    def convert(kernel: Array, *, shape: tuple[int, ...]) -> Array:
        del shape
        out = kernel.shape[0]
        split = kernel.reshape(out, -1, height, width)
        return split.transpose(2, 3, 1, 0).reshape(-1, out)

    return convert


def heads_in_kernel(kernel: Array, *, shape: tuple[int, ...]) -> Array:
    """Of a query, key or value: [heads * size, in] -> [in, heads, size].

    Example:
        >>> heads_in_kernel(np.ones((6, 4)), shape=(4, 2, 3)).shape
        (4, 2, 3)
    """
    return np.transpose(kernel).reshape(kernel.shape[1], *shape[1:])


def heads_bias(bias: Array, *, shape: tuple[int, ...]) -> Array:
    """Of a query, key or value: [heads * size] -> [heads, size].

    Example:
        >>> heads_bias(np.ones(6), shape=(2, 3)).shape
        (2, 3)
    """
    return bias.reshape(shape)


def heads_out_kernel(kernel: Array, *, shape: tuple[int, ...]) -> Array:
    """Behind attention: [out, heads * size] -> [heads, size, out].

    Example:
        >>> heads_out_kernel(np.ones((4, 6)), shape=(2, 3, 4)).shape
        (2, 3, 4)
    """
    return np.transpose(kernel).reshape(*shape[:-1], kernel.shape[0])


@functools.lru_cache(maxsize=64)
def part_of(number: int, count: int, convert: Convert) -> Convert:
    """One of the equal parts that a tensor packs along its first axis, as qkv does.

    Args:
        number: of the part, from 0.
        count: how many there are.
        convert: what happens to the part.

    Example:
        >>> part_of(1, 3, as_is)(np.arange(6), shape=(2,))
        array([2, 3])
    """

    def converted(packed: Array, *, shape: tuple[int, ...]) -> Array:
        return convert(np.split(packed, count)[number], shape=shape)

    return converted
