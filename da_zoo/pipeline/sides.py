"""Reads the two sides, target labels only if asked, and says how their classes relate.

Label words: what may be read of the target's labels.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from da_zoo.data.domain_data import DomainData, in_order, make_domain_data, renumbered
from da_zoo.data.label_values import as_values, has_fractions, parted
from da_zoo.data.readers.read import BY_SUFFIX, guess, read
from da_zoo.data.table import Table
from da_zoo.naming import choose

__all__ = ["TARGET_LABELS", "Sides", "read_side", "read_sides"]

TARGET_LABELS = ("none", "score", "train")
"""Whether labels of the target are not read at all, read after training to score the
model, or trained on, where there are some."""
FOLDER_KINDS = ("images", "audio", "text")
"""In folders of these, a folder's name is the label."""
TOLD_APART = ("tfds", "array_records", "bag_of_words")
"""These know which part of a row is its label."""


class Sides(NamedTuple):
    """Source and target, their labels numbered alike where the classes are the same."""

    source: DomainData
    target: DomainData
    same_task: bool
    label_sets: str
    """The target's classes, as far as they are known: "closed" (the source's),
    "partial" (some of them), "open" (others too), or "unknown" without labels."""


def read_side(
    given: Any,
    role: str,
    *,
    label: str | None,
    labelled: bool,
    kind: str | None = None,
    options: Mapping[str, Any] | None = None,
) -> DomainData:
    """Reads one side, whatever it is given as.

    Args:
        given: a path, several paths, "tfds:<name>", :class:`DomainData`, arrays (x, y),
            or x alone.
        role: "source" or "target".
        label: the column or array of labels.
        labelled: whether to read it; if not, it is left out of the inputs unread.
        kind: of the data, see :data:`da_zoo.data.readers.read.READERS`.
        options: of the reader.

    Raises:
        ValueError: if labels are wanted and there are none, and whatever readers say.

    Example:
        >>> read_side(
        ...     (np.ones((2, 1)), [0, 1]), "source", label=None, labelled=True
        ... ).rows
        2
    """
    options = dict(options or {})
    if isinstance(given, DomainData):
        data = given if labelled else given.without_labels()
    elif _is_path(given):
        data = _from_path(given, label, labelled, kind, options)
    else:
        data = _from_arrays(given, role, labelled, kind)
    if labelled and not data.labelled.any():
        raise ValueError(
            f"the {role}, {data.name}, has no labels; name their column or array with "
            "label (--label)"
        )
    return data


def _is_path(given: Any) -> bool:
    if isinstance(given, list | tuple):
        whole = bool(given) and all(_is_path(one) for one in given)
        # A list of sentences is data; of names of files, or what should be, paths.
        return whole and any(
            not isinstance(one, str) or _names_a_file(one)
            for one in given[:100]
            if not isinstance(one, str) or (len(one) < 1000 and "\n" not in one)
        )
    return isinstance(given, str) or hasattr(given, "__fspath__")


def _names_a_file(text: str) -> bool:
    # "Mr. Smith said" has a suffix too, but none of a file's.
    known = Path(text).suffix.lower() in BY_SUFFIX or text.startswith("tfds:")
    return known or Path(text).exists()


def _from_path(
    path: Any, label: str | None, labelled: bool, kind: str | None, options: Any
) -> DomainData:
    first = path[0] if isinstance(path, list | tuple) else path
    name = kind or guess(first, [k for k, v in options.items() if v is not None])
    if (name in FOLDER_KINDS and Path(first).is_dir()) or name in TOLD_APART:
        options["label"] = (label or True) if labelled else None
    else:
        options["label"] = label if labelled else None
        if (
            not labelled
            and label is not None
            and name in ("table", "ratings", "signals")
        ):
            options["drop"] = [*(options.get("drop") or ()), label]
    if name != "table" and name != "ratings" and first is not path:
        if len(path) > 1:
            raise ValueError(
                f"several paths are for tables, and {first} holds {name}; put the "
                "folders into one, a domain each"
            )
        path = first
    return read(path, kind=kind, **options)


def _from_arrays(given: Any, role: str, labelled: bool, kind: str | None) -> DomainData:
    pair = isinstance(given, tuple) and len(given) == 2
    x, y = given if pair else (given, None)
    if not labelled:
        y = None
    if isinstance(x, Table):
        return make_domain_data(role, "table", x, y, mark=x.fingerprint())
    x = np.asarray(x)
    if kind is None:
        kind = _kind_of(role, x)
    if kind == "table":
        x = Table({str(place): x[:, place] for place in range(x.shape[1])})
        return make_domain_data(role, kind, x, y, mark=x.fingerprint())
    return make_domain_data(role, kind, x, y)


def _kind_of(role: str, x: np.ndarray) -> str:
    if x.dtype.kind in "UO" and x.ndim == 1:
        return "text"
    if x.dtype.kind not in "biuf" or x.ndim < 2:
        raise TypeError(
            f"{role} must be a path, numbers [n, ...] or a list of texts, got "
            f"{x.dtype} {x.shape}"
        )
    if x.ndim == 2:
        missing = x.dtype.kind == "f" and np.isnan(x).any()
        return "table" if missing else "features"
    return "images" if x.ndim == 4 or x.dtype == np.uint8 else "signals"


def read_sides(
    source: Any,
    target: Any,
    *,
    label: str | None = None,
    target_labels: str = "none",
    regression: bool | None = None,
    kind: str | None = None,
    options: Mapping[str, Any] | None = None,
    source_domains: tuple[str, ...] = (),
    target_domains: tuple[str, ...] = (),
    threshold: int | float | None = None,
) -> Sides:
    """Reads both sides.

    Args:
        source: see :func:`read_side`.
        target: likewise.
        label: the column or array of labels, in both.
        target_labels: one of :data:`TARGET_LABELS`.
        regression: whether labels are values; None decides by whether they have
            fractions.
        kind: of the data.
        options: of the readers.
        source_domains: those of the source's domains to take; () takes all.
        target_domains: likewise.
        threshold: makes two classes of labels that are numbers: under it, or not.

    Raises:
        ValueError: for whatever the readers say, a domain that is on both sides, or
            classes that cannot be brought together.

    Example:
        >>> x = np.eye(4)
        >>> read_sides((x, list("abab")), x).label_sets
        'unknown'
    """
    choose(dict.fromkeys(TARGET_LABELS), target_labels, "target_labels")
    wanted = target_labels != "none"
    own: dict[str, Any] = {"label": label, "kind": kind, "options": options}
    first = _only(read_side(source, "source", labelled=True, **own), source_domains)
    second = _only(read_side(target, "target", labelled=wanted, **own), target_domains)
    _refuse_shared(first, second, source, target)
    if first.kind != second.kind:
        raise ValueError(
            f"the source, {first.name}, holds {first.kind} and the target, "
            f"{second.name}, {second.kind}; both must be one kind of data"
        )
    if not first.labelled.all():
        lost = int((~first.labelled).sum())
        first = first.take(np.flatnonzero(first.labelled))
        note = f"{lost} rows of the source without a label were left out."
        first = first._replace(notes=(*first.notes, note))
    if threshold is not None:
        if regression:
            raise ValueError("threshold makes classes, and regression values: not both")
        first, second = parted(first, threshold), parted(second, threshold)
    elif regression or (regression is None and has_fractions(first)):
        first, second = as_values(first), as_values(second)
        return Sides(first, second, True, "closed")
    return _related(first, second, target_labels)


def _refuse_shared(
    first: DomainData, second: DomainData, source: Any, target: Any
) -> None:
    """A domain on both sides would train on the target's labels, asked or not."""
    if not (_is_path(source) and _is_path(target)) or first.name != second.name:
        return
    if both := sorted(set(first.domains) & set(second.domains)):
        raise ValueError(
            f"{', '.join(both)} is on both sides: source and target are {first.name}; "
            "name other domains with source_domains and target_domains "
            "(--source-domains, --target-domains), and their column with domain"
        )


def _only(data: DomainData, domains: tuple[str, ...]) -> DomainData:
    if not domains:
        return data
    for name in domains:
        choose(dict.fromkeys(data.domains), name, f"domain of {data.name}")
    kept = [data.domains.index(name) for name in domains]
    own = data.take(np.flatnonzero(np.isin(data.domain, kept)))
    place = {old: new for new, old in enumerate(kept)}
    numbers = np.array([place[number] for number in own.domain.tolist()], np.int32)
    own = own._replace(domain=numbers, domains=tuple(domains))
    if own.labels is None or own.continuous:
        return own
    # Classes that only the other domains have are none of this side's.
    used = np.unique(own.labels[own.labelled])
    names = tuple(own.classes[number] for number in used)
    labels = np.searchsorted(used, own.labels).astype(np.int32)
    return own._replace(
        labels=np.where(own.labelled, labels, 0).astype(np.int32), classes=names
    )


def _related(source: DomainData, target: DomainData, target_labels: str) -> Sides:
    if len(source.classes) < 2:
        raise ValueError(
            f"the source, {source.name}, has the one class {list(source.classes)}; a "
            "classifier needs two"
        )
    if target.labels is None or not target.labelled.any():
        return Sides(source, target, True, "unknown")
    known, others = set(source.classes), set(target.classes)
    if others <= known:
        target = renumbered(target, source.classes)
        return Sides(source, target, True, "closed" if others == known else "partial")
    if target_labels == "train":  # another task: it gets a head of its own
        return Sides(source, target, False, "closed")
    every = (*source.classes, *in_order(others - known))
    return Sides(source, renumbered(target, every), True, "open")
