"""Ratings and clicks: who met what, in which circumstances, and whether it pleased."""

import hashlib
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Int, Shaped

from da_zoo.data.domain_data import DomainData, fingerprint
from da_zoo.data.encoders.tables import MOST_CATEGORIES
from da_zoo.data.readers.tables import read_table
from da_zoo.data.table import Table

__all__ = ["LIKE", "hashed", "read_ratings"]

LIKE = ("dislike", "like")
"""The classes of ratings under a threshold, and from it on."""


def hashed(
    ids: Shaped[np.ndarray, " n"], buckets: int, hashes: int, *, role: str
) -> Int[np.ndarray, "n h"]:
    """Turns ids into codes of a fixed size, the same ones in every process and file.

    Two ids have one code if all their hashes agree: of n ids, a share of about
    1 - (1 - 1 / buckets**hashes)**(n - 1) has another's code too. With 32 buckets and 3
    hashes (32 768 codes) that is 3 % of 1 000 ids, 26 % of 10 000, 95 % of 100 000.

    Args:
        ids: as text.
        buckets: values of one hash.
        hashes: independent ones.
        role: what they are ids of: user 7 has another code than item 7.

    Returns:
        0..buckets-1, of SHA-256.

    Example:
        >>> hashed(np.array(["7", "8", "7"]), 32, 2, role="user").tolist()
        [[29, 14], [9, 2], [29, 14]]

    References:
        Weinberger et al., "Feature Hashing for Large Scale Multitask Learning", ICML
        2009; Serrà and Karatzoglou, "Getting Deep Recommenders Fit: Bloom Embeddings
        for Sparse Binary Input/Output Networks", RecSys 2017 (several hashes).
    """
    known, place = np.unique(ids, return_inverse=True)
    codes = np.empty((len(known), hashes), np.int64)
    for row, one in enumerate(known.tolist()):
        # Not crc32: its values for two prefixes differ by a constant.
        for number in range(hashes):
            told = f"{role}#{number}:{one}".encode()
            digest = hashlib.sha256(told).digest()
            codes[row, number] = int.from_bytes(digest[:8], "big") % buckets
    return codes[place]


def read_ratings(
    path: str | Path | Sequence[str | Path],
    *,
    user: str,
    item: str,
    label: str | None = None,
    threshold: float | int | None = None,
    domain: str | None = None,
    columns: Iterable[str] | None = None,
    drop: Collection[str] = (),
    classes: Sequence[str] | None = None,
    regression: bool = False,
    buckets: int = 32,
    hashes: int = 3,
    missing: Collection[str] = (),
) -> DomainData:
    r"""Reads a table of ratings or clicks, one a row, its ids hashed.

    Ids become ``hashes`` categories of ``buckets`` values each, so a network's input
    has one size however many users and items there are, and those that only the target
    has are encoded too. What that costs is in ``notes``: how many ids share their code.

    Args:
        path: of CSV or Parquet files, as :func:`da_zoo.data.readers.tables.read_table`
            takes them.
        user: the column of users.
        item: the column of items.
        label: the column of ratings or clicks; None reads none.
        threshold: the rating from which on something pleased: the classes become
            "dislike" and "like". None takes what the column holds.
        domain: the column that names each row's domain; None makes the file one.
        columns: the only columns of context to take; None takes all others.
        drop: columns to leave out, where they are there; their cells are not looked at.
        classes: names in the order of their numbers; None sorts those found.
        regression: whether labels are values, the ratings themselves.
        buckets: of one hash, at most as many as the table's encoder tells apart.
        hashes: see :func:`hashed`.
        missing: more cells that mean a missing value.

    Returns:
        Rows of kind "table": the context's columns, then ``<user>#1`` and so on.

    Raises:
        ValueError: for bad options, a rating that is no number where there is a
            threshold, and whatever ``read_table`` says.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "films.csv"
        >>> _ = path.write_text("user,item,hour,stars\nu1,f1,9,5\nu2,f1,21,2\n")
        >>> data = read_ratings(
        ...     path, user="user", item="item", label="stars", threshold=4, hashes=1
        ... )
        >>> data.x.names, data.labels.tolist(), data.classes
        (('hour', 'user#1', 'item#1'), [1, 0], ('dislike', 'like'))
    """
    if not 2 <= buckets <= MOST_CATEGORIES or not 1 <= hashes <= 16:
        raise ValueError(
            f"buckets must be in 2..{MOST_CATEGORIES} and hashes in 1..16, got "
            f"{buckets} and {hashes}"
        )
    if threshold is not None and (regression or classes not in (None, LIKE, [*LIKE])):
        raise ValueError(
            "a threshold makes the classes 'dislike' and 'like'; leave out "
            "regression and classes"
        )
    if user == item or label in (user, item):
        raise ValueError(
            f"user, item and label must be three columns, got {user!r}, {item!r} and "
            f"{label!r}"
        )
    wanted = None if columns is None else list(dict.fromkeys([*columns, user, item]))
    data = read_table(
        path,
        label=label,
        drop=drop,
        columns=wanted,
        domain=domain,
        classes=None if threshold is not None else classes,
        regression=regression or threshold is not None,
        missing=missing,
        as_text=(user, item),
    )
    for name in (user, item):
        if name not in data.x.names:
            raise ValueError(f"{data.name} has no column {name!r} beside those dropped")
    table, notes = _with_codes(data.x, {"user": user, "item": item}, buckets, hashes)
    mark = fingerprint(data.fingerprint, repr((buckets, hashes, threshold)))
    data = data._replace(x=table, fingerprint=mark, notes=(*data.notes, *notes))
    if threshold is None or data.labels is None:
        return data
    liked = (data.labels >= threshold) & data.labelled
    return data._replace(labels=liked.astype(np.int32), classes=LIKE)


def _with_codes(
    table: Table, roles: dict[str, str], buckets: int, hashes: int
) -> tuple[Table, list[str]]:
    apart = set(roles.values())
    made = {name: table[name] for name in table.names if name not in apart}
    notes = []
    for role, column in roles.items():
        ids = table[column]
        codes = hashed(ids, buckets, hashes, role=role)
        there = ids != ""
        for number in range(hashes):
            name = f"{column}#{number + 1}"
            if name in made:
                raise ValueError(f"the table has a column called {name!r}; rename it")
            cells = [f"{code:02d}" for code in codes[:, number].tolist()]
            made[name] = np.where(there, cells, "")
        known, first = np.unique(ids[there], return_index=True)
        _, place, sharing = np.unique(
            codes[there][first], axis=0, return_inverse=True, return_counts=True
        )
        shared = int((sharing[place.reshape(-1)] > 1).sum())
        notes.append(
            f"Column {column}: {len(known)} ids as {hashes} hashes of {buckets} "
            f"values; {shared} of them have the code of another id."
        )
        if gone := int((~there).sum()):
            notes.append(f"Column {column}: {gone} rows have no id.")
    return Table(made), notes
