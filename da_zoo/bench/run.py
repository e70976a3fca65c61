"""The runner: plans, runs what is missing, writes rows, and renders the leaderboard."""

import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from da_zoo.bench.estimate import Estimate, Planned, estimate, expected_cost
from da_zoo.bench.execute import Work, command_of, in_order, keep_group, run_batch
from da_zoo.bench.group_log import log_group
from da_zoo.bench.group_metrics import MetricsTo
from da_zoo.bench.leaderboard import Leaderboard
from da_zoo.bench.progress import bench_progress
from da_zoo.bench.rendering import render
from da_zoo.bench.rows import BROKEN
from da_zoo.bench.store import RowStore
from da_zoo.bench.workload import (
    finished,
    in_blocks,
    lay_out,
    scenario_data,
    tell,
    with_keys,
)
from da_zoo.logs import CONSOLE, log_event
from da_zoo.metrics_log import TensorBoardWriter
from da_zoo.naming import check_names
from da_zoo.scenarios import Suite

__all__ = ["STALE", "WORKERS", "BenchResult", "preview", "run"]

STALE = ("rerun", "keep")
"""What may be done about rows of an older source of their method."""

WORKERS = 2
"""Batches of row groups in flight: while one trains, another compiles, and a small
network's step leaves a core idle. Results do not depend on it; seconds do."""


class BenchResult(NamedTuple):
    """Where a benchmark's results lie."""

    leaderboard: Leaderboard
    report: Path
    ran: int
    """Row groups run by this call; the others were there already."""
    failed: int
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
    shard: tuple[int, int] = (1, 1),
    retry_failed: bool = False,
    stale: str = "rerun",
    checkpoints: bool = False,
    progress: bool = True,
    tensorboard: str | Path | None = None,
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
        workers: row groups in flight at once; None means :data:`WORKERS`. Rows do not
            depend on it, but their seconds do: 1 for timings.
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

    Returns:
        The leaderboard and where its report lies.

    Raises:
        ValueError: for unknown names, numbers out of range, unreadable data, or an
            ``out`` that cannot be written or belongs to something else.
    """
    if workers is not None and workers < 1:
        raise ValueError(f"workers must be at least 1, got {workers}")
    check_names([stale], STALE, "stale")
    _check_checkpoints(checkpoints, stale)
    began = time.monotonic()
    loaded, length, cells = lay_out(
        suite,
        methods=methods,
        scenarios=scenarios,
        seeds=seeds,
        first_seed=first_seed,
        label_fractions=label_fractions,
        tracks=tracks,
        budget=budget,
        steps=steps,
        data_dir=data_dir,
        precision=precision,
        shard=shard,
    )
    if tensorboard is not None:
        TensorBoardWriter(tensorboard)  # refused before anything is trained
        tensorboard = Path(tensorboard)
    store = RowStore.open(out)
    metrics = MetricsTo(store.folder / "metrics", tensorboard)
    retry = BROKEN if retry_failed else ()
    if told_cost := expected_cost(cells, store.read()[0], length, retry):
        log_event("expected_cost", told_cost)
    log_event(
        "benchmark_started", suite=loaded.name, groups=len(cells), steps=length, out=out
    )
    told_notes: set[str] = set()
    ran, failed = 0, 0
    with (
        bench_progress(CONSOLE, progress) as told,
        ThreadPoolExecutor(workers or WORKERS, "row-group") as pool,
    ):
        waiting = sum(not cell.undefined for cell in cells)  # n/a rows take no time
        told.expect(waiting)

        def jobs() -> Iterator[tuple[Work, Any]]:
            nonlocal waiting
            for scenario, own in in_blocks(cells):
                data, notes = scenario_data(scenario, own[0].seeds, data_dir)
                tell(told_notes, notes)
                prepared = with_keys(own, loaded, data, length)
                expected = [pair for batch in prepared for pair in batch]
                done = finished(store, expected, loaded, data, length, retry, stale)
                if checkpoints:
                    done = {group for group in done if store.has_checkpoints(group)}
                # What is there already says nothing about the time of the rest.
                waiting -= sum(k.group in done and not c.undefined for c, k in expected)
                told.expect(waiting)
                for batch in prepared:
                    if any(keys.group not in done for _, keys in batch):
                        work = Work(batch, done)
                        yield (
                            work,
                            partial(
                                run_batch,
                                batch,
                                loaded,
                                data,
                                length,
                                checkpoints,
                                metrics,
                            ),
                        )

        for work, results in in_order(pool, jobs(), workers or WORKERS):
            cell = work.batch[0][0]
            command = command_of(cell, loaded, budget, length, data_dir)
            # Runs trained together depend on their number in the last digit: all
            # are run again, and what was there stays as it is.
            for group in results:
                if group.rows[0]["group"] in work.done:
                    continue
                keep_group(group, command, store, checkpoints)
                ran += 1
                failed += any(row["status"] == "failed" for row in group.rows)
                name = f"{cell.scenario.name}: {cell.method.name}"
                told.advance(name, 0 if cell.undefined else 1)
                log_group(group.rows, told.done, told.total)
    board, report, problems = render(out)
    for problem in problems:
        log_event("row_unreadable", str(problem), level="warning")
    seconds = round(time.monotonic() - began, 1)
    log_event(
        "benchmark_finished", ran=ran, failed=failed, seconds=seconds, report=report
    )
    return BenchResult(board, report, ran, failed, tuple(problems))


def preview(
    suite: str | Path | Suite = "embedded",
    *,
    out: str | Path = "results",
    data_dir: str | Path | None = None,
    retry_failed: bool = False,
    stale: str = "rerun",
    checkpoints: bool = False,
    **options: Any,
) -> Estimate:
    """Says what :func:`run` would run, and about how long; nothing is trained.

    Args:
        suite: as for :func:`run`, as are all others.
        out: folder of rows, which need not be there; nothing is written.
        data_dir: folder of the real data sets.
        retry_failed: count failed groups as to be run.
        stale: "rerun" or "keep".
        checkpoints: count groups without checkpoints as to be run.
        **options: those of :func:`run` that choose cells.

    Raises:
        ValueError: as :func:`run` does.
    """
    check_names([stale], STALE, "stale")
    _check_checkpoints(checkpoints, stale)
    loaded, length, cells = lay_out(suite, data_dir=data_dir, **options)
    there = Path(out).is_dir() and any(Path(out).iterdir())
    store = RowStore.open(out, create=False) if there else None
    retry = BROKEN if retry_failed else ()
    planned = []
    for scenario, own in in_blocks(cells):
        data, _ = scenario_data(scenario, own[0].seeds, data_dir)
        batched = with_keys(own, loaded, data, length)
        expected = [pair for batch in batched for pair in batch]
        done = (
            finished(store, expected, loaded, data, length, retry, stale)
            if store
            else set()
        )
        if checkpoints and store:
            done = {group for group in done if store.has_checkpoints(group)}
        planned += [Planned(cell, keys.group in done) for cell, keys in expected]
    return estimate(planned, store.read()[0] if store else [], length)


def _check_checkpoints(checkpoints: bool, stale: str) -> None:
    if checkpoints and stale == "keep":
        raise ValueError(
            "checkpoints of rows that an older source made cannot be had: leave "
            "checkpoints out, or stale='keep'"
        )
