"""Methods that die, hang or run out of memory, for tests of launchers.

Copied beside a test's results and imported by path, as a user's own are.
"""

import os
import signal
import time
from pathlib import Path

from da_zoo.bench.plugins import CLASSES
from da_zoo.methods import source_only

HERE = Path(__file__).parent


def _first_time(what):
    mark = HERE / f"{what}.mark"
    first = not mark.exists()
    mark.touch()
    return first


def _die():
    os.kill(os.getpid(), signal.SIGKILL)


def well(network, *, classes, **settings):
    """Trains as source_only does."""
    return source_only(network, classes=classes, **settings)


def dies_once(network, *, classes, **settings):
    """Its worker is killed the first time."""
    if _first_time("died"):
        _die()
    return source_only(network, classes=classes, **settings)


def dies_always(network, *, classes, **settings):
    """Its worker is killed every time, but for the contract check."""
    if classes != CLASSES:
        with (HERE / "deaths").open("a") as file:
            file.write("x")
        _die()
    return source_only(network, classes=classes, **settings)


def hangs(network, *, classes, **settings):
    """Never returns, but for the contract check."""
    if classes != CLASSES:
        (HERE / f"hanging{os.getpid()}").touch()
        while True:
            time.sleep(1)
    return source_only(network, classes=classes, **settings)


def slow(network, *, classes, **settings):
    """Waits until a file lets it go, but for the contract check."""
    if classes != CLASSES:
        (HERE / f"begun{os.getpid()}").touch()
        while not (HERE / "go").exists():
            time.sleep(0.02)
    return source_only(network, classes=classes, **settings)
