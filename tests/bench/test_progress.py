"""What a benchmark says where there is no terminal."""

import io
import json

import pytest
from rich.console import Console

from da_zoo.bench import progress
from da_zoo.bench.progress import bench_progress
from da_zoo.logs import logging_to_stderr


@pytest.fixture
def clock(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    return now


def test_a_log_gets_a_line_a_minute_and_one_at_the_end(clock, capsys):
    with logging_to_stderr(), bench_progress(Console(file=io.StringIO()), True) as told:
        told.expect(8)
        told.advance("shift: dan", 1)  # too early to tell
        clock[0] = 60.0
        told.advance("shift: dann", 1)
        told.advance("shift: osbp", 0)  # undefined: no time, no line
        clock[0] = 90.0
        told.expect(3)  # the others were there already
        told.advance("shift: shot", 1)
    assert capsys.readouterr().err.splitlines() == [
        "2 of 8 row groups, 1:00 passed, about 3:00 left; last shift: dann",
        "3 of 3 row groups, 1:30 passed, about 0:00 left; last shift: shot",
    ]


def test_nothing_is_said_unasked(clock, capsys):
    written = io.StringIO()
    with logging_to_stderr(), bench_progress(Console(file=written), False) as told:
        told.expect(1)
        clock[0] = 100.0
        told.advance("shift: dan", 1)
    assert written.getvalue() == capsys.readouterr().err == ""


def test_a_terminal_gets_no_bar_between_lines_of_json(clock, capsys):
    written = io.StringIO()
    console = Console(file=written, force_terminal=True, width=120)
    with logging_to_stderr("json"), bench_progress(console, True) as told:
        told.expect(1)
        clock[0] = 61.04
        told.advance("shift: dann", 1)
    assert written.getvalue() == ""
    line = json.loads(capsys.readouterr().err)
    assert (line["event"], line["done"], line["total"]) == ("progress", 1, 1)
    assert (line["seconds"], line["last"]) == (61.0, "shift: dann")


def test_a_terminal_gets_a_bar():
    written = io.StringIO()
    console = Console(file=written, force_terminal=True, width=120)
    with bench_progress(console, True) as told:
        told.expect(2)
        told.advance("shift: dann", 1)
    assert "shift: dann" in written.getvalue()
    assert "1/2" in written.getvalue()
    assert (told.done, told.total) == (1, 2)
