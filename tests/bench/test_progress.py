"""What a benchmark says where there is no terminal."""

import io

import pytest
from rich.console import Console

from da_zoo.bench import progress
from da_zoo.bench.progress import bench_progress


@pytest.fixture
def clock(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    return now


def test_a_log_gets_a_line_a_minute_and_one_at_the_end(clock):
    written = io.StringIO()
    with bench_progress(Console(file=written), True) as told:
        told.expect(8)
        told.advance("shift: dan", 1)  # too early to tell
        clock[0] = 60.0
        told.advance("shift: dann", 1)
        told.advance("shift: osbp", 0)  # undefined: no time, no line
        clock[0] = 90.0
        told.expect(3)  # the others were there already
        told.advance("shift: shot", 1)
    assert written.getvalue().splitlines() == [
        "2 of 8 row groups, 1:00 passed, about 3:00 left; last shift: dann",
        "3 of 3 row groups, 1:30 passed, about 0:00 left; last shift: shot",
    ]


def test_nothing_is_said_unasked(clock):
    written = io.StringIO()
    with bench_progress(Console(file=written), False) as told:
        told.expect(1)
        clock[0] = 100.0
        told.advance("shift: dan", 1)
    assert written.getvalue() == ""


def test_a_terminal_gets_a_bar():
    written = io.StringIO()
    console = Console(file=written, force_terminal=True, width=120)
    with bench_progress(console, True) as told:
        told.expect(2)
        told.advance("shift: dann", 1)
    assert "shift: dann" in written.getvalue()
    assert "1/2" in written.getvalue()
