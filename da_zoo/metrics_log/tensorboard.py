"""Metrics for TensorBoard: event files, written without TensorFlow."""

import importlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from da_zoo.metrics_log.writer import Values, names_of_runs

__all__ = ["TensorBoardWriter"]


class TensorBoardWriter:
    """Writes event files, a folder per run: ``tensorboard --logdir FOLDER`` shows them.

    A run's folder is called as the description's ``runs`` says, else "run_<number>";
    its scalars are ``<phase>/<metric>`` over the steps of the phase.

    Args:
        folder: made where there is none.

    Raises:
        ValueError: without ``pip install "da-zoo[tensorboard]"``.
    """

    def __init__(self, folder: str | Path) -> None:
        try:
            self._library = importlib.import_module("tensorboardX")
        except ImportError as error:
            raise ValueError(
                "TensorBoard's event files need tensorboardX: "
                'pip install "da-zoo[tensorboard]"'
            ) from error
        self._folder = Path(folder)
        self._names: dict[int, str] = {}
        self._run: Mapping[str, Any] = {}
        self._writers: dict[int, Any] = {}

    def start(self, run: Mapping[str, Any]) -> None:
        """Begins a training; files are opened by the first chunk of each run."""
        self._run, self._names = run, names_of_runs(run)

    def write(self, phase: str, step: int, values: Values) -> None:
        """Writes a chunk's means."""
        for metric, own in values.items():
            for run, value in own.items():
                self._writer(run).add_scalar(f"{phase}/{metric}", value, step)

    def close(self) -> None:
        """Writes what is still in memory and closes all files."""
        for writer in self._writers.values():
            writer.close()
        self._writers.clear()

    def _writer(self, run: int) -> Any:
        if run not in self._writers:
            folder = self._folder / self._names.get(run, f"run_{run}")
            self._writers[run] = self._library.SummaryWriter(str(folder))
            text = json.dumps(dict(self._run), default=str)
            self._writers[run].add_text("run", f"`{text}`")
        return self._writers[run]
