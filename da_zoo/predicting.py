"""Predicts many rows with one run's state, in batches of one padded shape."""

from typing import Any

import jax
import numpy as np
from jaxtyping import PyTree

from da_zoo.data.batches import as_inputs
from da_zoo.types import Adapter, Predictions, TrainState

__all__ = ["PREDICTION_BATCH", "predict_rows"]

PREDICTION_BATCH = 512


def predict_rows(
    adapter: Adapter, state: TrainState, x: PyTree[Any], *, domain: str = "target"
) -> Predictions:
    """Predicts rows of any number; a pool on disk is read batch by batch.

    Args:
        adapter: of the phase that the state is from.
        state: of one run.
        x: inputs [n, ...] as training takes them, or a dict of such.
        domain: whose encoder and statistics to use: "target" or "source".

    Returns:
        Logits [n, width] by label space and features [n, d], as NumPy arrays.

    Raises:
        ValueError: if there are no rows.

    Example:
        >>> from da_zoo import fit, methods, network_by_name
        >>> from da_zoo.testing import toy_data
        >>> recipe = methods.source_only(network_by_name("mlp"), classes=3)
        >>> result = fit(recipe, toy_data(), jax.random.key(0), steps=2, batch_size=6)
        >>> predicted = predict_rows(result.adapter, result.state, np.ones((5, 6)))
        >>> predicted.logits["target"].shape
        (5, 3)
    """
    count = len(jax.tree.leaves(x)[0])
    if count == 0:
        raise ValueError("x has no rows to predict")
    parts = []
    for start in range(0, count, PREDICTION_BATCH):
        own = np.arange(start, min(start + PREDICTION_BATCH, count))
        # Repeats, not zeros: a method may normalise by the rows it is given.
        rows = np.arange(PREDICTION_BATCH) % len(own)
        block = jax.tree.map(
            lambda leaf, own=own, rows=rows: as_inputs(leaf[own][rows]), x
        )
        predicted = adapter.predict(state, block, domain=domain)
        size = len(own)
        parts.append(jax.tree.map(lambda leaf, n=size: np.asarray(leaf)[:n], predicted))
    joined: Predictions = jax.tree.map(lambda *own: np.concatenate(own), *parts)
    return joined
