"""``da-zoo predict``: a saved model's answers for new rows, as CSV."""

import argparse
import csv
import sys
from pathlib import Path
from typing import Any

from da_zoo.commands.shared import cache_programs
from da_zoo.csv_cells import plain_cell
from da_zoo.whole_files import whole_file

__all__ = ["add", "run"]


def add(commands: Any) -> None:
    """Adds the command to the parser."""
    predict = commands.add_parser(
        "predict",
        help="write a saved model's predictions as CSV",
        description=(
            "Reads rows like the target's and writes one line a row: the prediction "
            "and "
            "the probability of each class. A column of labels is not read."
        ),
        epilog="Example: da-zoo predict model new.csv > predictions.csv",
    )
    predict.add_argument("model", metavar="MODEL", help="what da-zoo adapt wrote")
    predict.add_argument("rows", metavar="PATH", help="a file or folder of rows")
    predict.add_argument("--out", metavar="FILE", help="default: standard output")
    predict.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Writes ``prediction,probability_<class>...``, a line a row."""
    cache_programs()
    from scipy.special import softmax

    from da_zoo.pipeline import load

    if arguments.out is not None:
        out = Path(arguments.out)
        if out.is_dir() or not out.absolute().parent.is_dir():
            raise ValueError(f"--out {out} must be a file in a folder that is there")
    try:
        model = load(arguments.model)
    except FileNotFoundError as error:
        raise ValueError(str(error)) from None
    values = model.values(arguments.rows)
    # Everything is predicted before a file is opened: an error leaves none behind.
    if model.continuous:
        lines = [["prediction"], *([f"{value:.6g}"] for value in values[:, 0])]
    else:
        probabilities = softmax(values, axis=1)
        best = values.argmax(axis=1)
        lines = [["prediction", *(f"probability_{one}" for one in model.classes)]]
        lines += [
            [plain_cell(model.classes[place]), *(f"{p:.6f}" for p in row)]
            for place, row in zip(best, probabilities, strict=True)
        ]
    if arguments.out is None:
        csv.writer(sys.stdout, lineterminator="\n").writerows(lines)
    else:
        with (
            whole_file(arguments.out) as draft,
            draft.open("w", newline="", encoding="utf-8") as file,
        ):
            csv.writer(file, lineterminator="\n").writerows(lines)
    return 0
