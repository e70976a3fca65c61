"""Windows of a series: where they begin, and which samples they hold."""

from collections.abc import Hashable, Sequence

import numpy as np
from jaxtyping import Int, Shaped

__all__ = ["window_rows", "windows"]


def windows(
    series: Shaped[np.ndarray, "time ..."], length: int, hop: int
) -> Shaped[np.ndarray, "n length ..."]:
    """Cuts a series into windows; one that would run past its end is left out.

    Args:
        series: [time, ...]: samples, or a label for each of them.
        length: samples in a window.
        hop: samples from one window's start to the next: under ``length`` they overlap,
            and then windows of test rows must come from other series than those of
            training rows.

    Returns:
        [n, length, ...] with n = (time - length) // hop + 1, or 0 of a series that is
        too short.

    Raises:
        ValueError: if length or hop is under 1.

    Example:
        >>> windows(np.arange(7), 3, 2)
        array([[0, 1, 2],
               [2, 3, 4],
               [4, 5, 6]])
    """
    for name, value in (("length", length), ("hop", hop)):
        if value < 1:
            raise ValueError(f"{name} must be at least 1, got {value}")
    starts = np.arange(0, len(series) - length + 1, hop)
    return series[starts[:, None] + np.arange(length)]


def window_rows(
    recordings: Sequence[Hashable], length: int, hop: int
) -> tuple[Int[np.ndarray, "n length"], tuple[str, ...]]:
    """Cuts every recording of a long table into windows.

    Args:
        recordings: which recording each row of the table is a sample of; its rows are
            in the order of time, and need not lie together.
        length: samples in a window.
        hop: samples from one start to the next.

    Returns:
        The rows of each window, recording after recording in the order in which they
        begin; and what is left out, in sentences.

    Raises:
        ValueError: if length or hop is under 1, or no recording is long enough.

    Example:
        >>> rows, notes = window_rows(["a", "b", "a", "a", "a"], 2, 2)
        >>> rows.tolist(), notes
        ([[0, 2], [3, 4]], ('1 of 2 recordings are shorter than length=2: left out.',))
    """
    places: dict[Hashable, list[int]] = {}
    for row, name in enumerate(recordings):
        places.setdefault(name, []).append(row)
    cut, short, tail = [], 0, 0
    for own in places.values():
        found = windows(np.array(own), length, hop)
        cut.append(found)
        if len(found):
            tail += len(own) - ((len(found) - 1) * hop + length)
        else:
            short += 1
    if short == len(places):
        raise ValueError(
            f"no recording has length={length} samples; the longest has "
            f"{max(map(len, places.values()), default=0)}"
        )
    notes = []
    if short:
        notes.append(
            f"{short} of {len(places)} recordings are shorter than length={length}: "
            "left out."
        )
    if tail > 0:
        notes.append(
            f"{tail} of {len(recordings)} samples, at the ends of recordings, fill no "
            "window: left out."
        )
    return np.concatenate(cut), tuple(notes)
