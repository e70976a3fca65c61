"""The sets that da_zoo knows: what they hold, how to get them, what was published."""

import functools
import tomllib
from collections.abc import Mapping, Sequence
from importlib.resources import files
from typing import Any, NamedTuple

import numpy as np

from da_zoo.data.domain_data import fingerprint

__all__ = ["WAYS", "KnownFile", "KnownSet", "arrays_mark", "known_sets", "rows_mark"]

WAYS = {
    "shipped": "comes along with scikit-learn",
    "folder": "files in a folder that --data names",
    "fetched": "da-zoo data prepare fetches it",
    "by hand": "fetch it with a browser, then da-zoo data prepare",
    "catalogue": "in TFDS's catalogue: da-zoo data prepare",
}
"""How a set is had."""


class KnownFile(NamedTuple):
    """An ``.npz`` file of a set that is read from a folder.

    Example:
        >>> KnownFile("a.npz", "a", ("x", "y"), {"y": (2, 3)}, "").labels["y"]
        (2, 3)
    """

    name: str
    domain: str
    arrays: Sequence[str]
    """Those that it must hold."""
    labels: Mapping[str, Sequence[int]]
    """By the name of an array of labels, how often each value from 0 up occurs."""
    sha256: str
    """Of its arrays; see :func:`arrays_mark`."""


class KnownSet(NamedTuple):
    """A set and what was published of it."""

    name: str
    """For ``da-zoo data``, and for ``tfds:`` where TFDS or da_zoo builds it."""
    title: str
    field: str
    """What its rows are."""
    get: str
    """A key of :data:`WAYS`."""
    size: str
    """To fetch, about."""
    licence: str
    """As stated by the publisher; the user has to see whether it suits them."""
    reference: str
    classes: int
    """0 where labels are values."""
    counts: Mapping[str, Mapping[str, int]] = {}
    """Examples by domain and split."""
    class_counts: Mapping[str, Sequence[int]] = {}
    """Examples of each class by "domain/split"."""
    content: Mapping[str, str] = {}
    """Of some domains' splits, what :func:`rows_mark` gives."""
    files: tuple[KnownFile, ...] = ()
    tensorflow: bool = False
    """Whether preparing it needs TensorFlow."""

    @property
    def domains(self) -> tuple[str, ...]:
        """Names of the domains."""
        return tuple(self.counts) or tuple(one.domain for one in self.files)


@functools.cache
def known_sets() -> dict[str, KnownSet]:
    """Returns the sets by name.

    Example:
        >>> known_sets()["office31"].counts["dslr"]
        {'train': 498}
    """
    text = files("da_zoo.data").joinpath("known_sets.toml").read_text("utf-8")
    return {one["name"]: _known(one) for one in tomllib.loads(text)["sets"]}


def _known(told: dict[str, Any]) -> KnownSet:
    own = tuple(KnownFile(**one) for one in told.pop("files", ()))
    return KnownSet(**told, files=own)


def arrays_mark(arrays: Mapping[str, np.ndarray]) -> str:
    """Returns the sha256 of named arrays; whole numbers [n] count as int64.

    Example:
        >>> a = arrays_mark({"y": np.uint8([1])})
        >>> a == arrays_mark({"y": np.int32([1])})
        True
    """
    parts: list[Any] = []
    for name in sorted(arrays):
        array = arrays[name]
        whole = array.ndim == 1 and array.dtype.kind in "iu"
        parts += [name, array.astype(np.int64) if whole else array]
    return fingerprint(*parts)


def rows_mark(x: np.ndarray, labels: np.ndarray) -> str:
    """Returns the sha256 of rows and their labels, in whatever order they come.

    Args:
        x: [n, ...]; all NaN count as one.
        labels: [n], whole numbers.

    Example:
        >>> x, y = np.float32([[1, 2], [3, 4]]), np.array([0, 1])
        >>> rows_mark(x, y) == rows_mark(x[::-1], y[::-1])
        True
    """
    if x.dtype.kind == "f":
        x = np.where(np.isnan(x), np.float32(np.nan), x.astype(np.float32))
    rows = [
        int(label).to_bytes(4, "little", signed=True) + row.tobytes()
        for row, label in zip(np.ascontiguousarray(x), labels, strict=True)
    ]
    return fingerprint(*sorted(rows))
