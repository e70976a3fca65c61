"""A disk that takes no more: said in one line, with nothing harmed."""

import errno
import os
from pathlib import Path

__all__ = ["disk_trouble"]

_TROUBLE = (
    errno.ENOSPC,
    errno.EDQUOT,
    errno.EFBIG,
    errno.EROFS,
    errno.EIO,
    errno.EACCES,
    errno.EPERM,
)


def disk_trouble(error: OSError, out: str | Path) -> str:
    """Says what the disk refuses; "" where the error is of another kind.

    Args:
        error: raised while a benchmark wrote.
        out: its folder.

    Example:
        >>> disk_trouble(OSError(errno.EROFS, ""), "results")
        'results cannot be written (Read-only file system). What is there is ...'
        >>> disk_trouble(ConnectionResetError(errno.ECONNRESET, "reset"), "results")
        ''
    """
    if error.errno not in _TROUBLE:
        return ""
    reason = os.strerror(error.errno)
    return (
        f"{out} cannot be written ({reason}). What is there is whole: mend that, and "
        "the same command continues"
    )
