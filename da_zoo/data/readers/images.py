"""Images from folders, ``root/domain/class/*.jpg``; pixels stay on disk."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from da_zoo.data.domain_data import DomainData, make_domain_data
from da_zoo.data.image_files import ENDINGS, CheckedImage, ImageFiles, check_images
from da_zoo.data.readers.folders import FolderFiles, listed, walk_folder

__all__ = ["read_images"]

MOST_NAMED = 50
"""A note names so many files that are left out, and counts the others."""


def read_images(
    path: str | Path,
    *,
    label: bool | str | None = None,
    domain: str | None = None,
    classes: Sequence[str] | None = None,
    layout: str | None = None,
    skip_corrupt: bool = False,
) -> DomainData:
    """Reads a tree of images: ``root/domain/class/*``, ``root/class/*`` or ``root/*``.

    Every file is decoded once, to know that it can be, and forgotten; what is left is
    an :class:`~da_zoo.data.image_files.ImageFiles`, which decodes again when asked.
    Hidden files, ``Thumbs.db`` and files of other types are left out and counted.

    Args:
        path: of the root, or of one image.
        label: anything but None and False takes the class folders' names for labels.
            Without, folders of classes are walked through, and their names not read.
        domain: the only domain folder to read; None reads all.
        classes: names in the order of their numbers; None sorts the folders' names.
        layout: "domain/class", "class", "domain" (no labels) or "flat" (neither); None
            decides by how deep the images lie: two folders, one ("class") or none.
        skip_corrupt: whether files that do not decode are left out and named in
            ``notes``; by default one such file is an error.

    Returns:
        Rows of kind "images", in the order of their paths.

    Raises:
        ValueError: for a folder that is missing, empty or cannot be opened, images at
            several depths, folders of classes whose names look alike, or a file that
            cannot be read; the message names it.

    Example:
        >>> import tempfile
        >>> from PIL import Image
        >>> root = Path(tempfile.mkdtemp())
        >>> for name in ("cat", "dog"):
        ...     (root / name).mkdir()
        ...     Image.new("L", (8, 8), 3).save(root / name / "1.png")
        >>> data = read_images(root, label=True)
        >>> data.classes, data.labels.tolist(), len(data.x)
        (('cat', 'dog'), [0, 1], 2)
    """
    root, label = Path(path), label not in (None, False)
    if root.is_file():
        if label:
            raise ValueError(f"{root} is one image, which has no folder of a class")
        if root.suffix.lower() not in ENDINGS:
            raise ValueError(f"{root} must end in one of {', '.join(ENDINGS)}")
        found, root = FolderFiles((root,), None, None, ()), root.parent
    else:
        found = walk_folder(
            root,
            ENDINGS,
            what="images",
            label=label,
            layout=layout,
            domain=domain,
            classes=classes,
        )
    checked = check_images(found.files)
    bad = [
        f"{file} ({one})"
        for file, one in zip(found.files, checked, strict=True)
        if isinstance(one, str)
    ]
    notes = list(found.notes)
    if bad:
        if not skip_corrupt or len(bad) == len(checked):
            raise ValueError(
                f"{bad[0].rstrip(')')}): this image cannot be read"
                + (f", nor can {len(bad) - 1} others" if len(bad) > 1 else "")
                + "; mend or remove it, or leave such files out with skip_corrupt=True "
                "(--skip-corrupt)"
            )
        notes.append(
            f"{len(bad)} of {len(checked)} images cannot be read and are left out: "
            f"{listed(bad, MOST_NAMED)}."
        )
    good = [row for row, one in enumerate(checked) if not isinstance(one, str)]
    whole = [one for one in checked if isinstance(one, CheckedImage)]
    mark = hashlib.sha256()
    for row, one in zip(good, whole, strict=True):
        # Names below the root: the same tree elsewhere is the same data.
        name = found.files[row].relative_to(root).as_posix()
        mark.update(f"{len(name.encode())}:{name}".encode() + one.digest)
    files = ImageFiles(
        tuple(str(found.files[row]) for row in good),
        np.array([(one.height, one.width) for one in whole], np.int64),
        np.array([one.grey for one in whole], bool),
    )
    named = found.classes if label else None
    return make_domain_data(
        str(path),
        "images",
        files,
        None if named is None else [named[row] for row in good],
        classes=classes,
        domain=None if found.domains is None else [found.domains[r] for r in good],
        mark=mark.hexdigest(),
        notes=notes,
    )
