"""Freed memory goes back to the system, where the C library lets it."""

import subprocess
import sys
from pathlib import Path

import pytest

from da_zoo.bench import freed_memory
from da_zoo.bench.freed_memory import give_back

CODE = """
import ctypes
from pathlib import Path
from da_zoo.bench.freed_memory import give_back

def mib():
    status = Path("/proc/self/status").read_text()
    return int(status.split("RssAnon:")[1].split()[0]) / 1024

libc = ctypes.CDLL(None)
libc.malloc.restype, libc.malloc.argtypes = ctypes.c_void_p, [ctypes.c_size_t]
libc.free.argtypes = [ctypes.c_void_p]
# Pieces too small to be mapped by themselves, every thousandth of which is kept.
pieces = [libc.malloc(8192) for _ in range(30000)]
for piece in pieces:
    ctypes.memset(piece, 1, 8192)
for place, piece in enumerate(pieces):
    if place % 1000:
        libc.free(piece)
before = mib()
assert give_back()
print(before - mib())
"""


@pytest.mark.skipif(freed_memory._trim() is None, reason="no glibc")
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="no /proc")
def test_pieces_between_what_is_held_are_given_back():
    done = subprocess.run(
        [sys.executable, "-c", CODE], check=True, capture_output=True, text=True
    )
    assert float(done.stdout) > 150  # of 234 MiB; without the call they stay


def test_a_library_that_cannot_does_nothing(monkeypatch):
    monkeypatch.setattr(freed_memory, "_trim", lambda: None)
    assert not give_back()
