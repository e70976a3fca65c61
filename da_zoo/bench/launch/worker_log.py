"""A worker's log: lines of the form that the driver's have."""

from contextlib import AbstractContextManager, nullcontext

from da_zoo.bench.launch.job import Order
from da_zoo.logs import logging_to_stderr

__all__ = ["worker_log"]


def worker_log(order: Order) -> AbstractContextManager[None]:
    """Logs as the driver does, while the block runs, from warnings on.

    What is less the driver tells once for all of them, such as notes on the data;
    where it was asked for everything ("debug"), so are they.

    Args:
        order: what the benchmark is.

    Example:
        >>> with worker_log(Order("embedded", (), None, (), ".", False, None, None)):
        ...     pass  # the driver has no log that could be set up here
    """
    if order.log is None:
        return nullcontext()
    form, level = order.log
    return logging_to_stderr(form, "warning" if level == "info" else level)
