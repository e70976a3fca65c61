"""``da-zoo advise``: says what a transfer is up against."""

import argparse
import json
from typing import Any

from da_zoo.commands.shared import cache_programs, names

__all__ = ["add", "run"]


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


def add(commands: Any) -> None:
    """Adds the command to the parser."""
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
        "--drop", type=names, default=[], metavar="A,B", help="columns to leave out"
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
    advise.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Prints the advice."""
    cache_programs()
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
