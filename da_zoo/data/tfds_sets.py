"""Names of tensorflow-datasets' sets, and where prepared ones lie."""

import os
import re
from pathlib import Path
from typing import NamedTuple

__all__ = [
    "TfdsName",
    "data_folder",
    "find_prepared",
    "has_tensorflow",
    "leftovers",
    "parse_name",
    "prepared_folders",
]

INFO = "dataset_info.json"
"""What TFDS writes last into a set's folder."""
INCOMPLETE = "incomplete."
"""Begins the name of a folder that TFDS is still writing, or left when killed."""
NAME = re.compile(r"[A-Za-z][\w]*(/[\w .:+\-]+)?(:\d+\.\d+\.\d+)?")


class TfdsName(NamedTuple):
    """A set, maybe a config of it (a domain, in the sets made for adaptation).

    Example:
        >>> str(TfdsName("office31", "amazon"))
        'office31/amazon'
    """

    name: str
    config: str | None = None
    version: str | None = None

    def __str__(self) -> str:
        config = f"/{self.config}" if self.config else ""
        return f"{self.name}{config}" + (f":{self.version}" if self.version else "")


def parse_name(text: str) -> TfdsName:
    """Parts a name such as "tfds:mnist_corrupted/shot_noise:1.0.0".

    Args:
        text: name, maybe config, maybe version; "tfds:" before it may be left out.

    Raises:
        ValueError: for text that is no such name.

    Example:
        >>> parse_name("tfds:domainnet/sketch")
        TfdsName(name='domainnet', config='sketch', version=None)
    """
    plain = text.removeprefix("tfds:").strip()
    # A folder may be called anything: names never leave the data folder.
    if not NAME.fullmatch(plain) or ".." in plain:
        raise ValueError(
            f"{text!r} is no name of a tensorflow-datasets set; write tfds:name, "
            "tfds:name/config or tfds:name/config:1.0.0"
        )
    version = None
    if match := re.search(r":(\d+\.\d+\.\d+)$", plain):
        version, plain = match[1], plain[: match.start()]
    name, _, config = plain.partition("/")
    return TfdsName(name, config or None, version)


def data_folder(data_dir: str | Path | None = None) -> Path:
    """Returns the folder of prepared sets: TFDS's own unless another is named.

    Args:
        data_dir: None means ``$TFDS_DATA_DIR``, or else ``~/tensorflow_datasets``.

    Example:
        >>> data_folder("sets")
        PosixPath('sets')
    """
    if data_dir is not None:
        return Path(data_dir).expanduser()
    named = os.environ.get("TFDS_DATA_DIR", "~/tensorflow_datasets")
    return Path(named).expanduser()


def _versions(folder: Path) -> list[Path]:
    """Folders of versions that are there as a whole, the newest first."""
    found = [
        one
        for one in folder.glob("*.*.*")
        if re.fullmatch(r"\d+\.\d+\.\d+", one.name) and (one / INFO).is_file()
    ]
    return sorted(found, key=lambda one: [-int(part) for part in one.name.split(".")])


def prepared_folders(
    name: TfdsName, data_dir: str | Path | None = None
) -> dict[str, Path]:
    """Finds what is prepared of a set, by config ("" where it has none).

    Args:
        name: a config or version in it is the only one that is looked for.
        data_dir: see :func:`data_folder`.

    Example:
        >>> prepared_folders(TfdsName("mnist"), "nowhere")
        {}
    """
    root = data_folder(data_dir) / name.name
    folders = {"": root} if name.config is None else {}
    if name.config is not None:
        folders[name.config] = root / name.config
    elif root.is_dir():
        folders |= {one.name: one for one in sorted(root.iterdir()) if one.is_dir()}
    found = {}
    for config, folder in folders.items():
        versions = [
            one
            for one in (_versions(folder) if folder.is_dir() else [])
            if name.version in (None, one.name)
        ]
        if versions:
            found[config] = versions[0]
    return found


def leftovers(name: TfdsName, data_dir: str | Path | None = None) -> list[Path]:
    """Finds folders that look like a set but are not complete.

    Such are what TFDS leaves when it is killed, and folders of a version without its
    description, from a copy that stopped, say: TFDS would take one for prepared.

    Example:
        >>> leftovers(TfdsName("mnist"), "nowhere")
        []
    """
    root = data_folder(data_dir) / name.name
    found = []
    for folder in [root, *sorted(root.glob("*"))] if root.is_dir() else []:
        if name.config is not None and folder not in (root, root / name.config):
            continue
        for one in sorted(folder.glob("*")) if folder.is_dir() else []:
            version = re.fullmatch(r"\d+\.\d+\.\d+", one.name)
            half = version is not None and not (one / INFO).exists()
            if one.is_dir() and (half or one.name.startswith(INCOMPLETE)):
                found.append(one)
    return found


def find_prepared(name: TfdsName, data_dir: str | Path | None = None) -> Path:
    """Returns the folder of the one set that a name means.

    Raises:
        ValueError: if it is not prepared, or several of its configs are and the name
            does not say which.

    Example:
        >>> find_prepared(TfdsName("mnist"), "nowhere")
        Traceback (most recent call last):
        ValueError: tfds:mnist is not prepared in nowhere; run: ...
    """
    found = prepared_folders(name, data_dir)
    if len(found) > 1:
        raise ValueError(
            f"tfds:{name} has the configs {list(found)} in {data_folder(data_dir)}; "
            f"name one, such as tfds:{name.name}/{next(iter(found))}"
        )
    if not found:
        folder = data_folder(data_dir)
        option = "" if data_dir is None else f" --data-dir {folder}"
        others = prepared_folders(TfdsName(name.name), data_dir)
        told = f" (there are {', '.join(map(str, others.values()))})" if others else ""
        raise ValueError(
            f"tfds:{name} is not prepared in {folder}{told}; run: da-zoo data prepare "
            f"{name._replace(version=None)}{option}"
        )
    return next(iter(found.values()))


def has_tensorflow() -> bool:
    """Says whether TensorFlow can be imported, without importing it.

    Example:
        >>> isinstance(has_tensorflow(), bool)
        True
    """
    from importlib.util import find_spec

    return find_spec("tensorflow") is not None
