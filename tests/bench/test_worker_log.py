"""Workers log as their driver does: JSON stays an object per line."""

import inspect
import json
import logging

import pytest

from da_zoo.bench.launch import Task, workplace
from da_zoo.bench.launch.choice import order_of
from da_zoo.bench.launch.ray_worker import perform
from da_zoo.bench.launch.worker import serve
from da_zoo.logs import log_event, logging_to_stderr, warn_event


def order(form, level):
    with logging_to_stderr(form, level):
        return order_of("embedded", {}, None, [], False)


def work(order):
    """What a worker may say."""
    log_event("data_note", "a note that the driver has told")
    warn_event("metrics_writer_failed", "the disk is full", writer="x")
    logging.getLogger("another").error("of another library")


class Place:
    def __init__(self, order):
        self.order = order

    def perform(self, task, on_begin=lambda: None):
        work(self.order)
        return []


class Pipe:
    """Gives a worker one task."""

    def __init__(self):
        self.tasks, self.told = [Task((), ())], []

    def recv(self):
        if not self.tasks:
            raise EOFError
        return self.tasks.pop()

    def send(self, said):
        self.told.append(said)


def in_process(order):
    pipe = Pipe()
    inspect.unwrap(serve)(pipe, order)
    assert pipe.told == [("ready", None), ("rows", [])]


def on_ray(order):
    *_, rows = perform(order, Task((), ()), 60.0)
    assert rows == []


@pytest.fixture(params=[in_process, on_ray])
def worker(request, monkeypatch):
    monkeypatch.setattr(workplace, "workplace", Place)
    monkeypatch.setattr("signal.signal", lambda *args: None)
    return request.param


def test_workers_write_an_object_per_line(worker, capsys):
    worker(order("json", "info"))
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert [line["event"] for line in lines] == ["metrics_writer_failed", "log"]
    assert lines[0]["writer"] == "x" and lines[1]["logger"] == "another"


def test_workers_tell_no_more_than_was_asked_for(worker, capsys):
    worker(order("text", "error"))
    assert capsys.readouterr().err == ""
    worker(order("text", "debug"))
    told = capsys.readouterr().err
    assert told == "a note that the driver has told\nthe disk is full\n"


def test_without_a_log_of_ours_a_worker_sets_none_up():
    assert order_of("embedded", {}, None, [], False).log is None
