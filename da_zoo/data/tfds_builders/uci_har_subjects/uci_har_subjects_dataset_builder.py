"""Human activities by smartphone: thirty people, each a domain."""

import functools
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import tensorflow_datasets as tfds
from jaxtyping import Float, Int

from da_zoo.data.tfds_builders.image_tree import domain_configs
from da_zoo.data.tfds_builders.raw_files import RawFile, find_tree
from da_zoo.data.tfds_builders.text_numbers import read_numbers

__all__ = ["Builder"]

SUBJECTS = 30
TIME, FEATURES = 128, 561
SIGNALS = tuple(
    f"{what}_{axis}"
    for what in ("body_acc", "body_gyro", "total_acc")
    for axis in "xyz"
)
CLASSES = (
    "walking",
    "walking_upstairs",
    "walking_downstairs",
    "sitting",
    "standing",
    "laying",
)
# The sum stands in many public lists that do not quote one another.
ARCHIVES = (
    RawFile(
        "human+activity+recognition+using+smartphones.zip",
        "https://archive.ics.uci.edu/static/public/240/"
        "human+activity+recognition+using+smartphones.zip",
        "c00b803081a5c797cd5e4b83700a9810b38d53d9d84e01917e090e1fdbc81031",
    ),
    RawFile("UCI HAR Dataset.zip"),
)


class _Part(NamedTuple):
    """The publisher's training or test part."""

    signal: Float[np.ndarray, "n 128 9"]
    features: Float[np.ndarray, "n 561"]
    labels: Int[np.ndarray, " n"]
    subjects: Int[np.ndarray, " n"]


class Builder(tfds.core.GeneratorBasedBuilder):
    """10 299 windows of 2.56 s, six activities (Anguita et al. 2013)."""

    VERSION = tfds.core.Version("1.0.0")
    BUILDER_CONFIGS = domain_configs(
        {f"subject_{n:02d}": f"Person no. {n}." for n in range(1, SUBJECTS + 1)}
    )
    MANUAL_DOWNLOAD_INSTRUCTIONS = f"""
    Nothing needs to be done where https://archive.ics.uci.edu can be reached. Else put
    there {ARCHIVES[0].name} from {ARCHIVES[0].url}, or what is in it: the folder
    "UCI HAR Dataset" with the folders train and test.
    """

    def _info(self) -> Any:
        features = {
            "signal": tfds.features.Tensor(
                shape=(TIME, len(SIGNALS)), dtype=np.float32
            ),
            "features": tfds.features.Tensor(shape=(FEATURES,), dtype=np.float32),
            "label": tfds.features.ClassLabel(names=list(CLASSES)),
        }
        return self.dataset_info_from_configs(
            features=tfds.features.FeaturesDict(features),
            supervised_keys=("signal", "label"),
            homepage="https://archive.ics.uci.edu/dataset/240/"
            "human+activity+recognition+using+smartphones",
            metadata=tfds.core.MetadataDict(),
        )

    def _split_generators(self, dl_manager: Any) -> dict[str, Any]:
        found = find_tree(
            dl_manager,
            ARCHIVES,
            lambda root: root if (root / "train" / "X_train.txt").is_file() else None,
            Path(self.data_dir_root) / "downloads" / "extracted",
            "folder with train/X_train.txt",
        )
        self.info.metadata["files"] = found.record
        return {"train": self._generate_examples(found.path)}

    def _generate_examples(self, root: Path) -> Iterator[tuple[str, dict[str, Any]]]:
        subject = int(self.builder_config.name[-2:])
        count = 0
        for part in ("train", "test"):
            data = _read(root, part)
            for row in np.flatnonzero(data.subjects == subject):
                count += 1
                yield (
                    f"{part}_{row}",
                    {
                        "signal": data.signal[row],
                        "features": data.features[row],
                        "label": int(data.labels[row]) - 1,
                    },
                )
        if not count:
            raise ValueError(f"{root} has no windows of subject {subject}")


@functools.lru_cache(maxsize=2)
def _read(root: Path, part: str) -> _Part:
    """Reads a part once for all subjects; half a minute and 60 MB."""
    folder = root / part
    features = read_numbers(folder / f"X_{part}.txt", FEATURES)
    labels = read_numbers(folder / f"y_{part}.txt", 1)[:, 0].astype(int)
    subjects = read_numbers(folder / f"subject_{part}.txt", 1)[:, 0].astype(int)
    signals = [
        read_numbers(folder / "Inertial Signals" / f"{name}_{part}.txt", TIME)
        for name in SIGNALS
    ]
    lengths = {len(one) for one in (features, labels, subjects, *signals)}
    if len(lengths) != 1:
        raise ValueError(f"{folder}: its files have unlike lengths, {sorted(lengths)}")
    if not 1 <= labels.min() <= labels.max() <= len(CLASSES):
        raise ValueError(f"{folder}: activities must be 1 to {len(CLASSES)}")
    signal = np.stack(signals, axis=-1).astype(np.float32)
    return _Part(signal, features.astype(np.float32), labels, subjects)
