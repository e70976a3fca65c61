"""da_zoo: the public API, all seeds in one call of ``fit``."""

import functools
import importlib.metadata
import os
from typing import Any

import jax
import numpy as np
from worker import work
from works import CLASSES, DISCRIMINATOR, LEARNING_RATE, WORKS, data

from da_zoo import ArrayData, FitResult, fit, fit_all, methods, network_by_name

if folder := os.environ.get("PEERS_CACHE"):
    jax.config.update("jax_compilation_cache_dir", folder)
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)


@functools.cache
def prepared(name: str, method: str) -> tuple[Any, ArrayData]:
    """The recipe and the data of a work, made once."""
    own = WORKS[name]
    network = network_by_name(own.network, hidden=own.hidden, batch_norm=False)
    options: dict[str, Any] = {"schedule": "constant", "learning_rate": LEARNING_RATE}
    if method == "dann":
        options["discriminator"] = (DISCRIMINATOR,)
    recipe = getattr(methods, method)(network, classes=CLASSES, **options)
    rows = data(own)
    return recipe, ArrayData((rows.x, rows.y), rows.target)


def end(result: FitResult) -> tuple[int, float]:
    """Updates of each seed, and the mean of their last task losses."""
    (losses,) = (v for k, v in result.history.items() if k.endswith("/task_loss"))
    return losses.shape[-1], float(np.mean(losses[..., -1]))


def train(name: str, method: str, seeds: int, steps: int) -> tuple[int, float]:
    """Trains all seeds of a method."""
    recipe, rows = prepared(name, method)
    batch = WORKS[name].batch
    key = jax.random.key(0)
    return end(fit(recipe, rows, key, steps=steps, batch_size=batch, seeds=seeds))


def sweep(
    name: str, chosen: tuple[str, ...], seeds: int, steps: int
) -> dict[str, tuple[int, float]]:
    """Trains all seeds of all methods, side by side."""
    recipes = {method: prepared(name, method)[0] for method in chosen}
    rows = prepared(name, chosen[0])[1]
    options = {"steps": steps, "batch_size": WORKS[name].batch, "seeds": seeds}
    results = fit_all(recipes, rows, jax.random.key(0), **options)
    return {method: end(result) for method, result in results.items()}


if __name__ == "__main__":
    names = ("jax", "jaxlib", "flax", "optax", "numpy")
    work(train, {name: importlib.metadata.version(name) for name in names}, sweep)
