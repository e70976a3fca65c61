"""The command ``da-zoo``."""

import argparse
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

__all__ = ["main"]


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]


def _fractions(text: str) -> list[float]:
    try:
        return [float(word) for word in _names(text)]
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"label fractions are numbers in (0, 1], separated by commas; got {text!r}"
        ) from None


def _labels(text: str) -> int | float | None:
    if text == "all":
        return None
    if text == "none":
        return 0
    try:
        return int(text) if text.lstrip("+-").isdigit() else float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"a count, a share such as 0.05, all or none; got {text!r}"
        ) from None


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="da-zoo",
        description="Domain adaptation and transfer learning for JAX.",
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    bench = commands.add_parser(
        "bench",
        help="run methods on scenarios and write the leaderboard",
        description=(
            "Runs every chosen method on every chosen scenario and seed, and writes "
            "rows, leaderboard and report. Killed and called again, it finishes what "
            "is missing."
        ),
    )
    bench.add_argument("--suite", default="embedded", help="a name, or a TOML file")
    bench.add_argument(
        "--methods",
        type=_names,
        metavar="A,B",
        help="default: all but the shallow ones; shallow: those",
    )
    bench.add_argument("--scenarios", type=_names, metavar="A,B", help="default: all")
    bench.add_argument("--seeds", type=int, metavar="N", help="default: the budget's")
    bench.add_argument(
        "--label-fractions", type=_fractions, metavar="0.05,1", help="of track F"
    )
    bench.add_argument(
        "--tracks",
        type=_names,
        default=["U", "F"],
        metavar="U,F",
        help="U: no target labels; F: a share of them; default: both",
    )
    bench.add_argument(
        "--budget",
        default="quick",
        help="smoke (1 seed, 100 steps), quick (5 seeds), standard (8 configurations "
        "x 5 seeds) or full (20 x 10); default: quick",
    )
    bench.add_argument("--steps", type=int, metavar="N", help="default: the suite's")
    bench.add_argument(
        "--out", default="results", metavar="DIR", help="default: results"
    )
    bench.add_argument("--data", metavar="DIR", help="folder of the real data sets")
    bench.add_argument(
        "--device", metavar="cpu|gpu|tpu", help="default: what JAX finds"
    )
    bench.add_argument(
        "--precision", metavar="float32|bf16", help="of the encoder; default: float32"
    )
    bench.add_argument(
        "--workers",
        type=int,
        metavar="N",
        help="row groups in flight at once (default 2); 1 for undisturbed timings",
    )
    bench.add_argument("--no-progress", action="store_true", help="no progress bar")

    advise = commands.add_parser(
        "advise",
        help="say what transfer from a source to a target is up against",
        description=(
            "Says which of the four cases a source and a target are, how far apart "
            "they lie, what a quickly trained source model promises, and what a "
            "benchmark measured in that situation."
        ),
    )
    for side in ("source", "target"):
        advise.add_argument(
            f"--{side}",
            required=True,
            metavar="FILE|NAME",
            help="a .npz or .csv file, or a data set such as digits8:over07:parity",
        )
    advise.add_argument(
        "--label", metavar="COLUMN", help="of a .csv (or array of a .npz: y)"
    )
    advise.add_argument(
        "--target-labels",
        type=_labels,
        metavar="N",
        help="how many target labels may be read: a count, a share such as 0.05, none, "
        "or all that there are (default)",
    )
    advise.add_argument(
        "--task",
        choices=("same", "different"),
        help="if you know; default: decided by the labels",
    )
    advise.add_argument(
        "--regression",
        action=argparse.BooleanOptionalAction,
        help="whether labels are values, not classes; default: if they have fractions",
    )
    advise.add_argument(
        "--drop", type=_names, default=[], metavar="A,B", help="columns to leave out"
    )
    advise.add_argument(
        "--evidence", metavar="DIR", help="what da-zoo bench wrote, to quote from"
    )
    advise.add_argument("--data", metavar="DIR", help="folder of the real data sets")
    advise.add_argument("--seed", type=int, default=0, metavar="N", help="default: 0")
    advise.add_argument(
        "--steps",
        type=int,
        default=300,
        metavar="N",
        help="of the small source model, at most; default: 300",
    )
    advise.add_argument("--json", action="store_true", help="print JSON")

    report = commands.add_parser("report", help="write leaderboard and report again")
    report.add_argument("dir", nargs="?", default="results", metavar="DIR")

    status = commands.add_parser("status", help="say what a results folder holds")
    status.add_argument("dir", nargs="?", default="results", metavar="DIR")

    listing = commands.add_parser("list", help="list methods, scenarios or suites")
    listing.add_argument("what", choices=("methods", "scenarios", "suites"))
    listing.add_argument("--suite", default="embedded", help="whose scenarios")

    show = commands.add_parser("show", help="say all about a method")
    show.add_argument("name", metavar="METHOD")
    return parser


def _cache_programs() -> None:
    """Keeps compiled programs between runs: compiling is most of a short benchmark."""
    import jax

    home = os.environ.get("XDG_CACHE_HOME", str(Path.home() / ".cache"))
    folder = os.environ.get("DA_ZOO_CACHE", str(Path(home) / "da_zoo" / "jax"))
    if jax.config.values["jax_compilation_cache_dir"] is None:
        jax.config.update("jax_compilation_cache_dir", folder)
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)


def _require_device(name: str) -> None:
    import jax

    try:
        jax.devices()
    except (RuntimeError, AssertionError) as error:
        first = str(error).split("\n")[0]
        raise ValueError(
            f"--device {name}: JAX finds none here; leave --device out, or install JAX "
            f"for it (pip install 'da-zoo[cuda]' or 'da-zoo[tpu]'). {first}"
        ) from None


def _bench(arguments: argparse.Namespace) -> int:
    if arguments.device is not None:
        import jax

        names = {"cpu": "cpu", "gpu": "cuda", "tpu": "tpu"}
        if arguments.device not in names:
            raise ValueError(
                f"--device must be cpu, gpu or tpu, got {arguments.device!r}"
            )
        jax.config.update("jax_platforms", names[arguments.device])
        _require_device(arguments.device)
    _cache_programs()
    from da_zoo.bench import run

    result = run(
        arguments.suite,
        methods=arguments.methods,
        scenarios=arguments.scenarios,
        seeds=arguments.seeds,
        label_fractions=arguments.label_fractions,
        tracks=arguments.tracks,
        budget=arguments.budget,
        steps=arguments.steps,
        out=arguments.out,
        data_dir=arguments.data,
        precision=arguments.precision,
        workers=arguments.workers,
        progress=not arguments.no_progress,
    )
    print(result.leaderboard.to_text())
    out = Path(arguments.out)
    print(f"\nLeaderboard: {out / 'leaderboard.md'} (and .json, .csv)")
    print(f"Report:      {result.report}")
    if reason := _nothing(result.leaderboard.rows):
        print(f"da-zoo: nothing was trained: {reason}", file=sys.stderr)
    if result.failed:
        print(f"{result.failed} row groups failed; see the report's last section")
    return 0


def _nothing(rows: Sequence[Any]) -> str:
    """Why no row has a result, if none has."""
    if any(row["status"] not in ("na",) for row in rows):
        return ""
    reasons = list(dict.fromkeys(f"{row['method']} {row['reason']}" for row in rows))
    return "; ".join(reasons[:3]) + (" ..." if len(reasons) > 3 else "")


def _report(arguments: argparse.Namespace) -> int:
    from da_zoo.bench import render

    if not Path(arguments.dir).is_dir():
        raise ValueError(f"{arguments.dir} is no folder; run da-zoo bench first")
    board, path, problems = render(arguments.dir)
    for problem in problems:
        print(problem, file=sys.stderr)
    print(board.to_text())
    print(f"\nReport: {path}")
    return 0


def _status(arguments: argparse.Namespace) -> int:
    from collections import Counter

    from da_zoo.bench.store import RowStore

    if not Path(arguments.dir).is_dir():
        raise ValueError(f"{arguments.dir} is no folder; run da-zoo bench first")
    rows, problems = RowStore.open(arguments.dir, create=False).read()
    count = Counter((row["suite"], row["status"]) for row in rows)
    print(
        f"{arguments.dir}: {len(rows)} rows in {len({r['group'] for r in rows})} groups"
    )
    for (suite, status), number in sorted(count.items()):
        print(f"  {suite:<20} {status:<8} {number}")
    for row in rows:
        if row["status"] == "failed":
            print(
                f"  failed: {row['scenario']} {row['method']} seed {row['seed']}: "
                f"{row['reason']}"
            )
    for problem in problems:
        print(f"  rows.jsonl, line {problem.line}: {problem.reason}")
    return 0


def _list(arguments: argparse.Namespace) -> int:
    from da_zoo.catalogue import catalogue
    from da_zoo.scenarios import list_suites, load_suite

    if arguments.what == "methods":
        for spec in catalogue().values():
            print(f"{spec.name:<18} {'+'.join(sorted(spec.tracks)):<4} {spec.summary}")
    elif arguments.what == "suites":
        for name in list_suites():
            suite = load_suite(name)
            print(
                f"{name:<16} {len(suite.scenarios):>3} scenarios  {suite.description}"
            )
    else:
        for scenario in load_suite(arguments.suite).scenarios:
            print(f"case {scenario.case}  {scenario.name:<28} {scenario.role}")
    return 0


def _show(arguments: argparse.Namespace) -> int:
    from da_zoo.catalogue import catalogue, method_page
    from da_zoo.naming import choose

    print(method_page(choose(catalogue(), arguments.name, "method")))
    return 0


def _advise(arguments: argparse.Namespace) -> int:
    _cache_programs()
    from da_zoo.advice import advise

    advice = advise(
        arguments.source,
        arguments.target,
        target_labels=arguments.target_labels,
        task=arguments.task,
        regression=arguments.regression,
        label=arguments.label,
        drop=arguments.drop,
        evidence=arguments.evidence,
        data_dir=arguments.data,
        seed=arguments.seed,
        steps=arguments.steps,
    )
    if arguments.json:
        print(json.dumps(advice.to_json(), allow_nan=False, indent=1))
    else:
        print(advice.to_text())
    return 0


COMMANDS: dict[str, Any] = {
    "bench": _bench,
    "advise": _advise,
    "report": _report,
    "status": _status,
    "list": _list,
    "show": _show,
}


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command line.

    Args:
        argv: the words after ``da-zoo``; None means the process's own.

    Returns:
        0 if all went well, 2 for bad input (the message is on stderr), 130 if
        interrupted.

    Example:
        >>> main(["list", "suites"])  # doctest: +ELLIPSIS
        digits ...
        0
    """
    arguments = _parser().parse_args(argv)
    try:
        code: int = COMMANDS[arguments.command](arguments)
        sys.stdout.flush()
        return code
    except (ValueError, TypeError) as error:
        print(f"da-zoo: {error}", file=sys.stderr)
        return 2
    except BrokenPipeError:
        # The reader (head, a pager) has had enough; nothing is left to write to.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        print("da-zoo: interrupted; the same command continues", file=sys.stderr)
        return 130
