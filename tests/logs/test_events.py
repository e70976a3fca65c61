"""Events are silent until asked for, and then say what happened."""

import logging
import sys

import jax
import pytest

from da_zoo.logs import LOGGER, log_event
from da_zoo.logs.events import is_first_process


def test_a_library_is_silent(capsys):
    # Without a handler of its own, the last resort would print a warning.
    log_event("group_finished", "one is done", level="error")
    out, err = capsys.readouterr()
    assert out == err == ""


def test_an_application_gets_events_by_its_own_handlers(caplog):
    with caplog.at_level(logging.INFO, logger="da_zoo"):
        log_event("progress", "1 of 2", done=1)
        log_event("group_finished", method="dann", seeds=[0, 1])
        log_event("chunk", level="debug")
    assert caplog.messages == ["1 of 2", "group_finished method=dann seeds=[0, 1]"]
    first, second = caplog.records
    assert (first.event, first.fields, first.told) == ("progress", {"done": 1}, True)
    assert not second.told


@pytest.mark.parametrize("name", ["time", "message", "event_", "process"])
def test_a_field_may_not_hide_what_every_line_has(name):
    if name == "event_":
        log_event("e", event_=1)
        return
    with pytest.raises(ValueError, match=f"may not be called {name}"):
        log_event("e", **{name: 1})


def test_an_unknown_level_is_refused():
    with pytest.raises(ValueError, match="got 'loud'"):
        log_event("e", level="loud")


def test_of_several_processes_the_first_speaks(monkeypatch):
    monkeypatch.setattr(jax.distributed, "is_initialized", lambda: True)
    monkeypatch.setattr(jax, "process_index", lambda: 1)
    assert not is_first_process()
    monkeypatch.setattr(jax, "process_index", lambda: 0)
    assert is_first_process()


def test_asking_who_speaks_starts_no_backend(monkeypatch):
    def started() -> int:
        raise RuntimeError("a backend was started before a device was chosen")

    monkeypatch.setattr(jax, "process_index", started)
    assert is_first_process()
    monkeypatch.delitem(sys.modules, "jax")
    assert is_first_process()


def test_the_logger_is_called_as_the_package():
    assert LOGGER is logging.getLogger("da_zoo")
    assert any(isinstance(h, logging.NullHandler) for h in LOGGER.handlers)
