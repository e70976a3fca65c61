"""The runner: plans, runs what is missing, writes rows, and renders the leaderboard."""

import dataclasses
import itertools
import shlex
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from rich.console import Console

from da_zoo.bench.estimate import Estimate, Planned, estimate, expected_cost
from da_zoo.bench.group import (
    GroupKeys,
    GroupRows,
    group_keys,
    na_rows,
    run_groups,
)
from da_zoo.bench.leaderboard import Leaderboard
from da_zoo.bench.plan import BUDGETS, Cell, batches, make_plan, shard_of
from da_zoo.bench.progress import bench_progress
from da_zoo.bench.rendering import render
from da_zoo.bench.shallow import run_shallow, shallow_keys
from da_zoo.bench.staleness import is_stale, matching_stale
from da_zoo.bench.store import RowStore
from da_zoo.bench.streams import same_width
from da_zoo.naming import check_names, choose
from da_zoo.precision import PRECISIONS
from da_zoo.registry import MethodSpec, ShallowSpec
from da_zoo.scenarios import Scenario, ScenarioData, Suite, build, load_suite
from da_zoo.scenarios.declared import declared
from da_zoo.scenarios.resolve import explain_label_sets, resolve

__all__ = ["STALE", "WORKERS", "BenchResult", "preview", "run"]

STALE = ("rerun", "keep")
"""What may be done about rows of an older source of their method."""

WORKERS = 2
"""Batches of row groups in flight: while one trains, another compiles, and a small
network's step leaves a core idle. Results do not depend on it; seconds do."""

BLOCK = 12
"""Methods that visit all scenarios before the next ones start: about as many as have
their programs in memory at once (:data:`da_zoo.programs.MOST_PROGRAMS`)."""


class _Runner(NamedTuple):
    """How groups of one kind of method are hashed and run."""

    keys: Callable[..., GroupKeys]
    run: Callable[..., list[GroupRows]]


RUNNERS: dict[type, _Runner] = {
    MethodSpec: _Runner(group_keys, run_groups),
    ShallowSpec: _Runner(shallow_keys, run_shallow),
}
"""By the kind of a method's registry entry."""


class BenchResult(NamedTuple):
    """Where a benchmark's results lie."""

    leaderboard: Leaderboard
    report: Path
    ran: int
    """Row groups run by this call; the others were there already."""
    failed: int
    problems: tuple[str, ...]
    """Lines of the row file that could not be read."""


def _command(cell: Cell, suite: Suite, budget: str, steps: int, data: Any) -> str:
    """The command line that makes this row again."""
    words = [
        "da-zoo",
        "bench",
        "--suite",
        suite.origin or suite.name,
        "--budget",
        budget,
    ]
    words += ["--scenarios", cell.scenario.name, "--methods", cell.method.name]
    words += [
        "--tracks",
        cell.track,
        "--seeds",
        str(len(cell.seeds)),
        "--steps",
        str(steps),
    ]
    if cell.seeds[0]:
        words += ["--first-seed", str(cell.seeds[0])]
    if cell.label_fraction is not None:
        words += ["--label-fractions", f"{cell.label_fraction:g}"]
    if precision := suite.defaults.get("precision"):
        words += ["--precision", precision]
    if data is not None:
        words += ["--data", "DIR"]
    return shlex.join(words)


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
            every :data:`da_zoo.bench.progress.EVERY` seconds.

    Returns:
        The leaderboard and where its report lies.

    Raises:
        ValueError: for unknown names, numbers out of range, unreadable data, or an
            ``out`` that cannot be written or belongs to something else.
    """
    if workers is not None and workers < 1:
        raise ValueError(f"workers must be at least 1, got {workers}")
    check_names([stale], STALE, "stale")
    console = Console(stderr=True)
    loaded, length, cells = _lay_out(
        suite,
        console,
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
    store = RowStore.open(out)
    if told_cost := expected_cost(cells, store.read()[0], length):
        console.print(told_cost, markup=False, highlight=False, soft_wrap=True)
    retry = ("failed", "timeout") if retry_failed else ()
    told_notes: set[str] = set()
    ran, failed = 0, 0
    with (
        bench_progress(console, progress) as told,
        ThreadPoolExecutor(workers or WORKERS, "row-group") as pool,
    ):
        waiting = sum(not cell.undefined for cell in cells)  # n/a rows take no time
        told.expect(waiting)

        def jobs() -> Iterator[tuple[_Work, Any]]:
            nonlocal waiting
            for scenario, own in _in_blocks(cells):
                data, notes = _data(scenario, own[0].seeds, data_dir)
                _tell(console, told_notes, notes)
                prepared = _prepared(own, loaded, data, length)
                expected = [pair for batch in prepared for pair in batch]
                done = _done(store, expected, loaded, data, length, retry, stale)
                if checkpoints:
                    done = {group for group in done if store.has_checkpoints(group)}
                # What is there already says nothing about the time of the rest.
                waiting -= sum(k.group in done and not c.undefined for c, k in expected)
                told.expect(waiting)
                for batch in prepared:
                    if any(keys.group not in done for _, keys in batch):
                        work = _Work(batch, done)
                        yield (
                            work,
                            partial(
                                _run_batch, batch, loaded, data, length, checkpoints
                            ),
                        )

        for work, results in _in_order(pool, jobs(), workers or WORKERS):
            cell = work.batch[0][0]
            command = _command(cell, loaded, budget, length, data_dir)
            # Runs trained together depend on their number in the last digit: all
            # are run again, and what was there stays as it is.
            for group in results:
                if group.rows[0]["group"] in work.done:
                    continue
                _keep(group, command, store, checkpoints)
                ran += 1
                failed += any(row["status"] == "failed" for row in group.rows)
                name = f"{cell.scenario.name}: {cell.method.name}"
                told.advance(name, 0 if cell.undefined else 1)
    board, report, problems = render(out)
    for problem in problems:
        console.print(problem, style="yellow", markup=False, highlight=False)
    return BenchResult(board, report, ran, failed, tuple(problems))


def preview(
    suite: str | Path | Suite = "embedded",
    *,
    out: str | Path = "results",
    data_dir: str | Path | None = None,
    retry_failed: bool = False,
    stale: str = "rerun",
    **options: Any,
) -> Estimate:
    """Says what :func:`run` would run, and about how long; nothing is trained.

    Args:
        suite: as for :func:`run`, as are all others.
        out: folder of rows, which need not be there; nothing is written.
        data_dir: folder of the real data sets.
        retry_failed: count failed groups as to be run.
        stale: "rerun" or "keep".
        **options: those of :func:`run` that choose cells.

    Raises:
        ValueError: as :func:`run` does.
    """
    check_names([stale], STALE, "stale")
    console = Console(stderr=True)
    loaded, length, cells = _lay_out(suite, console, data_dir=data_dir, **options)
    there = Path(out).is_dir() and any(Path(out).iterdir())
    store = RowStore.open(out, create=False) if there else None
    retry = ("failed", "timeout") if retry_failed else ()
    planned = []
    for scenario, own in _in_blocks(cells):
        data, _ = _data(scenario, own[0].seeds, data_dir)
        batched = _prepared(own, loaded, data, length)
        expected = [pair for batch in batched for pair in batch]
        done = (
            _done(store, expected, loaded, data, length, retry, stale)
            if store
            else set()
        )
        planned += [Planned(cell, keys.group in done) for cell, keys in expected]
    return estimate(planned, store.read()[0] if store else [], length)


def _lay_out(
    suite: str | Path | Suite,
    console: Console,
    *,
    methods: Iterable[str] | None = None,
    scenarios: Iterable[str] | None = None,
    seeds: int | None = None,
    first_seed: int = 0,
    label_fractions: Iterable[float] | None = None,
    tracks: Iterable[str] = ("U", "F"),
    budget: str = "quick",
    steps: int | None = None,
    data_dir: str | Path | None = None,
    precision: str | None = None,
    shard: tuple[int, int] = (1, 1),
) -> tuple[Suite, int, list[Cell]]:
    """Checks what was asked for: the suite, the steps of training and the cells."""
    plan_budget = choose(BUDGETS, budget, "budget")
    loaded = suite if isinstance(suite, Suite) else load_suite(suite)
    if precision is not None:
        defaults = {**loaded.defaults, "precision": precision}
        loaded = dataclasses.replace(loaded, defaults=defaults)
    choose(PRECISIONS, loaded.defaults.get("precision", "float32"), "precision")
    if steps is not None and steps < 1:
        raise ValueError(f"steps must be at least 1, got {steps}")
    length = steps or plan_budget.steps or loaded.defaults["steps"]
    chosen_scenarios = None if scenarios is None else list(scenarios)
    loaded = _with_files(loaded, chosen_scenarios, data_dir, console)
    cells = make_plan(
        loaded,
        methods=methods,
        scenarios=chosen_scenarios,
        label_fractions=label_fractions,
        tracks=tracks,
        seeds=plan_budget.seeds if seeds is None else seeds,
        configuration_count=plan_budget.configurations,
        first_seed=first_seed,
    )
    return loaded, length, shard_of(cells, *shard)


def _data(
    scenario: Scenario, seeds: Iterable[int], data_dir: str | Path | None
) -> tuple[dict[int, ScenarioData], list[str]]:
    """Builds a scenario's data by seed, and collects what there is to say of them."""
    built = {s: build(scenario, seed=s, data_dir=data_dir) for s in seeds}
    return same_width(built), [note for d in built.values() for note in d.notes]


def _prepared(
    cells: list[Cell], suite: Suite, data: dict[int, ScenarioData], steps: int
) -> list[list[tuple[Cell, GroupKeys]]]:
    """Puts cells that train together into batches, with their keys."""
    return [
        [(cell, _keys(cell, suite, data, steps, len(batch))) for cell in batch]
        for batch in batches(cells)
    ]


def _done(
    store: RowStore,
    expected: list[tuple[Cell, GroupKeys]],
    suite: Suite,
    data: dict[int, ScenarioData],
    steps: int,
    retry: tuple[str, ...],
    stale: str,
) -> set[str]:
    """Groups that need not run: there already, or there of an older source to keep."""
    wanted = {keys.group: cell.seeds for cell, keys in expected}
    done = store.complete_groups(wanted, retry=retry)
    if stale != "keep":
        return done
    old = [row for row in store.read()[0] if is_stale(row)]
    prints = {seed: one.fingerprint for seed, one in data.items()}
    return done | {
        keys.group
        for cell, keys in expected
        if keys.group not in done
        and matching_stale(na_rows(cell, suite, keys, "ok", ""), prints, steps, old)
    }


def _with_files(
    suite: Suite,
    scenarios: list[str] | None,
    data_dir: str | Path | None,
    console: Console,
) -> Suite:
    """Reads the files that the chosen scenarios declare, before anything is trained."""
    chosen = [s for s in suite.scenarios if scenarios is None or s.name in scenarios]
    read = {scenario.name: scenario for scenario in resolve(chosen, data_dir)}
    for scenario in read.values():
        if declared(scenario.target.domain):
            _tell(console, set(), filter(None, [explain_label_sets(scenario)]))
    every = tuple(read.get(s.name, s) for s in suite.scenarios)
    return dataclasses.replace(suite, scenarios=every)


def _tell(console: Console, told: set[str], notes: Iterable[str]) -> None:
    """Prints notes on stderr, each once."""
    for note in notes:
        if note not in told:
            told.add(note)
            console.print(note, markup=False, highlight=False)


def _keys(
    cell: Cell, suite: Suite, data: dict[int, ScenarioData], steps: int, count: int
) -> GroupKeys:
    return RUNNERS[type(cell.method)].keys(cell, suite, data, steps, count)


def _in_blocks(cells: list[Cell]) -> Iterator[tuple[Scenario, list[Cell]]]:
    """Yields scenarios with the cells of a block of methods, one block at a time."""
    names = list(dict.fromkeys(cell.method.name for cell in cells))
    for start in range(0, len(names), BLOCK):
        block = names[start : start + BLOCK]
        chosen = [cell for cell in cells if cell.method.name in block]
        for _, own in itertools.groupby(chosen, lambda cell: cell.scenario.name):
            members = list(own)
            yield members[0].scenario, members


class _Work(NamedTuple):
    """Groups to train together, and which groups of their scenario are there."""

    batch: list[tuple[Cell, GroupKeys]]
    done: set[str]


def _in_order(
    pool: ThreadPoolExecutor,
    jobs: Iterator[tuple[_Work, Callable[[], list[GroupRows]]]],
    workers: int,
) -> Iterator[tuple[_Work, list[GroupRows]]]:
    """Runs jobs side by side and yields their results in the jobs' order.

    Jobs are drawn as workers become free, so that few scenarios' data are held; what
    is in flight when the caller stops is finished and dropped.
    """
    flying: deque[tuple[_Work, Future[list[GroupRows]]]] = deque()
    try:
        for work, call in jobs:
            flying.append((work, pool.submit(call)))
            # One more than run at once: a worker never waits for this thread.
            while len(flying) > workers:
                first, future = flying.popleft()
                yield first, future.result()
        for first, future in flying:
            yield first, future.result()
    finally:
        for _, future in flying:
            future.cancel()


def _run_batch(
    batch: list[tuple[Cell, GroupKeys]],
    suite: Suite,
    data: dict[int, ScenarioData],
    steps: int,
    checkpoints: bool,
) -> list[GroupRows]:
    """Runs groups together; whatever goes wrong becomes their rows' reason."""
    cells, keys = [list(part) for part in zip(*batch, strict=True)]
    status, reason = "na", cells[0].undefined
    if not reason:
        try:
            runner = RUNNERS[type(cells[0].method)]
            return runner.run(
                cells, suite, data, keys, steps=steps, checkpoints=checkpoints
            )
        except Exception as error:  # one group's failure never ends the benchmark
            status, reason = "failed", f"{type(error).__name__}: {error}"
    return [GroupRows(na_rows(c, suite, k, status, reason), {}, {}) for c, k in batch]


def _keep(group: GroupRows, command: str, store: RowStore, checkpoints: bool) -> None:
    """Writes a group: its arrays first, so that complete rows have theirs."""
    name = group.rows[0]["group"]
    if group.logits:
        store.save_logits(name, group.logits)
    if checkpoints:  # also where there are none: they were asked for
        store.save_checkpoints(name, group.checkpoints)
    store.append_group([row | {"command": command} for row in group.rows])
