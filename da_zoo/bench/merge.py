"""Puts folders of results together: rows are appended, groups keep their logits."""

import shutil
from collections.abc import Sequence
from pathlib import Path

from da_zoo.bench.rows import BROKEN, Row
from da_zoo.bench.store import RowStore
from da_zoo.whole_files import whole_file

__all__ = ["merge"]


def merge(out: str | Path, folders: Sequence[str | Path]) -> tuple[int, list[str]]:
    """Copies the complete row groups of several folders into one.

    A group that is in ``out`` already is left as it is, so that merging twice changes
    nothing: equal groups are equal work, whatever machine did it. One that failed gives
    way to one that did not.

    Args:
        out: a folder of results, made where there is none.
        folders: of results, such as those of ``da-zoo bench --shard 1/2`` and ``2/2``.

    Returns:
        How many groups were copied, and what could not be read.

    Raises:
        ValueError: if a folder holds no benchmark, or is ``out`` itself.

    Example:
        >>> import tempfile
        >>> merge(tempfile.mkdtemp(), [])
        (0, [])
    """
    sources = [RowStore.open(folder, create=False) for folder in folders]
    target = RowStore.open(out)
    if any(one.folder.resolve() == target.folder.resolve() for one in sources):
        raise ValueError(f"{out} cannot be merged into itself")
    copied, problems = 0, []
    # Read once: folders may be many, and the target grows.
    whole = _whole(target)
    for source in sources:
        rows, flaws = source.read()
        problems += [f"{source.folder}: {flaw}" for flaw in flaws]
        for group, own in _by_group(rows).items():
            failed = _failed(own)
            if group in whole and (failed or not whole[group]):
                if failed == whole[group]:
                    _add_checkpoints(source, target, group, problems)
                    _add_metrics(source, target, group)
                continue
            wanted = own[0].get("group_rows", len(own))
            if len(own) != wanted:
                problems.append(
                    f"{source.folder}: group {group} has {len(own)} of {wanted} rows; "
                    "run its command again"
                )
                continue
            try:
                if any(row["status"] == "ok" for row in own):
                    target.save_logits(group, source.load_logits(group))
            except ValueError as error:  # else it would count as there, without
                problems.append(f"{source.folder}: {error}")
                continue
            # What lies beside an earlier try's rows is not of these.
            target.remove_checkpoints(group)
            _metrics(target, group).unlink(missing_ok=True)
            _add_checkpoints(source, target, group, problems)
            _add_metrics(source, target, group)
            target.append_group(own)
            whole[group] = failed
            copied += 1
    return copied, problems


def _add_checkpoints(
    source: RowStore, target: RowStore, group: str, problems: list[str]
) -> None:
    """Copies what the target lacks; a damaged file costs itself, not the rows."""
    if not source.has_checkpoints(group) or target.has_checkpoints(group):
        return
    try:
        target.save_checkpoints(group, source.load_checkpoints(group))
    except ValueError as error:
        problems.append(f"{source.folder}: {error}")


def _add_metrics(source: RowStore, target: RowStore, group: str) -> None:
    """Copies the lines that were written while the group trained, if there are any."""
    here, there = _metrics(source, group), _metrics(target, group)
    if here.is_file() and not there.is_file():
        there.parent.mkdir(exist_ok=True)
        with whole_file(there) as draft:
            shutil.copyfile(here, draft)


def _metrics(store: RowStore, group: str) -> Path:
    return store.folder / "metrics" / f"{group}.jsonl"


def _whole(store: RowStore) -> dict[str, bool]:
    """Groups that have all their rows, each with whether it failed."""
    return {
        group: _failed(own)
        for group, own in _by_group(store.read()[0]).items()
        if len(own) == own[0].get("group_rows", len(own))
    }


def _by_group(rows: list[Row]) -> dict[str, list[Row]]:
    groups: dict[str, list[Row]] = {}
    for row in rows:
        groups.setdefault(row["group"], []).append(row)
    return groups


def _failed(rows: list[Row]) -> bool:
    return any(row["status"] in BROKEN for row in rows)
