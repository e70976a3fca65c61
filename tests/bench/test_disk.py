"""A full or read-only disk: one line, nothing harmed, and the same command goes on."""

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from da_zoo import whole_files
from da_zoo.bench import render
from da_zoo.bench.disk import disk_trouble
from da_zoo.bench.store import RowStore
from da_zoo.cli import main
from da_zoo.whole_files import whole_file
from tests.bench.fake_rows import make_rows

LIMITED = """
import resource, signal, sys
from da_zoo.cli import main
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[1]),) * 2)
sys.exit(main(sys.argv[2:]))
"""


def refuse(number):
    def raising(*args, **kwargs):
        raise OSError(number, os.strerror(number))

    return raising


def bench(scenarios, out, limit=2**40):
    pytest.importorskip("resource")
    words = "bench --budget smoke --tracks U --no-progress --methods coral,unadapted"
    words += f" --scenarios {scenarios} --out {out}"
    return subprocess.run(
        [sys.executable, "-c", LIMITED, str(limit), *words.split()],
        capture_output=True,
        text=True,
        timeout=300,
    )


@pytest.mark.slow
def test_a_disk_that_fills_harms_no_row_and_the_command_continues(tmp_path):
    out = tmp_path / "out"
    assert bench("plain_to_rot30", out).returncode == 0
    before = (out / "rows.jsonl").read_bytes()
    both = "plain_to_rot30,plain_to_over07"
    # Room for a part of the next group: the worst that can be.
    full = bench(both, out, len(before) + 700)
    assert full.returncode == 1, full.stderr
    (line,) = [one for one in full.stderr.splitlines() if one.startswith("da-zoo:")]
    assert line.startswith(f"da-zoo: {out} cannot be written (")
    assert line.endswith("and the same command continues")
    assert "Traceback" not in full.stderr
    assert (out / "rows.jsonl").read_bytes().startswith(before)
    assert not list(out.glob("**/.*.tmp*"))
    again = bench(both, out)
    assert again.returncode == 0, again.stderr
    rows, torn = RowStore.open(out).read()
    assert len(rows) == 4 and {row["status"] for row in rows} == {"ok"}
    assert len(torn) == 1


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS])
def test_a_folder_that_cannot_be_made_is_bad_input(
    number, monkeypatch, tmp_path, capsys
):
    monkeypatch.setattr("pathlib.Path.mkdir", refuse(number))
    words = ["bench", "--methods", "unadapted", "--out", str(tmp_path / "out")]
    assert main(words) == 2
    told = capsys.readouterr().err.strip().splitlines()
    assert f"cannot be written ({os.strerror(number)})" in told[-1]
    assert "name a folder that you may write to" in told[-1]


def unreadable(monkeypatch, path, number):
    """Root reads everything: the file refuses by itself."""
    opened = Path.open

    def refusing(self, *args, **kwargs):
        if self == path:
            raise OSError(number, os.strerror(number), str(self))
        return opened(self, *args, **kwargs)

    monkeypatch.setattr(Path, "open", refusing)


@pytest.mark.parametrize("number", [errno.EACCES, errno.EPERM, errno.EIO])
def test_a_suite_that_cannot_be_read_is_bad_input(
    number, monkeypatch, tmp_path, capsys
):
    monkeypatch.setattr("da_zoo.commands.bench.cache_programs", lambda: None)
    suite = tmp_path / "mine.toml"
    suite.write_text("")
    unreadable(monkeypatch, suite, number)
    words = ["bench", "--suite", str(suite), "--out", str(tmp_path / "out")]
    assert main(words) == 2
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert line.startswith(f"da-zoo: {suite} cannot be opened ({os.strerror(number)})")


def test_rows_that_cannot_be_read_are_no_output(monkeypatch, tmp_path, capsys):
    rows = RowStore.open(tmp_path).rows_path
    unreadable(monkeypatch, rows, errno.EACCES)
    assert main(["status", str(tmp_path)]) == 2
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert line.startswith(f"da-zoo: {rows} cannot be opened (Permission denied)")


@pytest.mark.parametrize(
    ("number", "file", "told"),
    [
        (errno.EACCES, "out/logits/aa.npz", True),
        (errno.EACCES, "out", True),
        (errno.EACCES, ".", True),  # a folder that out is to be made in
        (errno.EPERM, ".0123abcd.tmp.csv", True),  # what out is drafted as
        (errno.EIO, "data/a.csv", False),
        (errno.EACCES, "outer/a.csv", False),
        (errno.ENOSPC, "elsewhere/a.csv", True),
        (errno.ENOENT, "out/a.csv", False),
        (errno.EIO, None, True),  # of a file that was open: rows are synced
    ],
)
def test_what_is_written_is_told_from_what_is_read(tmp_path, number, file, told):
    path = None if file is None else str(tmp_path / file)
    reason = disk_trouble(OSError(number, "", path), tmp_path / "out")
    assert bool(reason) == told
    if told:
        assert reason.startswith(f"{tmp_path / 'out'} cannot be written (")
        assert path is None or path.removesuffix("/.") in reason


def test_reports_are_written_whole_or_not_at_all(monkeypatch, tmp_path):
    store = RowStore.open(tmp_path)
    groups = {}
    for row in make_rows(seeds=2):
        groups.setdefault(row["group"], []).append(row)
    (first, *others) = groups.values()
    store.append_group(first)
    render(tmp_path)
    names = [f"leaderboard.{kind}" for kind in ("json", "csv", "md", "tex")]
    names.append("report.html")
    before = {name: (tmp_path / name).read_bytes() for name in names}
    for own in others[:5]:
        store.append_group(own)
    with monkeypatch.context() as patch:
        patch.setattr(whole_files.os, "fsync", refuse(errno.ENOSPC))
        with pytest.raises(OSError, match="No space left"):
            render(tmp_path)
    assert {name: (tmp_path / name).read_bytes() for name in names} == before
    assert not list(tmp_path.glob(".*.tmp*"))
    render(tmp_path)
    after = {name: (tmp_path / name).read_bytes() for name in names}
    assert all(after[name] != before[name] for name in names[:3])


def test_a_file_that_is_there_stays_until_the_new_one_is_whole(tmp_path):
    path = tmp_path / "report.html"
    path.write_text("old")
    with pytest.raises(KeyboardInterrupt), whole_file(path) as draft:
        draft.write_text("ne")
        raise KeyboardInterrupt
    assert [one.name for one in tmp_path.iterdir()] == ["report.html"]
    assert path.read_text() == "old"
    with whole_file(path) as draft:
        draft.write_bytes(b"new")
    assert path.read_text() == "new"
