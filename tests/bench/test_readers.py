"""Whoever reads a results folder while it is written sees whole files."""

import threading
import time

import da_zoo.bench  # noqa: F401  what takes long is imported before time is counted
from benchmarks.readers import FILES, check, read_until, run


def test_sixteen_readers_see_whole_files(tmp_path):
    total = run(tmp_path / "results", 2.5, threads=8, processes=8)
    assert total.broken == []
    for name in FILES:
        # The content has to have changed under the readers, or nothing was tested.
        assert total.counts[f"written: {name}"] >= 3
        assert total.counts[name] >= 32
    assert total.counts["rows.jsonl, RowStore"] >= 16
    assert total.counts["rows.jsonl, line by line"] >= 32


def test_the_reader_sees_what_is_broken(tmp_path):
    broken = {
        "leaderboard.md": b"| a |\n| b",
        "leaderboard.csv": b"a,b\n1,2\n3\n",
        "leaderboard.json": b'{"a": [1,\n',
        "leaderboard.tex": b"\\begin{tabular}\n",
        "report.html": b"<html><body>",
        "selection.json": b"",
    }
    for name, content in broken.items():
        (tmp_path / name).write_bytes(content)
    (tmp_path / "rows.jsonl").write_bytes(b'{"seed": 1\n')
    seen = read_until(tmp_path, time.time() + 0.01, package=False)
    assert {line.split(":")[0] for line in seen.broken} == {
        *broken,
        "rows.jsonl, line by line",
    }


def test_a_file_written_in_place_would_be_seen(tmp_path):
    # What the folder's files would be like without whole_file: a reader meets halves.
    path, halves, stop = tmp_path / "leaderboard.json", [], threading.Event()
    whole = '{"a": "' + "x" * 4_000_000 + '"}\n'
    path.write_text(whole)

    def read() -> None:
        while not stop.is_set():
            try:
                check(path.name, path.read_bytes())
            except ValueError:
                halves.append(1)

    reader = threading.Thread(target=read)
    reader.start()
    end = time.time() + 20
    while not halves and time.time() < end:
        path.write_text(whole)
    stop.set()
    reader.join()
    assert halves
