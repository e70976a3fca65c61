"""Readers of a results folder while it is written again and again.

``python benchmarks/readers.py`` lets sixteen readers (eight threads, eight processes)
read a folder for a minute, in which rows are appended and leaderboard, report and
selection.json are written in a loop. Everything read has to be whole: what a reader saw
is, byte for byte, what the writer once finished, and parses; every line of rows.jsonl
that has its end is a row. Prints how often each file was written and read, and exits
with 1 if anything was broken.
"""

import argparse
import csv
import hashlib
import io
import json
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, NamedTuple

# The package is imported where it is needed: half of the readers do without it.
FILES = (
    *(f"leaderboard.{kind}" for kind in ("md", "csv", "json", "tex")),
    "report.html",
    "selection.json",
)
ROWS = "rows.jsonl"


class Seen(NamedTuple):
    """What readers saw, or a writer wrote."""

    counts: Counter[str]
    """Readings by file."""
    digests: dict[str, list[str]]
    """Of each file, what it was."""
    broken: list[str]

    @classmethod
    def nothing(cls) -> "Seen":
        """To start from."""
        return cls(Counter(), {name: [] for name in FILES}, [])


def digest(content: bytes) -> str:
    """Says which writing this is."""
    return hashlib.sha256(content).hexdigest()


def check(name: str, content: bytes) -> None:
    """Raises what a reader of such a file would, if it is not whole."""
    text = content.decode("utf-8")
    if not text.endswith("\n") and name != "report.html":
        raise ValueError("has no end")
    if name.endswith(".json"):
        json.loads(text)
    elif name.endswith(".csv"):
        widths = {len(line) for line in csv.reader(io.StringIO(text))}
        if len(widths) != 1:
            raise ValueError(f"has lines of {sorted(widths)} cells")
    elif name.endswith(".tex"):
        if text.count("\\begin{tabular}") != text.count("\\end{tabular}"):
            raise ValueError("has a table without an end")
    elif name.endswith(".html"):
        HTMLParser().feed(text)
        if not text.rstrip().endswith("</html>"):
            raise ValueError("has no end")


def read_lines(path: Path) -> int:
    """Reads rows by line, as ``jq`` would; the number of those that are complete."""
    lines = path.read_bytes().split(b"\n")
    for line in lines[:-1]:  # the last has no end yet, or is empty
        if line and not isinstance(json.loads(line)["seed"], int):
            raise ValueError("has a line that is no row")
    return sum(map(bool, lines[:-1]))


def read_rows(folder: Path) -> int:
    """Reads rows as the package does; a line that is still being written may miss."""
    from da_zoo.bench.store import RowStore

    rows, problems = RowStore.open(folder, create=False).read()
    if any("cut off" not in problem.reason for problem in problems):
        raise ValueError(f"has problems: {problems}")
    return len(rows)


def read_until(folder: Path, end: float, *, package: bool) -> Seen:
    """Reads everything again and again until a time.

    Args:
        folder: of a benchmark.
        end: of ``time.time()``, which processes share.
        package: whether rows are also read by the package's own reader.
    """
    seen = Seen.nothing()
    readers = [("line by line", lambda: read_lines(folder / ROWS))]
    if package:
        readers.append(("RowStore", lambda: read_rows(folder)))
    most = dict.fromkeys((name for name, _ in readers), 0)
    while time.time() < end:
        for name in FILES:
            try:
                content = (folder / name).read_bytes()
                check(name, content)
                seen.digests[name].append(digest(content))
            except Exception as error:
                seen.broken.append(f"{name}: {error!r}")
            seen.counts[name] += 1
        for name, read in readers:
            try:
                number = read()
                if number < most[name]:
                    raise ValueError(f"lost {most[name] - number} rows")
                most[name] = number
            except Exception as error:
                seen.broken.append(f"{ROWS}, {name}: {error!r}")
            seen.counts[f"{ROWS}, {name}"] += 1
        seen.digests.update({n: sorted(set(d)) for n, d in seen.digests.items()})
        time.sleep(0.1)
    return seen


def made_up(scenario: int, method: str) -> list[dict[str, Any]]:
    """A row group of two seeds."""
    cell = {"scenario": f"s{scenario}", "track": "U", "method": method}
    row = cell | {
        "group": digest(repr(cell).encode()),
        "suite": "made_up",
        "case": 3,
        "role": "",
        "label_fraction": None,
        "configuration": 0,
        "status": "ok",
        "reason": "",
        "accuracy": 0.5 + 0.001 * scenario,
        "macro_f1": 0.5,
        "fit_seconds": 1.0,
        "compile_seconds": 1.0,
        "steps": 10,
        "hyperparameters": {"note": "x" * 6_000},  # an append of many pages
    }
    return [{**row, "seed": seed} for seed in range(2)]


def write_all(folder: Path, turn: int, written: Seen) -> None:
    """Writes each file once, as the commands do, and notes what is there now."""
    from da_zoo.bench import render
    from da_zoo.bench.selection_file import save_selection

    save_selection(
        {"schema_version": 1, "tables": [], "turn": turn, "pad": "x" * 9999}, folder
    )
    render(folder)
    for name in FILES:
        written.digests[name].append(digest((folder / name).read_bytes()))
        written.counts[name] += 1


def run(folder: Path, seconds: float, *, threads: int, processes: int) -> Seen:
    """Writes in this thread, reads in others and in processes.

    Args:
        folder: new, for the benchmark.
        seconds: to go on for.
        threads: that read, also by the package.
        processes: that read, by Python's own library only.

    Returns:
        Readings by file (writings as "written: file"), and what was broken.
    """
    from da_zoo.bench.store import RowStore

    store = RowStore.open(folder)
    store.append_group(made_up(0, "source_only"))
    written, total, seen = Seen.nothing(), Seen.nothing(), []
    write_all(folder, 0, written)
    end = time.time() + seconds
    own = [
        threading.Thread(
            target=lambda: seen.append(read_until(folder, end, package=True))
        )
        for _ in range(threads)
    ]
    command = [sys.executable, __file__, "--read", str(folder), "--until", str(end)]
    others = [
        subprocess.Popen(command, stdout=subprocess.PIPE) for _ in range(processes)
    ]
    for one in own:
        one.start()
    turn = 0
    while time.time() < end:
        turn += 1
        if turn < 40:  # more would make a turn take long
            store.append_group(made_up(turn // 2, ("source_only", "dann")[turn % 2]))
        write_all(folder, turn, written)
    for one in own:
        one.join()
    for process in others:
        output, _ = process.communicate(timeout=60)
        counts, digests, broken = json.loads(output)
        seen.append(Seen(Counter(counts), digests, broken))
    for name, count in written.counts.items():
        total.counts[f"written: {name}"] = count
    for one in seen:
        total.counts.update(one.counts)
        total.broken.extend(one.broken)
        for name in FILES:
            if torn := set(one.digests[name]) - set(written.digests[name]):
                total.broken.append(f"{name}: {len(torn)} readings nobody wrote")
    if left := [one.name for one in folder.iterdir() if ".tmp" in one.name]:
        total.broken.append(f"drafts are left: {left}")
    return total


def main() -> int:
    """Prints counts, or is one of the readers."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--threads", type=int, default=8)
    parser.add_argument("--processes", type=int, default=8)
    parser.add_argument("--read", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--until", type=float, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.read:
        json.dump(read_until(given.read, given.until, package=False), sys.stdout)
        return 0
    with tempfile.TemporaryDirectory() as folder:
        total = run(
            Path(folder),
            given.seconds,
            threads=given.threads,
            processes=given.processes,
        )
    for name, count in sorted(total.counts.items()):
        print(f"{name:<28}{count:>8}")
    print(f"broken: {len(total.broken)}")
    for one, count in Counter(total.broken).most_common(10):
        print(f"  {count} x {one}")
    return int(bool(total.broken))


if __name__ == "__main__":
    sys.exit(main())
