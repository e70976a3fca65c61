"""Signals: the first interrupt finishes what is in flight, others leave at once."""

import json
import os
import signal
import threading
import time

import pytest

from da_zoo.bench.signals import BenchStop, BenchStopped
from da_zoo.bench.store import RowStore
from da_zoo.logs import log_event, logging_to_stderr
from tests.bench.commands import commands_in

CONTINUES = "; the same command continues"


def test_an_interrupt_with_nothing_in_flight_leaves_at_once():
    with BenchStop().listening(), pytest.raises(BenchStopped) as caught:
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(5)
    assert (caught.value.code, str(caught.value)) == (130, f"interrupted{CONTINUES}")


def test_the_first_interrupt_lets_groups_end_and_the_second_does_not(capfd):
    stop = BenchStop()
    stop.in_flight = lambda: 3
    with pytest.raises(BenchStopped) as caught, stop.listening():
        stop.check()
        os.kill(os.getpid(), signal.SIGINT)
        assert stop.asked()
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(5)
    assert caught.value.code == 130
    told = "finishing 3 row groups in flight; once more to leave at once"
    assert capfd.readouterr().err.count(told) == 1
    with pytest.raises(BenchStopped):
        stop.check()


def test_between_lines_of_json_the_first_interrupt_is_one(capfd):
    stop = BenchStop()
    stop.in_flight = lambda: 1
    with logging_to_stderr("json"), stop.listening():
        log_event("before")
        os.kill(os.getpid(), signal.SIGINT)
        log_event("after")
    lines = [json.loads(line) for line in capfd.readouterr().err.splitlines()]
    before, told, after = lines
    assert (before["event"], after["event"]) == ("before", "after")
    assert (told["event"], told["level"]) == ("finishing", "warning")
    assert told["in_flight"] == 1 and told["time"]
    assert "once more to leave at once" in told["message"]


def test_a_termination_waits_for_a_write_and_for_nothing_else():
    stop = BenchStop()
    stop.in_flight = lambda: 3
    written = []
    with pytest.raises(BenchStopped) as caught, stop.listening():
        with stop.writing():
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(0.01)
            written.append(1)
        written.append(2)
    assert written == [1]
    assert (caught.value.code, str(caught.value)) == (143, f"terminated{CONTINUES}")


def test_code_that_swallows_the_status_does_not_change_it():
    with pytest.raises(BenchStopped) as caught, BenchStop().listening():
        try:
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(5)
        except KeyboardInterrupt:
            raise KeyboardInterrupt from None  # as Ray's compiled code does
    assert caught.value.code == 143


def test_handlers_are_put_back_and_other_threads_have_none():
    before = signal.getsignal(signal.SIGTERM)
    with BenchStop().listening():
        assert signal.getsignal(signal.SIGTERM) is not before
        seen = []

        def elsewhere():
            with BenchStop().listening():
                seen.append(signal.getsignal(signal.SIGTERM))

        own = signal.getsignal(signal.SIGTERM)
        thread = threading.Thread(target=elsewhere)
        thread.start()
        thread.join()
        assert seen == [own]
    assert signal.getsignal(signal.SIGTERM) is before


@pytest.fixture
def start(tmp_path):
    """Starts a benchmark of a method that waits for a file, and of another."""
    with commands_in(tmp_path) as start:

        def begin(launcher="serial"):
            words = "bench --budget smoke --steps 5 --tracks U --no-progress"
            words += " --scenarios plain_to_rot30,plain_to_over07 --out out"
            words += " --no-baselines --methods unadapted --method own:slow"
            return start(f"{words} --launcher {launcher}")

        yield begin


def wait_for(condition, process, seconds=120):
    end = time.monotonic() + seconds
    while not condition():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.02)


def methods_of(out):
    rows, problems = RowStore.open(out, create=False).read()
    assert problems == []
    assert [row["status"] for row in rows] == ["ok"] * len(rows)
    return sorted(row["method"] for row in rows)


@pytest.mark.slow
@pytest.mark.parametrize("launcher", ["serial", "processes"])
def test_one_interrupt_finishes_and_writes_what_is_in_flight(launcher, start, tmp_path):
    process = start(launcher)
    wait_for(lambda: list(tmp_path.glob("begun*")), process)
    process.send_signal(signal.SIGINT)
    time.sleep(0.5)
    assert process.poll() is None
    (tmp_path / "go").touch()
    _, told = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "in flight; once more to leave at once" in told
    assert told.rstrip().endswith(f"da-zoo: interrupted{CONTINUES}")
    found = methods_of(tmp_path / "out")
    assert "slow" in found
    assert len(found) < 4, "new groups were begun"
    assert not (tmp_path / "out" / "report.html").exists()


@pytest.mark.slow
@pytest.mark.parametrize("launcher", ["serial", "processes"])
@pytest.mark.parametrize(
    ("signals", "code", "word"),
    [
        ([signal.SIGINT, signal.SIGINT], 130, "interrupted"),
        ([signal.SIGTERM], 143, "terminated"),
    ],
)
def test_leaving_at_once_waits_for_no_group_and_the_same_command_continues(
    launcher, signals, code, word, start, tmp_path
):
    process = start(launcher)
    wait_for(lambda: list(tmp_path.glob("begun*")), process)
    began = time.monotonic()
    for number in signals:
        process.send_signal(number)
        time.sleep(0.5)
    _, told = process.communicate(timeout=20)
    assert time.monotonic() - began < 10
    assert process.returncode == code, told
    assert told.rstrip().endswith(f"da-zoo: {word}{CONTINUES}")
    assert "slow" not in methods_of(tmp_path / "out")
    assert list(tmp_path.glob("out/**/.*.tmp*")) == []
    if launcher == "serial" and code == 143:
        (tmp_path / "go").touch()
        again = start(launcher)
        again.communicate(timeout=120)
        assert again.returncode == 0
        assert methods_of(tmp_path / "out") == ["slow"] * 2 + ["unadapted"] * 2
