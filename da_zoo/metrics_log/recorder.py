"""From ``fit``'s callbacks to a writer: means over chunks of steps, by run."""

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from da_zoo.logs.events import is_first_process
from da_zoo.metrics_log.writer import MetricsWriter, together
from da_zoo.phases import OnState
from da_zoo.skipping import SKIPPED
from da_zoo.types import Phase, TrainState

__all__ = ["Recorder", "recording"]


class Recorder:
    """Hands chunks to a writer: ``fit(..., on_metrics=recorder)``.

    ``on_metrics`` is not told whose a chunk is. Where ``fit`` trains its runs one by
    one or in groups (several seeds or a sweep, on more than one core), pass
    ``on_state=recorder.by_run()`` too, which is told; else runs are numbered within
    their group.

    Args:
        writer: started already.

    Example:
        >>> from da_zoo.metrics_log import EventWriter
        >>> writer = EventWriter()
        >>> writer.start({"method": "dann"})
        >>> Recorder(writer)("adapt", 2, 2, {"task_loss": np.array([0.5, 0.3])})
    """

    def __init__(self, writer: MetricsWriter) -> None:
        self._writer = writer
        self._waits = False
        self._chunk = threading.local()

    def __call__(
        self, phase: str, done: int, length: int, metrics: dict[str, np.ndarray]
    ) -> None:
        """Takes a chunk, as ``fit(on_metrics=...)`` hands it over."""
        del length
        means = _means(metrics)
        if not means:  # a phase that trains nothing
            return
        if self._waits:
            # fit tells the state next, in this thread, and with it whose chunk it is.
            self._chunk.waiting = (phase, done, means)
        else:
            self._write(phase, done, means, range(len(next(iter(means.values())))))

    def by_run(self, then: OnState | None = None) -> OnState:
        """Makes the callback ``on_state``, which says whose a chunk is.

        Args:
            then: another ``on_state``, called afterwards.
        """
        self._waits = True

        def on_state(
            phase: Phase, done: int, state: TrainState, members: np.ndarray
        ) -> None:
            if waiting := self._chunk.__dict__.pop("waiting", None):
                of_phase, step, means = waiting
                self._write(of_phase, step, means, members.tolist())
            if then is not None:
                then(phase, done, state, members)

        return on_state

    def _write(
        self, phase: str, done: int, means: dict[str, np.ndarray], runs: Sequence[int]
    ) -> None:
        self._writer.write(
            phase,
            done,
            {
                name: dict(zip(runs, values.tolist(), strict=True))
                for name, values in means.items()
            },
        )


def _means(metrics: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Over the steps [..., steps] of a chunk; those left out count as such alone.

    Where none is, NaN stays NaN; a run whose steps were all left out has NaN too.
    """
    left_out = metrics.get(SKIPPED)
    means = {}
    for name, values in metrics.items():
        taken = np.ones(values.shape, bool)
        if left_out is not None and name != SKIPPED:
            taken = left_out == 0
        total = np.sum(values, axis=-1, dtype=np.float64, where=taken)
        with np.errstate(invalid="ignore"):  # 0 / 0
            means[name] = np.atleast_1d(total / taken.sum(axis=-1))
    return means


@contextmanager
def recording(
    writer: MetricsWriter | Sequence[MetricsWriter], run: Mapping[str, Any]
) -> Iterator[Recorder]:
    """Starts a writer, or several, and closes it whatever happens.

    Args:
        writer: what it raises ends no training.
        run: what is trained, strict JSON; ``runs`` may name runs by number.

    Raises:
        TypeError: for something that is no writer.

    Example:
        >>> import jax, tempfile, da_zoo
        >>> from da_zoo.metrics_log import JsonlWriter, read_metrics
        >>> path = tempfile.mkdtemp() + "/metrics.jsonl"
        >>> x, y = np.random.default_rng(0).normal(size=(32, 4)), np.arange(32) % 2
        >>> recipe = da_zoo.methods.source_only(
        ...     da_zoo.network_by_name("mlp"), classes=2
        ... )
        >>> data = da_zoo.ArrayData((x, y))
        >>> with recording(JsonlWriter(path), {"method": "source_only"}) as recorder:
        ...     _ = da_zoo.fit(
        ...         recipe, data, jax.random.key(0), steps=5, on_metrics=recorder
        ...     )
        >>> read_metrics(path)[0].chunks[0]["step"]
        5
    """
    writers = writer if isinstance(writer, Sequence) else (writer,)
    # Processes that train one model together have the same metrics.
    guarded = together(*(writers if is_first_process() else ()))
    guarded.start(run)
    try:
        yield Recorder(guarded)
    finally:
        guarded.close()
