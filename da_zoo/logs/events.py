"""Events: a name, fields, and what a person is told of them."""

import logging
import sys
import warnings
from typing import Any

__all__ = [
    "LEVELS",
    "LOGGER",
    "RESERVED",
    "is_first_process",
    "log_event",
    "warn_event",
]

LOGGER = logging.getLogger("da_zoo")
# A library is silent, and leaves it to the application what is shown where.
LOGGER.addHandler(logging.NullHandler())

LEVELS = ("debug", "info", "warning", "error")
"""From the most that is said to the least."""

RESERVED = ("time", "level", "event", "message", "logger", "process", "traceback")
"""Names that a JSON line has already, beside an event's own fields."""


def log_event(
    event: str, told: str | None = None, /, *, level: str = "info", **fields: Any
) -> None:
    """Logs an event.

    Args:
        event: its name, a word that a program can look for, such as "group_finished".
        told: what a person reads; None keeps it from a person's screen, unless that
            person asked for ``--log-level debug``.
        level: one of :data:`LEVELS`.
        **fields: what happened, as text, numbers, and lists of them.

    Raises:
        ValueError: for another level, or a field called like one of
            :data:`RESERVED`.

    Example:
        >>> log_event("group_finished", method="dann", seeds=[0, 1], status="ok")
        >>> log_event("group_finished", time=3.0)
        Traceback (most recent call last):
        ...
        ValueError: a field may not be called time: every line has one of its own
    """
    if level not in LEVELS:
        raise ValueError(f"level must be one of {', '.join(LEVELS)}, got {level!r}")
    for name in RESERVED:
        if name in fields:
            raise ValueError(
                f"a field may not be called {name}: every line has one of its own"
            )
    number = getattr(logging, level.upper())
    if not LOGGER.isEnabledFor(number):
        return
    message = told
    if told is None:
        message = " ".join([event, *(f"{k}={v}" for k, v in fields.items())])
    extra = {"event": event, "fields": fields, "told": told is not None}
    LOGGER.log(number, "%s", message, extra=extra, stacklevel=2)


def warn_event(event: str, told: str, /, **fields: Any) -> None:
    """Logs a warning; where nobody listens to the log, warns as Python does.

    Args:
        event: its name.
        told: what a person reads.
        **fields: as for :func:`log_event`.

    Example:
        >>> from da_zoo.logs import logging_to_stderr
        >>> with logging_to_stderr():
        ...     warn_event("metrics_writer_failed", "the disk is full")
    """
    handlers = [*LOGGER.handlers, *logging.getLogger().handlers]
    if all(isinstance(one, logging.NullHandler) for one in handlers):
        warnings.warn(told, RuntimeWarning, stacklevel=3)
    else:
        log_event(event, told, level="warning", **fields)


def is_first_process() -> bool:
    """Whether this process speaks for all: of several, only the first does.

    Example:
        >>> is_first_process()
        True
    """
    # Asking JAX for its processes starts its backend, which must not happen before a
    # device is chosen; and a command that needs no JAX does not load it for this.
    jax = sys.modules.get("jax")
    if jax is None or not jax.distributed.is_initialized():
        return True
    return bool(jax.process_index() == 0)
