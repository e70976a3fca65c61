"""A disk that takes no more: said in one line, with nothing harmed."""

import errno
import os
from pathlib import Path

__all__ = ["check_writable", "disk_trouble"]

_TROUBLE = (
    errno.ENOSPC,
    errno.EDQUOT,
    errno.EFBIG,
    errno.EROFS,
    errno.EIO,
    errno.EACCES,
    errno.EPERM,
)


def check_writable(out: str | Path) -> None:
    """Refuses a folder that could not be made or written to; makes nothing.

    Args:
        out: of a benchmark to come.

    Raises:
        ValueError: where it is a file, lies in one, or is somebody else's.

    Example:
        >>> check_writable("results/of/today")
        >>> check_writable(__file__)
        Traceback (most recent call last):
        ...
        ValueError: out='...disk.py' cannot be written (Not a directory): name a ...
    """
    folder = Path(out).absolute()
    there = next(one for one in (folder, *folder.parents) if os.path.lexists(one))
    if not there.is_dir():
        reason = os.strerror(errno.ENOTDIR)
    elif not os.access(there, os.W_OK | os.X_OK):
        reason = os.strerror(errno.EACCES)
    else:
        return
    raise ValueError(
        f"out='{out}' cannot be written ({reason}): name a folder that you may write to"
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
