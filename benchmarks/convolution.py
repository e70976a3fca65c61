"""Gradients of our convolution against XLA's own, over kernel and picture sizes.

``python benchmarks/convolution.py`` prints a table of milliseconds (value and both
gradients, 64 pictures, 16 to 32 channels) outside and inside a compiled loop.
"""

import argparse
import statistics
import time
from collections.abc import Callable
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax import Array

from da_zoo.backend import compiler_options
from da_zoo.convolution import convolution

BATCH, CHANNELS_IN, CHANNELS_OUT = 64, 16, 32
SLOW_IN_LOOPS = 16 * 16 * 5 * 5
"""Above so many pixels times kernel entries XLA's own takes seconds in a loop."""


def ours(x: Array, kernel: Array) -> Array:
    """Sum of squares, so that both gradients depend on everything."""
    return jnp.sum(jnp.square(convolution(x, kernel)))


def xla(x: Array, kernel: Array) -> Array:
    """The same by Flax's layer."""
    layer = nn.Conv(CHANNELS_OUT, kernel.shape[:2], use_bias=False)
    return jnp.sum(jnp.square(layer.apply({"params": {"kernel": kernel}}, x)))


def inside_a_loop(loss: Callable[..., Array]) -> Callable[..., Array]:
    """Two steps of a descent, as training does them."""
    gradients = jax.grad(loss, argnums=(0, 1))

    def run(x: Array, kernel: Array) -> Array:
        def body(_: Any, kernel: Array) -> Array:
            return kernel - 1e-9 * gradients(x, kernel)[1]

        return jax.lax.fori_loop(0, 2, body, kernel)

    return run


def milliseconds(function: Callable[..., Any], *args: Array) -> float:
    """Median of five calls, compiled before."""
    compiled = jax.jit(function, compiler_options=compiler_options())
    jax.block_until_ready(compiled(*args))
    seconds = []
    for _ in range(5):
        start = time.perf_counter()
        jax.block_until_ready(compiled(*args))
        seconds.append(time.perf_counter() - start)
    return 1e3 * statistics.median(seconds)


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", default="16,28,64", help="of square pictures")
    parser.add_argument("--kernels", default="3,5,7,11,15,21")
    words = parser.parse_args()
    print("| picture | kernel | ours | XLA's | ours in a loop | XLA's in a loop |")
    print("|--:|--:|--:|--:|--:|--:|")
    for size in map(int, words.sizes.split(",")):
        for side in map(int, words.kernels.split(",")):
            if side > size:
                continue
            keys = jax.random.split(jax.random.key(0))
            x = jax.random.normal(keys[0], (BATCH, size, size, CHANNELS_IN))
            shape = (side, side, CHANNELS_IN, CHANNELS_OUT)
            kernel = 0.05 * jax.random.normal(keys[1], shape)
            cells = [
                f"{milliseconds(jax.grad(loss, argnums=(0, 1)), x, kernel):.1f}"
                for loss in (ours, xla)
            ]
            cells.append(f"{milliseconds(inside_a_loop(ours), x, kernel) / 2:.1f}")
            short = size * size * side * side <= SLOW_IN_LOOPS
            found = (
                milliseconds(inside_a_loop(xla), x, kernel) / 2
                if short
                else float("nan")
            )
            cells.append(f"{found:.0f}" if short else "")
            print(f"| {size} | {side} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
