"""Ray: each batch of row groups is a remote task, begun anew where its worker dies."""

import logging
import os
import re
import shutil
import socket
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from da_zoo.bench.execute import without_result
from da_zoo.bench.group import GroupRows
from da_zoo.bench.launch.base import TRIES
from da_zoo.bench.launch.job import BatchJob, Order
from da_zoo.bench.launch.ray_worker import LATE, perform
from da_zoo.scenarios import Suite
from da_zoo.threads import worker_count

__all__ = ["OnRay", "check_address", "room_flaw"]

OBJECT_STORE = 128 * 2**20
"""Bytes of shared memory of a cluster of our own: rows pass through it, one batch at a
time."""
LONGEST = 40
"""Characters of a folder for Ray's sockets, whose names may have 107 in all."""
LISTEN = 0.5
"""Seconds between two looks at what signals have asked for."""

PATIENCE = 10.0
"""Seconds that a cluster has to answer."""


def check_address(address: str) -> None:
    """Refuses what is no address of a cluster.

    Raises:
        ValueError: if it is none of "auto", "local" and HOST:PORT.

    Example:
        >>> check_address("10.0.0.1:6379")
    """
    if address not in ("auto", "local") and not re.fullmatch(
        r"[\w.\-]+:\d{1,5}|\[[0-9a-fA-F:]+\]:\d{1,5}", address
    ):
        raise ValueError(f"address must be auto, local or HOST:PORT, got {address!r}")


def room_flaw(reserved: Mapping[str, float], nodes: Sequence[Mapping[str, Any]]) -> str:
    """Says why no task would ever run; "" where some node has room for one.

    Args:
        reserved: what a task takes, by resource.
        nodes: of the cluster, as ``ray.nodes()`` lists them.

    Example:
        >>> node = {"Alive": True, "Resources": {"CPU": 4.0}}
        >>> room_flaw({"CPU": 2.0, "GPU": 0.0}, [node, node])
        ''
        >>> room_flaw({"CPU": 8.0, "GPU": 0.0}, [node, node])
        "cpus_per_group=8, gpus_per_group=0 fit on none of ... CPU 4, GPU 0): no ..."
    """
    # A task runs on one node, whatever all of them have together.
    alive = [node["Resources"] for node in nodes if node["Alive"]]
    if any(
        all(there.get(name, 0.0) >= need for name, need in reserved.items())
        for there in alive
    ):
        return ""
    asked = ", ".join(f"{n.lower()}s_per_group={v:g}" for n, v in reserved.items())
    kinds = dict.fromkeys(
        ", ".join(f"{name} {there.get(name, 0.0):g}" for name in reserved)
        for there in alive
    )
    return (
        f"{asked} fit on none of the cluster's {len(alive)} nodes (they have "
        f"{'; '.join(kinds) or 'nothing'}): no row group would ever run. Ask for less"
    )


class OnRay:
    """Runs batches on a Ray cluster; the driver holds few of them at any time.

    Args:
        order: what workers rebuild.
        suite: of the rows of batches without a result.
        address: "local" starts a cluster for this run, on the loopback interface,
            without a dashboard and without usage reports; "auto" finds a running one.
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
        self.order, self.suite, self.address = order, suite, address
        self.workers, self.timeout = workers, timeout
        self.reserved = {"CPU": cpus, "GPU": gpus}
        self._flying: dict[Any, BatchJob] = {}
        self._ours = False
        self._folder: Path | None = None

    @property
    def in_flight(self) -> int:
        """How many row groups have been handed to Ray and are not kept yet."""
        return sum(len(job.work.batch) for job in self._flying.values())

    def run(
        self, jobs: Iterator[BatchJob], asked: Callable[[], bool] = lambda: False
    ) -> Iterator[tuple[BatchJob, list[GroupRows]]]:
        """Runs jobs and yields their results as they come."""
        import ray

        # Ray begins a task anew that a late one has taken its worker from.
        retries = TRIES - 1 + (self.timeout is not None)
        remote = ray.remote(perform).options(
            num_cpus=self.reserved["CPU"],
            num_gpus=self.reserved["GPU"],
            max_retries=retries,
            name="da-zoo-groups",
        )
        while True:
            while len(self._flying) < self._room():
                job = next(jobs, None)
                if job is None:
                    break
                handle = remote.remote(self.order, job.task, self.timeout)
                self._flying[handle] = job
            if not self._flying:
                return
            ready, _ = ray.wait(list(self._flying), timeout=LISTEN)
            for handle in ready:
                yield self._flying[handle], self._result(handle)
                del self._flying[handle]  # not before: it is being kept

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

    def _result(self, handle: Any) -> list[GroupRows]:
        import ray

        try:
            groups = ray.get(handle)
        except ray.exceptions.RayTaskError as error:
            cause = error.cause
            return self._without(handle, "failed", f"{type(cause).__name__}: {cause}")
        except ray.exceptions.RayError as error:  # it has been tried again by now
            reason = f"its worker died {TRIES} times ({type(error).__name__})"
            return self._without(handle, "failed", reason)
        if groups == LATE:
            reason = f"took longer than timeout={self.timeout:g} seconds"
            return self._without(handle, "timeout", reason)
        return groups

    def _without(self, handle: Any, status: str, reason: str) -> list[GroupRows]:
        assert self.suite is not None
        batch = self._flying[handle].work.batch
        return without_result(batch, self.suite, status, reason)

    def __enter__(self) -> "OnRay":
        """Starts or finds the cluster.

        Raises:
            ValueError: where none is found, or a task would never have room.
        """
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        if self.address == "local":
            # Off means: loopback alone. Ray reads it as it is imported.
            os.environ.setdefault("RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER", "0")
        import ray

        if not ray.is_initialized():  # else it is the caller's
            self._begin(ray)
        if flaw := room_flaw(self.reserved, ray.nodes()):
            self._stop(ray)
            raise ValueError(flaw)
        return self

    def _begin(self, ray: Any) -> None:
        self._ours = True
        try:
            if self.address == "local":
                self._start(ray)
            else:
                if self.address != "auto":  # Ray itself would try for minutes
                    host, _, port = self.address.rpartition(":")
                    place = (host.strip("[]"), int(port))
                    socket.create_connection(place, PATIENCE).close()
                ray.init(
                    address=self.address,
                    log_to_driver=False,
                    logging_level=logging.ERROR,
                )
        except (OSError, OverflowError) as error:
            raise ValueError(
                f"address={self.address!r}: no Ray cluster answers there "
                f"({str(error).splitlines()[0]}); start one (ray start --head), or use "
                "address='local'"
            ) from None

    def _start(self, ray: Any) -> None:
        base = tempfile.gettempdir()
        base = "/tmp" if len(base) > LONGEST and Path("/tmp").is_dir() else base
        self._folder = Path(tempfile.mkdtemp(prefix="da-zoo-", dir=base))
        cpus, gpus = self.reserved["CPU"], self.reserved["GPU"]
        cores = self.workers * cpus if self.workers else worker_count(None)
        ray.init(
            address="local",
            num_cpus=max(
                1, round((self.workers or 1) * cpus), cores * (not self.workers)
            ),
            num_gpus=None if gpus else 0,
            include_dashboard=False,
            object_store_memory=OBJECT_STORE,
            log_to_driver=False,
            logging_level=logging.ERROR,
            _temp_dir=str(self._folder),
        )

    def _stop(self, ray: Any) -> None:
        if self._ours:
            ray.shutdown()
            self._ours = False
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)

    def __exit__(self, *ending: object) -> None:
        """Leaves the cluster, or ends the one that was started; so do its tasks."""
        import ray

        for handle in self._flying:
            ray.cancel(handle, force=True)
        self._flying = {}
        self._stop(ray)
