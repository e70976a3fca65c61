"""Heart disease: patients of four hospitals."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow_datasets as tfds

from da_zoo.data.tfds_builders.image_tree import domain_configs
from da_zoo.data.tfds_builders.raw_files import RawFile, get_file
from da_zoo.data.tfds_builders.text_numbers import read_numbers

__all__ = ["Builder"]

UCI = "https://archive.ics.uci.edu/ml/machine-learning-databases/heart-disease/"
# The sums stand in several public lists that do not quote one another.
SHA256 = {
    "cleveland": "a74b7efa387bc9d108d7d0115d831fe9b414b29ae7124f331b622b4efa0427c8",
    "hungarian": "d1ad108f785768cd3d7e82dc522e6f5a61eea93cccfb3a46ee8076f73fc3d796",
    "switzerland": "834a405ccf5b66ab4056bb77794adc8df0b7125186454c0a1d002d33c6c3b314",
    "va": "e7c93d8d0d2acdadfa4c5e8de768e2191e7f618b952e29623f1f0d5949ff6b8f",
}
COLUMNS = (
    "age",
    "sex",
    "cp",
    "trestbps",
    "chol",
    "fbs",
    "restecg",
    "thalach",
    "exang",
    "oldpeak",
    "slope",
    "ca",
    "thal",
)


class Builder(tfds.core.GeneratorBasedBuilder):
    """303, 294, 123 and 200 patients, 13 measurements each (Janosi et al. 1988)."""

    VERSION = tfds.core.Version("1.0.0")
    BUILDER_CONFIGS = domain_configs(
        {
            "cleveland": "Cleveland Clinic Foundation.",
            "hungarian": "Hungarian Institute of Cardiology, Budapest.",
            "switzerland": "University Hospitals, Zurich and Basel.",
            "va": "V.A. Medical Center, Long Beach.",
        }
    )
    MANUAL_DOWNLOAD_INSTRUCTIONS = f"""
    Nothing needs to be done where {UCI} can be reached. Else put there
    processed.cleveland.data, processed.hungarian.data, processed.switzerland.data and
    processed.va.data from https://archive.ics.uci.edu/dataset/45/heart+disease.
    """

    def _info(self) -> Any:
        features: dict[str, Any] = {
            name: tfds.features.Scalar(np.float32) for name in COLUMNS
        }
        features["label"] = tfds.features.ClassLabel(names=["absent", "present"])
        # The diagnosis in full, of which the label is whether it is above 0.
        features["severity"] = tfds.features.Scalar(np.int32)
        return self.dataset_info_from_configs(
            features=tfds.features.FeaturesDict(features),
            supervised_keys=({name: name for name in COLUMNS}, "label"),
            homepage="https://archive.ics.uci.edu/dataset/45/heart+disease",
            metadata=tfds.core.MetadataDict(),
        )

    def _split_generators(self, dl_manager: Any) -> dict[str, Any]:
        hospital = self.builder_config.name
        name = f"processed.{hospital}.data"
        found = get_file(dl_manager, [RawFile(name, f"{UCI}{name}", SHA256[hospital])])
        self.info.metadata["files"] = found.record
        return {"train": self._generate_examples(found.path)}

    def _generate_examples(self, path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
        table = read_numbers(path, len(COLUMNS) + 1, delimiter=",", missing=("?",))
        severity = table[:, -1]
        if not set(severity.tolist()) <= {0.0, 1.0, 2.0, 3.0, 4.0}:
            raise ValueError(f"{path}: the last column must hold diagnoses 0 to 4")
        for row, values in enumerate(table.astype(np.float32)):
            example: dict[str, Any] = dict(zip(COLUMNS, values[:-1], strict=True))
            example["label"] = int(severity[row] > 0)
            example["severity"] = int(severity[row])
            yield row, example
