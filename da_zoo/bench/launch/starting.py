"""Scripts that every worker process imports: what they call must wait for a guard."""

import multiprocessing

__all__ = ["GUARD", "refuse_while_starting"]

GUARD = (
    'call da_zoo.bench.run under `if __name__ == "__main__":`, for '
    "every worker process imports the script before it starts"
)


def refuse_while_starting(launcher: str) -> None:
    """Refuses workers to a process that is still being started as a worker itself.

    A process that has started, as somebody's worker, may have workers of its own.

    Args:
        launcher: its name.

    Raises:
        ValueError: while ``multiprocessing`` imports the main module of the parent.

    Example:
        >>> refuse_while_starting("processes")
    """
    # The attribute by which multiprocessing itself refuses it, later and elsewhere.
    if getattr(multiprocessing.current_process(), "_inheriting", False):
        raise ValueError(f"launcher={launcher!r} in a process being started: {GUARD}")
