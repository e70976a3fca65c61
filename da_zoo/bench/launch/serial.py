"""The default launcher: threads of this process, results in the order of the plan."""

from collections import deque
from collections.abc import Iterator
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
        self._flying: deque[tuple[BatchJob, Future[list[GroupRows]]]] = deque()

    @property
    def in_flight(self) -> int:
        """How many row groups have been begun and not been yielded."""
        return sum(len(job.work.batch) for job, _ in self._flying)

    def run(
        self, jobs: Iterator[BatchJob]
    ) -> Iterator[tuple[BatchJob, list[GroupRows]]]:
        """Runs jobs side by side and yields their results in the jobs' order."""
        for job in jobs:
            self._flying.append((job, self._pool.submit(job.call)))
            # One more than run at once: a worker never waits for this thread.
            while len(self._flying) > self.workers:
                yield self._next()
        while self._flying:
            yield self._next()

    def _next(self) -> tuple[BatchJob, list[GroupRows]]:
        job, future = self._flying[0]
        result = future.result()
        self._flying.popleft()
        return job, result

    def __enter__(self) -> "Serial":
        return self

    def __exit__(self, *ending: object) -> None:
        """Waits for what is in flight, unless the process is about to end."""
        leaving = any(isinstance(one, BenchStopped | OSError) for one in ending)
        self._pool.shutdown(wait=not leaving, cancel_futures=True)
