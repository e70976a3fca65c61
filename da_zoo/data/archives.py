"""Archives of strangers, unpacked without trusting them."""

import errno
import gzip
import io
import lzma
import shutil
import stat
import struct
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Generator, Iterator
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import IO, NamedTuple

from da_zoo.data.tar_headers import BoundedInfo

__all__ = ["MOST_BYTES", "MOST_MEMBERS", "extract", "gunzip"]

MOST_BYTES = 64 * 2**30
"""Unpacked; the largest set that we know, VisDA-2017, is under a third of it."""
MOST_MEMBERS = 2_000_000
BLOCK = 2**20
LONGEST_NAME = 255
LONGEST_PATH = 2000
"""Bytes; with the folder before it, file systems take 4096."""

DAMAGE = (
    zipfile.BadZipFile,
    tarfile.TarError,
    gzip.BadGzipFile,
    lzma.LZMAError,
    zlib.error,
    EOFError,
    NotImplementedError,  # a compression that zipfile lacks
    # Of fields that are no numbers or no text, and of headers that end early.
    *(ValueError, LookupError, OverflowError, RecursionError, struct.error),
)
"""What the libraries raise on damage, beside errors of the system."""


class _Member(NamedTuple):
    name: str
    size: int
    """As the archive claims."""
    open: Callable[[], IO[bytes]] | None
    """None for a folder."""


def extract(
    archive: str | Path,
    folder: str | Path,
    *,
    most_bytes: int = MOST_BYTES,
    most_members: int = MOST_MEMBERS,
) -> Path:
    """Unpacks a zip or tar archive into a folder that is then there as a whole.

    Everything is written into a folder beside it, which gets its name at the very end:
    a run that is cut short leaves nothing that looks complete.

    Args:
        archive: a zip file, or a tar file, plain or compressed by gzip, bzip2 or xz;
            what it is decides, not what it is called.
        folder: to create; it must not be there yet.
        most_bytes: of the unpacked files together.
        most_members: files and folders, at most.

    Returns:
        The folder.

    Raises:
        ValueError: if the archive is missing, damaged, encrypted, too large unpacked,
            or has a member that is no plain file or folder or would lie outside the
            folder (``..``, an absolute path, a link); the message names the member.

    Example:
        >>> root = Path(tempfile.mkdtemp())
        >>> with zipfile.ZipFile(root / "a.zip", "w") as file:
        ...     file.writestr("cats/1.txt", "miaow")
        >>> (extract(root / "a.zip", root / "a") / "cats" / "1.txt").read_text()
        'miaow'
    """
    archive, folder = Path(archive), Path(folder)
    if not archive.is_file():
        raise ValueError(f"{archive} is no file")
    if folder.exists():
        raise ValueError(f"{folder} is there already; remove it to unpack {archive}")
    folder.parent.mkdir(parents=True, exist_ok=True)
    with _reading(archive):
        is_zip = zipfile.is_zipfile(archive)
    beside = Path(
        tempfile.mkdtemp(prefix=f".{folder.name}.partial-", dir=folder.parent)
    )
    try:
        with closing(_zip(archive) if is_zip else _tar(archive)) as members:
            _unpack(archive, members, beside, most_bytes, most_members)
        beside.chmod(0o755)  # mkdtemp's folders are for their owner alone
        beside.rename(folder)
    finally:
        shutil.rmtree(beside, ignore_errors=True)
    return folder


def gunzip(raw: bytes, *, most_bytes: int = 2**30) -> bytes:
    """Decompresses gzip, up to a size.

    Args:
        raw: of a file.
        most_bytes: of the result.

    Raises:
        OSError: if it is damaged (also EOFError, zlib.error), or larger.

    Example:
        >>> gunzip(gzip.compress(bytes(99)), most_bytes=98)
        Traceback (most recent call last):
        ...
        OSError: it unpacks to more than 98 bytes
    """
    with gzip.GzipFile(fileobj=io.BytesIO(raw)) as file:
        found = file.read(most_bytes + 1)
    if len(found) > most_bytes:
        raise OSError(f"it unpacks to more than {most_bytes} bytes")
    return found


def _unpack(
    archive: Path,
    members: Iterator[_Member],
    root: Path,
    most_bytes: int,
    most_members: int,
) -> None:
    written = 0
    try:
        for number, member in enumerate(members, start=1):
            if number > most_members:
                raise ValueError(
                    f"{archive} has more than {most_members} members; if that is "
                    "right, allow more with most_members="
                )
            path = root / _checked_name(archive, member.name)
            # What it claims is looked at first: nothing of a bomb is written.
            if written + member.size > most_bytes:
                raise ValueError(
                    f"{archive}: with member {member.name!r} it unpacks to more than "
                    f"{most_bytes} bytes; if that is right, allow more with most_bytes="
                )
            if member.open is None:
                path.mkdir(parents=True, exist_ok=True)
                continue
            path.parent.mkdir(parents=True, exist_ok=True)
            with _reading(archive):
                content = member.open()
            with content, path.open("xb") as file:
                while block := _block(archive, content.read):
                    written += len(block)
                    if written > most_bytes:
                        raise ValueError(
                            f"{archive}: member {member.name!r} is larger than it says"
                        )
                    file.write(block)
    except (FileExistsError, NotADirectoryError, IsADirectoryError):
        raise ValueError(f"{archive} has member {member.name!r} twice") from None


@contextmanager
def _reading(
    archive: Path, flaw: str = "is damaged or truncated"
) -> Generator[None, None, None]:
    """Tells damage from what else can go wrong: nothing is written meanwhile."""
    try:
        yield
    except (*DAMAGE, OSError) as error:
        # bzip2's have no number, and a place before the file's start is invalid.
        if isinstance(error, OSError) and error.errno not in (None, errno.EINVAL):
            raise
        raise ValueError(f"{archive} {flaw} ({error}); fetch it again") from None


def _block(archive: Path, read: Callable[[int], bytes]) -> bytes:
    with _reading(archive):
        return read(BLOCK)


def _checked_name(archive: Path, name: str) -> PurePosixPath:
    path = PurePosixPath(name)
    windows = PureWindowsPath(name)
    outside = path.is_absolute() or ".." in path.parts or ".." in windows.parts
    if outside or windows.drive or windows.root or "\0" in name:
        raise ValueError(
            f"{archive}: member {name!r} would lie outside the folder; do not use "
            "this archive"
        )
    lengths = [len(part.encode("utf-8", "replace")) for part in path.parts]
    if max(lengths, default=0) > LONGEST_NAME or sum(lengths) > LONGEST_PATH:
        raise ValueError(
            f"{archive}: member {name[:80]!r}... has a longer name than file systems "
            "allow; do not use this archive"
        )
    return path


def _zip(archive: Path) -> Generator[_Member, None, None]:
    with _reading(archive):
        file = zipfile.ZipFile(archive)
    with file:
        for info in file.infolist():
            # Windows and DOS leave no mode: 0 is a plain file or folder.
            kind = stat.S_IFMT(info.external_attr >> 16)
            if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
                raise ValueError(_odd(archive, info.filename))
            if info.flag_bits & 1:
                raise ValueError(
                    f"{archive}: member {info.filename!r} is encrypted; unpack it "
                    "yourself"
                )
            opened = None if info.is_dir() else partial(file.open, info)
            yield _Member(info.filename, info.file_size, opened)


def _tar(archive: Path) -> Generator[_Member, None, None]:
    with _reading(archive, "is no zip or tar archive, or a damaged one"):
        file = tarfile.open(archive, mode="r|*", tarinfo=BoundedInfo)  # noqa: SIM115
    with file:
        while info := _next(archive, file):
            if not (info.isfile() or info.isdir()):
                raise ValueError(_odd(archive, info.name))
            opened = partial(file.extractfile, info) if info.isfile() else None
            yield _Member(info.name, info.size, opened)  # type: ignore[arg-type]


def _next(archive: Path, file: tarfile.TarFile) -> tarfile.TarInfo | None:
    with _reading(archive):
        return file.next()


def _odd(archive: Path, name: str) -> str:
    return (
        f"{archive}: member {name!r} is a link or a device, no plain file; do not use "
        "this archive"
    )
