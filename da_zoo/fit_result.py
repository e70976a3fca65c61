"""``FitResult``: what ``fit`` leaves."""

from typing import Any, NamedTuple

import jax
import numpy as np
from jaxtyping import PyTree, Shaped

from da_zoo.data.batches import as_inputs
from da_zoo.programs import Plan
from da_zoo.types import Adapter, Predictions, TrainState

__all__ = ["FitResult"]


class FitResult(NamedTuple):
    """What training leaves. Arrays lead with ``axes``, of which there may be none."""

    state: TrainState
    adapter: Adapter
    """The last phase's adapter; ``predict`` uses it."""
    history: dict[str, np.ndarray]
    """"phase/metric" -> [*axes, steps]."""
    finite: np.ndarray
    """bool [*axes]: whether every metric of every step was finite."""
    compile_seconds: float
    fit_seconds: float
    """Without compilation."""
    plan: Plan
    failures: tuple[str, ...] = ()
    """What went non-finite, where ``on_nonfinite="mark"``."""
    axes: dict[str, tuple[Any, ...]] = {}  # noqa: RUF012
    """Names and values of the leading axes: the sweep's, then "seed"."""
    width: int = 0
    """How many runs shared a program; 0 where there was one without an axis."""
    best: TrainState | None = None
    """Where ``Checkpointing.keep_best`` was highest, of each group of runs."""

    def predict(
        self, x: PyTree[Shaped[Any, "n ..."]], *, domain: str = "target"
    ) -> Predictions:
        """Predicts rows; every run of a sweep or seed axis predicts the same rows."""
        pool = jax.tree.map(as_inputs, x)

        def run(state: TrainState) -> Predictions:
            return self.adapter.predict(state, pool, domain=domain)

        for _ in range(self.finite.ndim):
            run = jax.vmap(run)
        return run(self.state)
