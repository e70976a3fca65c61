"""Turns a scenario and a seed into arrays, split, with labels apart from inputs."""

import functools
import hashlib
import weakref
import zlib
from pathlib import Path
from typing import NamedTuple

import numpy as np

from da_zoo.data.embedded import breast_cancer, digits8
from da_zoo.data.npz import mnist, mnist_m, resize, usps
from da_zoo.data.splits import Split
from da_zoo.scenarios.declared import declared
from da_zoo.scenarios.declared_splits import declared_splits
from da_zoo.scenarios.label_sets import known_classes, number_unknown
from da_zoo.scenarios.maps import IMAGE_MAPS, LABEL_MAPS, SELECTIONS, TABLE_MAPS
from da_zoo.scenarios.regression import (
    REGRESSION_POOLS,
    WINE_POOLS,
    regression_splits,
)
from da_zoo.scenarios.resolve import resolve
from da_zoo.scenarios.several import join_sources, share
from da_zoo.scenarios.taxonomy import Scenario, Side

__all__ = ["FILE_POOLS", "ScenarioData", "build"]

FILE_POOLS = ("mnist", "usps", "mnist_m", *WINE_POOLS)
"""Pools that are read from a folder that the user names."""
SIZES = {"digits8": (560, 140, 397), "breast_cancer": (176, 44, 129)}
"""Train and val rows of each side, and test rows that the sides share."""
VAL_SHARE = 0.15
FILE_MAPS = {"grey16": (16, 1), "rgb28": (28, 3)}
"""Input maps of file pools: side and channels."""


class ScenarioData(NamedTuple):
    """All splits of a scenario at one seed.

    Methods are handed inputs, source-train labels and the labelled share; everything
    else that is labelled here is for the scorer.
    """

    source_train: Split
    source_val: Split
    source_test: Split
    target_train: Split
    target_val: Split
    target_test: Split
    source_classes: int
    target_classes: int
    fingerprint: str
    """sha256 of inputs and labels, whatever file they came from."""
    open_set: bool = False
    """Whether the target's last class is all that the source lacks."""
    notes: tuple[str, ...] = ()
    """What was left out of a user's files, in sentences."""

    @property
    def continuous(self) -> bool:
        """Whether labels are numbers (a regression); classes then count outputs."""
        return self.target_test.labels.dtype.kind == "f"


def _generator(seed: int, *names: str) -> np.random.Generator:
    return np.random.default_rng([seed, *(zlib.crc32(n.encode()) for n in names)])


def _keep(rows: np.ndarray, labels: np.ndarray, selection: str) -> np.ndarray:
    rule = SELECTIONS[selection]
    return rows[np.isin(labels[rows], rule)] if isinstance(rule, tuple) else rows


def _digits_side(
    side: Side, parts: list[np.ndarray], seed: int, name: str
) -> list[Split]:
    images, labels = digits8()
    domain = side.domain
    render = IMAGE_MAPS[domain.input_map]
    kept = [_keep(rows, labels, domain.selection) for rows in parts]
    pool = render(
        images[np.concatenate(kept)], _generator(seed, name, domain.input_map)
    )
    return _cut(pool.astype(np.float32), kept, labels, side)


def _cut(
    pool: np.ndarray, parts: list[np.ndarray], labels: np.ndarray, side: Side
) -> list[Split]:
    """Splits a pool that holds the parts' rows one after another."""
    apply = LABEL_MAPS[side.task.label_map].apply
    splits, start = [], 0
    for rows in parts:
        place = np.arange(start, start + len(rows), dtype=np.int32)
        splits.append(Split(pool, place, apply(labels[rows]).astype(np.int32)))
        start += len(rows)
    return splits


def _embedded_digits(scenario: Scenario, seed: int) -> list[Split]:
    train, val, test = SIZES["digits8"]
    order = np.random.default_rng(seed).permutation(len(digits8()[1]))
    each = train + val
    tests = order[2 * each : 2 * each + test]
    source, target = (
        (order[i : i + train], order[i + train : i + each], tests) for i in (0, each)
    )
    many = len(scenario.sources)
    sources = []
    for number, side in enumerate(scenario.sources):
        own = share(source, number, many)
        name = f"source_{number}" if number else "source"
        sources.append(_digits_side(side, own, seed, name))
    return [
        *join_sources(sources),
        *_digits_side(scenario.target, list(target), seed, "target"),
    ]


def _weighted_order(selection: str, seed: int) -> np.ndarray:
    """All patients, in an order in which a biased rule's favourites come first."""
    radius = breast_cancer()[0][:, 0]
    z = (radius - radius.mean()) / radius.std()
    strength = {"all": 0.0, "small_radius": -1.5, "large_radius": 1.5}[selection]
    # Gumbel top-k: sorting by log weight plus Gumbel noise draws without replacement.
    noise = _generator(seed, selection).gumbel(size=len(z))
    return np.argsort(-(strength * z + noise))


def _breast_cancer(scenario: Scenario, seed: int) -> list[Split]:
    table, labels = breast_cancer()
    train, val, test = SIZES["breast_cancer"]
    tests = np.random.default_rng(seed).permutation(len(labels))[:test]
    free = np.setdiff1d(np.arange(len(labels)), tests)
    splits: list[Split] = []
    scale: tuple[np.ndarray, np.ndarray] | None = None
    for side in (scenario.source, scenario.target):
        order = _weighted_order(side.domain.selection, seed)
        own = order[np.isin(order, free)][: train + val]
        free = np.setdiff1d(free, own)
        parts = [own[:train], own[train:], tests]
        x = table[np.concatenate(parts), TABLE_MAPS[side.domain.input_map]]
        if scale is None:  # of the source's training rows, for both sides
            scale = x[:train].mean(axis=0), x[:train].std(axis=0) + 1e-8
        pool = ((x - scale[0]) / scale[1]).astype(np.float32)
        splits += _cut(pool, parts, labels, side)
    return splits


@functools.lru_cache(maxsize=8)
def _file_pool(
    folder: str, pool: str, input_map: str
) -> tuple[np.ndarray, np.ndarray, int]:
    """(images, labels, number of training images); one object for all seeds."""
    if pool == "mnist_m":
        digits = mnist_m(folder)[0]
    else:
        digits = {"mnist": mnist, "usps": usps}[pool](folder)
    side, channels = FILE_MAPS[input_map]
    images = np.concatenate(
        [resize(x, side, channels) for x in (digits.x_train, digits.x_test)]
    )
    labels = np.concatenate([digits.y_train, digits.y_test])
    return images, labels, len(digits.y_train)


def _file_side(
    side: Side, other: Side, seed: int, folder: str, name: str
) -> list[Split]:
    domain = side.domain
    pool, labels, count = _file_pool(folder, domain.pool, domain.input_map)
    train, test = np.arange(count), np.arange(count, len(labels))
    if domain.pool == "mnist" and other.domain.pool == "mnist_m":
        # MNIST-M's digits ARE MNIST's: a source that holds them is no other domain.
        _, in_train, in_test = mnist_m(folder)
        train = np.setdiff1d(train, in_train)
        test = np.setdiff1d(test, count + in_test)
    shuffled = _generator(seed, name, "val").permutation(
        _keep(train, labels, domain.selection)
    )
    held = round(VAL_SHARE * len(shuffled))
    parts = (
        shuffled[held:],
        shuffled[:held],
        _keep(test, labels, domain.selection),
    )
    apply = LABEL_MAPS[side.task.label_map].apply
    return [
        Split(pool, rows.astype(np.int32), apply(labels[rows]).astype(np.int32))
        for rows in parts
    ]


def _from_files(
    scenario: Scenario, seed: int, data_dir: str | Path | None
) -> list[Split]:
    if data_dir is None:
        raise ValueError(
            f"scenario {scenario.name!r} reads files; name their folder with --data "
            "(data_dir=...)"
        )
    folder = str(Path(data_dir).expanduser())
    if not Path(folder).is_dir():
        raise ValueError(f"data_dir {folder!r} is not a folder")
    source, target = scenario.source, scenario.target
    return [
        *_file_side(source, target, seed, folder, "source"),
        *_file_side(target, source, seed, folder, "target"),
    ]


_HASHES: dict[int, tuple[weakref.ref[np.ndarray], bytes]] = {}


def _pool_hash(pool: np.ndarray) -> bytes:
    """Hashes an array once while it lives; it is not kept alive for that."""
    known = _HASHES.get(id(pool))
    # An id is given anew once its array is gone.
    if known is not None and known[0]() is pool:
        return known[1]
    raw = np.ascontiguousarray(pool)
    head = f"{raw.dtype}{raw.shape}".encode()
    found = hashlib.sha256(head + raw.tobytes()).digest()
    for number, (alive, _) in list(_HASHES.items()):
        if alive() is None:
            _HASHES.pop(number, None)
    _HASHES[id(pool)] = (weakref.ref(pool), found)
    return found


def _fingerprint(splits: list[Split], marks: tuple[str, ...] = ()) -> str:
    hasher = hashlib.sha256("".join(marks).encode())
    for split in splits:
        hasher.update(_pool_hash(split.pool))
        hasher.update(split.rows.tobytes())
        hasher.update(split.labels.tobytes())
        if split.domain is not None:
            hasher.update(split.domain.tobytes())
    return hasher.hexdigest()


def check_classes(labels: np.ndarray, side: Side, scenario: str) -> None:
    """Checks that the target's training rows hold every class they should.

    Raises:
        ValueError: naming the absent classes.
    """
    label_map = LABEL_MAPS[side.task.label_map]
    rule = SELECTIONS[side.domain.selection]
    kept = np.asarray(rule) if isinstance(rule, tuple) else np.arange(label_map.classes)
    expected = np.unique(label_map.apply(kept)) if isinstance(rule, tuple) else kept
    if len(absent := np.setdiff1d(expected, labels)):
        raise ValueError(
            f"scenario {scenario!r}: class {', '.join(map(str, absent))} is absent "
            "from the target pool, so no labelled share can hold it"
        )


def build(
    scenario: Scenario, *, seed: int, data_dir: str | Path | None = None
) -> ScenarioData:
    """Builds a scenario's arrays.

    Args:
        scenario: from a suite.
        seed: of split and of the input maps' draws.
        data_dir: folder of ``mnist.npz`` and the like, for file pools, and of the files
            that a suite file declares.

    Returns:
        Six splits. Source and target share no training row; the source's test rows are
        the target's, rendered as the source, where both come from one pool. Several
        sources share out the rows of one. Where the label sets are open, known classes
        are numbered from 0 and the target's others are one class, the last.

    Raises:
        ValueError: if a file is missing or corrupt, or the target pool lacks a class.

    Example:
        >>> from da_zoo.scenarios import load_suite
        >>> data = build(load_suite("embedded").scenarios[0], seed=0)
        >>> data.target_train.x.shape
        (560, 8, 8, 3)
    """
    pools = {scenario.source.domain.pool, scenario.target.domain.pool}
    marks: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    if declared(scenario.target.domain):
        (scenario,) = resolve([scenario], data_dir)
        splits, marks, notes = declared_splits(scenario, seed, data_dir)
    elif pools == {"digits8"}:
        splits = _embedded_digits(scenario, seed)
    elif pools == {"breast_cancer"}:
        splits = _breast_cancer(scenario, seed)
    elif pools <= set(REGRESSION_POOLS):
        splits = regression_splits(scenario, seed, data_dir)
    else:
        splits = _from_files(scenario, seed, data_dir)
    if splits[3].labels.dtype.kind != "f" and not marks:
        check_classes(splits[3].labels, scenario.target, scenario.name)
    counts = [side.task.count for side in (scenario.source, scenario.target)]
    open_set = scenario.label_sets == "open"
    if open_set:
        splits, known = number_unknown(splits, known_classes(scenario.sources))
        counts = [known, known + 1]
    ends = dict(zip(ScenarioData._fields[:6], splits, strict=True))
    return ScenarioData(
        **ends,
        source_classes=counts[0],
        target_classes=counts[1],
        fingerprint=_fingerprint(splits, marks),
        open_set=open_set,
        notes=notes,
    )
