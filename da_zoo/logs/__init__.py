"""What happens, as events with fields: text for people, JSON lines for machines.

Everything is said through the standard library's logger ``da_zoo``, which is silent
until an application gives it a handler. The command ``da-zoo`` does, by
:func:`logging_to_stderr`; a notebook or a script may do the same, or use its own.
"""

from da_zoo.logs.events import LEVELS, LOGGER, log_event, warn_event
from da_zoo.logs.output import (
    CONSOLE,
    FORMATS,
    draws_bars,
    log_to_hand_on,
    logging_to_stderr,
)

__all__ = [
    "CONSOLE",
    "FORMATS",
    "LEVELS",
    "LOGGER",
    "draws_bars",
    "log_event",
    "log_to_hand_on",
    "logging_to_stderr",
    "warn_event",
]
