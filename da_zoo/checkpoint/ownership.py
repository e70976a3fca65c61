"""Whether the checkpoints of a folder are of this training: read, and nothing touched.

Looked at for all groups of runs at once: a group is trained beside the others, and
must not have begun when another one's checkpoints turn out to be somebody else's.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np

from da_zoo.checkpoint.contents import checked
from da_zoo.checkpoint.differences import differences
from da_zoo.checkpoint.faults import is_damage
from da_zoo.json_files import read_json

__all__ = ["group_folder", "refuse_another", "refuse_others", "refused_everywhere"]

TOLD = 2000
"""Bytes of a refusal that processes tell each other."""
ADVICE = "Name another folder, or give back what it was started with"


def refused_everywhere(check: Callable[[], None]) -> None:
    """Lets one process check, of which all processes hear a refusal.

    Args:
        check: raises to refuse.

    Raises:
        ValueError: with what the check said; in the first process its own error.

    Example:
        >>> refused_everywhere(lambda: None)
    """
    if jax.process_count() == 1:
        check()
        return
    from jax.experimental import multihost_utils

    refusal: Exception | None = None
    if jax.process_index() == 0:
        try:
            check()
        except Exception as error:  # a disk's as well: the others wait to hear
            refusal = error
    text = np.frombuffer(str(refusal or "").encode()[:TOLD].ljust(TOLD), np.uint8)
    heard = np.asarray(multihost_utils.broadcast_one_to_all(text), np.uint8)
    if refusal is not None:
        raise refusal
    if told := heard.tobytes().decode(errors="replace").rstrip():
        raise ValueError(told)


def group_folder(folder: str | Path, unit: int) -> Path:
    """Where the checkpoints of a group of runs lie.

    Example:
        >>> group_folder("run", 2).name
        'group_002'
    """
    return Path(folder).absolute() / f"group_{unit:03d}"


def refuse_others(folder: Path, identities: Sequence[Mapping[str, Any]]) -> None:
    """Refuses a folder with checkpoints of another training.

    Args:
        folder: of the checkpoints.
        identities: of each group of runs, see :mod:`da_zoo.checkpoint.identity`.

    Raises:
        ValueError: naming what differs; if there are more groups than this training's.

    Example:
        >>> refuse_others(Path("nowhere"), [{"method": "dann"}])
    """
    for unit, identity in enumerate(identities):
        newest = _newest_identity(group_folder(folder, unit))
        if newest is not None:
            refuse_another(folder, newest, identity)
    ours = {group_folder(folder, unit).name for unit in range(len(identities))}
    more = [
        path.name
        for path in sorted(folder.glob("group_*"))
        if path.name not in ours and _steps(path)
    ]
    if more:
        raise ValueError(
            f"'{folder}' has checkpoints of another training: this one has "
            f"{len(ours)} groups of runs, and there are also {', '.join(more[:3])}. "
            f"{ADVICE}"
        )


def refuse_another(
    folder: Path, then: Mapping[str, Any], now: Mapping[str, Any]
) -> None:
    """Refuses a checkpoint of another training.

    Args:
        folder: of all checkpoints.
        then: the checkpoint's identity.
        now: this training's.

    Raises:
        ValueError: naming what differs.

    Example:
        >>> refuse_another(Path("run"), {"batch_size": 8}, {"batch_size": 16})
        Traceback (most recent call last):
        ...
        ValueError: 'run' has checkpoints of another training: batch_size was 8, is \
16. Name another folder, or give back what it was started with
    """
    if found := differences(then, now):
        raise ValueError(
            f"'{folder}' has checkpoints of another training: "
            f"{'; '.join(found[:6])}. {ADVICE}"
        )


def _steps(group: Path) -> list[Path]:
    """Checkpoints by number, the newest first; what a kill left has other names."""
    there = [p for p in group.glob("[0-9]*") if p.name.isdecimal()]
    return sorted(there, key=lambda path: int(path.name), reverse=True)


def _newest_identity(group: Path) -> Mapping[str, Any] | None:
    """Of the newest checkpoint whose description is whole, read without Orbax.

    Its manager would make a folder, and clear away what a kill left.
    """
    for path in _steps(group):
        try:
            told = checked(read_json(path / "told" / "metadata"))
            identity: Mapping[str, Any] = told["identity"]
        except Exception as error:
            if not is_damage(error):
                raise
            continue  # its reader will say that it is damaged
        return identity
    return None
