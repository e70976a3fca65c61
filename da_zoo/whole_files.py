"""Files that are there whole or not at all, whatever happens while they are written."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

__all__ = ["sync_folder", "whole_file"]


@contextmanager
def whole_file(path: Path, mode: str = "w", **options: Any) -> Iterator[IO[Any]]:
    """Opens a file that takes its name when all of it has reached the disk.

    Args:
        path: what it will be; a file of that name stays as it is until then.
        mode: "w" or "wb".
        **options: of ``open``; text is UTF-8.

    Raises:
        OSError: where the disk does not take it, for example when it is full; nothing
            is left of it.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "report.html"
        >>> with whole_file(path) as file:
        ...     characters = file.write("<p>")
        ...     path.exists()
        False
        >>> path.read_text()
        '<p>'
    """
    if "b" not in mode:
        options.setdefault("encoding", "utf-8")
    draft = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    try:
        with draft.open(mode, **options) as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Makes a new or renamed entry of a folder last through a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
