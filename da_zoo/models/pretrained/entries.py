"""How a library stores a network: an entry per variable, a layout per library."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from jaxtyping import Shaped

from da_zoo.models.pretrained.conversions import (
    Convert,
    as_is,
    conv_kernel,
    dense_kernel,
)

__all__ = [
    "Entry",
    "Layout",
    "batch_norm_entries",
    "conv_entries",
    "dense_entries",
    "layer_norm_entries",
]


class Entry(NamedTuple):
    """Where one variable of ours comes from.

    Example:
        >>> entry = Entry("params/stem_conv/kernel", ("conv1.weight",), conv_kernel)
        >>> entry.convert(np.ones((8, 3, 7, 7)), shape=(7, 7, 3, 8)).shape
        (7, 7, 3, 8)
    """

    ours: str
    """Path from the collection on, "params/stem_conv/kernel",
    "batch_stats/stem_bn/mean"; "head/kernel" and "head/bias" are the source's head."""
    theirs: tuple[str | tuple[str, ...], ...]
    """Names in the file, any of which will do, the usual one first. A tuple of names
    is several tensors that are read together."""
    convert: Callable[..., Shaped[np.ndarray, "..."]] = as_is
    """``(*arrays, shape=...) -> array``, from their layout to ours. ``shape`` is our
    variable's, with -1 where the network does not fix a length (a head's classes)."""


class Layout(NamedTuple):
    """How one library names and lays out a network's tensors.

    Example:
        >>> Layout("torchvision", dense_entries("head", "fc")).entries[0].theirs
        ('fc.weight',)
    """

    name: str
    """Of the library."""
    entries: tuple[Entry, ...]
    """In depth order."""
    ignored: tuple[str, ...] = (r"num_batches_tracked$",)
    """Regular expressions of names in the file that are of no use here."""
    prefixes: tuple[str, ...] = ("", "module.")
    """What names may start with throughout a file, such as a wrapper's name."""


def _under(ours: str, leaf: str, collection: str = "params") -> str:
    return f"{ours}/{leaf}" if ours == "head" else f"{collection}/{ours}/{leaf}"


def dense_entries(
    ours: str, theirs: str, convert: Convert = dense_kernel, *, bias: bool = True
) -> tuple[Entry, ...]:
    """A dense layer; ``ours="head"`` is the source's head.

    Example:
        >>> [entry.ours for entry in dense_entries("head", "fc")]
        ['head/kernel', 'head/bias']
    """
    kernel = Entry(_under(ours, "kernel"), (f"{theirs}.weight",), convert)
    if not bias:
        return (kernel,)
    return (kernel, Entry(_under(ours, "bias"), (f"{theirs}.bias",)))


def conv_entries(
    ours: str, theirs: str, convert: Convert = conv_kernel, *, bias: bool = False
) -> tuple[Entry, ...]:
    """A convolution.

    Example:
        >>> conv_entries("stem_conv", "conv1")[0].theirs
        ('conv1.weight',)
    """
    return dense_entries(ours, theirs, convert, bias=bias)


def layer_norm_entries(ours: str, theirs: str) -> tuple[Entry, ...]:
    """A layer normalisation: scale and shift.

    Example:
        >>> [entry.ours for entry in layer_norm_entries("norm", "ln")]
        ['params/norm/scale', 'params/norm/bias']
    """
    return (
        Entry(_under(ours, "scale"), (f"{theirs}.weight",)),
        Entry(_under(ours, "bias"), (f"{theirs}.bias",)),
    )


def batch_norm_entries(ours: str, theirs: str) -> tuple[Entry, ...]:
    """A batch normalisation: scale, shift, running mean and variance.

    Example:
        >>> [entry.ours for entry in batch_norm_entries("bn", "bn1")][2:]
        ['batch_stats/bn/mean', 'batch_stats/bn/var']
    """
    statistics = (("mean", "running_mean"), ("var", "running_var"))
    return layer_norm_entries(ours, theirs) + tuple(
        Entry(_under(ours, leaf, "batch_stats"), (f"{theirs}.{name}",))
        for leaf, name in statistics
    )
