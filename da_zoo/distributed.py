"""Several processes, on one machine or many, that train one run together.

Each process runs the same program: ``start``, then ``fit`` with the same arguments and
a mesh over all devices. A process holds the rows and devices of its own host.
"""

import os
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType

import jax

__all__ = ["EXIT_LOST", "ProcessLostError", "start", "telling_losses"]

HEARTBEAT_SECONDS = 30
"""After which a silent process counts as lost. JAX's own choice is 100."""


EXIT_LOST = 75
"""What a process ends with that has lost another: "try again" in sysexits.h."""


LOST = ("UNAVAILABLE", "ABORTED", "DEADLINE_EXCEEDED", "Gloo", "NCCL", "onnection")
"""What XLA's errors hold where communication failed: others are of the program, and
would come again."""


RAISERS = ("jax", "jaxlib", "orbax", "da_zoo")
"""Packages that XLA's errors come out of; ours, as JAX hides its frames."""


class ProcessLostError(RuntimeError):
    """Another process has ended; training cannot go on without it."""


def start(
    coordinator: str | None = None,
    processes: int | None = None,
    process: int | None = None,
    *,
    heartbeat_seconds: int = HEARTBEAT_SECONDS,
) -> None:
    """Connects this process with the others; call it before anything of JAX is used.

    Without arguments, SLURM, Open MPI, Kubernetes and Cloud TPU say by themselves who
    is who; elsewhere all three must be given.

    Args:
        coordinator: "host:port" of process 0, which must be free there.
        processes: how many there are.
        process: this one's number, from 0.
        heartbeat_seconds: after how long a silent process counts as lost.

    Raises:
        TypeError: if some are given and others not.
        ValueError: for numbers out of range or a coordinator that is no "host:port".
        RuntimeError: if JAX was used already.

    Example:
        >>> start("127.0.0.1:1234", processes=2, process=2)
        Traceback (most recent call last):
        ...
        ValueError: process must be in 0..1 for processes=2, got 2
    """
    given = (coordinator, processes, process)
    for name, value in (("processes", processes), ("process", process)):
        if value is not None and (
            isinstance(value, bool) or not isinstance(value, int)
        ):
            raise TypeError(f"{name} must be an integer, got {value!r}")
    if any(one is None for one in given) and any(one is not None for one in given):
        raise TypeError(
            "coordinator, processes and process belong together: give all three, or "
            f"none where the cluster says it; got {given}"
        )
    if coordinator is not None and processes is not None and process is not None:
        host, colon, port = coordinator.rpartition(":")
        if not (host and colon and port.isdigit()):
            raise ValueError(
                f"coordinator must be HOST:PORT, such as 10.0.0.1:1234, got "
                f"{coordinator!r}"
            )
        if processes < 1:
            raise ValueError(f"processes must be at least 1, got {processes}")
        if not 0 <= process < processes:
            raise ValueError(
                f"process must be in 0..{processes - 1} for processes={processes}, got "
                f"{process}"
            )
    if heartbeat_seconds < 1:
        raise ValueError(
            f"heartbeat_seconds must be at least 1, got {heartbeat_seconds}"
        )
    # On CPUs only; elsewhere it is not looked at.
    if os.environ.get("JAX_CPU_COLLECTIVES_IMPLEMENTATION") is None:
        jax.config.update("jax_cpu_collectives_implementation", "gloo")
    jax.distributed.initialize(
        coordinator, processes, process, heartbeat_timeout_seconds=heartbeat_seconds
    )
    _leave_at_once_when_lost()


def _leave_at_once_when_lost() -> None:
    """Ends an uncaught loss with its message: JAX would wait for the lost process."""
    before = sys.excepthook

    def hook(
        kind: type[BaseException],
        error: BaseException,
        trace: TracebackType | None,
    ) -> None:
        if not issubclass(kind, ProcessLostError):
            before(kind, error, trace)
            return
        print(f"da_zoo: {error}", file=sys.stderr, flush=True)
        sys.stdout.flush()
        os._exit(EXIT_LOST)

    sys.excepthook = hook


@contextmanager
def telling_losses(what: str, folder: object = None) -> Iterator[None]:
    """Turns an error of communication between processes into one that says so.

    Args:
        what: is trained.
        folder: of its checkpoints, if there are any.

    Raises:
        ProcessLostError: where XLA's communication failed. Where it waits instead, also
            for a checkpoint that is being written together, JAX ends the process after
            ``heartbeat_seconds``, with a message of its own and status 134.

    Example:
        >>> with telling_losses("dann"):
        ...     pass
    """
    try:
        yield
    except Exception as error:
        if jax.process_count() == 1 or not _is_loss(error):
            raise
        text = str(error)
        then = (
            "there is no checkpoint: training begins anew"
            if folder is None
            else f"started again, all of them go on from the newest checkpoint in "
            f"'{folder}'"
        )
        raise ProcessLostError(
            f"process {jax.process_index()} of {jax.process_count()} training {what} "
            f"has lost another one ({text.splitlines()[0][:200]}); {then}"
        ) from error


def _is_loss(error: Exception) -> bool:
    """Whether communication between processes failed, and not a callback's own.

    XLA's errors come as its own type, or as plain ValueErrors and RuntimeErrors: those
    count where they were raised by a call into JAX.
    """
    if not any(word in str(error) for word in LOST):
        return False
    if isinstance(error, jax.errors.JaxRuntimeError):
        return True
    if type(error) not in (ValueError, RuntimeError):
        return False
    raiser = ""
    for frame, _ in traceback.walk_tb(error.__traceback__):
        raiser = str(frame.f_globals.get("__name__", ""))
    return raiser.partition(".")[0] in RAISERS
