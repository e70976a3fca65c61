"""Leaves out steps that would make a training non-finite, and counts them."""

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from da_zoo.types import Batch, TrainState

__all__ = ["SKIPPED", "skipping_update"]

SKIPPED = "skipped"
"""The metric that counts: 1 where a step was left out."""


@functools.lru_cache(maxsize=512)
def skipping_update(update: Callable[..., Any]) -> Callable[..., Any]:
    """Makes an update keep the old state where the new one, or a metric, is not finite.

    Teachers and banks (``extra``) are made of these, and may hold infinities.
    The step's number goes on, so that the next batch is another one; the metrics of one
    that was left out are NaN. As loss scaling
    does in mixed precision (Micikevicius et al., 2018, "Mixed Precision Training").

    Args:
        update: an adapter's.

    Example:
        >>> from da_zoo import methods, network_by_name
        >>> adapter = methods.source_only(network_by_name("mlp"), classes=2)[0].adapter
        >>> skipping_update(adapter.update) is skipping_update(adapter.update)
        True
    """

    def run(state: TrainState, batch: Batch) -> Any:
        new, metrics = update(state, batch)
        leaves = [
            leaf
            for leaf in jax.tree.leaves((new.params, new.stats, new.opt_state, metrics))
            if jnp.issubdtype(leaf.dtype, jnp.floating)
        ]
        good = jnp.array(True)
        for leaf in leaves:
            good &= jnp.isfinite(leaf).all()
        kept = jax.tree.map(lambda a, b: jnp.where(good, a, b), new, state)
        # Also finite ones, where the gradient was not: a mean would take them.
        told = {
            name: jnp.where(good, value, jnp.nan) for name, value in metrics.items()
        }
        told[SKIPPED] = (~good).astype(jnp.float32)
        return kept._replace(step=new.step), told

    return run
