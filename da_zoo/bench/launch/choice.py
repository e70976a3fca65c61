"""Which launcher, and what it is told."""

import importlib.util
import math
from pathlib import Path
from typing import Any, NamedTuple

import jax

from da_zoo.bench.group_metrics import MetricsTo
from da_zoo.bench.launch.base import Launcher
from da_zoo.bench.launch.job import Order
from da_zoo.bench.launch.on_ray import OnRay
from da_zoo.bench.launch.processes import Processes
from da_zoo.bench.launch.ray_cluster import check_address
from da_zoo.bench.launch.serial import Serial
from da_zoo.bench.plugins import path_of
from da_zoo.logs import log_to_hand_on
from da_zoo.naming import check_names
from da_zoo.scenarios import Suite, list_suites, load_suite

__all__ = ["LAUNCHERS", "WORKERS", "Launch", "check_launch", "launcher_for", "order_of"]

LAUNCHERS = ("serial", "processes", "ray")

WORKERS = 2
"""Batches of row groups in flight: while one trains, another compiles, and a small
network's step leaves a core idle. Results do not depend on it; seconds do."""


class Launch(NamedTuple):
    """How batches are run; no row depends on it.

    Example:
        >>> Launch("ray", address="auto", gpus_per_group=0.5).cpus_per_group
        1.0
    """

    name: str = "serial"
    """One of :data:`LAUNCHERS`."""
    workers: int | None = None
    """Threads, processes, or Ray tasks at once; None means :data:`WORKERS`, for Ray as
    many as the cluster has room for."""
    timeout: float | None = None
    """Seconds that a batch of groups may train and be scored for."""
    address: str = "local"
    """Of a Ray cluster: "auto" finds a running one, "local" starts one for this run."""
    cpus_per_group: float = 1.0
    """What a Ray task reserves for a batch of groups."""
    gpus_per_group: float = 0.0
    """Above 1 a whole number: Ray shares one GPU, or gives several."""


def check_launch(launch: Launch) -> None:
    """Checks what can be checked before anything is started.

    Args:
        launch: what was asked for.

    Raises:
        ValueError: for an unknown launcher, numbers out of range, a timeout where
            nothing could enforce it, or groups on Ray that would see no GPU while the
            driver, which their rows are to be those of, has one.

    Example:
        >>> check_launch(Launch(timeout=60))
        Traceback (most recent call last):
        ...
        ValueError: timeout=60 needs launcher='processes' or 'ray': a thread cannot ...
    """
    check_names([launch.name], LAUNCHERS, "launcher")
    if launch.workers is not None and launch.workers < 1:
        raise ValueError(f"workers must be at least 1, got {launch.workers}")
    if launch.timeout is not None:
        if not (math.isfinite(launch.timeout) and launch.timeout > 0):
            raise ValueError(f"timeout must be more than 0, got {launch.timeout}")
        if launch.name == "serial":
            raise ValueError(
                f"timeout={launch.timeout:g} needs launcher='processes' or 'ray': a "
                "thread cannot be ended"
            )
    for name in ("cpus_per_group", "gpus_per_group"):
        value = getattr(launch, name)
        if not (math.isfinite(value) and value >= 0):
            raise ValueError(f"{name} must be at least 0, got {value}")
    if launch.gpus_per_group > 1 and launch.gpus_per_group % 1:
        raise ValueError(
            "gpus_per_group must be a whole number, or less than 1 for groups that "
            f"share a GPU, got {launch.gpus_per_group:g}"
        )
    if launch.name != "ray" and launch != Launch(*launch[:3]):
        raise ValueError(
            "address, cpus_per_group and gpus_per_group are for launcher='ray', got "
            f"launcher={launch.name!r}"
        )
    if launch.name == "ray":
        check_address(launch.address)
        # Ray hides every GPU from tasks that reserve none.
        if not launch.gpus_per_group and jax.default_backend() == "gpu":
            raise ValueError(
                "gpus_per_group=0 would train on the CPU, and this process has a GPU: "
                "say --gpus-per-group 1, or 0.5 for two groups on each; for the CPU, "
                "--device cpu"
            )
        if importlib.util.find_spec("ray") is None:
            raise ValueError(
                "launcher='ray' needs Ray: pip install 'da-zoo[ray]', or choose "
                "launcher='processes' on one machine"
            )


def order_of(
    suite: str | Path | Suite,
    choice: dict[str, Any],
    data_dir: str | Path | None,
    methods: list[str],
    checkpoints: bool,
    metrics: MetricsTo | None = None,
) -> Order:
    """Says in names and numbers what a worker rebuilds.

    Args:
        suite: as for :func:`da_zoo.bench.run`.
        choice: the arguments that choose cells; sequences as tuples.
        data_dir: folder of the real data sets.
        methods: of the plan; those of the user are imported by their paths.
        checkpoints: keep what selection needs.
        metrics: where to.

    Raises:
        ValueError: for a Suite that no name or file stands for.

    Example:
        >>> order_of("embedded", {"seeds": 1}, "d", ["dann"], False).choice
        (('seeds', 1),)
    """
    if isinstance(suite, Suite):
        name = suite.origin
        if name not in list_suites() or load_suite(name) != suite:
            raise ValueError(
                f"suite={suite.name!r} was made in this process, and workers rebuild "
                "theirs: pass its TOML file, or use launcher='serial'"
            )
    else:
        is_file = Path(suite).suffix == ".toml"
        name = str(Path(suite).absolute()) if is_file else str(suite)
    return Order(
        name,
        tuple(choice.items()),
        None if data_dir is None else str(Path(data_dir).absolute()),
        tuple(path for method in methods if (path := path_of(method))),
        str(Path.cwd()),
        checkpoints,
        jax.config.values["jax_platforms"],
        jax.config.values["jax_compilation_cache_dir"],
        metrics,
        log_to_hand_on(),
    )


def launcher_for(launch: Launch, order: Order | None, suite: Suite) -> Launcher:
    """Makes a launcher; entering it starts what it needs.

    Args:
        launch: checked.
        order: what workers rebuild; None for "serial" alone.
        suite: of the rows of batches without a result.

    Example:
        >>> from da_zoo.scenarios import load_suite
        >>> launcher_for(Launch(workers=3), None, load_suite("embedded")).workers
        3
    """
    if order is None:
        return Serial(launch.workers or WORKERS)
    if launch.name == "processes":
        return Processes(launch.workers or WORKERS, order, suite, launch.timeout)
    return OnRay(
        order,
        suite,
        address=launch.address,
        workers=launch.workers,
        cpus=launch.cpus_per_group,
        gpus=launch.gpus_per_group,
        timeout=launch.timeout,
    )
