"""Files that are there whole or not at all, whoever reads while they are written.

A file gets its name when it is complete and on the disk: a reader sees the old one or
the new one, and a process that is ended in between leaves the old one.
"""

import contextlib
import os
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path

__all__ = ["sync_folder", "whole_file", "write_whole"]


@contextlib.contextmanager
def whole_file(path: str | Path) -> Iterator[Path]:
    """Hands out a draft's path, and gives the draft its name at the end.

    Args:
        path: of the file; one that is there is replaced, a link keeps pointing where
            it does. What is no plain file (``/dev/stdout``, a pipe) is written to.

    Yields:
        A path in the same folder, with the same ending, to write to.

    Raises:
        OSError: if the folder is missing or cannot be written to. The draft is
            removed whatever is raised.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "a.txt"
        >>> with whole_file(path) as draft:
        ...     _ = draft.write_text("all of it")
        ...     path.exists()
        False
        >>> path.read_text()
        'all of it'
    """
    final = Path(os.path.realpath(path))
    if final.exists() and not final.is_file():
        yield final
        return
    draft = final.with_name(f".{secrets.token_hex(4)}.tmp{final.suffix}")
    try:
        yield draft
        with draft.open("rb+") as file:
            os.fsync(file.fileno())
        if final.exists():  # what its owner hid stays hidden
            shutil.copymode(final, draft)
        os.replace(draft, final)
    finally:
        with contextlib.suppress(FileNotFoundError):
            draft.unlink()
    sync_folder(final.parent)


def write_whole(path: str | Path, content: str | bytes) -> None:
    """Writes a file that is complete or not there, whenever the process ends.

    Args:
        path: of the file; see :func:`whole_file`.
        content: text, written as UTF-8 with its line ends as they are, or bytes.

    Raises:
        OSError: if the folder is missing or cannot be written to.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "a.txt"
        >>> write_whole(path, "all of it")
        >>> path.read_text()
        'all of it'
    """
    data = content.encode("utf-8") if isinstance(content, str) else content
    with whole_file(path) as draft:
        draft.write_bytes(data)


def sync_folder(folder: Path) -> None:
    """Makes the new name last through a power cut, where folders can be opened."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
