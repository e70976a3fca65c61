"""A worker process: rebuilds the benchmark, and trains the batches that it is sent."""

import os
import signal
import threading
from multiprocessing import parent_process
from multiprocessing.connection import Connection, wait

from da_zoo.backend import share_devices
from da_zoo.bench.launch.job import Order
from da_zoo.bench.launch.worker_log import worker_log

__all__ = ["serve"]


def serve(pipe: Connection, order: Order) -> None:
    """Answers tasks until the pipe ends.

    Args:
        pipe: gives ``("ready", None)`` first; takes a
            :class:`~da_zoo.bench.launch.job.Task`; gives ``("began", None)`` when its
            training begins, then ``("rows", groups)``, or ``("error", why)``.
        order: what the tasks are of.
    """
    # Ctrl-C reaches all processes of a terminal; the driver says what becomes of it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    share_devices()
    pipe.send(("ready", None))
    with worker_log(order):
        while True:
            try:
                task = pipe.recv()
            except EOFError:
                return
            try:
                # Here, not above: what goes wrong in it is this task's reason.
                from da_zoo.bench.launch.workplace import workplace

                place = workplace(order)
                groups = place.perform(
                    task, on_begin=lambda: pipe.send(("began", None))
                )
            except Exception as error:
                pipe.send(("error", f"{type(error).__name__}: {error}"))
            else:
                pipe.send(("rows", groups))


def _end_with_parent() -> None:
    """Ends this process, whatever it computes, when the driver is killed."""
    parent = parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)
