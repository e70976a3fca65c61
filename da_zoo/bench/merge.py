"""Puts folders of results together: rows are appended, groups keep their logits."""

import shutil
from collections.abc import Sequence
from pathlib import Path

from da_zoo.bench.rows import BROKEN
from da_zoo.bench.store import RowStore
from da_zoo.whole_files import whole_file

__all__ = ["merge"]


def merge(out: str | Path, folders: Sequence[str | Path]) -> tuple[int, list[str]]:
    """Copies the complete row groups of several folders into one.

    A group that is in ``out`` already is left as it is, so that merging twice changes
    nothing: equal groups are equal work, whatever machine did it.

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
    there = _final(target)  # read once: folders may be many, and the target grows
    for source in sources:
        rows, flaws = source.read()
        problems += [f"{source.folder}: {flaw}" for flaw in flaws]
        groups: dict[str, list[dict[str, object]]] = {}
        for row in rows:
            groups.setdefault(row["group"], []).append(row)
        for group, own in groups.items():
            _copy_metrics(source, target, group)
            if group in there:
                _copy_checkpoints(source, target, group, problems)
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
            _copy_checkpoints(source, target, group, problems)
            target.append_group(own)
            if not any(row["status"] in BROKEN for row in own):
                there.add(group)
            copied += 1
    return copied, problems


def _copy_checkpoints(
    source: RowStore, target: RowStore, group: str, problems: list[str]
) -> None:
    """Copies what the target lacks; a damaged file costs itself, not the rows."""
    if not source.has_checkpoints(group) or target.has_checkpoints(group):
        return
    try:
        target.save_checkpoints(group, source.load_checkpoints(group))
    except ValueError as error:
        problems.append(f"{source.folder}: {error}")


def _copy_metrics(source: RowStore, target: RowStore, group: str) -> None:
    """Copies the lines that were written while the group trained, if there are any."""
    name = Path("metrics") / f"{group}.jsonl"
    there = target.folder / name
    if (source.folder / name).is_file() and not there.is_file():
        there.parent.mkdir(exist_ok=True)
        with whole_file(there) as draft:
            shutil.copyfile(source.folder / name, draft)


def _final(store: RowStore) -> set[str]:
    """Groups that are whole and did not fail: what a copy could only repeat."""
    groups: dict[str, list[dict[str, object]]] = {}
    for row in store.read()[0]:
        groups.setdefault(row["group"], []).append(row)
    return {
        group
        for group, own in groups.items()
        if len(own) == own[0].get("group_rows", len(own))
        and not any(row["status"] in BROKEN for row in own)
    }
