"""``da-zoo retry``: runs what failed again, by the commands that its rows hold."""

import argparse
import shlex
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import Any

from da_zoo.commands import bench
from da_zoo.commands.endings import in_good_order
from da_zoo.commands.launching import LAUNCH, add_options, launch_of
from da_zoo.logs import log_event

__all__ = ["add", "commands_of", "run"]

IN_ROWS = frozenset(
    (
        *("suite", "budget", "scenarios", "methods", "tracks", "seeds", "first_seed"),
        *("label_fractions", "steps", "precision", "data"),
    )
)
"""What ``da_zoo.bench.execute.command_of`` writes; ``--method`` is refused apart."""


def add(commands: Any) -> None:
    """Adds the command to the parser."""
    one = commands.add_parser(
        "retry",
        help="run what failed or ran out of time again",
        description=(
            "Calls da-zoo bench as the failed rows' own commands say. Methods of your "
            "own have no command that could be called without their module: use "
            "da-zoo bench --method ... --retry-failed for those."
        ),
    )
    one.add_argument("dir", nargs="?", default="results", metavar="DIR")
    one.add_argument(
        "--out", metavar="OUT", help="write the new rows there; default: DIR"
    )
    one.add_argument("--data", metavar="DIR", help="folder of the real data sets")
    one.add_argument(
        "--suite",
        action="append",
        default=[],
        metavar="FILE.toml",
        help="where a suite's file is that rows name: they keep its name alone",
    )
    one.add_argument("--workers", type=int, metavar="N", help="as for da-zoo bench")
    one.add_argument("--no-progress", action="store_true", help="no progress bar")
    add_options(one, slurm=False)
    one.set_defaults(run=run)


def commands_of(rows: Iterable[dict[str, Any]]) -> dict[str, int]:
    """Collects the commands of failed rows, and how many rows each has.

    Args:
        rows: of a folder.

    Raises:
        ValueError: for a failed row without a command.

    Example:
        >>> failed = {"status": "failed", "command": "da-zoo bench --seeds 1"}
        >>> commands_of([failed, failed, {"status": "ok"}])
        {'da-zoo bench --seeds 1': 2}
    """
    from da_zoo.bench.rows import BROKEN

    found: dict[str, int] = {}
    for row in rows:
        if row["status"] in BROKEN:
            if not row.get("command"):
                raise ValueError(
                    f"the failed row of {row['method']} on {row['scenario']} has no "
                    "command; use da-zoo bench --retry-failed"
                )
            found[row["command"]] = found.get(row["command"], 0) + 1
    return found


def _parsed(command: str) -> argparse.Namespace:
    """Reads a row's command as the command line would; nothing of it is executed."""
    words = shlex.split(command)
    if words[:2] != ["da-zoo", "bench"]:
        raise ValueError(f"a row's command must be a da-zoo bench, got {command!r}")
    parser = argparse.ArgumentParser(prog="da-zoo", allow_abbrev=False)
    bench.add(parser.add_subparsers())
    try:
        arguments = parser.parse_args(words[1:])
    except SystemExit:
        raise ValueError(f"a row's command cannot be read: {command!r}") from None
    if arguments.method:
        # This would import what the row names.
        raise ValueError(
            "a row's command may not name a module; if it is yours, call it with "
            f"--retry-failed: {command!r}"
        )
    # Rows may come from anyone, and other options join clusters and write folders.
    usual = vars(parser.parse_args(["bench"]))
    if foreign := [
        f"--{name.replace('_', '-')}"
        for name, value in vars(arguments).items()
        if name not in IN_ROWS and value != usual[name]
    ]:
        raise ValueError(
            f"a row's command has options that no row has ({', '.join(foreign)}): "
            f"{command!r}"
        )
    return arguments


def _located(call: argparse.Namespace, suites: dict[str, str]) -> argparse.Namespace:
    """Finds the file of a suite: rows name no folder, which may be anyone's."""
    if Path(call.suite).suffix == ".toml":
        call.suite = suites.get(call.suite, call.suite)
        if not Path(call.suite).is_file():
            raise ValueError(
                f"there is no suite file {call.suite} here; say where it is: "
                f"--suite FOLDER/{Path(call.suite).name}"
            )
    return call


def run(arguments: argparse.Namespace) -> int:
    """Runs failed groups again and prints the leaderboard."""
    from da_zoo.bench.launch import check_launch
    from da_zoo.bench.leaderboard import current_rows
    from da_zoo.bench.rows import BROKEN
    from da_zoo.bench.store import RowStore

    if not Path(arguments.dir).is_dir():
        raise ValueError(f"{arguments.dir} is no folder; run da-zoo bench first")
    check_launch(launch_of(arguments))
    suites = {Path(path).name: path for path in arguments.suite}
    store = RowStore.open(arguments.dir, create=False)
    rows, _ = store.read()
    # Not what another run of the same cell has replaced since.
    commands = commands_of(current_rows(rows)[0])
    if not commands:
        print(f"{arguments.dir}: no row failed or ran out of time")
        return 0
    calls, problems = {}, []
    for command in commands:
        try:
            calls[command] = _located(_parsed(command), suites)
        except ValueError as error:
            problems.append(str(error))
    if not calls:
        raise ValueError("; ".join(problems))
    if arguments.data is None and any(call.data for call in calls.values()):
        raise ValueError("the failed rows are of real data: name their folder, --data")
    looked = {
        row["command"]
        for row in rows
        if row["status"] in BROKEN and store.has_checkpoints(row["group"])
    }
    for command, call in calls.items():
        call.checkpoints = command in looked
        call.out = arguments.out or arguments.dir
        call.data = arguments.data if call.data else None
        for name in (*LAUNCH, "workers", "no_progress"):  # the user's, not the row's
            setattr(call, name, getattr(arguments, name))
        call.retry_failed = True
        call.no_baselines = True  # they did not fail, or have a command of their own
    work = partial(_run_again, calls, commands, problems)
    return in_good_order(work, arguments.out or arguments.dir)


def _run_again(
    calls: dict[str, argparse.Namespace], rows: dict[str, int], problems: list[str]
) -> int:
    """Calls commands one after the other; rows are how many each has."""
    ran = failed = 0
    result = None
    for command, call in calls.items():
        log_event(
            "retry",
            f"{rows[command]} rows: {command}",
            rows=rows[command],
            command=command,
        )
        try:
            result = bench.benchmark(call)
        except ValueError as error:  # the others can be run all the same
            problems.append(f"{command}: {error}")
            continue
        ran, failed = ran + result.ran, failed + result.failed
    if result is not None:
        print(result.leaderboard.to_text())
        print(f"\n{ran} row groups were run again, {failed} of them failed again")
        print(f"Report: {result.report}")
    for problem in problems:
        log_event("not_retried", f"could not be retried: {problem}", level="error")
    return 1 if problems or failed else 0
