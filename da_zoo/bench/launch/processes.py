"""Worker processes on this machine: a batch that dies or hangs costs itself alone."""

import multiprocessing
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from multiprocessing.connection import wait

from da_zoo.bench.execute import without_result
from da_zoo.bench.group import GroupRows
from da_zoo.bench.launch.base import TRIES, Try
from da_zoo.bench.launch.job import BatchJob, Order
from da_zoo.bench.launch.starting import GUARD
from da_zoo.bench.launch.worker import serve
from da_zoo.scenarios import Suite

__all__ = ["Processes"]

LINGER = 5.0
"""Seconds that a process may take to end after its pipe."""


class _Seat:
    """A worker process, its pipe, and what it is at."""

    def __init__(self, order: Order) -> None:
        # Not a fork: XLA's threads would not come along, and their locks would.
        context = multiprocessing.get_context("spawn")
        self.pipe, theirs = context.Pipe()
        self.process = context.Process(
            # No daemon: those may not have processes of their own, to read data, say.
            target=serve,
            args=(theirs, order),
            name="da-zoo-worker",
        )
        self.process.start()
        theirs.close()  # so that its end is seen when the worker dies
        self.at: Try | None = None
        self.began: float | None = None
        """When training began, by the monotonic clock; None before."""

    def give(self, work: Try) -> None:
        self.at, self.began = work, None
        with suppress(OSError):  # it may have died; reading says so too
            self.pipe.send(work.job.task)

    def bury(self) -> str:
        """Says how a worker whose pipe has ended did."""
        self.process.join(LINGER)  # killed at once, it would seem to have been killed
        self.kill()
        code = self.process.exitcode
        if code is None or code >= 0:
            return f"exit status {code}"
        return f"signal {-code}"

    def kill(self) -> None:
        self.process.kill()
        self.process.join()
        self.pipe.close()


class Processes:
    """Runs batches in processes of their own, each with one batch at a time.

    A batch whose worker dies (killed for its memory, say) is begun anew, up to
    :data:`da_zoo.bench.launch.base.TRIES` times in all; one that takes longer than
    ``timeout`` is ended.

    Args:
        workers: how many processes.
        order: what they rebuild.
        suite: of the rows of batches without a result.
        timeout: seconds that a batch may train and be scored for; None means for ever.

    Example:
        >>> order = Order("embedded", (), None, (), ".", False, None, None)
        >>> with Processes(2, order, None) as launcher:  # started as they are needed
        ...     list(launcher.run(iter([])))
        []
    """

    def __init__(
        self,
        workers: int,
        order: Order,
        suite: Suite | None,
        timeout: float | None = None,
    ) -> None:
        self.workers, self.order, self.suite = workers, order, suite
        self.timeout = timeout
        self._seats: list[_Seat] = []
        self._again: deque[Try] = deque()
        self._ready = False
        """Whether any worker has started: if none does, no batch is to blame."""

    @property
    def in_flight(self) -> int:
        """How many row groups have been begun and are not kept yet."""
        busy = [seat.at for seat in self._seats if seat.at is not None]
        return sum(len(one.job.work.batch) for one in (*busy, *self._again))

    def run(
        self, jobs: Iterator[BatchJob], asked: Callable[[], bool] = lambda: False
    ) -> Iterator[tuple[BatchJob, list[GroupRows]]]:
        """Runs jobs and yields their results as they come; none waits for a worker.

        Raises:
            ValueError: where the first worker cannot be started.
        """
        fresh = (Try(job, 1) for job in jobs)
        while True:
            while any(seat.at is None for seat in self._seats) or (
                len(self._seats) < self.workers
            ):
                work = self._again.popleft() if self._again else next(fresh, None)
                if work is None:
                    break
                self._free_seat().give(work)
            busy = {seat.pipe: seat for seat in self._seats if seat.at is not None}
            if not busy:
                return
            for pipe in wait(list(busy), self._patience()):
                yield from self._hear(busy[pipe])  # type: ignore[index]
            yield from self._overdue()

    def _free_seat(self) -> _Seat:
        for seat in self._seats:
            if seat.at is None:
                return seat
        self._seats.append(_Seat(self.order))
        return self._seats[-1]

    def _hear(self, seat: _Seat) -> Iterator[tuple[BatchJob, list[GroupRows]]]:
        """Takes what a worker sends; a pipe that has ended is a worker that died."""
        assert seat.at is not None
        job, number = seat.at
        try:
            said, content = seat.pipe.recv()
        except (EOFError, OSError):
            ending = seat.bury()
            if not self._ready:
                raise ValueError(
                    f"launcher='processes': a worker ended ({ending}) before it was "
                    f"ready; what it said stands above. In a script, {GUARD}"
                ) from None
            if number < TRIES:
                self._again.append(Try(job, number + 1))
            else:
                reason = f"its worker died {TRIES} times ({ending})"
                yield job, self._without(job, "failed", reason)
            self._seats.remove(seat)
            return
        if said == "ready":
            self._ready = True
            return
        if said == "began":
            seat.began = time.monotonic()
            return
        yield job, self._without(job, "failed", content) if said == "error" else content
        seat.at = None  # not before: it is being kept

    def _overdue(self) -> Iterator[tuple[BatchJob, list[GroupRows]]]:
        """Ends workers that take too long."""
        for seat in list(self._seats):
            if self.timeout is None or seat.at is None or seat.began is None:
                continue
            # What has arrived meanwhile counts, however late it is read.
            if time.monotonic() - seat.began > self.timeout and not seat.pipe.poll():
                job = seat.at.job
                seat.kill()
                reason = f"took longer than timeout={self.timeout:g} seconds"
                yield job, self._without(job, "timeout", reason)
                self._seats.remove(seat)

    def _patience(self) -> float | None:
        """Seconds until the next batch is overdue."""
        began = [s.began for s in self._seats if s.at and s.began is not None]
        if self.timeout is None or not began:
            return None
        return max(0.0, min(began) + self.timeout - time.monotonic()) + 0.01

    def _without(self, job: BatchJob, status: str, reason: str) -> list[GroupRows]:
        assert self.suite is not None
        return without_result(job.work.batch, self.suite, status, reason)

    def __enter__(self) -> "Processes":
        return self

    def __exit__(self, *ending: object) -> None:
        """Ends the workers; what they have not sent by now is not wanted."""
        for seat in self._seats:
            seat.kill()
        self._seats = []
