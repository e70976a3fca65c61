"""Ranks states by what they make of unlabelled target rows."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from da_zoo.checkpoint.criteria import TARGET_LOSSES, TARGET_ROWS
from da_zoo.data.arrays import ArrayData
from da_zoo.data.batches import as_inputs
from da_zoo.data.random_access import fill_rows
from da_zoo.staging import Seeds
from da_zoo.types import Adapter, TrainState

__all__ = ["Scorer"]


class Scorer:
    """A criterion over the first target rows of a group of runs.

    Args:
        criterion: a name of :data:`~da_zoo.checkpoint.criteria.TARGET_LOSSES`.
        data: the streams, of which the target is read.

    Raises:
        ValueError: if there are no target rows.
    """

    def __init__(self, criterion: str, data: ArrayData) -> None:
        stream = data.target
        if stream is None:
            raise ValueError(
                f"checkpoint.keep_best={criterion!r} looks at target rows, and the "
                "data have none: leave it out, or give target"
            )
        if any(
            values.labels is not None and values.labels.dtype.kind == "f"
            for values in data.streams().values()
        ):
            raise ValueError(
                f"checkpoint.keep_best={criterion!r} looks at the classes of "
                "predictions, and the labels are values: leave it out"
            )
        self._criterion = criterion
        count = min(int(stream.count.min()), TARGET_ROWS)
        chosen = stream.rows[:, :count]
        found = np.unique(chosen)

        def read(leaf: Any) -> Any:
            out = np.zeros((len(found), *leaf.shape[1:]), leaf.dtype)
            fill_rows(out, leaf, found)
            return out

        pool = jax.tree.map(read, stream.pool)
        place = np.searchsorted(found, chosen)
        # [runs or 1, rows, ...]: runs of several seeds may have rows of their own.
        self._rows = [jax.tree.map(lambda a, p=p: as_inputs(a[p]), pool) for p in place]

    def score(self, adapter: Adapter, state: TrainState, seeds: Seeds) -> float | None:
        """Returns the mean over the group's runs; None without a head for the target.

        Args:
            adapter: of the phase.
            state: [runs, ...], or of one run.
            seeds: whose it is.
        """
        loss = TARGET_LOSSES[self._criterion]
        if not seeds.grouped:
            own = [(state, seeds.number or 0)]
        else:
            own = [
                (jax.tree.map(lambda a, i=i: a[i], state), i)
                for i in range(seeds.width)
            ]
        scores = []
        for one, number in own:
            rows = self._rows[number if len(self._rows) > 1 else 0]
            logits = adapter.predict(one, rows, domain="target").logits.get("target")
            if logits is None:
                return None
            scores.append(-float(loss(logits.astype(jnp.float32))))
        mean = float(np.mean(scores))
        return mean if np.isfinite(mean) else None
