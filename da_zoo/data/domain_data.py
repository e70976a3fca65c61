"""``DomainData``: rows of one or several domains, as every reader leaves them."""

import hashlib
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

__all__ = [
    "KINDS",
    "DomainData",
    "class_name",
    "fingerprint",
    "in_order",
    "make_domain_data",
    "renumbered",
]

KINDS = ("features", "table", "images", "signals", "text")
"""What rows are; it decides which encoder turns them into a network's inputs."""

Labels = Int[np.ndarray, " n"] | Float[np.ndarray, " n"]


class DomainData(NamedTuple):
    """Raw rows with what is known of them; encoders make a network's inputs of them.

    Example:
        >>> make_domain_data("a", "features", np.ones((2, 3)), ["x", "y"]).classes
        ('x', 'y')
    """

    name: str
    """How messages call it: its file or folder."""
    kind: str
    """One of :data:`KINDS`."""
    x: Any
    """Rows: an array, a :class:`~da_zoo.data.table.Table`, or anything with a length
    that gives rows for an array of row numbers, from disk say."""
    labels: Labels | None
    """int32 places in ``classes``, or float32 values; None where none were read."""
    labelled: Bool[np.ndarray, " n"]
    """Which rows have a label; ``labels`` is 0 where they have none."""
    classes: tuple[str, ...]
    """Names of the classes; () for values, and without labels."""
    domain: Int[np.ndarray, " n"]
    """int32 places in ``domains``."""
    domains: tuple[str, ...]
    fingerprint: str
    """sha256 of rows, labels and domains: files that change between runs show."""
    notes: tuple[str, ...] = ()
    """What a reader left out or changed, in sentences."""

    @property
    def continuous(self) -> bool:
        """Whether labels are values (a regression), not classes."""
        return self.labels is not None and self.labels.dtype.kind == "f"

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return len(self.labelled)

    def take(self, chosen: Int[np.ndarray, " k"]) -> "DomainData":
        """Returns some of the rows; the fingerprint says which.

        Rows on disk stay there, where ``x`` has a ``subset`` that does so.
        """
        subset = getattr(self.x, "subset", None)
        labels = None if self.labels is None else self.labels[chosen]
        mark = hashlib.sha256(self.fingerprint.encode())
        mark.update(np.ascontiguousarray(chosen, np.int64).tobytes())
        return self._replace(
            x=self.x[chosen] if subset is None else subset(chosen),
            labels=labels,
            labelled=self.labelled[chosen],
            domain=self.domain[chosen],
            fingerprint=mark.hexdigest(),
        )

    def of(self, domain: str) -> "DomainData":
        """Returns the rows of one of its domains.

        Raises:
            ValueError: for a domain that is not there.
        """
        if domain not in self.domains:
            raise ValueError(
                f"{self.name} has no domain {domain!r}; it has {list(self.domains)}"
            )
        own = self.take(np.flatnonzero(self.domain == self.domains.index(domain)))
        return own._replace(
            name=f"{self.name}:{domain}",
            domain=np.zeros(own.rows, np.int32),
            domains=(domain,),
        )

    def without_labels(self) -> "DomainData":
        """Returns the rows alone: no label is left to be read by mistake."""
        none = np.zeros(self.rows, bool)
        return self._replace(labels=None, labelled=none, classes=())


def fingerprint(*parts: Any) -> str:
    """Returns the sha256 of arrays, bytes and text, one after another.

    Example:
        >>> fingerprint(np.ones(2)) == fingerprint(np.ones((2, 1)))
        False
    """
    hasher = hashlib.sha256()
    for part in parts:
        if isinstance(part, np.ndarray) and part.dtype.kind in "OUT":
            part = "\x1f".join(map(str, part.reshape(-1).tolist()))
        if isinstance(part, np.ndarray):
            hasher.update(f"{part.dtype.str}{part.shape}".encode())
            hasher.update(np.ascontiguousarray(part).tobytes())
        else:
            raw = part if isinstance(part, bytes) else str(part).encode()
            hasher.update(str(len(raw)).encode() + b":" + raw)
    return hasher.hexdigest()


def make_domain_data(
    name: str,
    kind: str,
    x: Any,
    labels: Sequence[Any] | np.ndarray | None = None,
    *,
    classes: Sequence[str] | None = None,
    regression: bool = False,
    domain: Sequence[str] | None = None,
    mark: str | None = None,
    notes: Sequence[str] = (),
) -> DomainData:
    """Numbers labels and domains, and takes the fingerprint.

    Args:
        name: how messages call it.
        kind: one of :data:`KINDS`.
        x: the rows, n of them.
        labels: n names of classes (text; numbers are written as text, whole ones
            without a point), or numbers of a regression. None, NaN or "" is no label.
        classes: the names in the order of their numbers; None sorts those found.
        regression: whether labels are values.
        domain: n names of domains; None means that there is one, ``name``.
        mark: a fingerprint of ``x`` that a reader has taken; None takes it here.
        notes: see :class:`DomainData`.

    Raises:
        ValueError: for another number of labels than rows, a class outside
            ``classes``, or a regression's label that is no finite number.

    Example:
        >>> data = make_domain_data("a", "features", np.ones((3, 1)), [1, None, 0])
        >>> data.labels.tolist(), data.labelled.tolist(), data.classes
        ([1, 0, 0], [True, False, True], ('0', '1'))
    """
    if kind not in KINDS:
        raise ValueError(f"kind must be one of {KINDS}, got {kind!r}")
    count = len(x)
    if count == 0:
        raise ValueError(f"{name} has no rows")
    places = np.zeros(count, np.int32)
    domains: tuple[str, ...] = (name,)
    if domain is not None:
        domains = tuple(sorted(set(domain)))
        number = {one: place for place, one in enumerate(domains)}
        places = np.array([number[one] for one in domain], np.int32)
    numbers: Labels | None = None
    labelled = np.zeros(count, bool)
    known: tuple[str, ...] = ()
    if labels is not None:
        if len(labels) != count:
            raise ValueError(f"{name} has {count} rows and {len(labels)} labels")
        cells = labels.tolist() if isinstance(labels, np.ndarray) else list(labels)
        labelled = np.array([_is_label(cell) for cell in cells], bool)
        number_all = _values if regression else _classes
        numbers, known = number_all(name, cells, labelled, classes)
    own = fingerprint(np.asarray(x)) if mark is None else mark
    notes = (*notes, *_lookalikes(known))
    whole = fingerprint(
        own, "" if numbers is None else numbers, labelled, places, repr(known)
    )
    return DomainData(
        name, kind, x, numbers, labelled, known, places, domains, whole, tuple(notes)
    )


def _is_label(cell: Any) -> bool:
    blank = isinstance(cell, str) and not cell.strip()
    return cell is not None and cell == cell and not blank


def _lookalikes(classes: tuple[str, ...]) -> list[str]:
    """Says which names of classes differ in capitals or inner blanks alone."""
    alike: dict[str, list[str]] = {}
    for name in classes:
        alike.setdefault("".join(name.split()).casefold(), []).append(name)
    return [
        f"The classes {' and '.join(map(repr, own))} are told apart, and look like one."
        for own in alike.values()
        if len(own) > 1
    ]


def _values(
    name: str, cells: list[Any], labelled: np.ndarray, classes: Any
) -> tuple[np.ndarray, tuple[str, ...]]:
    if classes:
        raise ValueError(f"{name}: a regression has no classes, got {tuple(classes)}")
    values = np.zeros(len(cells), np.float32)
    for row in np.flatnonzero(labelled):
        try:
            values[row] = float(cells[row])
        except (TypeError, ValueError):
            values[row] = np.nan
        if not np.isfinite(values[row]):
            raise ValueError(
                f"{name}, row {row}: the label {cells[row]!r} is no finite number, "
                "which a regression needs"
            )
    return values, ()


def class_name(cell: Any) -> str:
    """Writes a label as the name of its class: 1, 1.0, True and "1" are one.

    Example:
        >>> class_name(1.0), class_name(True), class_name(" yes ")
        ('1', '1', 'yes')
    """
    if isinstance(cell, np.generic):
        cell = cell.item()
    if isinstance(cell, bool):
        return str(int(cell))
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    return str(cell).strip()


def _classes(
    name: str, cells: list[Any], labelled: np.ndarray, classes: Any
) -> tuple[np.ndarray, tuple[str, ...]]:
    names = [
        class_name(cell) if there else ""
        for cell, there in zip(cells, labelled, strict=True)
    ]
    found = {n for n, there in zip(names, labelled, strict=True) if there}
    known = in_order(found) if classes is None else tuple(classes)
    if len(set(known)) < len(known):
        raise ValueError(f"{name}: classes holds a name twice: {list(known)}")
    if strangers := sorted(found - set(known)):
        raise ValueError(
            f"{name} has the classes {strangers}, which are not among {list(known)}"
        )
    place = {one: number for number, one in enumerate(known)}
    return np.array([place.get(n, 0) for n in names], np.int32), known


def in_order(names: Any) -> tuple[str, ...]:
    """Sorts names of classes: as numbers if all are, else as text.

    Example:
        >>> in_order({"10", "9"}), in_order({"b", "10"})
        (('9', '10'), ('10', 'b'))
    """
    try:
        numbers = {name: float(name) for name in names}
    except ValueError:
        return tuple(sorted(names))
    if not np.isfinite(list(numbers.values())).all():  # "nan" has no place among them
        return tuple(sorted(names))
    return tuple(sorted(names, key=lambda one: (numbers[one], one)))


def renumbered(data: DomainData, classes: Sequence[str]) -> DomainData:
    """Numbers the labels by another list of classes, that of a source say.

    Raises:
        ValueError: if the data has a class that is not in the list.

    Example:
        >>> data = make_domain_data("a", "features", np.ones((2, 1)), ["b", "c"])
        >>> renumbered(data, ("a", "b", "c")).labels
        array([1, 2], dtype=int32)
    """
    if data.labels is None or data.continuous:
        return data
    if missing := [name for name in data.classes if name not in classes]:
        raise ValueError(
            f"{data.name} has the classes {missing}, which are not among "
            f"{list(classes)}"
        )
    place = np.array([list(classes).index(name) for name in data.classes], np.int32)
    return data._replace(labels=place[data.labels], classes=tuple(classes))
