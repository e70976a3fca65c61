"""What goes wrong with checkpoints: whose fault it is, and told once, in a line."""

import logging
import re
import sys
from typing import Any

__all__ = ["in_a_line", "is_damage", "quiet_orbax"]


_PASSING = re.compile(
    r"(ABORTED|CANCELLED|DEADLINE_EXCEEDED|INTERNAL|PERMISSION_DENIED"
    r"|RESOURCE_EXHAUSTED|UNAUTHENTICATED|UNAVAILABLE|UNKNOWN): "
)
"""What TensorStore's and XLA's errors begin with, in whatever class of Python's, where
a disk, a network or memory is at fault, as with EACCES, ESTALE or EIO. A file that is
missing, cut or altered gives NOT_FOUND, DATA_LOSS, FAILED_PRECONDITION, OUT_OF_RANGE
or, of INVALID_ARGUMENT, no code at all."""


def is_damage(error: Exception) -> bool:
    """Whether a checkpoint itself is at fault, and not memory or a disk for a moment.

    What could be read a minute later must not be passed over, and then written over.

    Example:
        >>> is_damage(ValueError("DATA_LOSS: Error decoding the manifest"))
        True
        >>> is_damage(ValueError("PERMISSION_DENIED: Error reading the manifest"))
        False
    """
    if isinstance(error, MemoryError) or _PASSING.match(str(error)):
        return False
    missing = (FileNotFoundError, NotADirectoryError, IsADirectoryError)
    return isinstance(error, missing) or not isinstance(error, OSError)


def in_a_line(error: Exception) -> str:
    """Names an error by its type and the first line of its text."""
    text = str(error).strip().split("\n")[0]
    return f"{type(error).__name__}: {text[:200]}"


def quiet_orbax() -> None:
    """Leaves out what Orbax logs of failures: they are told once, in a line."""
    if sys.unraisablehook is not _without_closed_loops:
        global _hook_before
        _hook_before, sys.unraisablehook = sys.unraisablehook, _without_closed_loops
    for name in ("absl", "asyncio"):
        logger = logging.getLogger(name)
        if not any(isinstance(f, _NotOrbax) for f in logger.filters):
            logger.addFilter(_NotOrbax())


_hook_before: Any = sys.__unraisablehook__


def _without_closed_loops(unraisable: Any) -> None:
    """Leaves out reads that end after another failed, and find Orbax's loop closed."""
    if "Event loop is closed" not in str(unraisable.exc_value):
        _hook_before(unraisable)


class _NotOrbax(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        told = f"{record.pathname} {record.getMessage()} {record.exc_info}"
        return not any(word in told for word in ("orbax", "OCDBT"))
