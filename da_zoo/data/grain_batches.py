"""Batches for a training loop of one's own, read ahead by Grain's workers.

``fit`` needs none of this. A loop around ``make_train_step`` does, where rows come from
disk: they are read and decoded in other threads or processes, and the next batches are
on the device before they are needed.
"""

import collections
import multiprocessing
import os
import threading
from collections.abc import Iterator, Sequence
from typing import Any

import jax
import numpy as np
from jax.sharding import Sharding

from da_zoo.compose import named_key
from da_zoo.data.arrays import ArrayData
from da_zoo.data.batches import as_inputs
from da_zoo.data.mapped_rows import portable
from da_zoo.data.step_source import StepSource
from da_zoo.types import Batch, Examples, Key

__all__ = ["GrainBatches", "grain_batches"]

AHEAD = 2
"""Batches on the device beside the one that trains."""
BUFFER_BYTES = 64 * 2**20
"""Inputs that wait in host memory, at most, in each process that reads."""
MOST_BUFFERED = 16
THREADS = 4


def grain_batches(
    data: ArrayData,
    key: Key,
    *,
    batch_size: int,
    workers: int = 0,
    start_step: int = 0,
    shard: tuple[int, int] = (0, 1),
    uses: Sequence[str] | None = None,
    phase: int = 0,
    sharding: Sharding | None = None,
) -> "GrainBatches":
    """Yields batches without end, in exactly the order of ``fit``.

    Args:
        data: the streams; their inputs may lie on disk.
        key: as ``fit`` is given it.
        batch_size: rows per stream and step, over all hosts.
        workers: processes that read; 0 reads in threads of this process, which is
            enough unless images are to be decoded. What is in memory is copied to each
            process; rows on disk and memory maps are opened there. A script that asks
            for processes needs ``if __name__ == "__main__":`` around what it does.
        start_step: the first step, to go on from.
        shard: ``(index, count)`` of this host: it reads the ``index``-th of ``count``
            equal parts of every batch.
        uses: names of the streams; None means all. (A phase's: ``phase.uses``.)
        phase: number of the recipe's phase; each has an order of its own.
        sharding: how a batch lies over devices, as ``make_train_step`` is told.

    Returns:
        An iterator with ``get_state`` and ``set_state``; close it, or use it in a
        ``with`` statement, where there are workers.

    Raises:
        ImportError: without Grain.
        ValueError: for numbers out of range, or data of several seeds.

    Example:
        >>> data = ArrayData(target=np.arange(12.0).reshape(6, 2))
        >>> with grain_batches(data, jax.random.key(0), batch_size=2) as batches:
        ...     shape = next(batches).target.x.shape
        ...     told = batches.get_state()["step"]
        >>> shape, told
        ((2, 2), 1)
    """
    if workers < 0 or start_step < 0:
        raise ValueError(
            f"workers and start_step must be at least 0, got {workers}, {start_step}"
        )
    _grain()
    order = jax.random.fold_in(named_key(key, "order"), phase)
    words = tuple(int(word) for word in np.asarray(jax.random.key_data(order)))
    source = StepSource(data, words, batch_size, uses=uses, shard=shard)
    return GrainBatches(source, workers, start_step, sharding)


class GrainBatches(Iterator[Batch]):
    """The iterator of :func:`grain_batches`."""

    def __init__(
        self, source: StepSource, workers: int, step: int, sharding: Sharding | None
    ) -> None:
        self._source, self._workers, self._sharding = source, workers, sharding
        self._reader: Any = None
        self._start(step)

    def _start(self, step: int) -> None:
        self.close()
        grain, source, workers = _grain(), self._source, self._workers
        if workers:
            source = source.moved(portable)
        fitting = max(1, min(MOST_BUFFERED, BUFFER_BYTES // max(1, source.step_bytes)))
        options = grain.ReadOptions(
            num_threads=min(THREADS, fitting), prefetch_buffer_size=fitting
        )
        steps = grain.MapDataset.source(source)[step:].to_iter_dataset(options)
        if workers:
            _parse_flags()
            several = grain.MultiprocessingOptions(num_workers=workers)
            steps = steps.mp_prefetch(several, worker_init_fn=_end_with_parent)
        self._step = step
        self._reader = iter(steps)
        self._ahead: collections.deque[Batch] = collections.deque()

    def __iter__(self) -> "GrainBatches":
        return self

    def __next__(self) -> Batch:
        if self._reader is None:
            raise ValueError("these batches are closed; call grain_batches again")
        # Copies to the device run on their own: nothing here waits for them.
        while len(self._ahead) <= AHEAD:
            self._ahead.append(self._placed(next(self._reader)))
        self._step += 1
        return self._ahead.popleft()

    def _placed(self, rows: dict[str, Examples]) -> Batch:
        if self._sharding is None:
            moved = jax.device_put(rows)
        else:
            place = jax.make_array_from_process_local_data
            moved = jax.tree.map(lambda leaf: place(self._sharding, leaf), rows)
        # Pixels travel as bytes and become numbers on the device.
        return Batch(
            **{
                name: examples._replace(x=jax.tree.map(_inputs, examples.x))
                for name, examples in moved.items()
            }
        )

    def get_state(self) -> dict[str, Any]:
        """Returns where it is, as plain JSON values: what was read ahead counts not."""
        return {"step": self._step, "order": self._source.mark}

    def set_state(self, state: dict[str, Any]) -> None:
        """Goes on where an equal iterator was; the number of workers may differ.

        Raises:
            ValueError: if key, rows, batch size or shard are others, so that other
                batches would come.
        """
        if state.get("order") != self._source.mark:
            raise ValueError(
                f"the state is of batches in another order ({state.get('order')}, here "
                f"{self._source.mark}): key, number of rows, batch_size and shard must "
                "be as they were"
            )
        self._start(int(state["step"]))

    def close(self) -> None:
        """Stops reading, and ends the workers."""
        if self._reader is not None:
            self._reader.close()
        self._reader, self._ahead = None, collections.deque()

    def __enter__(self) -> "GrainBatches":
        return self

    def __exit__(self, *raised: object) -> None:
        self.close()


_inputs = jax.jit(as_inputs)


def _grain() -> Any:
    try:
        import grain
    except ImportError as error:
        raise ImportError(
            'batches read ahead need Grain: pip install "da-zoo[streaming]"'
        ) from error
    return grain


def _parse_flags() -> None:
    """Lets Grain read its flags, which have defaults, in a program without absl's."""
    from absl import flags

    if not flags.FLAGS.is_parsed():
        flags.FLAGS.mark_as_parsed()


def _end_with_parent(index: int, count: int) -> None:
    """Ends a worker whose parent was killed: Grain's would wait for it for ever."""
    del index, count
    parent = multiprocessing.parent_process()
    if parent is None:
        return

    def watch() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
