"""``da-zoo bench``: runs the benchmark."""

import argparse
import shlex
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from da_zoo.commands.choosing import options_of, platform_of
from da_zoo.commands.endings import in_good_order
from da_zoo.commands.launching import add_options, launch_of, run_slurm
from da_zoo.commands.shared import cache_programs, names, tensorboard_option
from da_zoo.logs import log_event

__all__ = ["add", "benchmark", "run"]


def _fractions(text: str) -> list[float]:
    try:
        return [float(word) for word in names(text)]
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"label fractions are numbers in (0, 1], separated by commas; got {text!r}"
        ) from None


def _shard(text: str) -> tuple[int, int]:
    first, slash, second = text.partition("/")
    if not slash or not (first.isdigit() and second.isdigit()):
        raise argparse.ArgumentTypeError(f"must be I/N, such as 1/4, got {text!r}")
    return int(first), int(second)


def add(commands: Any) -> None:
    """Adds the command to the parser."""
    bench = commands.add_parser(
        "bench",
        help="run methods on scenarios and write the leaderboard",
        description=(
            "Runs every chosen method on every chosen scenario and seed, and writes "
            "rows, leaderboard and report. Killed and called again, it finishes what "
            "is missing. Exit status 1: row groups failed, and the rest is written."
        ),
    )
    bench.add_argument("--suite", default="embedded", help="a name, or a TOML file")
    bench.add_argument(
        "--methods",
        type=names,
        metavar="A,B",
        help="default: all but the shallow ones; shallow: those. The baselines are "
        "added",
    )
    bench.add_argument(
        "--method",
        action="append",
        default=[],
        metavar="MODULE:FACTORY",
        help="a method of your own, by its Python path (imports, and so runs, the "
        "module); beside --methods, if given, and the baselines",
    )
    bench.add_argument(
        "--no-baselines",
        action="store_true",
        help="run what --methods names alone, without source_only and target_only, "
        "which gains are measured from",
    )
    bench.add_argument("--scenarios", type=names, metavar="A,B", help="default: all")
    bench.add_argument("--seeds", type=int, metavar="N", help="default: the budget's")
    bench.add_argument(
        "--first-seed",
        type=int,
        default=0,
        metavar="N",
        help="the smallest seed; default: 0. Choose settings on other seeds (100, say) "
        "than those that are reported",
    )
    bench.add_argument(
        "--label-fractions", type=_fractions, metavar="0.05,1", help="of track F"
    )
    bench.add_argument(
        "--tracks",
        type=names,
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
    bench.add_argument(
        "--shard",
        type=_shard,
        default=(1, 1),
        metavar="I/N",
        help="the I-th of N shares, one a machine; da-zoo merge puts them together",
    )
    bench.add_argument(
        "--retry-failed", action="store_true", help="run failed groups again"
    )
    bench.add_argument(
        "--stale",
        default="rerun",
        metavar="rerun|keep",
        help="what an older source of its method made; default: rerun",
    )
    bench.add_argument(
        "--plan",
        action="store_true",
        help="say what would run and about how long, and run nothing",
    )
    bench.add_argument(
        "--checkpoints",
        action="store_true",
        help="keep what selection criteria need, for da-zoo select; some 2 MB a run",
    )
    tensorboard_option(bench)
    bench.add_argument("--no-progress", action="store_true", help="no progress bar")
    add_options(bench)
    bench.set_defaults(run=run)


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


def _choose_device(name: str) -> None:
    import jax

    jax.config.update("jax_platforms", platform_of(name))
    _require_device(name)


def benchmark(arguments: argparse.Namespace) -> Any:
    """Runs the benchmark that a command line asks for, or with --plan plans it.

    Args:
        arguments: parsed, of ``da-zoo bench``.

    Returns:
        What :func:`da_zoo.bench.run` does, or :func:`da_zoo.bench.preview`.
    """
    if arguments.launcher != "serial":
        from da_zoo.backend import share_devices

        share_devices()  # before JAX is asked whether it finds the device
    if arguments.device is not None:
        _choose_device(arguments.device)
    cache_programs()
    from da_zoo import bench
    from da_zoo.bench.launch import check_launch
    from da_zoo.bench.plugins import import_method, registered
    from da_zoo.bench.signals import BenchStop
    from da_zoo.metrics_log import TensorBoardWriter

    launch = launch_of(arguments)
    own = [import_method(path) for path in arguments.method]
    with registered(own):
        options = options_of(arguments, own)
        if arguments.plan:
            check_launch(launch)  # a plan is of what would run
            if arguments.tensorboard is not None:
                TensorBoardWriter(arguments.tensorboard)
            return bench.preview(
                arguments.suite, **options, checkpoints=arguments.checkpoints
            )
        return bench.run(
            arguments.suite,
            **options,
            launch=launch,
            stop=BenchStop(),
            checkpoints=arguments.checkpoints,
            progress=not arguments.no_progress,
            tensorboard=arguments.tensorboard,
        )


def run(arguments: argparse.Namespace) -> int:
    """Runs the benchmark and prints the leaderboard."""
    if arguments.launcher == "slurm":
        return run_slurm(arguments)
    return in_good_order(partial(_run, arguments), arguments.out)


def _run(arguments: argparse.Namespace) -> int:
    result = benchmark(arguments)
    if arguments.plan:
        print(result.to_text())
        return 0
    print(result.leaderboard.to_text())
    out = Path(arguments.out)
    print(f"\nLeaderboard: {out / 'leaderboard.md'} (and .json, .csv)")
    print(f"Report:      {result.report}")
    if reason := _nothing(result.leaderboard.rows):
        told = f"da-zoo: nothing was trained: {reason}"
        log_event("nothing_trained", told, level="warning")
    if result.broken:
        print(
            f"{result.broken} of the row groups failed; see the report's last section, "
            f"and da-zoo retry {shlex.quote(str(out))}"
        )
    return 1 if result.broken else 0


def _nothing(rows: Sequence[Any]) -> str:
    """Why no row has a result, if none has."""
    if any(row["status"] not in ("na",) for row in rows):
        return ""
    reasons = list(dict.fromkeys(f"{row['method']} {row['reason']}" for row in rows))
    return "; ".join(reasons[:3]) + (" ..." if len(reasons) > 3 else "")
