"""The command ``da-zoo``."""

import argparse
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

__all__ = ["main"]

COMMANDS = (adapt, predict, data, bench, retry, select, advise, results, registry)
"""Modules with one or two subcommands each, in the order in which help lists them."""


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
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
        0 if all went well, 2 for bad input (the message is on stderr), 130 if
        interrupted.

    Example:
        >>> main(["list", "suites"])  # doctest: +ELLIPSIS
        amazon ...
        0
    """
    arguments = _parser().parse_args(argv)
    try:
        code: int = arguments.run(arguments)
        sys.stdout.flush()
        return code
    except (ValueError, TypeError) as error:
        print(f"da-zoo: {error}", file=sys.stderr)
        return 2
    except BrokenPipeError:
        # The reader (head, a pager) has had enough; nothing is left to write to.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        more = "; the same command continues" if arguments.command == "bench" else ""
        print(f"da-zoo: interrupted{more}", file=sys.stderr)
        return 130
