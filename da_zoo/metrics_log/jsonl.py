"""Metrics as JSON lines: appended chunk by chunk, so that a kill costs one line."""

import datetime
import json
import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from da_zoo.metrics_log.writer import Values

__all__ = ["JsonlWriter", "RecordedRun", "read_metrics"]


class JsonlWriter:
    """Writes a line per training and a line per chunk of steps.

    ``{"run": ..., "time": ...}`` starts a training; ``{"phase": ..., "step": ...,
    "runs": [...], "values": {metric: [a mean per run]}}`` is a chunk. Values have six
    digits; what is not finite is null. The first training replaces the file, further
    ones of the same writer are appended.

    Args:
        path: of the file; its folder is made.
        append: go on with a file that is there, after a cut last line if need be.

    Example:
        >>> import tempfile
        >>> path = tempfile.mkdtemp() + "/metrics.jsonl"
        >>> writer = JsonlWriter(path)
        >>> writer.start({"method": "dann"})
        >>> writer.write("adapt", 200, {"task_loss": {0: 0.5, 1: float("nan")}})
        >>> writer.close()
        >>> run, chunk = Path(path).read_text().splitlines()
        >>> print(chunk)
        {"phase":"adapt","step":200,"runs":[0,1],"values":{"task_loss":[0.5,null]}}
    """

    def __init__(self, path: str | Path, *, append: bool = False) -> None:
        self._path = Path(path)
        self._file: Any = None
        self._begun = append

    def start(self, run: Mapping[str, Any]) -> None:
        """Begins a training."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        # Unbuffered: each line is one write, and there when the process is killed.
        self._file = self._path.open("ab" if self._begun else "wb", buffering=0)
        self._begun = True
        _drop_cut_line(self._path)
        now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
        self._line({"run": dict(run), "time": now})

    def write(self, phase: str, step: int, values: Values) -> None:
        """Appends a chunk."""
        runs = list(next(iter(values.values()), {}))
        means = {
            name: [_short(own[run]) for run in runs] for name, own in values.items()
        }
        self._line({"phase": phase, "step": step, "runs": runs, "values": means})

    def close(self) -> None:
        """Closes the file."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _line(self, content: dict[str, Any]) -> None:
        text = json.dumps(content, allow_nan=False, separators=(",", ":"), default=str)
        data = text.encode() + b"\n"
        if self._file.write(data) < len(data):
            raise OSError(f"{self._path}: a line was cut off; is the disk full?")


def _drop_cut_line(path: Path) -> None:
    """Takes away what a kill left behind the last line end."""
    content = path.read_bytes()
    whole = content.rfind(b"\n") + 1
    if whole < len(content):
        os.truncate(path, whole)


def _short(value: float) -> float | None:
    return float(f"{value:.6g}") if math.isfinite(value) else None


class RecordedRun(NamedTuple):
    """A training of a metrics file."""

    run: dict[str, Any]
    """What was trained."""
    chunks: list[dict[str, Any]]
    """With ``phase``, ``step``, ``runs`` and ``values``."""


def read_metrics(path: str | Path) -> list[RecordedRun]:
    r"""Reads what :class:`JsonlWriter` wrote; a last line that is cut off is left out.

    Args:
        path: of the file.

    Raises:
        ValueError: for a line that is not one of ours, with its number.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "metrics.jsonl"
        >>> _ = path.write_text('{"run":{"method":"dann"}}\n{"phase":"ada')
        >>> read_metrics(path)
        [RecordedRun(run={'method': 'dann'}, chunks=[])]
    """
    found: list[RecordedRun] = []
    lines = Path(path).read_bytes().split(b"\n")
    for number, line in enumerate(lines[:-1], start=1):  # behind the last newline: cut
        try:
            content = json.loads(line)
            if "run" in content:
                found.append(RecordedRun(content["run"], []))
            else:
                found[-1].chunks.append(
                    {k: content[k] for k in ("phase", "step", "runs", "values")}
                )
        except (ValueError, TypeError, KeyError, IndexError) as error:
            raise ValueError(
                f"{path}, line {number}, is no line of metrics "
                f"({type(error).__name__}: {error}): name a file that da_zoo wrote"
            ) from None
    return found
