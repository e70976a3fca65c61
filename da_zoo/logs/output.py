"""Where events go: lines of text or JSON on stderr."""

import datetime
import json
import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console

from da_zoo.json_files import strict_json
from da_zoo.logs.events import LEVELS, LOGGER, is_first_process

__all__ = [
    "CONSOLE",
    "FORMATS",
    "draws_bars",
    "log_to_hand_on",
    "logging_to_stderr",
    "raw_line",
]

FORMATS = ("text", "json")

CONSOLE = Console(stderr=True)
"""Bars and lines share it, so that a line is written above a bar and not through it."""

_open: list[tuple[str, str]] = []
"""Format and level of the blocks of :func:`logging_to_stderr` that are open, the
innermost last."""


def draws_bars() -> bool:
    """Whether a progress bar may be drawn: not between lines of JSON.

    Example:
        >>> draws_bars()
        True
    """
    return not _open or _open[-1][0] != "json"


def log_to_hand_on() -> tuple[str, str] | None:
    """Returns what another process would have to log by to fit in between.

    Returns:
        Format and level for its :func:`logging_to_stderr`; None outside of one, where
        the log is the application's.

    Example:
        >>> with logging_to_stderr("json", "error"):
        ...     log_to_hand_on()
        ('json', 'error')
    """
    return _open[-1] if _open else None


@contextmanager
def logging_to_stderr(format: str = "text", level: str = "info") -> Iterator[None]:
    """Writes what is logged to stderr while the block runs.

    In "json" everything that goes through :mod:`logging` is written, of other
    libraries from warnings on, and Python's warnings too: a JSON object per line. Of
    several processes the first speaks for all; errors are told by each.

    Args:
        format: one of :data:`FORMATS`.
        level: the least that is told, one of :data:`da_zoo.logs.LEVELS`.

    Raises:
        ValueError: for another format or level.

    Example:
        >>> from da_zoo.logs import log_event
        >>> with logging_to_stderr("json"):
        ...     log_event("benchmark_started", suite="embedded")
    """
    if format not in FORMATS:
        raise ValueError(f"format must be one of {', '.join(FORMATS)}, got {format!r}")
    if level not in LEVELS:
        raise ValueError(f"level must be one of {', '.join(LEVELS)}, got {level!r}")
    as_json = format == "json"
    handler = _JsonHandler() if as_json else _TextHandler()
    handler.addFilter(_is_to_be_told)
    # Other libraries' text stays where they put it; their lines would not be JSON.
    to = logging.getLogger() if as_json else LOGGER
    before, passed_on = LOGGER.level, LOGGER.propagate
    # A library that sets up the root logger, as some do, must not say it all again.
    LOGGER.propagate = as_json
    to.addHandler(handler)
    LOGGER.setLevel(level.upper())
    _open.append((format, level))
    if as_json:
        logging.captureWarnings(True)
    try:
        yield
    finally:
        _open.pop()
        if as_json:
            logging.captureWarnings(False)
        LOGGER.setLevel(before)
        LOGGER.propagate = passed_on
        to.removeHandler(handler)


def raw_line(event: str, told: str, /, **fields: Any) -> bytes:
    r"""Makes a warning's line for a signal handler, which may wait for no lock.

    Args:
        event: its name.
        told: what a person reads.
        **fields: as for :func:`da_zoo.logs.log_event`.

    Returns:
        What to hand to ``os.write(2, ...)``: JSON between lines of JSON, else text on a
        line of its own, also where a progress bar stands.

    Example:
        >>> raw_line("finishing", "one moment", in_flight=2)
        b'\none moment\n'
    """
    if draws_bars():
        return f"\n{told}\n".encode()
    parts = {"name": LOGGER.name, "levelname": "WARNING", "msg": "%s", "args": (told,)}
    record = logging.makeLogRecord({**parts, "event": event, "fields": fields})
    return f"{_as_json(record)}\n".encode()


def _is_to_be_told(record: logging.LogRecord) -> bool:
    # The first process cannot know why another one ended.
    return record.levelno >= logging.ERROR or is_first_process()


class _TextHandler(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        if not getattr(record, "told", True) and LOGGER.level > logging.DEBUG:
            return
        try:
            CONSOLE.print(
                self.format(record),
                style="yellow" if record.levelno == logging.WARNING else None,
                markup=False,
                highlight=False,
                emoji=False,
                soft_wrap=True,
            )
        except Exception:  # a full disk behind stderr ends no training
            self.handleError(record)


class _JsonHandler(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        try:
            # One write: lines of several threads and processes stay whole.
            sys.stderr.write(_as_json(record) + "\n")
            sys.stderr.flush()
        except Exception:
            self.handleError(record)


def _as_json(record: logging.LogRecord) -> str:
    moment = datetime.datetime.fromtimestamp(record.created, datetime.UTC)
    line: dict[str, Any] = {
        "time": moment.isoformat(timespec="milliseconds"),
        "level": record.levelname.lower(),
        "event": getattr(record, "event", None)
        or ("warning" if record.name == "py.warnings" else "log"),
        **getattr(record, "fields", {}),
    }
    if getattr(record, "told", True):
        line["message"] = record.getMessage().strip()
    if record.name != LOGGER.name:
        line["logger"] = record.name
    if not is_first_process():
        line["process"] = sys.modules["jax"].process_index()
    if record.exc_info:
        line["traceback"] = logging.Formatter().formatException(record.exc_info)
    return json.dumps(strict_json(line, other=str), allow_nan=False)
