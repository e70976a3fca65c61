"""Where a worker trains: suite, cells and data of an order, rebuilt from names."""

import sys
from collections.abc import Callable
from pathlib import Path

import jax

from da_zoo.bench.execute import run_batch
from da_zoo.bench.group import GroupRows
from da_zoo.bench.launch.job import Order, Task
from da_zoo.bench.plugins import import_method
from da_zoo.bench.workload import lay_out, scenario_data, with_keys
from da_zoo.methods import METHODS
from da_zoo.scenarios import Scenario, ScenarioData
from da_zoo.threads import one_blas_thread

__all__ = ["Workplace", "workplace"]


class Workplace:
    """An order, laid out in this process.

    Args:
        order: what the benchmark is.

    Raises:
        ValueError: as :func:`da_zoo.bench.run` does, for example where data are not on
            this machine.

    Example:
        >>> choice = (("methods", ("unadapted",)), ("tracks", ("U",)), ("seeds", 1))
        >>> order = Order("embedded", choice, None, (), ".", False, None, None)
        >>> Workplace(order).cells[0].method.name
        'unadapted'
    """

    def __init__(self, order: Order) -> None:
        if order.platforms is not None:
            jax.config.update("jax_platforms", order.platforms)
        if order.cache is not None:
            jax.config.update("jax_compilation_cache_dir", order.cache)
            jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
        if Path(order.folder).is_dir() and order.folder not in sys.path:
            sys.path.insert(0, order.folder)
        for path in order.plugins:  # the driver has checked their contract
            spec = import_method(path, check=False)
            METHODS[spec.name] = spec
        self.order = order
        self.suite, self.steps, self.cells = lay_out(
            order.suite, data_dir=order.data_dir, **dict(order.choice)
        )
        self._latest: tuple[Scenario, tuple[int, ...]] | None = None
        self._data: dict[int, ScenarioData] = {}

    def perform(
        self, task: Task, *, on_begin: Callable[[], None] = lambda: None
    ) -> list[GroupRows]:
        """Trains and scores a batch.

        Args:
            task: which.
            on_begin: called when data are there and training begins.

        Returns:
            What :func:`da_zoo.bench.execute.run_batch` does.

        Raises:
            RuntimeError: if code, versions or data here differ from the driver's.
        """
        cells = [self.cells[place] for place in task.cells]
        wanted = (cells[0].scenario, cells[0].seeds)
        if self._latest != wanted:  # one scenario's data at a time
            self._data, _ = scenario_data(*wanted, self.order.data_dir)
            self._latest = wanted
        (batch,) = with_keys(cells, self.suite, self._data, self.steps)
        here = tuple(keys.group for _, keys in batch)
        if here != task.groups:
            raise RuntimeError(
                f"this worker's code, versions or data are not the driver's: it has "
                f"row group {here[0][:12]} where the driver has {task.groups[0][:12]}"
            )
        on_begin()
        with one_blas_thread():  # as in the driver
            return run_batch(
                batch,
                self.suite,
                self._data,
                self.steps,
                self.order.checkpoints,
                self.order.metrics,
                task.done,
            )


_PLACES: list[Workplace] = []


def workplace(order: Order) -> Workplace:
    """Returns this process's workplace for an order; the latest one is kept.

    Example:
        >>> order = Order("embedded", (), None, (), ".", False, None, None)
        >>> workplace(order) is workplace(order)
        True
    """
    if not _PLACES or _PLACES[0].order != order:
        _PLACES[:] = [Workplace(order)]
    return _PLACES[0]
