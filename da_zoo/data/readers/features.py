"""Arrays from ``.npz``, ``.npy`` and ``.mat`` files: features, images, signals."""

import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from da_zoo.data.domain_data import DomainData, make_domain_data
from da_zoo.data.npz import load_npz
from da_zoo.data.readers.matlab import matlab_names, read_matlab
from da_zoo.data.table import Table
from da_zoo.naming import choose

__all__ = ["FEATURE_SUFFIXES", "read_features"]

FEATURE_SUFFIXES = (".npz", ".npy", ".mat")
SPLITS = ("train", "test")


def read_features(
    path: str | Path,
    *,
    kind: str | None = None,
    inputs: str | None = None,
    label: str | None = None,
    domain: str | None = None,
    split: str | None = None,
    classes: Sequence[str] | None = None,
    regression: bool = False,
) -> DomainData:
    """Reads an array of rows, and maybe their labels, from one file.

    Args:
        path: of an ``.npz`` archive, a single ``.npy`` array, or a MATLAB file of
            version 7 or before.
        kind: what the rows are; None decides by their shape: uint8 [n, h, w, c] or
            [n, h, w] are images, [n, time, channels] signals, and [n, d] features, or
            a table where values are missing or the file names its ``columns``.
        inputs: the array of rows; None takes ``x``, or ``x_<split>``.
        label: the array of labels, such as "y" (or, of a file with splits, "y" for
            ``y_<split>``); None reads none.
        domain: the array of domain names or numbers; None makes the file one domain.
        split: "train" or "test" of a file that has ``x_train`` and ``x_test``; None
            takes the training rows.
        classes: names in the order of their numbers. None takes the file's own array
            ``classes`` where it has one and labels are its places, else sorts what is
            found.
        regression: whether labels are values.

    Raises:
        ValueError: for a file that is missing, damaged, pickled or lacks an array, for
            arrays of other lengths, and infinite values; the message names the file.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "a.npz"
        >>> np.savez(path, x=np.ones((3, 2)), y=[0, 1, 1])
        >>> read_features(path, label="y").labels
        array([0, 1, 1], dtype=int32)
    """
    path = Path(path)
    names = _names(path)
    if split is not None:
        choose(dict.fromkeys(SPLITS), split, "split")
    part = split or "train"
    chosen = inputs
    if chosen is None:
        chosen = next((n for n in (f"x_{part}", "x") if n in names), None)
        if chosen is None or (split is not None and chosen == "x"):
            lacking = "x or x_train" if split is None else f"x_{split}"
            raise ValueError(
                f"{path} lacks the array {lacking}; it has {sorted(names)}"
            )
    wanted = {"x": chosen}
    for what, given in (("label", label), ("domain", domain)):
        if given is not None:
            own = next((n for n in (f"{given}_{part}", given) if n in names), given)
            choose(dict.fromkeys(names), own, f"{what} array of {path}")
            wanted[what] = own
    wanted |= {extra: extra for extra in ("classes", "columns") if extra in names}
    arrays = _arrays(path, set(wanted.values()))
    x = _rows(path, chosen, arrays[chosen])
    labels = _vector(path, label and wanted["label"], arrays, len(x))
    origin = _vector(path, domain and wanted["domain"], arrays, len(x))
    titles = arrays.get("columns")
    kind = kind or _kind(x, titles is not None)
    rows: Any = x
    if kind == "table":
        rows = _table(path, x, titles)
    elif kind == "images" and x.ndim == 3:
        rows = x[..., None]
    if kind != "table" and x.dtype.kind == "f" and not np.isfinite(x).all():
        raise ValueError(f"{path}: array {chosen!r} has missing or infinite values")
    if labels is not None and classes is None and not regression:
        labels = _named(path, labels, arrays.get("classes"))
        classes = None if "classes" not in arrays else _texts(arrays["classes"])
    return make_domain_data(
        str(path),
        kind,
        rows,
        None if labels is None else labels.tolist(),
        classes=classes,
        regression=regression,
        domain=None if origin is None else [str(one) for one in origin.tolist()],
        mark=rows.fingerprint() if isinstance(rows, Table) else None,
    )


def _names(path: Path) -> set[str]:
    if not path.is_file():
        raise ValueError(
            f"{path} is no file" if path.exists() else f"{path} is missing"
        )
    suffix = path.suffix.lower()
    if suffix == ".npz":
        if not zipfile.is_zipfile(path):
            raise ValueError(f"{path} is no .npz archive, or a truncated one")
        try:
            with zipfile.ZipFile(path) as archive:
                return {name.removesuffix(".npy") for name in archive.namelist()}
        except (zipfile.BadZipFile, ValueError, NotImplementedError) as error:
            raise ValueError(f"{path} is a damaged .npz archive: {error}") from None
    if suffix == ".npy":
        return {"x"}
    if suffix == ".mat":
        return matlab_names(path)
    raise ValueError(f"{path} must be a {', '.join(FEATURE_SUFFIXES)} file")


def _arrays(path: Path, names: set[str]) -> dict[str, np.ndarray]:
    suffix = path.suffix.lower()
    if suffix == ".npz":
        return load_npz(path, tuple(sorted(names)))
    if suffix == ".npy":
        try:
            array = np.load(path, allow_pickle=False, mmap_mode="r")
            if not isinstance(array, np.ndarray):
                array.close()
                raise ValueError("it is an archive; call it .npz")
            return {"x": array}
        except Exception as error:  # headers are parsed, sizes multiplied
            raise ValueError(f"{path} is no plain .npy array: {error}") from None
    return read_matlab(path, names)


def _rows(path: Path, name: str, x: np.ndarray) -> np.ndarray:
    if x.dtype.kind not in "biuf":
        raise ValueError(f"{path}: array {name!r} must be of numbers, got {x.dtype}")
    if x.ndim < 2 or not x.size:
        raise ValueError(
            f"{path}: array {name!r} must have shape [n, ...] and rows, got {x.shape}"
        )
    if x.dtype == np.uint8 and x.ndim > 2:  # pixels, while columns are numbers
        return x
    x = np.asarray(x, np.float32)
    if np.isinf(x).any():
        raise ValueError(f"{path}: array {name!r} holds infinite values")
    return x


def _vector(
    path: Path, name: str | None, arrays: dict[str, np.ndarray], rows: int
) -> np.ndarray | None:
    if name is None:
        return None
    values = np.squeeze(arrays[name])
    if values.shape != (rows,):
        raise ValueError(
            f"{path}: array {name!r} must have {rows} entries, one a row, got shape "
            f"{arrays[name].shape}"
        )
    return np.array(_texts(values)) if values.dtype == object else values


def _kind(x: np.ndarray, titled: bool) -> str:
    if x.ndim == 4 or (x.ndim == 3 and x.dtype == np.uint8):
        return "images"
    if x.ndim == 3:
        return "signals"
    missing = x.dtype.kind == "f" and np.isnan(x).any()
    return "table" if titled or missing else "features"


def _table(path: Path, x: np.ndarray, titles: np.ndarray | None) -> Table:
    if x.ndim != 2:
        raise ValueError(f"{path}: a table is [n, columns], got {x.shape}")
    named = list(map(str, range(x.shape[1]))) if titles is None else _texts(titles)
    if len(named) != x.shape[1] or len(set(named)) < len(named):
        raise ValueError(
            f"{path}: columns must be {x.shape[1]} different names, got {named}"
        )
    return Table({name: x[:, place] for place, name in enumerate(named)})


def _texts(values: np.ndarray) -> list[str]:
    return [
        # A MATLAB cell comes as an array in an array.
        str(one.item()) if isinstance(one, np.ndarray) and one.size == 1 else str(one)
        for one in np.ravel(values).tolist()
    ]


def _named(path: Path, labels: np.ndarray, names: np.ndarray | None) -> np.ndarray:
    """Puts the names that the file has for its classes in the place of numbers."""
    if names is None or labels.dtype.kind not in "iu":
        return labels
    known = np.array(_texts(names), object)
    if labels.min() < 0 or labels.max() >= len(known):
        raise ValueError(
            f"{path} names {len(known)} classes and has labels {labels.min()}.."
            f"{labels.max()}"
        )
    named: np.ndarray = known[labels]
    return named
