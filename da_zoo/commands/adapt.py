"""``da-zoo adapt``: from the user's files to an adapted model."""

import argparse
import sys
from typing import Any

from da_zoo.commands.shared import (
    cache_programs,
    names,
    setting,
    tensorboard_option,
)
from da_zoo.logs import draws_bars

__all__ = ["add", "run"]


def add(commands: Any) -> None:
    """Adds the command to the parser."""
    adapt = commands.add_parser(
        "adapt",
        help="train a method on your files and save the model",
        description=(
            "Reads a labelled source and a target, trains a method of the zoo (and the "
            "source alone beside it), and writes a model with its preprocessing and a "
            "report. Labels of the target are not read unless --target-labels says so."
        ),
        epilog=(
            "Example: da-zoo adapt --source cleveland.csv --target va.csv --label sick "
            "--method deep_coral --out model"
        ),
    )
    for side in ("source", "target"):
        adapt.add_argument(
            f"--{side}",
            required=True,
            nargs="+",
            metavar="PATH",
            help="a .csv, .parquet, .npz, .mat, .jsonl or svmlight file, a folder of "
            "images, .wav or .txt files, or tfds:NAME; several tables are a domain "
            "each",
        )
    adapt.add_argument("--label", metavar="NAME", help="the column or array of labels")
    adapt.add_argument("--method", default="deep_coral", help="default: deep_coral")
    adapt.add_argument("--out", required=True, metavar="DIR", help="for the model")
    adapt.add_argument(
        "--target-labels",
        choices=("none", "score", "train"),
        default="none",
        help="none: not read (default); score: read after training, to score the "
        "model; "
        "train: those that are there are trained on",
    )
    adapt.add_argument(
        "--regression",
        action=argparse.BooleanOptionalAction,
        help="whether labels are values, not classes; default: if they have fractions",
    )
    adapt.add_argument(
        "--threshold",
        type=float,
        metavar="VALUE",
        help="make two classes of labels that are numbers: under it, or not",
    )
    adapt.add_argument("--kind", metavar="KIND", help="of the data; default: guessed")
    adapt.add_argument("--drop", type=names, metavar="A,B", help="columns to leave out")
    adapt.add_argument("--columns", type=names, metavar="A,B", help="the only ones")
    adapt.add_argument(
        "--domain", metavar="NAME", help="the column or array of domains' names"
    )
    for side in ("source", "target"):
        adapt.add_argument(
            f"--{side}-domains",
            type=names,
            default=[],
            metavar="A,B",
            help="those of its domains to take; default: all",
        )
    adapt.add_argument("--text", metavar="NAME", help="the column or field of texts")
    adapt.add_argument(
        "--skip-corrupt", action="store_true", help="leave unreadable images out"
    )
    for flag, what in (
        ("--read", "an option of the reader, such as length=128"),
        ("--encode", "an option of the encoder, such as side=64 or normalise=sum"),
        ("--set", "a hyper-parameter or setting, such as trade_off=10"),
        ("--network-option", "an attribute of the network, such as hidden=[64,32]"),
    ):
        adapt.add_argument(
            flag,
            type=setting,
            action="append",
            default=[],
            metavar="NAME=VALUE",
            help=what,
        )
    adapt.add_argument("--network", metavar="NAME", help="default: by the data")
    adapt.add_argument("--steps", type=int, metavar="N", help="default: by the rows")
    adapt.add_argument("--batch-size", type=int, metavar="N", help="default: 64")
    adapt.add_argument("--seed", type=int, default=0, metavar="N", help="default: 0")
    adapt.add_argument(
        "--no-baseline", action="store_true", help="do not train the source alone too"
    )
    adapt.add_argument(
        "--checkpoint-every",
        type=int,
        metavar="N",
        help="keep the training's state every N steps: the same command goes on from "
        "there, whatever ended it",
    )
    adapt.add_argument(
        "--keep-best",
        metavar="infomax|entropy",
        help="save the checkpoint whose answers to unlabelled target rows score best",
    )
    tensorboard_option(adapt)
    adapt.add_argument("--no-progress", action="store_true", help="no progress bar")
    adapt.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Trains, saves and tells."""
    cache_programs()
    from da_zoo.metrics_log import TensorBoardWriter
    from da_zoo.pipeline import adapt

    board = arguments.tensorboard
    reading = {
        "drop": arguments.drop,
        "columns": arguments.columns,
        "domain": arguments.domain,
        "text": arguments.text,
        "skip_corrupt": arguments.skip_corrupt or None,
        **dict(arguments.read),
    }
    one = {side: getattr(arguments, side) for side in ("source", "target")}
    result = adapt(
        *(paths[0] if len(paths) == 1 else paths for paths in one.values()),
        method=arguments.method,
        label=arguments.label,
        target_labels=arguments.target_labels,
        out=arguments.out,
        kind=arguments.kind,
        regression=arguments.regression,
        threshold=arguments.threshold,
        reading={k: v for k, v in reading.items() if v is not None},
        encoding=dict(arguments.encode),
        source_domains=tuple(arguments.source_domains),
        target_domains=tuple(arguments.target_domains),
        network=arguments.network,
        network_options=dict(arguments.network_option),
        steps=arguments.steps,
        batch_size=arguments.batch_size,
        seed=arguments.seed,
        baseline=not arguments.no_baseline,
        checkpoint_every=arguments.checkpoint_every,
        keep_best=arguments.keep_best,
        progress=not arguments.no_progress and draws_bars() and sys.stderr.isatty(),
        writers=() if board is None else [TensorBoardWriter(board)],
        **dict(arguments.set),
    )
    for note in result.notes:
        print(note)
    print()
    print(_table(result.checks))
    for name, checks in result.checks.items():
        for warning in checks.warnings:
            print(f"{name}: {warning}")
    print(f"\nModel:  {result.folder}")
    print(f"Report: {result.report}")
    if board is not None:
        print(f"Curves: tensorboard --logdir {board}")
    return 0


def _table(checks: dict[str, Any]) -> str:
    rows = list(dict.fromkeys(n for one in checks.values() for n in one.numbers))
    width = max(map(len, rows))
    columns = [max(8, len(name)) for name in checks]
    lines = [
        " " * width
        + "".join(f"  {name:>{own}}" for name, own in zip(checks, columns, strict=True))
    ]
    for row in rows:
        cells = []
        for one, own in zip(checks.values(), columns, strict=True):
            value = one.numbers.get(row)
            cells.append(f"  {'-' if value is None else format(value, '.3f'):>{own}}")
        lines.append(f"{row:<{width}}" + "".join(cells))
    return "\n".join(lines)
