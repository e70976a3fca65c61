"""What a stranger's model may ask for: looked at before anything is allocated."""

import math
from collections.abc import Iterator
from typing import Any

import jax
import numpy as np

from da_zoo.pipeline.model import AdaptedModel, Spec
from da_zoo.predicting import PREDICTION_BATCH

__all__ = [
    "LARGEST_ARRAY",
    "LARGEST_ROW",
    "check_options",
    "check_program",
    "check_shape",
]

LARGEST_ROW = 2**22
"""Numbers in an encoded row: colour images of 1182 pixels a side."""
LARGEST_WIDTH = 2**24
"""Of a layer, a vocabulary; weights of such have to be in the file as well."""
MOST_LAYERS = 1024
LAYERS = ("blocks", "depth", "heads")
"""Options of networks that say how often something is built."""
UNTRACEABLE = (
    jax.errors.ConcretizationTypeError,
    jax.errors.TracerArrayConversionError,
    jax.errors.TracerIntegerConversionError,
)
LARGEST_ARRAY = 2**34
"""Bytes of an array on the way to a prediction: 16 GiB, of a batch."""


def check_shape(spec: Spec) -> None:
    """Refuses rows of a size that no model of ours takes.

    Args:
        spec: of a model.

    Raises:
        ValueError: where its shape is none, or too large.

    Example:
        >>> nothing = Spec(*[None] * len(Spec._fields))
        >>> check_shape(nothing._replace(shape=[1048575] * 2))
        Traceback (most recent call last):
        ...
        ValueError: its rows of shape [1048575, 1048575] have over 4194304 numbers
    """
    sides = all(type(side) is int and side > 0 for side in spec.shape)
    if not sides or not 1 <= len(spec.shape) <= 4:
        raise ValueError(f"its shape is {spec.shape!r:.200}")
    if math.prod(spec.shape) > LARGEST_ROW:
        raise ValueError(
            f"its rows of shape {spec.shape!r:.200} have over {LARGEST_ROW} numbers"
        )


def check_options(spec: Spec) -> None:
    """Refuses networks of sizes that would be built for hours, or fill the memory.

    Args:
        spec: of a model.

    Raises:
        ValueError: naming the option.

    Example:
        >>> nothing = Spec(*[None] * len(Spec._fields))
        >>> check_options(nothing._replace(network_options={"depth": 10**9}))
        Traceback (most recent call last):
        ...
        ValueError: its network's depth is 1000000000, over 1024
    """
    for name, given in spec.network_options.items():
        largest = MOST_LAYERS if name in LAYERS else LARGEST_WIDTH
        values = given if isinstance(given, list) else [given]
        if len(values) > MOST_LAYERS:
            raise ValueError(f"its network's {name} has over {MOST_LAYERS} entries")
        for value in values:
            if isinstance(value, int | float) and not abs(value) <= largest:
                raise ValueError(f"its network's {name} is {value}, over {largest}")
    for name, value in spec.values.items():
        if isinstance(value, int) and abs(value) > LARGEST_WIDTH:
            raise ValueError(f"its {name} is {value}, over {LARGEST_WIDTH}")


def check_program(model: AdaptedModel) -> None:
    """Looks at what predicting would compute, without computing anything.

    Args:
        model: with a stranger's spec and weights.

    Raises:
        ValueError: if some array would be larger than :data:`LARGEST_ARRAY`; whatever
            networks raise whose weights have other shapes.
    """
    dtype = np.dtype(model.spec.trained.get("dtype", "float32"))
    rows = jax.ShapeDtypeStruct((PREDICTION_BATCH, *model.spec.shape), dtype)
    try:
        # Programs with options of the compiler cannot be looked into from outside.
        with jax.disable_jit():
            program = jax.make_jaxpr(
                lambda state, x: model.adapter.predict(state, x, domain="target")
            )(model.state, rows)
    except UNTRACEABLE:
        return  # a loop that ends by what it computes, say
    largest = max(_sizes(program.jaxpr), default=0)
    if largest > LARGEST_ARRAY:
        raise ValueError(
            f"predicting {PREDICTION_BATCH} rows would take arrays of {largest} bytes"
        )


def _sizes(jaxpr: Any) -> Iterator[int]:
    """Bytes of every array in a program, and in those that it calls."""
    for equation in jaxpr.eqns:
        for variable in equation.outvars:
            shape = getattr(variable.aval, "shape", ())
            item = getattr(getattr(variable.aval, "dtype", None), "itemsize", 4)
            yield math.prod(shape) * item
        for inner in jax.tree.leaves(list(equation.params.values())):
            inner = getattr(inner, "jaxpr", inner)
            if hasattr(inner, "eqns"):
                yield from _sizes(inner)
