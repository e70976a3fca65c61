"""``da-zoo bench`` as processes, in a folder with methods of the user's own."""

import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def commands_in(folder: Path) -> Iterator[Callable[..., subprocess.Popen]]:
    """Yields ``start(words, stderr=...)``; what still runs at the end is ended."""
    shutil.copy(Path(__file__).parent / "own_methods.py", folder / "own.py")
    running = []

    def start(words, stderr=subprocess.PIPE):
        process = subprocess.Popen(
            [sys.executable, "-m", "da_zoo", *words.split()],
            cwd=folder,
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
        )
        running.append(process)
        return process

    yield start
    for process in running:
        process.kill()
        process.wait()
        for pipe in filter(None, (process.stdout, process.stderr)):
            pipe.close()


def alive(pid: int) -> bool:
    """Whether a process runs; one that only waits to be collected does not."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False
    return "State:\tZ" not in status
