"""``da-zoo select``: holds the selection criteria against each other."""

import argparse
import csv
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from da_zoo.csv_cells import plain_cell
from da_zoo.whole_files import whole_file

if TYPE_CHECKING:
    from da_zoo.bench.select import Choice

__all__ = ["add", "run"]


def add(commands: Any) -> None:
    """Adds the command to the parser."""
    one = commands.add_parser(
        "select",
        help="judge checkpoint selection criteria on a results folder",
        description=(
            "Lets every criterion choose among the checkpoints that `da-zoo bench "
            "--checkpoints` kept, and says how much accuracy each choice loses."
        ),
    )
    one.add_argument("dir", nargs="?", default="results", metavar="DIR")
    one.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Writes selection.json and selection.csv, prints the table, and the report."""
    from da_zoo.bench import render
    from da_zoo.bench.leaderboard import current_rows
    from da_zoo.bench.progress import bench_progress
    from da_zoo.bench.select import judgeable, judged_of, selection_tables
    from da_zoo.bench.selection_file import digest_of, save_selection
    from da_zoo.bench.store import RowStore
    from da_zoo.bench.tuned import tuned_tables
    from da_zoo.logs import CONSOLE

    store = RowStore.open(arguments.dir, create=False)
    rows, _ = current_rows(store.read()[0])
    groups = {r["group"] for r in judgeable(rows) if store.has_checkpoints(r["group"])}
    if not groups:
        raise ValueError(
            f"{arguments.dir} has no checkpoints: run da-zoo bench with --checkpoints"
        )
    with bench_progress(CONSOLE, True) as told:
        told.expect(len(groups))
        judged = judged_of(store, rows, on_group=lambda: told.advance("criteria", 1))
    tables, choices = selection_tables(judged)
    tables["tuned"] = tuned_tables(judged)
    tables["groups"] = digest_of(rows)
    out = Path(arguments.dir)
    save_selection(tables, out)
    _write_choices(choices, out / "selection.csv")
    for table in tables["tables"]:
        print(_text(table))
    _, report, _ = render(out)
    print(f"Every choice: {out / 'selection.csv'}\nReport:       {report}")
    return 0


def _text(table: dict[str, Any]) -> str:
    share = table["label_fraction"]
    title = f"Track {table['track']}" + ("" if share is None else f" {share:g}")
    lines = [
        f"{title}: {table['units']} choices among {table['candidates']} checkpoints "
        "(points of accuracy)",
        f"{'criterion':<22}{'accuracy':>9}{'regret':>8}{'p95':>7}{'max':>7}"
        f"{'below source':>14}{'rank corr.':>12}",
    ]
    for line in table["criteria"]:
        numbers = (
            (line["accuracy"], 9, 100.0, 1),
            (line["regret_mean"], 8, 100.0, 1),
            (line["regret_p95"], 7, 100.0, 1),
            (line["regret_max"], 7, 100.0, 1),
            (line["below_source_only"], 14, 100.0, 0),
            (line["rank_correlation"], 12, 1.0, 2),
        )
        lines.append(f"{line['criterion']:<22}" + "".join(_number(*n) for n in numbers))
    return "\n".join(lines) + "\n"


def _number(value: float | None, width: int, scale: float, digits: int) -> str:
    return f"{'–':>{width}}" if value is None else f"{scale * value:>{width}.{digits}f}"


def _write_choices(choices: "Sequence[Choice]", path: Path) -> None:
    fields = ("scenario", "track", "label_fraction", "method", "seed")
    with (
        whole_file(path) as draft,
        draft.open("w", encoding="utf-8", newline="") as file,
    ):
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(
            ("criterion", *fields, "configuration", "step", "accuracy", "regret")
        )
        for one in choices:
            chosen = one.chosen
            writer.writerow(
                (
                    one.criterion,
                    *map(plain_cell, chosen.unit),
                    chosen.configuration,
                    chosen.step,
                    f"{chosen.accuracy:.4f}",
                    f"{one.regret:.4f}",
                )
            )
