"""The command line's parser: every command takes the options of its log."""

import argparse
from collections.abc import Sequence
from typing import Any, NoReturn

from da_zoo.logs import FORMATS, LEVELS, draws_bars, log_event

__all__ = ["Parser", "log_options"]


class Parser(argparse.ArgumentParser):
    """A parser whose subcommands, being made of its class, have the options too.

    Example:
        >>> parser = Parser(prog="da-zoo")
        >>> commands = parser.add_subparsers()
        >>> _ = commands.add_parser("bench")
        >>> parser.parse_args(["bench", "--log-level", "error"]).log_level
        'error'
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        log = self.add_argument_group("log")
        # Suppressed: a subcommand's default would hide what was said before its name.
        log.add_argument(
            "--log-format",
            choices=FORMATS,
            default=argparse.SUPPRESS,
            help="of what is said on stderr; json: an object per line, and no bars; "
            "default: text",
        )
        log.add_argument(
            "--log-level",
            choices=LEVELS,
            default=argparse.SUPPRESS,
            help="the least that is said there; default: info",
        )

    def error(self, message: str) -> NoReturn:
        """Ends the process, in the form that the log has."""
        if draws_bars():
            super().error(message)
        log_event("usage", f"{self.prog}: error: {message}", level="error")
        self.exit(2)


def log_options(words: Sequence[str]) -> dict[str, str]:
    """Finds the log's options before the words are parsed: parsing may fail already.

    Args:
        words: of the command line.

    Returns:
        ``format`` and ``level``; what could not be right is left to the parser.

    Example:
        >>> log_options(["bench", "--log-format=json", "--log-level", "error"])
        {'format': 'json', 'level': 'error'}
        >>> log_options(["bench", "--log-format", "xml"])
        {'format': 'text', 'level': 'info'}
    """
    found = {"format": "text", "level": "info"}
    known = {"format": FORMATS, "level": LEVELS}
    for place, word in enumerate(words):
        flag, equals, value = word.partition("=")
        value = value if equals else " ".join(words[place + 1 : place + 2])
        name = flag.removeprefix("--log-")
        if flag == f"--log-{name}" and value in known.get(name, ()):
            found[name] = value
    return found
