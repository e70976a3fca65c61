"""Gives memory that was freed back to the system.

Compiling takes and frees hundreds of MiB in small pieces, by many threads. The C
library keeps what is freed in pools of its own, in case it is wanted again. Between
pieces that are still held it rarely is, so that a process that compiles for hours grows
although it holds no more than before.
"""

import ctypes
import functools
from collections.abc import Callable

__all__ = ["give_back"]


@functools.lru_cache(maxsize=1)
def _trim() -> Callable[[int], int] | None:
    """Finds glibc's function; other C libraries have none."""
    try:
        found = ctypes.CDLL(None).malloc_trim
    except (AttributeError, OSError, TypeError):
        return None
    found.argtypes, found.restype = [ctypes.c_size_t], ctypes.c_int
    function: Callable[[int], int] = found
    return function


def give_back() -> bool:
    """Gives back what is free, where the C library can (Linux with glibc).

    Returns:
        Whether there was anything to give back.

    Example:
        >>> give_back() in (True, False)
        True
    """
    trim = _trim()
    return trim is not None and trim(0) == 1
