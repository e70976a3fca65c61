"""Brings two sides into one input space, and that into standardised columns."""

import numpy as np
from jaxtyping import Float

from da_zoo.advice.rows import Rows
from da_zoo.data.npz import resize

__all__ = ["COMPONENTS", "align", "standardised"]

COMPONENTS = 32
"""Wider inputs are compared by so many principal components of both sides together."""


def align(source: Rows, target: Rows) -> tuple[Rows, Rows, list[str]]:
    """Gives both sides inputs of one shape without gaps, float32, pixels in [0, 1].

    Tables keep the columns that both name; what a row lacks becomes the source's mean
    of the column. Images become as large as the smaller ones, grey ones coloured where
    the others are.

    Args:
        source: rows.
        target: rows.

    Returns:
        Both sides, and a sentence for everything that was done to them.

    Raises:
        ValueError: where no such thing helps: the input spaces differ.

    Example:
        >>> from da_zoo.advice.rows import from_arrays
        >>> a, b = from_arrays("a", np.eye(8)), from_arrays("b", np.eye(9)[:, :8])
        >>> align(a, b)[2]
        []
    """
    notes: list[str] = []
    if source.columns and target.columns:
        source, target = _same_columns(source, target, notes)
    images = source.x.ndim == target.x.ndim == 4
    if images and source.x.shape[1:] != target.x.shape[1:]:
        source, target = _same_size(source, target, notes)
    if source.x.shape[1:] != target.x.shape[1:]:
        raise ValueError(
            f"rows of the source have shape {source.x.shape[1:]} and those of the "
            f"target {target.x.shape[1:]}; other input spaces cannot be compared: keep "
            "the same columns, or resize the images"
        )
    source, target = (
        rows._replace(x=rows.x / np.float32(255.0))
        if rows.x.dtype == np.uint8
        else rows
        for rows in (source, target)
    )
    if any(np.isnan(rows.x).any() for rows in (source, target)):
        source, target = _filled(source, target, notes)
    return source, target, notes


def _same_columns(source: Rows, target: Rows, notes: list[str]) -> tuple[Rows, Rows]:
    shared = [name for name in source.columns if name in target.columns]
    if not shared:
        raise ValueError(
            f"{source.name} and {target.name} have no column in common: "
            f"{', '.join(source.columns)}; {', '.join(target.columns)}"
        )
    sides = []
    for rows in (source, target):
        if others := [name for name in rows.columns if name not in shared]:
            notes.append(
                f"Columns that {rows.name} alone has are left out: {', '.join(others)}."
            )
        places = [rows.columns.index(name) for name in shared]
        sides.append(rows._replace(x=rows.x[:, places], columns=tuple(shared)))
    return sides[0], sides[1]


def _same_size(source: Rows, target: Rows, notes: list[str]) -> tuple[Rows, Rows]:
    shapes = [rows.x.shape[1:] for rows in (source, target)]
    square = all(height == width for height, width, _ in shapes)
    channels = {shape[2] for shape in shapes}
    eight_bit = all(rows.x.dtype == np.uint8 for rows in (source, target))
    if not square or not eight_bit or not (len(channels) == 1 or 1 in channels):
        return source, target  # the shapes differ, which the caller says
    side, depth = min(shape[0] for shape in shapes), max(channels)
    notes.append(
        f"Images were made {side} x {side} x {depth}, from {shapes[0]} and {shapes[1]}."
    )
    both = [rows._replace(x=resize(rows.x, side, depth)) for rows in (source, target)]
    return both[0], both[1]


def _filled(source: Rows, target: Rows, notes: list[str]) -> tuple[Rows, Rows]:
    present = ~np.isnan(source.x).all(axis=0)
    if not present.any():
        raise ValueError(f"{source.name} has no value in any column")
    if absent := np.flatnonzero(~present).tolist():
        names = [source.columns[i] if source.columns else str(i) for i in absent]
        notes.append(f"Columns without any source value left out: {', '.join(names)}.")
    means = np.nanmean(source.x[:, present], axis=0)
    shares, sides = [], []
    for rows in (source, target):
        x = rows.x[:, present]
        missing = np.isnan(x)
        shares.append(f"{100 * missing.mean():.1f} %")
        columns = tuple(np.array(rows.columns)[present]) if rows.columns else ()
        sides.append(rows._replace(x=np.where(missing, means, x), columns=columns))
    notes.append(
        f"Missing values ({shares[0]} of the source's, {shares[1]} of the target's) "
        "became the source's column means. Where one side lacks more, that alone tells "
        "the sides apart."
    )
    return sides[0], sides[1]


def standardised(
    source: Rows, target: Rows
) -> tuple[Float[np.ndarray, "n d"], Float[np.ndarray, "m d"]]:
    """Columns of mean 0 and deviation 1 over both sides together.

    Both sides are treated alike, so that swapping rows between them changes nothing:
    a permutation test of any distance stays exact.

    Args:
        source: aligned rows, of which a thousand are plenty.
        target: aligned rows.

    Returns:
        float64 [n, d] and [m, d], d at most :data:`COMPONENTS`.

    Raises:
        ValueError: if no column varies.

    Example:
        >>> from da_zoo.advice.rows import from_arrays
        >>> x = np.arange(8.0)[:, None]
        >>> a, b = standardised(from_arrays("a", x), from_arrays("b", -x))
        >>> float(round(a.sum() + b.sum(), 6))
        0.0
    """
    both = np.concatenate([source.x, target.x]).astype(np.float64)
    flat = both.reshape(len(both), -1)
    deviation = flat.std(axis=0)
    varies = deviation > 1e-6 * np.abs(flat).max(axis=0)
    if not varies.any():
        raise ValueError("every input column is the same in all rows of both sides")
    z = (flat - flat.mean(axis=0))[:, varies] / deviation[varies]
    if z.shape[1] > COMPONENTS:
        # From the Gram matrix of a few hundred rows: images may have 10 000 columns.
        spectrum, vectors = np.linalg.eigh(z @ z.T)
        z = vectors[:, -COMPONENTS:] * np.sqrt(np.maximum(spectrum[-COMPONENTS:], 0.0))
    return z[: len(source.x)], z[len(source.x) :]
