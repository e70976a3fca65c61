"""The command ``da-zoo``."""

import os
import sys
from collections.abc import Sequence

from da_zoo.commands import (
    adapt,
    advise,
    bench,
    data,
    predict,
    registry,
    results,
    retry,
    select,
)
from da_zoo.commands.parser import Parser, log_options
from da_zoo.logs import LOGGER, draws_bars, log_event, logging_to_stderr
from da_zoo.stopping import TrainingStoppedError

__all__ = ["main"]

COMMANDS = (adapt, predict, data, bench, retry, select, advise, results, registry)
"""Modules with one or two subcommands each, in the order in which help lists them."""


def _parser() -> Parser:
    parser = Parser(
        prog="da-zoo",
        description="Domain adaptation and transfer learning for JAX.",
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for module in COMMANDS:
        module.add(commands)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command line.

    Args:
        argv: the words after ``da-zoo``; None means the process's own.

    Returns:
        0 if all went well, 1 if something failed on the way (row groups, the disk), 2
        for bad input (the message is on stderr), 130 if interrupted, 143 if terminated.

    Raises:
        SystemExit: for words that no command has, and after ``--help``.

    Example:
        >>> main(["list", "suites"])  # doctest: +ELLIPSIS
        amazon ...
        0
    """
    words = sys.argv[1:] if argv is None else list(argv)
    with logging_to_stderr(**log_options(words)):
        return _run(words)


def _run(words: Sequence[str]) -> int:
    arguments = _parser().parse_args(words)
    try:
        code: int = arguments.run(arguments)
        sys.stdout.flush()
        return code
    except (ValueError, TypeError) as error:
        log_event("refused", f"da-zoo: {error}", level="error")
        return 2
    except TrainingStoppedError as error:
        log_event("stopped", f"da-zoo: {error}", level="warning")
        return 128 + error.number
    except BrokenPipeError:
        # The reader (head, a pager) has had enough; nothing is left to write to.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        continues = arguments.command in ("bench", "retry")
        more = "; the same command continues" if continues else ""
        log_event("interrupted", f"da-zoo: interrupted{more}", level="warning")
        return 130
    except Exception as error:
        out = getattr(arguments, "out", None)
        if isinstance(error, OSError) and (code := _told(error, out)):
            return code
        if draws_bars():
            raise
        LOGGER.exception("%s", error, extra={"event": "crashed"})
        return 1


def _told(error: OSError, out: str | None) -> int:
    """Says what was wrong with the disk or a file; the status, 0 for something else."""
    from da_zoo.bench.disk import disk_trouble, file_trouble

    if reason := disk_trouble(error, out):
        log_event("disk", f"da-zoo: {reason}", level="error")
        return 1
    if reason := file_trouble(error):
        log_event("refused", f"da-zoo: {reason}", level="error")
        return 2
    return 0
