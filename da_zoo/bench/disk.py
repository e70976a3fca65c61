"""A disk that takes no more, or a file that may not be opened: said in one line."""

import errno
import os
from pathlib import Path

__all__ = ["check_writable", "disk_trouble", "file_trouble"]

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS)
"""Only writing meets these."""
_EITHER = (errno.EIO, errno.EACCES, errno.EPERM)
"""Reading does too: whose file it was tells which."""


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


def disk_trouble(error: OSError, out: str | Path | None) -> str:
    """Says what the disk refuses; "" where the error is of another kind.

    Args:
        error: raised while a command wrote.
        out: its folder or file; None where the command has none, or several.

    Example:
        >>> disk_trouble(OSError(errno.EROFS, ""), "results")
        'results cannot be written (Read-only file system). What is there is ...'
        >>> disk_trouble(ConnectionResetError(errno.ECONNRESET, "reset"), "results")
        ''
        >>> disk_trouble(OSError(errno.EACCES, "", "suite.toml"), "results")
        ''
    """
    file = _file(error)
    ours = file is None or (out is not None and _belongs(file, Path(out)))
    if error.errno not in _FULL and not (error.errno in _EITHER and ours):
        return ""
    reason = os.strerror(error.errno)
    if file is not None:
        reason = f"{file}: {reason}"
    return (
        f"{out or 'the output'} cannot be written ({reason}). What is there is whole: "
        "mend that, and the same command continues"
    )


def file_trouble(error: OSError) -> str:
    """Says which file may not be opened; "" where the error is of another kind.

    Args:
        error: that :func:`disk_trouble` knows nothing of.

    Example:
        >>> file_trouble(PermissionError(errno.EACCES, "", "suite.toml"))
        'suite.toml cannot be opened (Permission denied): ...'
        >>> file_trouble(ConnectionResetError(errno.ECONNRESET, "reset"))
        ''
    """
    file = _file(error)
    if file is None or error.errno not in _EITHER:
        return ""
    return (
        f"{file} cannot be opened ({os.strerror(error.errno)}): make it yours to use, "
        "or name another"
    )


def _file(error: OSError) -> Path | None:
    name = error.filename  # a number where a descriptor was used
    return Path(os.fsdecode(name)) if isinstance(name, str | bytes | Path) else None


def _belongs(file: Path, out: Path) -> bool:
    """Whether a file is the output, in it, a folder that it lies in, or its draft."""
    file, out = Path(os.path.realpath(file)), Path(os.path.realpath(out))
    draft = file.name.startswith(".") and ".tmp" in file.name
    return (
        file.is_relative_to(out)
        or out.is_relative_to(file)
        or (draft and file.parent == out.parent)
    )
