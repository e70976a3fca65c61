"""The Ray cluster that tasks run on: found, or started for one run."""

import logging
import os
import re
import shutil
import socket
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from da_zoo.threads import worker_count

__all__ = ["RayCluster", "check_address", "room_flaw"]

OBJECT_STORE = 128 * 2**20
"""Bytes of shared memory of a cluster of our own: rows pass through it, one batch at a
time."""
LONGEST = 40
"""Characters of a folder for Ray's sockets, whose names may have 107 in all."""
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


class RayCluster:
    """A cluster for as long as a benchmark runs.

    Args:
        address: "local" starts one, on the loopback interface, without a dashboard and
            without usage reports; "auto" finds a running one.
        reserved: what a task takes, by resource.
        workers: tasks at once; None means as many as there is room for.

    Example:
        >>> RayCluster("local", {"CPU": 1.0, "GPU": 0.0}, 2).address  # not started
        'local'
    """

    def __init__(
        self, address: str, reserved: Mapping[str, float], workers: int | None
    ) -> None:
        self.address, self.reserved, self.workers = address, reserved, workers
        self._ours = False
        self._folder: Path | None = None

    def start(self) -> None:
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
            self.stop()
            raise ValueError(flaw)

    def stop(self) -> None:
        """Leaves the cluster, or ends the one that was started; so do its tasks."""
        import ray

        if self._ours:
            ray.shutdown()
            self._ours = False
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)

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
