"""Finds what a builder reads: files put there by hand, or fetched."""

import hashlib
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from da_zoo.data.archives import extract

__all__ = ["Found", "RawFile", "digest", "find_tree", "get_file", "manual_folder"]

DEEP = 3
"""Folders between the one that a user names and the files, at most."""
ARCHIVES = (".zip", ".tar", ".tgz", ".tar.gz", ".tar.bz2", ".tar.xz")


class RawFile(NamedTuple):
    """A file as its publisher calls it.

    Example:
        >>> RawFile("usps.bz2").url is None
        True
    """

    name: str
    url: str | None = None
    """Where it can be fetched without a login; None: by hand alone."""
    sha256: str | None = None
    """As others have published it; None where nobody has, that we know of."""
    md5: str | None = None


class Found(NamedTuple):
    """Where a file or folder is, and what is to be remembered of it."""

    path: Path
    record: dict[str, Any]
    """For the set's metadata: names, sha256, and whether they are the published."""


def digest(path: Path, kind: str = "sha256") -> str:
    """Returns a file's sha256 or md5.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "a"
        >>> _ = path.write_bytes(b"")
        >>> digest(path, "md5")
        'd41d8cd98f00b204e9800998ecf8427e'
    """
    with path.open("rb") as file:
        return hashlib.file_digest(file, kind).hexdigest()


def manual_folder(dl_manager: Any) -> Path | None:
    """Returns the folder of files put there by hand, or None if it is not there."""
    try:
        return Path(dl_manager.manual_dir)
    except AssertionError:  # TFDS's way to say that it is absent or empty
        return None


def _by_hand(dl_manager: Any, file: RawFile) -> Path | None:
    folder = manual_folder(dl_manager)
    if folder is None:
        return None
    for above in ("", "*/", "*/*/"):
        if found := sorted(folder.glob(f"{above}{file.name}")):
            return found[0]
    return None


def _published(path: Path, file: RawFile) -> bool | None:
    """Whether a file is the published one; None if nobody can say."""
    if file.sha256 is not None:
        return digest(path) == file.sha256
    if file.md5 is not None:
        return digest(path, "md5") == file.md5
    return None


def _record(path: Path, file: RawFile) -> dict[str, Any]:
    return {file.name: {"sha256": digest(path), "published": _published(path, file)}}


def get_file(dl_manager: Any, choices: Sequence[RawFile]) -> Found:
    """Takes a file from the folder of files put there by hand, else fetches it.

    Args:
        dl_manager: what TFDS hands to ``_split_generators``.
        choices: forms in which the file is published; any will do.

    Raises:
        ValueError: if none is there and none can be fetched, or what was fetched is not
            what was published.
    """
    for file in choices:
        if (path := _by_hand(dl_manager, file)) is not None:
            return Found(path, _record(path, file))
    names = " or ".join(file.name for file in choices)
    for file in choices:
        if file.url is None:
            continue
        try:
            path = Path(dl_manager.download(file.url))
        except Exception as error:  # requests and TFDS raise many types
            why = f"{type(error).__name__}: {error!s:.200}"
            raise ValueError(
                f"{file.url} cannot be fetched ({why}); "
                f"fetch {names} elsewhere and name its folder with --manual-dir"
            ) from None
        if _published(path, file) is False:
            raise ValueError(
                f"{file.url} gave another file than the published one: sha256 is "
                f"{digest(path)}, in {path}; remove it, and try again or fetch the "
                "file elsewhere"
            )
        return Found(path, _record(path, file))
    raise ValueError(
        f"{names} is in no folder that was named; name the one that holds it with "
        "--manual-dir"
    )


def find_tree(
    dl_manager: Any,
    archives: Sequence[RawFile],
    fits: Callable[[Path], Path | None],
    work: Path,
    what: str,
) -> Found:
    """Finds the folder that holds a set's files, and unpacks an archive if need be.

    Args:
        dl_manager: what TFDS hands to ``_split_generators``.
        archives: that hold the folder, any of them; one with a URL is fetched where
            none was put there by hand.
        fits: gives the folder that is looked for, if it lies in this one at the place
            where the set has it.
        work: where archives are unpacked to; a second run finds them there.
        what: is looked for, in words for messages.

    Raises:
        ValueError: if there is no such folder, in an archive neither.
    """
    folder = manual_folder(dl_manager)
    if folder is not None and (path := _search(folder, fits)):
        return Found(path, {"folder": path.name})
    named = [archive for archive in archives if archive.url is not None]
    present = [one for one in archives if _by_hand(dl_manager, one) is not None]
    if not present and not named:
        names = " or ".join(archive.name for archive in archives)
        raise ValueError(
            f"found no {what} in {folder or 'any folder that was named'}; unpack it "
            f"there, or put {names} there, and name the folder with --manual-dir"
        )
    file = get_file(dl_manager, archives)
    ((name, told),) = file.record.items()
    unpacked = work / f"{name.split('.')[0]}-{told['sha256'][:12]}"
    if not unpacked.is_dir():
        extract(file.path, unpacked)
    path = _search(unpacked, fits)
    if path is None:  # UCI packs archives into archives
        for inner in [one for one in unpacked.iterdir() if _is_archive(one)]:
            opened = unpacked / f"{inner.name}.unpacked"
            if not opened.is_dir():
                extract(inner, opened)
        path = _search(unpacked, fits)
    if path is None:
        raise ValueError(f"{file.path} holds no {what}")
    return Found(path, file.record)


def _is_archive(path: Path) -> bool:
    return path.is_file() and path.name.lower().endswith(ARCHIVES)


def _search(root: Path, fits: Callable[[Path], Path | None]) -> Path | None:
    """The first folder that fits, the shallowest first."""
    level = [root]
    for _ in range(DEEP + 1):
        for folder in level:
            if (found := fits(folder)) is not None:
                return found
        level = [
            Path(entry.path)
            for folder in level
            for entry in sorted(os.scandir(folder), key=lambda one: one.name)
            if entry.is_dir() and not entry.name.startswith(".")
        ]
    return None
