"""What several commands need."""

import argparse
import json
import os
from pathlib import Path
from typing import Any

__all__ = ["cache_programs", "names", "setting", "tensorboard_option"]


def names(text: str) -> list[str]:
    """Parts words at commas.

    Example:
        >>> names("a, b")
        ['a', 'b']
    """
    return [name.strip() for name in text.split(",") if name.strip()]


def setting(text: str) -> tuple[str, Any]:
    """Reads NAME=VALUE; a value is JSON where it can be, else text.

    Raises:
        argparse.ArgumentTypeError: for anything else.

    Example:
        >>> setting("side=64"), setting("how=words")
        (('side', 64), ('how', 'words'))
    """
    name, equals, value = text.partition("=")
    if not equals or not name.strip():
        raise argparse.ArgumentTypeError(f"must be NAME=VALUE, got {text!r}")
    try:
        return name.strip(), json.loads(value)
    except (ValueError, RecursionError):
        return name.strip(), value


def tensorboard_option(parser: argparse.ArgumentParser) -> None:
    """Adds the option of commands that train.

    Example:
        >>> parser = argparse.ArgumentParser()
        >>> tensorboard_option(parser)
        >>> parser.parse_args(["--tensorboard", "runs"]).tensorboard
        'runs'
    """
    parser.add_argument(
        "--tensorboard",
        metavar="DIR",
        help="write metrics for TensorBoard there too (extra tensorboard)",
    )


def cache_programs() -> None:
    """Keeps compiled programs between runs: compiling is most of a short benchmark."""
    import jax

    home = os.environ.get("XDG_CACHE_HOME", str(Path.home() / ".cache"))
    folder = os.environ.get("DA_ZOO_CACHE", str(Path(home) / "da_zoo" / "jax"))
    if jax.config.values["jax_compilation_cache_dir"] is None:
        jax.config.update("jax_compilation_cache_dir", folder)
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
