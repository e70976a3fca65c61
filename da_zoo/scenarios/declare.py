"""Parses what a suite file declares: [domains], [tasks], [splits] and [encoding]."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from da_zoo.naming import check_names, choose
from da_zoo.scenarios.declared import METRICS, OWN, DeclaredDomain, DeclaredTask

__all__ = ["SECTIONS", "Declared", "declare"]

SECTIONS = ("every_domain", "domains", "tasks", "splits", "encoding")
"""Tables of a suite file that are read here."""
READING = ("kind", "label", "drop", "columns", "domain", "missing", "options")
SPLITS = ("test", "validation")
DOMAIN = (
    "file",
    "test_file",
    "prepared",
    "part",
    "classes",
    "missing_in",
    *READING,
    *SPLITS,
)
TASK = ("classes", "continuous", "threshold", "merge", "metric")


class Declared(NamedTuple):
    """What a suite file declares, by name."""

    domains: Mapping[str, DeclaredDomain]
    tasks: Mapping[str, DeclaredTask]


def declare(table: Mapping[str, Any], where: str, folder: str | Path = "") -> Declared:
    """Parses the declarations of a suite file.

    Args:
        table: of the whole file.
        where: begins messages.
        folder: of the file, in which relative files are looked for.

    Raises:
        ValueError: for unknown keys, with the nearest ones, and values out of range.

    Example:
        >>> found = declare(
        ...     {"domains": {"a": {"file": "a.csv"}}, "tasks": {"sick": {}}}, "x.toml"
        ... )
        >>> found.domains["a"].file, found.tasks["sick"].metric
        ('a.csv', '')
    """
    shared = _table(table.get("every_domain", {}), f"{where}: [every_domain]")
    check_names(shared, DOMAIN, f"key in [every_domain] of {where}")
    splits = _table(table.get("splits", {}), f"{where}: [splits]")
    check_names(splits, SPLITS, f"key in [splits] of {where}")
    encoding = _table(table.get("encoding", {}), f"{where}: [encoding]")
    domains = {
        name: _domain(
            name,
            {**splits, **shared, **_table(own, f"{where}: [domains.{name}]")},
            f"[domains.{name}] of {where}",
            str(folder),
            encoding,
        )
        for name, own in _table(table.get("domains", {}), f"{where}: domains").items()
    }
    tasks = {
        name: _task(name, _table(own, f"{where}: [tasks.{name}]"), where)
        for name, own in _table(table.get("tasks", {}), f"{where}: tasks").items()
    }
    return Declared(domains, tasks)


def _table(given: Any, where: str) -> Mapping[str, Any]:
    if not isinstance(given, Mapping):
        raise ValueError(f"{where} must be a table, got {given!r}")
    return given


def _frozen(value: Any) -> Any:
    """Lists become tuples: what is hashed can hold no list."""
    if isinstance(value, Mapping):
        raise ValueError(f"{value} is a table where a value or a list is wanted")
    return tuple(map(_frozen, value)) if isinstance(value, list) else value


def _domain(
    name: str,
    table: Mapping[str, Any],
    where: str,
    folder: str,
    encoding: Mapping[str, Any],
) -> DeclaredDomain:
    check_names(table, DOMAIN, f"key in {where}")
    file = table.get("file")
    if not isinstance(file, str) or not file:
        raise ValueError(
            f"{where} needs file = a file, a folder or tfds:<name>, got {file!r}"
        )
    prepared = table.get("prepared", "")
    if prepared and not str(prepared).startswith("tfds:"):
        raise ValueError(f"{where}: prepared must be tfds:<name>, got {prepared!r}")
    reading = {key: table[key] for key in READING[:-1] if key in table}
    more = _table(table.get("options", {}), f"options of {where}")
    if twice := sorted(set(reading) & set(more)):
        raise ValueError(f"{where} has {twice} beside its options and in them")
    test, validation = table.get("test", 0.25), table.get("validation", 0.15)
    if test != OWN or isinstance(test, bool):
        _check_share("test", test, where)
    _check_share("validation", validation, where)
    if not isinstance(test, str) and test + validation >= 1:
        raise ValueError(
            f"{where}: test = {test} and validation = {validation} leave no rows to "
            "train on"
        )
    return DeclaredDomain(
        name,
        file=file,
        test_file=str(table.get("test_file", "")),
        folder=folder,
        prepared=str(prepared),
        part=str(table.get("part", "")),
        reading=_pairs(reading | dict(more)),
        missing_in=_missing_in(table.get("missing_in", {}), where),
        encoding=_pairs(encoding),
        test=test,
        validation=float(validation),
        classes=_names(table.get("classes", ()), f"classes of {where}"),
    )


def _missing_in(given: Any, where: str) -> tuple[tuple[str, tuple[Any, ...]], ...]:
    table = _table(given, f"missing_in of {where}")
    for column, values in table.items():
        if not isinstance(values, list) or not values:
            raise ValueError(
                f"missing_in.{column} of {where} must be a list of values, got "
                f"{values!r}"
            )
    return tuple((column, tuple(values)) for column, values in sorted(table.items()))


def _pairs(options: Mapping[str, Any]) -> tuple[tuple[str, Any], ...]:
    return tuple(sorted((key, _frozen(value)) for key, value in options.items()))


def _check_share(what: str, share: Any, where: str) -> None:
    plain = isinstance(share, int | float) and not isinstance(share, bool)
    if not plain or not 0 < share < 1:
        or_own = f', or "{OWN}" for the set\'s own test rows' if what == "test" else ""
        raise ValueError(
            f"{where}: {what} must be a share of the rows in (0, 1){or_own}; got "
            f"{share!r}"
        )


def _names(given: Any, where: str) -> tuple[str, ...]:
    """Names of classes; numbers are written as readers write them."""
    if isinstance(given, str) or not isinstance(given, Sequence):
        raise ValueError(f"{where} must be a list of names, got {given!r}")
    if odd := [one for one in given if not isinstance(one, str | int)]:
        raise ValueError(f"{where} must be text or whole numbers, got {odd}")
    names = tuple(str(int(one)) if isinstance(one, bool) else str(one) for one in given)
    if len(set(names)) < len(names):
        raise ValueError(f"{where} holds a name twice: {list(names)}")
    return names


def _task(name: str, table: Mapping[str, Any], file: str) -> DeclaredTask:
    where = f"[tasks.{name}] of {file}"
    check_names(table, TASK, f"key in {where}")
    classes = _names(table.get("classes", ()), f"classes of {where}")
    continuous = table.get("continuous", False)
    threshold = table.get("threshold")
    merge = _merge(table.get("merge", {}), where)
    if continuous not in (True, False):
        raise ValueError(
            f"{where}: continuous must be true or false, got {continuous!r}"
        )
    if continuous and (classes or merge or threshold is not None):
        raise ValueError(
            f"{where}: values have no classes; leave out continuous, or classes, merge "
            "and threshold"
        )
    if threshold is not None:
        _check_threshold(threshold, classes, merge, where)
    elif merge:
        if classes and set(classes) != {new for new, _ in merge}:
            raise ValueError(
                f"{where}: classes {list(classes)} and the keys of merge, "
                f"{[new for new, _ in merge]}, must be the same names"
            )
        classes = classes or tuple(new for new, _ in merge)
    if len(classes) == 1:
        raise ValueError(f"{where} needs two classes at least, got {list(classes)}")
    metric = table.get("metric", "rmse" if continuous else "")
    known = ("rmse",) if continuous else METRICS
    if metric:
        choose(dict.fromkeys(known), metric, f"metric in {where}")
    limit = None if threshold is None else float(threshold)
    return DeclaredTask(name, name, classes, continuous, limit, merge, metric)


def _merge(given: Any, where: str) -> tuple[tuple[str, tuple[str, ...]], ...]:
    table = _table(given, f"merge of {where}")
    merge = tuple(
        (str(new), _names(olds, f"merge.{new} of {where}"))
        for new, olds in table.items()
    )
    every = [old for _, olds in merge for old in olds]
    if twice := sorted({old for old in every if every.count(old) > 1}):
        raise ValueError(f"{where}: merge has {twice} in two classes")
    if empty := [new for new, olds in merge if not olds]:
        raise ValueError(f"{where}: merge has nothing in {empty}")
    return merge


def _check_threshold(
    threshold: Any, classes: tuple[str, ...], merge: tuple[Any, ...], where: str
) -> None:
    plain = isinstance(threshold, int | float) and not isinstance(threshold, bool)
    if not plain or not math.isfinite(threshold):
        raise ValueError(f"{where}: threshold must be a number, got {threshold!r}")
    if merge or len(classes) != 2:
        raise ValueError(
            f"{where}: threshold makes two classes of values; name them with classes = "
            f"[below, at or above], without merge; got {list(classes)}"
        )
