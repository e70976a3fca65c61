"""The runner: plans, runs what is missing, writes rows, and renders the leaderboard."""

import time
from collections.abc import Iterable, Iterator
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from da_zoo.backend import share_devices
from da_zoo.bench.estimate import expected_cost
from da_zoo.bench.execute import command_of, keep_group, run_batch
from da_zoo.bench.group import GroupRows
from da_zoo.bench.group_log import log_group
from da_zoo.bench.group_metrics import MetricsTo
from da_zoo.bench.launch.choice import (
    Launch,
    check_launch,
    launcher_for,
    order_of,
)
from da_zoo.bench.launch.job import BatchJob, Task, Work
from da_zoo.bench.launch.starting import refuse_while_starting
from da_zoo.bench.leaderboard import Leaderboard
from da_zoo.bench.progress import bench_progress
from da_zoo.bench.rendering import render
from da_zoo.bench.rows import BROKEN
from da_zoo.bench.signals import BenchStop
from da_zoo.bench.store import RowStore
from da_zoo.bench.workload import (
    check_stale,
    finished,
    in_blocks,
    lay_out,
    scenario_data,
    tell,
    with_keys,
)
from da_zoo.logs import CONSOLE, log_event
from da_zoo.metrics_log import TensorBoardWriter
from da_zoo.scenarios import Suite
from da_zoo.threads import one_blas_thread

__all__ = ["BenchResult", "run"]


class BenchResult(NamedTuple):
    """Where a benchmark's results lie."""

    leaderboard: Leaderboard
    report: Path
    ran: int
    """Row groups run by this call; the others were there already."""
    failed: int
    """Of those, how many failed or ran out of time."""
    broken: int
    """Row groups of the whole plan that stand so, also from earlier calls."""
    problems: tuple[str, ...]
    """Lines of the row file that could not be read."""


def run(
    suite: str | Path | Suite = "embedded",
    *,
    methods: Iterable[str] | None = None,
    scenarios: Iterable[str] | None = None,
    seeds: int | None = None,
    first_seed: int = 0,
    label_fractions: Iterable[float] | None = None,
    tracks: Iterable[str] = ("U", "F"),
    budget: str = "quick",
    steps: int | None = None,
    out: str | Path = "results",
    data_dir: str | Path | None = None,
    precision: str | None = None,
    workers: int | None = None,
    launch: Launch | None = None,
    shard: tuple[int, int] = (1, 1),
    retry_failed: bool = False,
    stale: str = "rerun",
    checkpoints: bool = False,
    progress: bool = True,
    tensorboard: str | Path | None = None,
    stop: BenchStop | None = None,
) -> BenchResult:
    """Runs a benchmark; what is in ``out`` already and complete is not run again.

    Args:
        suite: a name (see ``da-zoo list suites``), a TOML file, or a Suite.
        methods: registry names, "shallow" for every shallow one; None means all that
            are not shallow.
        scenarios: names; None means all of the suite.
        seeds: how many; None means the budget's.
        first_seed: the smallest of them. What a setting was chosen on, such as seeds
            from 100 on, should not be what is reported.
        label_fractions: of labelled target rows; None means the suite's.
        tracks: "U" (no target labels), "F" (a share of them), or both.
        budget: "smoke", "quick", "standard" or "full".
        steps: training steps; None means the budget's, or the suite's.
        out: folder of rows and reports; it may hold an unfinished run of the same
            command, or rows of other ones.
        data_dir: folder of the real data sets, for suites that need one.
        precision: of the encoder, "float32" or "bf16"; None means the suite's.
        workers: row groups in flight at once; None means 2, and for Ray as many as fit.
            Rows do not depend on it, but their seconds do: 1 for timings.
        launch: where they are run, and for how long at most; None means threads of
            this process. ``workers`` goes before its own.
        shard: (i, n) runs the i-th of n shares of the plan, from 1; the folders are
            put together by ``da-zoo merge``.
        retry_failed: run groups again whose rows failed or ran out of time.
        stale: "rerun" what an older source of its method made, or "keep" it.
        checkpoints: keep what :mod:`da_zoo.bench.select` needs of ten looks per phase;
            groups without are run again. Some 2 MB a run.
        progress: draw a progress bar on stderr; where that is no terminal, write a line
            every :data:`da_zoo.bench.progress.EVERY` seconds to the log (see
            :mod:`da_zoo.logs`).
        tensorboard: folder for TensorBoard's files, beside ``out/metrics``.
        stop: listens to signals while row groups run, and ends the run by
            :class:`da_zoo.bench.signals.BenchStopped`; None leaves signals as they are.

    Returns:
        The leaderboard and where its report lies.

    Raises:
        ValueError: for unknown names, numbers out of range, unreadable data, or an
            ``out`` that cannot be written or belongs to something else; for worker
            processes that cannot start, as those of a script that calls this without
            ``if __name__ == "__main__":``.
    """
    began = time.monotonic()
    launch = launch or Launch()
    if workers is not None:
        launch = launch._replace(workers=workers)
    if launch.name != "serial":
        refuse_while_starting(launch.name)
        share_devices()  # rows name the device, so this process holds it as well
    check_launch(launch)
    check_stale(stale, checkpoints)
    choice: dict[str, Any] = {
        "methods": None if methods is None else tuple(methods),
        "scenarios": None if scenarios is None else tuple(scenarios),
        "seeds": seeds,
        "first_seed": first_seed,
        "label_fractions": None if label_fractions is None else tuple(label_fractions),
        "tracks": tuple(tracks),
        "budget": budget,
        "steps": steps,
        "precision": precision,
        "shard": shard,
    }
    loaded, length, cells = lay_out(suite, data_dir=data_dir, **choice)
    if tensorboard is not None:
        TensorBoardWriter(tensorboard)  # refused before anything is trained
        tensorboard = Path(tensorboard).absolute()
    metrics = MetricsTo(Path(out).absolute() / "metrics", tensorboard)
    order = None
    if launch.name != "serial":
        names = list(dict.fromkeys(cell.method.name for cell in cells))
        order = order_of(suite, choice, data_dir, names, checkpoints, metrics)
    store = RowStore.open(out)
    retry = BROKEN if retry_failed else ()
    if told_cost := expected_cost(cells, store.read()[0], length, retry):
        log_event("expected_cost", told_cost)
    log_event(
        "benchmark_started", suite=loaded.name, groups=len(cells), steps=length, out=out
    )
    told_notes: set[str] = set()
    planned: set[str] = set()
    ran, failed = 0, 0
    signals = stop or BenchStop()
    place_of = {id(cell): place for place, cell in enumerate(cells)}
    with (
        # The whole run, for scikit-learn has limits of its own, and what it takes back
        # at their end is what it met at their beginning. Rows must not depend on that.
        one_blas_thread(),
        bench_progress(CONSOLE, progress) as told,
        launcher_for(launch, order, loaded) as launcher,
        # After the launcher has started: Ray has a handler of its own.
        nullcontext() if stop is None else signals.listening(),
    ):
        signals.in_flight = lambda: launcher.in_flight
        waiting = sum(not cell.undefined for cell in cells)  # n/a rows take no time
        told.expect(waiting)

        def keep(job: BatchJob, results: list[GroupRows]) -> None:
            nonlocal ran, failed
            cell = job.work.batch[0][0]
            command = command_of(cell, loaded, budget, length, data_dir)
            # Runs trained together depend on their number in the last digit: all
            # are run again, and what was there stays as it is.
            for group in results:
                if group.rows[0]["group"] in job.work.done:
                    continue
                with signals.writing():
                    keep_group(group, command, store, checkpoints)
                ran += 1
                failed += any(row["status"] in BROKEN for row in group.rows)
                name = f"{cell.scenario.name}: {cell.method.name}"
                told.advance(name, 0 if cell.undefined else 1)
                log_group(group.rows, told.done, told.total)

        def jobs() -> Iterator[BatchJob]:
            nonlocal waiting
            for scenario, own in in_blocks(cells):
                if signals.asked():
                    return
                data, notes = scenario_data(scenario, own[0].seeds, data_dir)
                tell(told_notes, notes)
                prepared = with_keys(own, loaded, data, length)
                expected = [pair for batch in prepared for pair in batch]
                planned.update(keys.group for _, keys in expected)
                done = finished(store, expected, loaded, data, length, retry, stale)
                if checkpoints:
                    done = {group for group in done if store.has_checkpoints(group)}
                # What is there already says nothing about the time of the rest.
                waiting -= sum(k.group in done and not c.undefined for c, k in expected)
                told.expect(waiting)
                for batch in prepared:
                    if all(keys.group in done for _, keys in batch):
                        continue
                    if signals.asked():
                        return
                    task = Task(
                        tuple(place_of[id(cell)] for cell, _ in batch),
                        tuple(keys.group for _, keys in batch),
                        tuple(k.group for _, k in batch if k.group in done),
                    )
                    call = partial(
                        run_batch,
                        batch,
                        loaded,
                        data,
                        length,
                        checkpoints,
                        metrics,
                        task.done,
                    )
                    job = BatchJob(Work(batch, done), task, call)
                    if order is not None and batch[0][0].undefined:
                        keep(job, call())  # nothing that a worker is needed for
                    else:
                        yield job

        for job, results in launcher.run(jobs(), signals.asked):
            keep(job, results)
        signals.in_flight = lambda: 0
        signals.check()
    board, report, problems = render(out)
    for problem in problems:
        log_event("row_unreadable", str(problem), level="warning")
    seconds = round(time.monotonic() - began, 1)
    log_event(
        "benchmark_finished", ran=ran, failed=failed, seconds=seconds, report=report
    )
    broken = {row["group"] for row in board.rows if row["status"] in BROKEN}
    return BenchResult(
        board, report, ran, failed, len(broken & planned), tuple(problems)
    )
