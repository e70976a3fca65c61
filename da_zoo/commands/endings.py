"""How commands that run benchmarks end: stopped, with a full disk, or well."""

import os
import sys
import threading
from collections.abc import Callable
from pathlib import Path

from da_zoo.logs import log_event

__all__ = ["in_good_order"]


def in_good_order(work: Callable[[], int], out: str | Path) -> int:
    """Runs a benchmark's command and says in one line what ended it early.

    Args:
        work: returns the exit status.
        out: the folder that it writes to.

    Returns:
        The exit status: 130 or 143 where a signal ended the work, 1 where the disk
        takes no more, else what ``work`` returns. Where threads still train, the
        process ends here.

    Raises:
        OSError: of another kind than a disk's.

    Example:
        >>> in_good_order(lambda: 0, "results")
        0
    """
    from da_zoo.bench.disk import disk_trouble
    from da_zoo.bench.signals import BenchStopped

    try:
        return work()
    except BenchStopped as stopped:
        log_event("stopped", f"da-zoo: {stopped}", level="warning")
        return _end(stopped.code)
    except OSError as error:
        if not (reason := disk_trouble(error, out)):
            raise
        log_event("disk", f"da-zoo: {reason}", level="error")
        return _end(1)


def _end(code: int) -> int:
    """Ends the process where threads still train, and would be waited for."""
    if any(one.name.startswith("row-group") for one in threading.enumerate()):
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    return code
