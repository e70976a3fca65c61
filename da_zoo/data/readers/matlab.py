"""MATLAB files, read by SciPy in a process of its own: damage can crash its reader."""

import subprocess
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from da_zoo.data.npz import load_npz
from da_zoo.json_files import parse_json

__all__ = ["matlab_names", "read_matlab"]

LONGEST = 600
"""Seconds; the largest sets in this format take a few."""
NAMES = """
import json, sys
from scipy.io import whosmat
try:
    print(json.dumps([name for name, *_ in whosmat(sys.argv[1])]))
except Exception as error:  # many types, and NotImplementedError for HDF5
    sys.exit(f"{type(error).__name__}: {error}")
"""
ARRAYS = """
import sys
import numpy as np
from scipy.io import loadmat
path, out, *names = sys.argv[1:]
try:
    found = loadmat(path, variable_names=names)
    arrays = [np.asarray(found[name]) for name in names]
    if odd := [n for n, a in zip(names, arrays) if a.dtype.kind not in "biufUS"]:
        raise ValueError(f"{odd} are no arrays of numbers or text")
    np.savez(out, *arrays)  # numbered: "file", say, is a name of savez's own
except Exception as error:
    sys.exit(f"{type(error).__name__}: {error}")
"""


def matlab_names(path: str | Path) -> set[str]:
    """Lists the arrays of a MATLAB file of version 7 or before.

    Args:
        path: of the file.

    Raises:
        ValueError: if it is no such file, or damaged.

    Example:
        >>> from scipy.io import savemat
        >>> path = Path(tempfile.mkdtemp()) / "a.mat"
        >>> savemat(path, {"x": np.ones((2, 3))})
        >>> matlab_names(path)
        {'x'}
    """
    told, flaw = _apart(NAMES, path)
    if flaw:
        raise ValueError(
            f"{path} is no MATLAB file of version 7 or before ({flaw}); save it with "
            "-v7, or as .npz"
        )
    return set(parse_json(told))


def read_matlab(path: str | Path, names: Iterable[str]) -> dict[str, np.ndarray]:
    """Reads arrays of a MATLAB file of version 7 or before.

    Args:
        path: of the file.
        names: of its arrays, of numbers or text.

    Raises:
        ValueError: if the file is damaged, or an array is not there or something else.

    Example:
        >>> from scipy.io import savemat
        >>> path = Path(tempfile.mkdtemp()) / "a.mat"
        >>> savemat(path, {"x": np.ones((2, 3))})
        >>> read_matlab(path, ["x"])["x"].shape
        (2, 3)
    """
    names = sorted(names)
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "arrays.npz"
        _, flaw = _apart(ARRAYS, path, out, *names)
        if flaw:
            raise ValueError(f"{path} is a damaged MATLAB file ({flaw})")
        found = load_npz(out, tuple(f"arr_{number}" for number in range(len(names))))
    return dict(zip(names, found.values(), strict=True))


def _apart(program: str, path: str | Path, *words: str | Path) -> tuple[str, str]:
    """Runs a program on a file: what it printed, and what went wrong, "" if nothing."""
    # -P: a scipy.py where the command is called is not what is meant.
    command = [sys.executable, "-P", "-c", program, str(path), *map(str, words)]
    try:
        ended = subprocess.run(
            command, capture_output=True, text=True, check=False, timeout=LONGEST
        )
    except subprocess.TimeoutExpired:
        raise ValueError(f"{path} took over {LONGEST} s to read") from None
    if not ended.returncode:
        return ended.stdout, ""
    lines = ended.stderr.strip().splitlines()
    told = lines[-1] if ended.returncode > 0 and lines else "its reader crashed"
    return "", f"{told:.500}"
