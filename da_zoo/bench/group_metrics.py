"""Where a row group's metrics go while it trains: a file of lines, and TensorBoard."""

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from da_zoo.bench.group import GroupKeys
from da_zoo.bench.plan import Cell
from da_zoo.metrics_log.jsonl import JsonlWriter
from da_zoo.metrics_log.tensorboard import TensorBoardWriter
from da_zoo.metrics_log.writer import MetricsWriter, Values, together

__all__ = ["MetricsTo", "group_metrics"]


class MetricsTo(NamedTuple):
    """Folders for metrics; a worker on another machine needs to see them."""

    folder: Path
    """For ``<group>.jsonl``."""
    tensorboard: Path | None = None


class _ByGroup:
    """Gives each group its own runs, numbered by their seeds."""

    def __init__(
        self,
        groups: Sequence[tuple[Cell, GroupKeys]],
        to: MetricsTo,
        done: Collection[str],
    ) -> None:
        self._cells = [cell for cell, _ in groups]
        # By place: a group that is done trains along, and keeps its runs' numbers.
        self._writers: dict[int, MetricsWriter] = {}
        for place, (cell, keys) in enumerate(groups):
            if keys.group in done:
                continue
            own: list[MetricsWriter] = [JsonlWriter(to.folder / f"{keys.group}.jsonl")]
            if to.tensorboard is not None:
                own.append(TensorBoardWriter(to.tensorboard / _place(cell)))
            self._writers[place] = together(*own)

    def start(self, run: Mapping[str, Any]) -> None:
        for place, writer in self._writers.items():
            cell = self._cells[place]
            told = {
                "scenario": cell.scenario.name,
                "method": cell.method.name,
                "track": cell.track,
                "label_fraction": cell.label_fraction,
                "configuration": cell.configuration,
                "values": dict(cell.values),
                "runs": {seed: f"seed_{seed}" for seed in cell.seeds},
            }
            writer.start({**run, **told})

    def write(self, phase: str, step: int, values: Values) -> None:
        seeds = self._cells[0].seeds
        for number, writer in self._writers.items():
            first = number * len(seeds)
            own = {
                metric: {
                    seeds[run - first]: value
                    for run, value in of_runs.items()
                    if first <= run < first + len(seeds)
                }
                for metric, of_runs in values.items()
            }
            if any(own.values()):
                writer.write(phase, step, own)

    def close(self) -> None:
        for writer in self._writers.values():
            writer.close()


def _place(cell: Cell) -> Path:
    name = f"{cell.method.name}-{cell.track}"
    if cell.label_fraction is not None:
        name += f"-{cell.label_fraction:g}"
    if cell.configuration:
        name += f"-configuration_{cell.configuration}"
    return Path(cell.scenario.name) / name


def group_metrics(
    cells: Sequence[Cell],
    keys: Sequence[GroupKeys],
    to: MetricsTo | None,
    done: Collection[str] = (),
) -> list[MetricsWriter]:
    """Makes the writers of groups that train together, whose runs are numbered on.

    Args:
        cells: the groups, of equal seeds.
        keys: of each.
        to: folders; None keeps no metrics.
        done: groups whose rows stay as they are, and so do their metrics.

    Raises:
        ValueError: for ``tensorboard`` without its library.

    Example:
        >>> group_metrics([], [], None)
        []
    """
    if to is None:
        return []
    return [_ByGroup(list(zip(cells, keys, strict=True)), to, done)]
