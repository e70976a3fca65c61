"""What a clean answer to bad input is, and how many examples were tried of it.

An example ends as an answer or as one of four errors with a message for people; nothing
else is raised, nothing is compiled first, no more memory than a laptop has is taken,
and the files that were given are what they were.
"""

import contextlib
import functools
import hashlib
import io
import json
import os
import resource
import signal
import tempfile
import threading
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jaxtyping
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st

TIMES = int(os.environ.get("DA_ZOO_FUZZ", "1"))
"""How many times as many examples as the gate has, by random seeds."""
SECONDS = 20
"""That an example may take on a busy machine; answers take some milliseconds."""
MEMORY = 4 * 2**30
"""Bytes of address space that an example may ask for."""
CLEAN = (ValueError, TypeError, FileNotFoundError, OSError)
FOREIGN = ("Traceback", "jaxlib", "jax._src", "XLA", "Tracer", "flax.errors", "0x7f")
"""What only those who work on the package could read in a message."""


class NotCleanError(AssertionError):
    """An example that ended otherwise."""


class Hangs(BaseException):
    """Not caught by the ``except Exception`` of what is tested."""


def fuzz(examples: int) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Sets a property up: how many examples, the same in every run of the gate."""
    chosen = settings(
        max_examples=examples * TIMES,
        derandomize=TIMES == 1,
        database=None,
        deadline=None,  # SECONDS, also for what never ends
        phases=[Phase.explicit, Phase.generate],  # what fails is small enough
        print_blob=False,
        suppress_health_check=list(HealthCheck),
    )

    def decorate(test: Callable[..., None]) -> Callable[..., None]:
        inner = test.hypothesis.inner_test  # type: ignore[attr-defined]
        count = {"ran": 0}

        @functools.wraps(inner)
        def counted(*given: Any, **named: Any) -> None:
            count["ran"] += 1
            inner(*given, **named)

        test.hypothesis.inner_test = counted  # type: ignore[attr-defined]
        ready = chosen(test)

        # An example may be long; what is wrong with it is in the error.
        @pytest.mark.filterwarnings("ignore::hypothesis.errors.HypothesisWarning")
        @functools.wraps(ready)
        def checked(*given: Any, **named: Any) -> None:
            count["ran"] = 0
            ready(*given, **named)
            # Hypothesis ends early where it finds no new example.
            assert count["ran"] >= examples * TIMES, count

        return checked

    return decorate


def answer(call: Callable[[], Any], *names: str) -> tuple[Any, Exception | None]:
    """Calls, and holds what comes to being clean.

    Args:
        call: what is tried.
        names: words of which a message has to hold one: the file, the argument.

    Returns:
        The answer and None, or None and the error.
    """
    with (
        limited(),
        as_users_have_it(),
        warnings.catch_warnings(record=True) as told,
        contextlib.redirect_stdout(io.StringIO()),
        contextlib.redirect_stderr(io.StringIO()),
    ):
        warnings.simplefilter("always")
        try:
            found = call()
        except CLEAN as error:
            check_error(error, *names)
            return None, error
        except Exception as error:
            raise NotCleanError(f"{type(error).__name__}: {error}"[:2000]) from error
    # Not what Orbax leaves lying about where a read failed, in its own words.
    told = [one for one in told if "orbax" not in one.filename]
    for one in told:  # NumPy's divisions by zero and the like: nobody thought of them
        if issubclass(one.category, RuntimeWarning | DeprecationWarning):
            raise NotCleanError(f"warns: {one.message} ({one.filename}:{one.lineno})")
    return found, None


def check_error(error: Exception, *names: str) -> None:
    """Says what is wrong with an error, if anything."""
    text = str(error)
    if isinstance(error, UnicodeError | json.JSONDecodeError):
        raise NotCleanError(f"a bare {type(error).__name__}: {text}") from error
    if len(text.split()) < 3 or len(text) > 20_000:
        raise NotCleanError(f"says nothing, or too much: {text[:500]!r}") from error
    if foreign := [word for word in FOREIGN if word in text]:
        raise NotCleanError(f"talks of {foreign}: {text[:2000]}") from error
    if names and not any(name in text for name in names):
        raise NotCleanError(f"names none of {names}: {text[:500]}") from error


@contextlib.contextmanager
def as_users_have_it() -> Iterator[None]:
    """Without the type checks that pytest puts before the package's own."""
    before = jaxtyping.config.jaxtyping_disable
    jaxtyping.config.update("jaxtyping_disable", True)
    try:
        yield
    finally:
        jaxtyping.config.update("jaxtyping_disable", before)


@contextlib.contextmanager
def limited() -> Iterator[None]:
    """Ends what takes too long or too much memory."""

    def late(*_: Any) -> None:
        raise Hangs(f"no answer in {SECONDS} s")

    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    before = signal.signal(signal.SIGALRM, late) if _main() else None
    if _main():
        signal.alarm(SECONDS)
    resource.setrlimit(resource.RLIMIT_AS, (_size() + MEMORY, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
        if _main():
            signal.alarm(0)
            signal.signal(signal.SIGALRM, before)


def _main() -> bool:
    return threading.current_thread() is threading.main_thread()


def _size() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    return pages * resource.getpagesize()


@contextlib.contextmanager
def folder() -> Iterator[Path]:
    """A new folder, in memory where there is such a thing: writing waits for disks."""
    memory = "/dev/shm" if Path("/dev/shm").is_dir() else None
    with tempfile.TemporaryDirectory(dir=memory) as name:
        yield Path(name)


@contextlib.contextmanager
def untouched(folder: Path) -> Iterator[None]:
    """Holds a call to leaving the files of a folder as they are."""
    before = _contents(folder)
    yield
    after = _contents(folder)
    if before != after:
        changed = sorted(set(before.items()) ^ set(after.items()))
        raise NotCleanError(f"changed what it was given: {changed}")


def _contents(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): (
            hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "-"
        )
        for path in folder.rglob("*")
    }


NUMBERS = st.one_of(
    st.integers(-3, 3),
    st.sampled_from([2**31, 2**53, 2**63, -(2**64), 10**30, 10**400, 10**9]),
    st.sampled_from([0.5, -1.0, 1e-320, 1e308, -1e308, 1e18]),
    st.floats(allow_nan=True, allow_infinity=True),
)
TEXTS = st.one_of(
    st.sampled_from(["", "dann", "U", "ok", "../x", "<b>", "\ud800", "\0", "=1+1"]),
    st.text(max_size=8),
    st.just("long " * 2000),
)
LEAVES = st.none() | st.booleans() | NUMBERS | TEXTS
VALUES = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3)
    ),
    max_leaves=6,
)
"""JSON values, and what only Python's reader takes for one."""


def deep(levels: int, open_: str = "[", close: str = "]") -> str:
    """Text of a value within a value within a value."""
    return open_ * levels + close * levels


@st.composite
def edited(draw: Any, document: Any, times: int = 3) -> Any:
    """A JSON document with up to a few values replaced, taken away or put beside."""
    copy = json.loads(json.dumps(document))
    for _ in range(draw(st.integers(1, times))):
        copy = _edit(draw, copy)
    return copy


def _edit(draw: Any, value: Any) -> Any:
    inside = isinstance(value, dict | list) and len(value) > 0
    if not inside or draw(st.integers(0, 9)) == 0:
        return draw(VALUES)
    place = draw(
        st.sampled_from(sorted(value) if isinstance(value, dict) else range(len(value)))
    )
    how = draw(st.sampled_from(["in", "in", "in", "away", "beside", "twice"]))
    if how == "away":
        del value[place]
    elif how == "in":
        value[place] = _edit(draw, value[place])
    elif isinstance(value, dict):
        value[draw(TEXTS)] = draw(VALUES)
    else:
        value.append(value[place] if how == "twice" else draw(VALUES))
    return value


@st.composite
def damaged(draw: Any, content: bytes) -> bytes:
    """A file with bytes flipped, cut off, put in or written over."""
    data = bytearray(content)
    for _ in range(draw(st.integers(1, 3))):
        place = draw(st.integers(0, max(0, len(data) - 1)))
        how = draw(st.sampled_from(["flip", "cut", "put in", "over", "away", "zero"]))
        if how == "flip" and data:
            data[place] ^= 1 << draw(st.integers(0, 7))
        elif how == "cut":
            del data[place:]
        elif how == "put in":
            data[place:place] = draw(st.binary(min_size=1, max_size=9))
        elif how == "over":
            new = draw(st.binary(min_size=1, max_size=9))
            data[place : place + len(new)] = new
        elif how == "away":
            del data[place : place + draw(st.integers(1, 64))]
        else:
            data[place : place + 16] = bytes(len(data[place : place + 16]))
    return bytes(data)
