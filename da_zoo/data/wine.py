"""Wines with their chemistry and quality, from a folder that the user names."""

import functools
from pathlib import Path

import numpy as np
from jaxtyping import Float

from da_zoo.data.npz import load_npz

__all__ = ["wine"]


@functools.lru_cache(maxsize=2)
def wine(
    folder: str, colour: str
) -> tuple[Float[np.ndarray, "n 11"], Float[np.ndarray, " n"]]:
    """Reads ``wine_red.npz`` (1 599 wines) or ``wine_white.npz`` (4 898).

    Args:
        folder: that holds the file, with arrays ``x`` [n, 11] and ``y`` [n].
        colour: "red" or "white".

    Returns:
        Measurements, and the quality that tasters gave, from 0 to 10.

    Raises:
        ValueError: if the file is missing or not what it should be.

    References:
        Cortez, Cerdeira, Almeida, Matos and Reis, "Modeling wine preferences by data
        mining from physicochemical properties", Decision Support Systems, 2009.
    """
    path = Path(folder) / f"wine_{colour}.npz"
    arrays = load_npz(path, ("x", "y"))
    x, y = arrays["x"], arrays["y"]
    plain = x.dtype.kind in "fiu" and y.dtype.kind in "fiu"
    if not plain or x.ndim != 2 or x.shape[1] != 11 or y.shape != (len(x),):
        raise ValueError(
            f"{path} must hold numbers x [n, 11] and y [n], got {x.dtype} {x.shape} "
            f"and {y.dtype} {y.shape}"
        )
    if len(x) < 10 or not np.isfinite(x).all() or not np.isfinite(y).all():
        raise ValueError(f"{path} must hold at least 10 rows, all finite")
    return x.astype(np.float32), y.astype(np.float32)
