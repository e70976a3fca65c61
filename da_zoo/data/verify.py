"""Compares sets on disk with what was published of them."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from da_zoo.data.known_sets import (
    KnownFile,
    KnownSet,
    arrays_mark,
    known_sets,
    rows_mark,
)
from da_zoo.data.npz import load_npz
from da_zoo.data.prepare import RECORD
from da_zoo.data.table import Table
from da_zoo.data.tfds_builders.raw_files import digest
from da_zoo.data.tfds_sets import TfdsName, parse_name, prepared_folders
from da_zoo.json_files import read_json

__all__ = ["Verified", "verify"]


class Verified(NamedTuple):
    """What was found of one file or config.

    Example:
        >>> Verified("usps", "sets/usps", {"train": 7290}, ("one is missing",)).right
        False
    """

    name: str
    where: str
    counts: dict[str, int]
    """Examples in each split or array of labels."""
    differs: tuple[str, ...]
    """In sentences; () if everything is as published."""
    notes: tuple[str, ...] = ()
    """What cannot be compared, and how it was compared."""

    @property
    def right(self) -> bool:
        """Whether nothing differs."""
        return not self.differs


def verify(
    name: str,
    *,
    data_dir: str | Path | None = None,
    folder: str | Path | None = None,
) -> list[Verified]:
    """Counts a set's examples and compares them, and the content, with the published.

    Args:
        name: of a set that da_zoo knows, of one config of it, or of any prepared set of
            tensorflow-datasets (of which only damage can be seen).
        data_dir: the folder of prepared sets; see
            :func:`da_zoo.data.tfds_sets.data_folder`.
        folder: the folder of ``.npz`` files, for sets that are read from one.

    Raises:
        ValueError: if there is nothing to verify, with what to run or to name.

    Example:
        >>> verify("wine", folder="nowhere")
        Traceback (most recent call last):
        ValueError: nowhere is no folder; name the one that holds wine_red.npz, ...
    """
    wanted = parse_name(name)
    known = known_sets().get(wanted.name)
    if known is not None and known.get == "shipped":
        return [_shipped(known)]
    if known is not None and known.files:
        if folder is None or not Path(folder).expanduser().is_dir():
            names = ", ".join(one.name for one in known.files)
            told = f"{folder} is no folder" if folder else f"{name} is read from files"
            raise ValueError(f"{told}; name the one that holds {names} with --data")
        where = Path(folder).expanduser()
        return [_file(where / one.name, one) for one in known.files]
    found = prepared_folders(wanted, data_dir)
    if not found:
        from da_zoo.data.tfds_sets import find_prepared

        find_prepared(wanted, data_dir)  # says what to run
    return [
        _prepared(wanted._replace(config=config or None), where, known)
        for config, where in found.items()
    ]


def _shipped(known: KnownSet) -> Verified:
    from da_zoo.data import embedded

    _, labels = getattr(embedded, known.name)()
    ((domain, counts),) = known.counts.items()
    found = {"all": len(labels)}
    return Verified(domain, "scikit-learn", found, tuple(_compare(found, counts)))


def _compare(found: dict[str, int], published: Any) -> Iterator[str]:
    for split, count in published.items():
        if split not in found:
            yield f"{split}: missing, where {count} examples were published"
        elif found[split] != count:
            yield f"{split}: {found[split]} examples, where {count} were published"


def _compare_classes(what: str, labels: np.ndarray, published: Any) -> Iterator[str]:
    found = np.bincount(labels, minlength=len(published)).tolist()
    if found != list(published):
        yield f"{what}: {found} of each class, where {list(published)} were published"


def _file(path: Path, known: KnownFile) -> Verified:
    try:
        arrays = load_npz(path, tuple(known.arrays))
    except ValueError as error:
        return Verified(known.name, str(path), {}, (str(error),))
    differs: list[str] = []
    counts = {}
    for name, published in known.labels.items():
        labels = arrays.get(name)
        if labels is None or labels.ndim != 1 or labels.dtype.kind not in "iu":
            differs.append(f"{name}: no array of whole numbers [n]")
            continue
        counts[name] = len(labels)
        differs += _compare({name: len(labels)}, {name: sum(published)})
        differs += _compare_classes(name, labels, published)
    if not differs and arrays_mark(arrays) != known.sha256:
        differs.append(
            "its arrays are not those that da_zoo's numbers were made with, though "
            "they are as many: inputs, their type, or their order differ"
        )
    return Verified(known.name, str(path), counts, tuple(differs))


def _prepared(name: TfdsName, folder: Path, known: KnownSet | None) -> Verified:
    import tensorflow_datasets as tfds

    changed, notes = _unchanged(folder)
    if changed:
        return Verified(str(name), str(folder), {}, tuple(changed), tuple(notes))
    info = tfds.builder_from_directory(folder).info
    counts = {split: int(one.num_examples) for split, one in info.splits.items()}
    domain = name.config or name.name
    if known is None or domain not in known.counts:
        notes.append("No counts are known of it; only changes can be seen.")
        return Verified(str(name), str(folder), counts, (), tuple(notes))
    differs = list(_compare(counts, known.counts[domain]))
    files = _raw_files(folder)
    foreign = sorted(one for one, told in files.items() if _is(told, False))
    unknown = sorted(one for one, told in files.items() if _is(told, None))
    if unknown:
        notes.append(f"No sum was published of {', '.join(unknown)}.")
    for split in known.counts[domain]:
        key = f"{domain}/{split}"
        published = known.class_counts.get(key)
        content = known.content.get(key) if foreign or unknown else None
        if split not in counts or (published is None and content is None):
            continue
        differs += _compare_rows(str(folder), info, split, published, content)
        if content is not None:
            foreign = []
            notes.append(f"{split}: its content was compared, value by value.")
    differs += [f"{one} is not the file that was published" for one in foreign]
    return Verified(str(name), str(folder), counts, tuple(differs), tuple(notes))


def _raw_files(folder: Path) -> dict[str, Any]:
    """What a builder of da_zoo's remembers of the publisher's files."""
    path = folder / "metadata.json"
    told = read_json(path) if path.is_file() else {}
    found = told.get("files", {}) if isinstance(told, dict) else {}
    return found if isinstance(found, dict) else {}


def _is(told: Any, published: bool | None) -> bool:
    return isinstance(told, dict) and told.get("published", True) is published


def _unchanged(folder: Path) -> tuple[list[str], list[str]]:
    """Compares files with their sums of when they were prepared."""
    record = folder / RECORD
    if not record.is_file():
        return [], ["It was not prepared by da-zoo, so changes cannot be seen."]
    try:
        sums = dict(read_json(record))
    except (ValueError, TypeError) as error:
        return [f"{record} cannot be read: {error}"], []
    changed = []
    for name, mark in sums.items():
        path = folder / Path(name).name
        if not path.is_file():
            changed.append(f"{name} has gone since it was prepared")
        elif digest(path) != mark:
            changed.append(f"{name} has changed since it was prepared")
    return changed, []


def _compare_rows(
    folder: str, info: Any, split: str, published: Any, content: str | None
) -> Iterator[str]:
    """Reads labels, and inputs where their content is known."""
    import tensorflow_datasets as tfds

    from da_zoo.data.readers.tfds import read_tfds
    from da_zoo.data.tfds_examples import Examples

    builder = tfds.builder_from_directory(folder)
    if content is None:
        name = info.supervised_keys[1]
        examples = Examples(builder, split, [name])
        batches = examples.batches(len(examples))
        labels = np.array([int(one[name]) for batch in batches for one in batch])
        yield from _compare_classes(split, labels, published)
        return
    data = read_tfds(builder, split=split, label=True)
    assert data.labels is not None
    if published is not None:
        yield from _compare_classes(split, data.labels, published)
    x = data.x
    if isinstance(x, Table):
        # TFDS does not keep the order of features.
        x = np.column_stack([x[name] for name in sorted(x.names)]).astype(np.float32)
    if rows_mark(x, data.labels) != content:
        yield f"{split}: the values are not those that were published"
