"""The default launcher: threads of this process, results in the order of the plan."""

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

from da_zoo.bench.group import GroupRows
from da_zoo.bench.launch.job import BatchJob
from da_zoo.bench.signals import BenchStopped

__all__ = ["Serial"]


class Serial:
    """Runs batches in threads: XLA computes outside Python's lock.

    Args:
        workers: how many threads.

    Example:
        >>> with Serial(2) as launcher:
        ...     list(launcher.run(iter([])))
        []
    """

    def __init__(self, workers: int) -> None:
        self.workers = workers
        self._pool = ThreadPoolExecutor(workers, "row-group")
        self._flying: deque[tuple[BatchJob, Future[list[GroupRows] | None]]] = deque()

    @property
    def in_flight(self) -> int:
        """How many row groups have been begun and are not kept yet."""
        return sum(
            len(job.work.batch)
            for job, future in self._flying
            if future.running() or future.done()
        )

    def run(
        self, jobs: Iterator[BatchJob], asked: Callable[[], bool] = lambda: False
    ) -> Iterator[tuple[BatchJob, list[GroupRows]]]:
        """Runs jobs side by side and yields their results in the jobs' order."""
        for job in jobs:
            self._flying.append((job, self._pool.submit(_begin, job, asked)))
            # One more than run at once: a worker never waits for this thread.
            while len(self._flying) > self.workers:
                yield from self._next()
        while self._flying:
            yield from self._next()

    def _next(self) -> Iterator[tuple[BatchJob, list[GroupRows]]]:
        job, future = self._flying[0]
        groups = future.result()
        if groups is not None:
            yield job, groups
        self._flying.popleft()  # not before: it is being kept

    def __enter__(self) -> "Serial":
        return self

    def __exit__(self, *ending: object) -> None:
        """Waits for what is in flight, unless the process is about to end."""
        leaving = any(isinstance(one, BenchStopped | OSError) for one in ending)
        self._pool.shutdown(wait=not leaving, cancel_futures=True)


def _begin(job: BatchJob, asked: Callable[[], bool]) -> list[GroupRows] | None:
    """Runs a job; None where the user has asked for an end while it was queued."""
    # Here, in the worker: it is free before the main thread knows.
    return None if asked() else job.call()
