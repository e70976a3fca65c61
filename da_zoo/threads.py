"""Threads: what JAX leaves of a machine's cores, put to use.

Compiled programs run outside Python's lock, and XLA:CPU gives most operations of a
small network one core, so threads that each run a program of their own add up.
"""

import os
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from contextlib import contextmanager
from typing import Any, TypeVar

import jax

__all__ = ["one_at_a_time", "one_blas_thread", "side_by_side", "worker_count"]

Item = TypeVar("Item")
Result = TypeVar("Result")


def worker_count(workers: int | None) -> int:
    """Returns how many threads to use: as asked, or one per core of a CPU.

    Raises:
        ValueError: for fewer than 1.

    Example:
        >>> worker_count(3)
        3
    """
    if workers is not None:
        if workers < 1:
            raise ValueError(f"workers must be at least 1, got {workers}")
        return workers
    if jax.default_backend() != "cpu":
        return 1
    affinity = getattr(os, "sched_getaffinity", None)  # Linux: the cores we may use
    return len(affinity(0)) if affinity else os.cpu_count() or 1


def side_by_side(
    function: Callable[[Item], Result],
    items: Sequence[Item],
    threads: int,
    ended: threading.Event | None = None,
) -> list[Result]:
    """Maps a function, ``threads`` at a time; an error cancels what has not begun.

    Args:
        function: of one item.
        items: to map.
        threads: at a time.
        ended: set at the first error, or an interrupt of the caller: a function that
            looks at it can give up, for nobody waits for its result. What it raises
            then is not told, but what came first.

    Example:
        >>> side_by_side(lambda x: 2 * x, [1, 2, 3], 2)
        [2, 4, 6]
    """
    if threads == 1 or len(items) == 1:
        return [function(item) for item in items]
    over = threading.Event() if ended is None else ended
    errors: list[BaseException] = []

    def watched(item: Item) -> Result:
        try:
            return function(item)
        except BaseException as error:
            errors.append(error)  # before the others hear of it: the first is the cause
            over.set()
            raise

    with ThreadPoolExecutor(min(threads, len(items)), "fit") as pool:
        futures = [pool.submit(watched, item) for item in items]
        try:
            wait(futures, return_when=FIRST_EXCEPTION)
        except BaseException:
            over.set()
            raise
        finally:
            for future in futures:
                future.cancel()
    if errors:
        raise errors[0]
    return [future.result() for future in futures]


def one_at_a_time(function: Callable[..., Any] | None) -> Callable[..., Any] | None:
    """Puts a lock around a callback, which its author need not know of."""
    if function is None:
        return None
    lock = threading.Lock()

    def locked(*args: Any) -> Any:
        with lock:
            return function(*args)

    return locked


_blas_lock = threading.Lock()
_blas_users: list[object] = []
_blas_limits: list[Any] = []


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """Gives NumPy's and SciPy's linear algebra one thread, while anybody is inside.

    With several, the last digits depend on who else computes at that moment. The limit
    is the process's: of callers side by side, the last one out takes it back.

    Example:
        >>> with one_blas_thread():
        ...     pass
    """
    import scipy.linalg  # noqa: F401  (loads its library: later ones are not limited)
    from threadpoolctl import threadpool_limits

    me = object()
    with _blas_lock:
        if not _blas_users:
            _blas_limits[:] = [threadpool_limits(1)]
        _blas_users.append(me)
    try:
        yield
    finally:
        with _blas_lock:
            _blas_users.remove(me)
            if not _blas_users:
                _blas_limits.pop().restore_original_limits()
