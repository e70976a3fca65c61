"""USPS: digits on envelopes, segmented by the United States' postal service."""

import bz2
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow_datasets as tfds
from sklearn.datasets import load_svmlight_file

from da_zoo.data.tfds_builders.raw_files import RawFile, get_file
from da_zoo.data.tfds_builders.text_numbers import read_numbers
from da_zoo.data.tfds_examples import png

__all__ = ["Builder"]

SIDE = 16
LIBSVM = "https://www.csie.ntu.edu.tw/~cjlin/libsvmtools/datasets/multiclass/"
# The sums are those of torchvision and of a second, independent list.
FILES = {
    "train": (
        RawFile("zip.train.gz"),
        RawFile("zip.train"),
        RawFile(
            "usps.bz2",
            f"{LIBSVM}usps.bz2",
            "3771e9dd6ba685185f89867b6e249233dd74652389f263963b3b741e994b034f",
        ),
    ),
    "test": (
        RawFile("zip.test.gz"),
        RawFile("zip.test"),
        RawFile(
            "usps.t.bz2",
            f"{LIBSVM}usps.t.bz2",
            "a9c0164e797d60142a50604917f0baa604f326e9a689698763793fa5d12ffc4e",
        ),
    ),
}


class Builder(tfds.core.GeneratorBasedBuilder):
    """7 291 + 2 007 images of 16x16 (LeCun et al. 1990; Hull 1994)."""

    VERSION = tfds.core.Version("1.0.0")
    MANUAL_DOWNLOAD_INSTRUCTIONS = f"""
    Nothing needs to be done where {LIBSVM} can be reached. Else put there zip.train.gz
    and zip.test.gz from https://hastie.su.domains/ElemStatLearn/data.html, or usps.bz2
    and usps.t.bz2 from {LIBSVM}.
    """

    def _info(self) -> Any:
        features = {
            "image": tfds.features.Image(shape=(SIDE, SIDE, 1)),
            "label": tfds.features.ClassLabel(names=list("0123456789")),
        }
        return self.dataset_info_from_configs(
            features=tfds.features.FeaturesDict(features),
            supervised_keys=("image", "label"),
            homepage="https://hastie.su.domains/ElemStatLearn/data.html",
            metadata=tfds.core.MetadataDict(),
        )

    def _split_generators(self, dl_manager: Any) -> dict[str, Any]:
        found = {split: get_file(dl_manager, files) for split, files in FILES.items()}
        records = [one.record for one in found.values()]
        self.info.metadata["files"] = {k: v for one in records for k, v in one.items()}
        return {
            split: self._generate_examples(one.path, next(iter(one.record)))
            for split, one in found.items()
        }

    def _generate_examples(
        self, path: Path, name: str
    ) -> Iterator[tuple[int, dict[str, Any]]]:
        if name.endswith(".bz2"):
            values, labels = _libsvm(path)
        else:
            values, labels = _lines(path)
        if not (np.abs(values) <= 1).all() or not set(labels.tolist()) <= set(
            range(10)
        ):
            raise ValueError(
                f"{path} must hold grey values from -1 to 1 and digits 0 to 9"
            )
        images = np.rint((values + 1) / 2 * 255).astype(np.uint8)
        images = images.reshape(-1, SIDE, SIDE, 1)
        for row, (image, label) in enumerate(zip(images, labels, strict=True)):
            yield row, {"image": io.BytesIO(png(image)), "label": int(label)}


def _lines(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Lines of a digit and 256 grey values."""
    table = read_numbers(path, 1 + SIDE**2)
    return table[:, 1:], np.rint(table[:, 0]).astype(int)


def _libsvm(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """LIBSVM's format, in which the digits are called 1 to 10."""
    try:
        # Opened here: scikit-learn goes by the name, and a download has another.
        with bz2.open(path, "rb") as file:
            rows, digits = load_svmlight_file(file, n_features=SIDE**2)
    except (OSError, EOFError, ValueError) as error:
        raise ValueError(f"{path} is no USPS file of LIBSVM ({error})") from None
    return rows.toarray(), np.rint(digits).astype(int) - 1
