"""What the rows of one domain are like, in a few numbers: counts, ranges, gaps."""

from typing import Any, NamedTuple

import numpy as np
from scipy.sparse import issparse

from da_zoo.data.domain_data import DomainData
from da_zoo.data.image_files import ImageFiles
from da_zoo.data.table import Table

__all__ = ["Summary", "domains_of", "summarise"]

MOST_CHANNELS = 30
"""Ranges of more channels or columns are not told one by one."""


class Summary(NamedTuple):
    """Of one domain.

    Example:
        >>> Summary("a", "features", 3, 0, {}, {}, {}, {}).rows
        3
    """

    name: str
    kind: str
    rows: int
    labelled: int
    classes: dict[str, int]
    """Rows of each class, also those without any here."""
    values: dict[str, float]
    """Of a regression's labels: least, mean, most, deviation."""
    inputs: dict[str, Any]
    """What all rows together are like."""
    columns: dict[str, dict[str, Any]]
    """Each column or channel by its name: share missing, range; or categories."""


def domains_of(*sides: DomainData) -> dict[str, DomainData]:
    """Parts data into domains, with names that tell them apart.

    Example:
        >>> from da_zoo.data.domain_data import make_domain_data
        >>> a, b = (make_domain_data(n, "features", np.eye(2)) for n in "ab")
        >>> list(domains_of(a, b))
        ['a', 'b']
    """
    from pathlib import Path

    found: dict[str, DomainData] = {}
    for data in sides:
        for domain in data.domains:
            # The only domain of a file is called like it, with its folder.
            short = Path(domain).name if domain == data.name else domain
            name = short
            if name in found:
                name = f"{Path(data.name).name}:{domain}" if short == domain else domain
            while name in found:
                name += "'"
            found[name] = data.of(domain)
    return found


def summarise(name: str, data: DomainData) -> Summary:
    """Describes one domain.

    Args:
        name: of the domain.
        data: its rows.

    Example:
        >>> from da_zoo.data.domain_data import make_domain_data
        >>> table = Table({"age": np.array([40.0, np.nan])})
        >>> summarise("a", make_domain_data("a", "table", table, mark="")).columns
        {'age': {'missing': 0.5, 'least': 40.0, 'mean': 40.0, 'most': 40.0}}
    """
    classes: dict[str, int] = {}
    values: dict[str, float] = {}
    if data.labels is not None:
        own = np.asarray(data.labels)[data.labelled]
        if not data.continuous:
            count = np.bincount(own, minlength=len(data.classes))
            classes = dict(zip(data.classes, count.tolist(), strict=True))
        elif len(own):
            values = _range(own) | {"deviation": float(own.std())}
    inputs, columns = _inputs(data.x)
    return Summary(
        name,
        data.kind,
        data.rows,
        int(data.labelled.sum()),
        classes,
        values,
        inputs,
        columns,
    )


def _range(values: np.ndarray) -> dict[str, float]:
    return {
        "least": float(values.min()),
        "mean": float(values.mean(dtype=np.float64)),
        "most": float(values.max()),
    }


def _inputs(x: Any) -> tuple[dict[str, Any], dict[str, dict[str, Any]]]:
    if isinstance(x, Table):
        columns = {name: _column(x, name) for name in x.names}
        share = float(np.mean([one["missing"] for one in columns.values()]))
        return {"columns": len(columns), "missing": share}, columns
    if isinstance(x, ImageFiles):
        sizes = x.sizes
        return {
            "height": [int(sizes[:, 0].min()), int(sizes[:, 0].max())],
            "width": [int(sizes[:, 1].min()), int(sizes[:, 1].max())],
            "grey": int(x.grey.sum()),
        }, {}
    if issparse(x):
        entries = np.diff(x.indptr)
        return {
            "columns": int(x.shape[1]),
            "entries a row": _range(entries),
            "empty rows": int((entries == 0).sum()),
        }, {}
    x = np.asarray(x)
    if x.dtype.kind in "OUT":
        words = np.array([len(str(text).split()) for text in x])
        return {"words": _range(words)}, {}
    told = {"shape": list(x.shape[1:]), "type": str(x.dtype)} | _range(x)
    if x.dtype == np.uint8 and x.ndim > 2:
        return told, {}
    flat = x.reshape(-1, x.shape[-1])
    told["zeros"] = float((flat == 0).mean())
    if flat.shape[1] > MOST_CHANNELS:
        return told, {}
    return told, {
        str(place): {"missing": 0.0, **_range(flat[:, place])}
        for place in range(flat.shape[1])
    }


def _column(table: Table, name: str) -> dict[str, Any]:
    values, gone = table[name], table.missing(name)
    told: dict[str, Any] = {"missing": len(gone) / len(values)}
    there = np.delete(values, gone)
    if table.numeric(name):
        return told | (_range(there) if len(there) else {})
    found, count = np.unique(there, return_counts=True)
    first = np.argsort(-count, kind="stable")[:3]
    common = dict(zip(found[first].tolist(), count[first].tolist(), strict=True))
    return told | {"categories": len(found), "commonest": common}
