"""What several commands need."""

import os
from pathlib import Path

__all__ = ["cache_programs", "names"]


def names(text: str) -> list[str]:
    """Parts words at commas.

    Example:
        >>> names("a, b")
        ['a', 'b']
    """
    return [name.strip() for name in text.split(",") if name.strip()]


def cache_programs() -> None:
    """Keeps compiled programs between runs: compiling is most of a short benchmark."""
    import jax

    home = os.environ.get("XDG_CACHE_HOME", str(Path.home() / ".cache"))
    folder = os.environ.get("DA_ZOO_CACHE", str(Path(home) / "da_zoo" / "jax"))
    if jax.config.values["jax_compilation_cache_dir"] is None:
        jax.config.update("jax_compilation_cache_dir", folder)
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
