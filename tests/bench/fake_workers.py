"""What stands in for a worker process, and jobs without a benchmark."""

import os
import signal
import sys

from da_zoo.bench.group import GroupRows
from da_zoo.bench.launch import BatchJob, Order, Task, Work

ORDER = Order("embedded", (), None, (), ".", False, None, None)


def answers(pipe, order):
    """Answers each task with its own name, and trains nothing."""
    pipe.send(("ready", None))
    while True:
        try:
            task = pipe.recv()
        except EOFError:
            return
        pipe.send(("began", None))
        pipe.send(("rows", rows(task.groups[0])))


def cannot_start(pipe, order):
    """Ends as a worker does whose script calls the benchmark without a guard."""
    sys.exit(1)


def dies(pipe, order):
    """Starts, and dies of its first task."""
    pipe.send(("ready", None))
    pipe.recv()
    os.kill(os.getpid(), signal.SIGKILL)


def rows(name):
    """A result that only says whose it is."""
    return [GroupRows([{"group": name}], {}, {})]


def job(name, call=None, groups=1):
    """A job of several row groups that returns its name."""
    batch = [(None, None)] * groups
    return BatchJob(
        Work(batch, set()), Task((0,), (name,)), call or (lambda: rows(name))
    )
