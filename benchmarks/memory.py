"""Peak memory of the losses at sizes that used to be out of reach.

``python benchmarks/memory.py`` runs each case in a process of its own, because a
process never forgets its peak, and prints a table.
"""

import argparse
import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

# JAX is imported by the children only: a child's peak starts from its parent's size.
Case = Callable[[], tuple[Callable[..., Any], tuple[Any, ...]]]


def mmd() -> tuple[Callable[..., Any], tuple[Any, ...]]:
    """Five Gaussian kernels: three matrices of 256 MiB each, were they formed."""
    import jax

    from da_zoo.losses import mmd_squared

    source, target = jax.random.normal(jax.random.key(0), (2, 8192, 256))
    return jax.value_and_grad(mmd_squared, argnums=(0, 1)), (source, target + 0.1)


def coral() -> tuple[Callable[..., Any], tuple[Any, ...]]:
    """Covariances of 16 MiB each."""
    import jax

    from da_zoo.losses import coral

    source, target = jax.random.normal(jax.random.key(0), (2, 256, 2048))
    return jax.value_and_grad(coral, argnums=(0, 1)), (source, 1.1 * target)


def random_multilinear() -> tuple[Callable[..., Any], tuple[Any, ...]]:
    """In place of an outer product of 172 MiB."""
    import jax
    import jax.numpy as jnp

    from da_zoo.losses import random_multilinear, random_projections

    keys = jax.random.split(jax.random.key(0), 3)
    features = jax.random.normal(keys[0], (64, 2048))
    predictions = jax.nn.softmax(jax.random.normal(keys[1], (64, 345)), axis=1)
    pair = random_projections(keys[2], 2048, 345, 1024)

    def loss(features: Any, predictions: Any, pair: Any) -> Any:
        return jnp.sum(jnp.square(random_multilinear(features, predictions, pair)))

    return jax.value_and_grad(loss, argnums=(0, 1)), (features, predictions, pair)


def sinkhorn() -> tuple[Callable[..., Any], tuple[Any, ...]]:
    """One cost matrix of 16 MiB, at about a twentieth of its mean."""
    import jax

    from da_zoo.losses import sinkhorn_distance
    from da_zoo.losses.mmd import squared_distances

    source, target = jax.random.normal(jax.random.key(0), (2, 2048, 64))

    def loss(source: Any, target: Any) -> Any:
        cost = squared_distances(source, target)
        return sinkhorn_distance(cost, regularisation=6.0, iterations=100)

    return jax.value_and_grad(loss, argnums=(0, 1)), (source, target + 0.1)


CASES: dict[str, tuple[str, Case]] = {
    "mmd": ("MK-MMD, n = m = 8192, d = 256", mmd),
    "coral": ("CORAL, n = m = 256, d = 2048", coral),
    "random_multilinear": (
        "random multilinear, n = 64, d = 2048, k = 345, r = 1024",
        random_multilinear,
    ),
    "sinkhorn": ("Sinkhorn, 2048 x 2048, 100 iterations", sinkhorn),
}


def peak_mib() -> float:
    """The most memory this process has held so far."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    # KiB on Linux, bytes on macOS.
    return peak / (2**20 if sys.platform == "darwin" else 2**10)


def measure(case: Case) -> dict[str, float]:
    """Value and gradient once, in this process: MiB and seconds."""
    import jax

    jax.block_until_ready(jax.numpy.zeros(1))  # the backend starts at the first array
    row = {"baseline": peak_mib()}
    function, arguments = case()
    start = time.perf_counter()
    program = jax.jit(function).lower(*arguments).compile()
    row["compile"] = time.perf_counter() - start
    start = time.perf_counter()
    jax.block_until_ready(program(*arguments))
    row["run"] = time.perf_counter() - start
    row["peak"] = peak_mib()
    return row


def main() -> None:
    """Prints the table, or with --case one row as JSON."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--case", choices=CASES, help="run one here and print JSON")
    named = parser.parse_args().case
    if named is not None:
        print(json.dumps(measure(CASES[named][1])))
        return
    print("| value and gradient | peak MiB | baseline MiB | compile s | run s |")
    print("|---|--:|--:|--:|--:|")
    for name, (title, _) in CASES.items():
        child = subprocess.run(
            [sys.executable, __file__, "--case", name],
            check=True,
            stdout=subprocess.PIPE,
            text=True,
        )
        row = json.loads(child.stdout)
        print(
            f"| {title} | {row['peak']:.0f} | {row['baseline']:.0f}"
            f" | {row['compile']:.2f} | {row['run']:.2f} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
