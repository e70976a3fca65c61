"""Lines on stderr: text as people read it, JSON as machines do."""

import datetime
import io
import json
import logging
import warnings
from pathlib import Path

import jax
import numpy as np
import pytest

from da_zoo.logs import LOGGER, draws_bars, log_event, logging_to_stderr


def lines(capsys):
    return [json.loads(line) for line in capsys.readouterr().err.splitlines()]


def test_json_lines_have_time_level_event_and_fields(capsys):
    before = datetime.datetime.now(datetime.UTC)
    with logging_to_stderr("json"):
        log_event("group_finished", scenario="s", seeds=[0, 1], seconds=float("nan"))
        log_event("note", "two\nlines [bold]:smile:", level="warning", path=Path("a"))
        log_event("counted", n=np.int64(3), shares=np.array([0.5, np.inf]))
        log_event("chunk", level="debug")
    first, second, third = lines(capsys)
    moment = datetime.datetime.fromisoformat(first.pop("time"))
    assert moment.utcoffset() == datetime.timedelta(0)
    assert abs(moment - before) < datetime.timedelta(minutes=1)
    assert first == {
        "level": "info",
        "event": "group_finished",
        "scenario": "s",
        "seeds": [0, 1],
        "seconds": None,
    }
    assert second["message"] == "two\nlines [bold]:smile:"
    assert (second["level"], second["path"]) == ("warning", "a")
    assert (third["n"], third["shares"]) == (3, [0.5, None])


def test_text_is_what_people_are_told_and_no_more(capsys):
    with logging_to_stderr():
        log_event("note", "kept [as it] is :smile: " + "x" * 200, n=1)
        log_event("group_finished", method="dann")
        logging.getLogger("another").info("not ours")
    assert capsys.readouterr().err == f"kept [as it] is :smile: {'x' * 200}\n"
    with logging_to_stderr("text", "debug"):
        log_event("group_finished", method="dann")
    assert capsys.readouterr().err == "group_finished method=dann\n"


@pytest.mark.parametrize("form", ["text", "json"])
def test_the_level_holds(form, capsys):
    with logging_to_stderr(form, "warning"):
        log_event("progress", "1 of 2")
        assert capsys.readouterr().err == ""
        log_event("row_unreadable", "line 3", level="warning")
        assert "line 3" in capsys.readouterr().err


def test_warnings_and_other_loggers_are_json_too(capsys):
    with warnings.catch_warnings(), logging_to_stderr("json"):
        warnings.simplefilter("always")
        warnings.warn("groups of 4", stacklevel=1)
        logging.getLogger("jax._src.somewhere").warning("no accelerator")
        logging.getLogger("jax._src.somewhere").info("unasked")
    first, second = lines(capsys)
    assert (first["event"], first["logger"]) == ("warning", "py.warnings")
    assert "UserWarning: groups of 4" in first["message"]
    assert (second["event"], second["message"]) == ("log", "no accelerator")


def test_everything_is_as_before_afterwards(capsys):
    before = (list(logging.getLogger().handlers), list(LOGGER.handlers), LOGGER.level)
    shown = warnings.showwarning
    assert draws_bars()
    with pytest.raises(RuntimeError), logging_to_stderr("json", "debug"):
        assert not draws_bars()
        with logging_to_stderr("text"):
            assert draws_bars()
        raise RuntimeError
    assert draws_bars()
    after = (list(logging.getLogger().handlers), list(LOGGER.handlers), LOGGER.level)
    assert after == before
    assert warnings.showwarning is shown


@pytest.mark.parametrize("form", ["text", "json"])
def test_only_errors_are_told_by_other_processes(form, capsys, monkeypatch):
    monkeypatch.setattr(jax.distributed, "is_initialized", lambda: True)
    monkeypatch.setattr(jax, "process_index", lambda: 3)
    with logging_to_stderr(form):
        log_event("progress", "1 of 2", level="warning")
        assert capsys.readouterr().err == ""
        log_event("crashed", "out of memory", level="error")
    if form == "json":
        assert lines(capsys)[0]["process"] == 3
    else:
        assert capsys.readouterr().err == "out of memory\n"


@pytest.mark.parametrize("wrong", [{"format": "xml"}, {"level": "loud"}])
def test_wrong_options_are_refused(wrong):
    with pytest.raises(ValueError, match="must be one of"), logging_to_stderr(**wrong):
        pass


def test_text_is_told_once_though_a_library_set_up_the_root_logger(capsys):
    root, heard = logging.getLogger(), io.StringIO()
    handler = logging.StreamHandler(heard)
    root.addHandler(handler)
    try:
        with logging_to_stderr("text"):
            log_event("expected_cost", "two hours")
        assert logging.getLogger("da_zoo").propagate  # given back
    finally:
        root.removeHandler(handler)
    assert capsys.readouterr().err == "two hours\n"
    assert heard.getvalue() == ""
