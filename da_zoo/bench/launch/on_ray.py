"""Ray: each batch of row groups is a remote task, begun anew where its worker dies."""

from collections import deque
from collections.abc import Callable, Iterator
from typing import Any

from da_zoo.bench.execute import without_result
from da_zoo.bench.group import GroupRows
from da_zoo.bench.launch.base import TRIES, Try
from da_zoo.bench.launch.job import BatchJob, Order
from da_zoo.bench.launch.ray_cluster import RayCluster
from da_zoo.bench.launch.ray_worker import BEGAN, LATE, perform
from da_zoo.scenarios import Suite

__all__ = ["OnRay"]

LISTEN = 0.5
"""Seconds between two looks at what signals have asked for."""


class OnRay:
    """Runs batches on a Ray cluster; the driver holds few of them at any time.

    A batch whose worker dies is begun anew, up to
    :data:`da_zoo.bench.launch.base.TRIES` times in all. The driver counts, for Ray
    itself never gives up a task that fills a node's memory.

    Args:
        order: what workers rebuild.
        suite: of the rows of batches without a result.
        address: of the cluster, as :class:`RayCluster` has it.
        workers: tasks at once; None means as many as the cluster has room for.
        cpus: what a task reserves.
        gpus: what a task reserves.
        timeout: seconds that a batch may train and be scored for.

    Example:
        >>> order = Order("embedded", (), None, (), ".", False, None, None)
        >>> OnRay(order, None).in_flight  # entering it starts Ray
        0
    """

    def __init__(
        self,
        order: Order,
        suite: Suite | None,
        *,
        address: str = "local",
        workers: int | None = None,
        cpus: float = 1.0,
        gpus: float = 0.0,
        timeout: float | None = None,
    ) -> None:
        self.order, self.suite = order, suite
        self.workers, self.timeout = workers, timeout
        self.reserved = {"CPU": cpus, "GPU": gpus}
        self.cluster = RayCluster(address, self.reserved, workers)
        self._flying: dict[Any, Try] = {}
        """By the stream of what the task's worker says."""
        self._begun: set[Any] = set()
        self._again: deque[Try] = deque()

    @property
    def in_flight(self) -> int:
        """How many row groups have been begun and are not kept yet.

        Where none is known to have been begun, those handed over: one may have, while
        this process was planning.
        """
        begun = [self._flying[stream] for stream in self._begun]
        flying = [*begun, *self._again] or self._flying.values()
        return sum(len(one.job.work.batch) for one in flying)

    def run(
        self, jobs: Iterator[BatchJob], asked: Callable[[], bool] = lambda: False
    ) -> Iterator[tuple[BatchJob, list[GroupRows]]]:
        """Runs jobs and yields their results as they come."""
        import ray

        remote = ray.remote(perform).options(
            num_cpus=self.reserved["CPU"],
            num_gpus=self.reserved["GPU"],
            max_retries=0,
            num_returns="streaming",
            name="da-zoo-groups",
        )
        fresh = (Try(job, 1) for job in jobs)
        while True:
            while len(self._flying) < self._room():
                work = self._again.popleft() if self._again else next(fresh, None)
                if work is None:
                    break
                stream = remote.remote(self.order, work.job.task, self.timeout)
                self._flying[stream] = work
            if self._flying and asked():
                self._drop_queued()
            if not self._flying:
                return
            ready, _ = ray.wait(list(self._flying), timeout=LISTEN)
            for stream in ready:
                yield from self._hear(stream)

    def _room(self) -> int:
        """How many tasks to hand over: some wait there, so that nobody idles."""
        if self.workers is not None:
            return self.workers
        import ray

        there = ray.cluster_resources()
        fitting = [
            there.get(name, 0.0) / need for name, need in self.reserved.items() if need
        ]
        return 2 * max(1, int(min(fitting, default=1.0)))

    def _hear(self, stream: Any) -> Iterator[tuple[BatchJob, list[GroupRows]]]:
        """Takes what a task says; what ends without its rows has lost its worker."""
        import ray

        job, number = self._flying[stream]
        try:
            said = ray.get(next(stream))
        except ray.exceptions.RayTaskError as error:
            cause = error.cause
            said = self._without(job, "failed", f"{type(cause).__name__}: {cause}")
        except ray.exceptions.RayError as error:
            if number < TRIES:
                self._again.append(Try(job, number + 1))
                self._forget(stream)
                return
            reason = f"its worker died {TRIES} times ({type(error).__name__})"
            said = self._without(job, "failed", reason)
        if said == BEGAN:
            self._begun.add(stream)
            return
        if said == LATE:
            ray.cancel(stream, force=True)  # a thread of it still trains
            reason = f"took longer than timeout={self.timeout:g} seconds"
            said = self._without(job, "timeout", reason)
        yield job, said
        self._forget(stream)  # not before: it is being kept

    def _drop_queued(self) -> None:
        """Takes back what waits for a worker, but for what has been begun before."""
        import ray

        streams = list(self._flying)
        speaking, _ = ray.wait(streams, num_returns=len(streams), timeout=0)
        begun = {*self._begun, *speaking}
        for stream, (_, number) in list(self._flying.items()):
            if stream not in begun and number == 1:
                ray.cancel(stream, force=True)
                self._forget(stream)

    def _forget(self, stream: Any) -> None:
        self._begun.discard(stream)
        del self._flying[stream]

    def _without(self, job: BatchJob, status: str, reason: str) -> list[GroupRows]:
        assert self.suite is not None
        return without_result(job.work.batch, self.suite, status, reason)

    def __enter__(self) -> "OnRay":
        """Starts or finds the cluster.

        Raises:
            ValueError: where none is found, or a task would never have room.
        """
        self.cluster.start()
        return self

    def __exit__(self, *ending: object) -> None:
        """Ends the tasks, and the cluster if it was started."""
        import ray

        for stream in self._flying:
            ray.cancel(stream, force=True)
        self._flying, self._begun = {}, set()
        self.cluster.stop()
