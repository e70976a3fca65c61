"""Trees of files, ``root/domain/class/*``: what lies where, and what is odd there."""

import os
import unicodedata
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

__all__ = [
    "LAYOUTS",
    "FolderFiles",
    "check_alike",
    "has_class_folders",
    "listed",
    "walk_folder",
]

LAYOUTS = {"flat": 0, "class": 1, "domain": 1, "domain/class": 2}
"""Folders between the root and a file. "domain" has no classes, so no labels."""
BY_DEPTH = ("flat", "class", "domain/class")
CLUTTER = ("thumbs.db", "desktop.ini", "__macosx")
"""What systems leave in folders, beside hidden files."""


class FolderFiles(NamedTuple):
    """Files of a tree in the order of their paths.

    Example:
        >>> FolderFiles((Path("a/b.png"),), ("a",), None, ()).classes
        ('a',)
    """

    files: tuple[Path, ...]
    classes: tuple[str, ...] | None
    """The class folder of each file; None where the layout has none."""
    domains: tuple[str, ...] | None
    """The domain folder of each file; None where the layout has none."""
    notes: tuple[str, ...]


class _Found:
    """What a walk meets."""

    def __init__(self) -> None:
        self.files: list[tuple[str, ...]] = []
        self.folders: list[tuple[str, ...]] = []
        self.loops: list[str] = []
        self.broken: list[str] = []
        self.others: list[str] = []
        self.hidden = 0


def listed(names: Iterable[str], most: int = 10) -> str:
    """Writes names one after another, and counts those beyond ``most``.

    Example:
        >>> listed(["a", "b", "c"], most=2)
        'a, b and 1 more'
    """
    names = list(names)
    shown = ", ".join(names[:most])
    return f"{shown} and {len(names) - most} more" if len(names) > most else shown


def check_alike(
    where: str, names: Iterable[str], allowed: Collection[str] = ()
) -> None:
    """Refuses names that differ in capitals, blanks at the ends or accents' coding.

    Args:
        where: begins the message.
        names: of classes or domains.
        allowed: names that are meant as they are, given by the user.

    Raises:
        ValueError: naming those that look alike.

    Example:
        >>> check_alike("photos", ["mug", "Mug"])
        Traceback (most recent call last):
        ValueError: photos has names that look alike and would be taken for two:
        'Mug', 'mug'; merge or rename them, or give both in classes=
    """
    alike: dict[str, set[str]] = {}
    for name in names:
        plain = unicodedata.normalize("NFC", name).strip().casefold()
        alike.setdefault(plain, set()).add(name)
    for group in alike.values():
        if len(group) > 1 and not group <= set(allowed):
            raise ValueError(
                f"{where} has names that look alike and would be taken for two: "
                f"{', '.join(map(repr, sorted(group)))}; merge or rename them, or give "
                "both in classes="
            )


def has_class_folders(path: str | Path, endings: Sequence[str]) -> bool:
    """Says whether the files of a tree lie in folders of classes.

    Raises:
        ValueError: see :func:`walk_folder`.

    Example:
        >>> import tempfile
        >>> root = Path(tempfile.mkdtemp())
        >>> _ = (root / "1.txt").write_text("buy")
        >>> has_class_folders(root, (".txt",))
        False
    """
    found = walk_folder(path, endings, what="such files", label=False)
    return found.classes is not None


def walk_folder(
    path: str | Path,
    endings: Sequence[str],
    *,
    what: str,
    label: bool,
    layout: str | None = None,
    domain: str | None = None,
    classes: Sequence[str] | None = None,
) -> FolderFiles:
    """Finds the files of a tree, and which class and domain each lies in.

    Links to folders are followed, but not back to a folder that they lie in.

    Args:
        path: of the root.
        endings: of the files wanted, in lower case with the point.
        what: how messages call them, in the plural.
        label: whether class folders are needed.
        layout: one of :data:`LAYOUTS`; None takes it from how deep the files lie.
        domain: the only domain folder to look into.
        classes: names that may look alike, because the user gave them.

    Raises:
        ValueError: if the root is no folder or holds no such file, if files lie at
            several depths or none has a class, a folder cannot be opened, a name is
            not UTF-8, or names of folders look alike.

    Example:
        >>> import tempfile
        >>> root = Path(tempfile.mkdtemp())
        >>> (root / "spam").mkdir()
        >>> _ = (root / "spam" / "1.txt").write_text("buy")
        >>> walk_folder(root, (".txt",), what="texts", label=True).classes
        ('spam',)
    """
    root = Path(path)
    if layout is not None and layout not in LAYOUTS:
        raise ValueError(f"layout must be one of {list(LAYOUTS)}, got {layout!r}")
    if not root.is_dir():
        raise ValueError(f"{root} is no folder")
    found = _Found()
    parts: tuple[str, ...] = ()
    if domain is not None:
        present = sorted(p.name for p in root.iterdir() if p.is_dir())
        if domain not in present:
            raise ValueError(
                f"{root} has no domain folder {domain!r}; it has {present}"
            )
        parts = (domain,)
        found.folders.append(parts)
    _walk(root, parts, tuple(endings), found)
    if not found.files:
        raise ValueError(
            f"{root.joinpath(*parts)} holds no {what} ({', '.join(endings)})"
        )
    if layout is None:
        layout = _layout(root, found.files, domain is not None)
    depth = LAYOUTS[layout]
    for one in found.files:
        if len(one) - 1 != depth:
            raise ValueError(
                f"{root.joinpath(*one)} does not lie {depth} folders under {root}, as "
                f"layout={layout!r} has it; move it, or give another layout="
            )
    has_class, has_domain = "class" in layout, "domain" in layout
    if label and not has_class:
        raise ValueError(
            f"{root} has no class folders (its layout is {layout!r}), so its {what} "
            "have no labels; put them in a folder for each class"
        )
    class_of = tuple(one[-2] for one in found.files) if has_class else None
    domain_of = tuple(one[0] for one in found.files) if has_domain else None
    if label and class_of:
        check_alike(f"{root}", set(class_of), classes or ())
        check_alike(f"{root}", {name.strip() for name in class_of}, classes or ())
    if domain_of:
        check_alike(f"{root}", set(domain_of))
    return FolderFiles(
        tuple(root.joinpath(*one) for one in found.files),
        class_of,
        domain_of,
        tuple(_notes(root, found, depth, what)),
    )


def _walk(
    root: Path, parts: tuple[str, ...], endings: tuple[str, ...], found: _Found
) -> None:
    """Goes through a folder and those in it, names in the order of their characters."""
    folder = root.joinpath(*parts)
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError as error:
        raise ValueError(
            f"{folder} cannot be opened ({error.strerror}); mend its permissions"
        ) from None
    above = {os.path.realpath(root.joinpath(*parts[:n])) for n in range(len(parts) + 1)}
    for entry in entries:
        name = entry.name
        if name.startswith(".") or name.lower() in CLUTTER:
            found.hidden += 1
            continue
        try:
            name.encode()
        except UnicodeEncodeError:
            raise ValueError(
                f"{os.fsencode(entry.path)!r} has a name that is not UTF-8; rename it"
            ) from None
        own = (*parts, name)
        if entry.is_dir():
            if os.path.realpath(entry.path) in above:
                found.loops.append(entry.path)
            else:
                found.folders.append(own)
                _walk(root, own, endings, found)
        elif not entry.is_file():
            found.broken.append(entry.path)
        elif name.lower().endswith(endings):
            found.files.append(own)
        else:
            found.others.append(entry.path)


def _layout(root: Path, files: list[tuple[str, ...]], chosen: bool) -> str:
    first = {len(one) - 1: root.joinpath(*one) for one in reversed(files)}
    if len(first) > 1:
        raise ValueError(
            f"{root} has files at several depths, such as "
            f"{' and '.join(str(first[depth]) for depth in sorted(first))}; move them, "
            "so that all lie in root/domain/class, in root/class or in root"
        )
    (depth,) = first
    if depth >= len(BY_DEPTH):
        raise ValueError(
            f"{first[depth]} lies {depth} folders under {root}; there can be two, "
            "root/domain/class"
        )
    if chosen and depth == 1:
        return "domain"
    return BY_DEPTH[depth]


def _notes(root: Path, found: _Found, depth: int, what: str) -> Iterable[str]:
    full = {one[:n] for one in found.files for n in range(len(one))}
    empty = [
        # Of nested empty folders the outermost is enough.
        str(root.joinpath(*one))
        for one in found.folders
        if one not in full and (one[:-1] in full or len(one) == 1)
    ]
    if empty:
        yield f"Folders without {what}, left out: {listed(empty)}."
    if found.others:
        yield (
            f"{len(found.others)} files that are no {what} are left out: "
            f"{listed(found.others, 3)}."
        )
    if found.hidden:
        yield f"{found.hidden} hidden or system files are left out."
    if found.broken:
        yield f"Broken links and devices are left out: {listed(found.broken)}."
    if found.loops:
        yield f"Links back to a folder above are not followed: {listed(found.loops)}."
