"""VisDA-2017: rendered objects, and photographs of such objects."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar

import tensorflow_datasets as tfds

from da_zoo.data.csv_rows import read_utf8
from da_zoo.data.tfds_builders.image_tree import ImageTreeBuilder, domain_configs
from da_zoo.data.tfds_builders.raw_files import RawFile

__all__ = ["Builder"]

LIST = "image_list.txt"


class Builder(ImageTreeBuilder):
    """152 397 renderings, 55 388 and 72 372 photographs (Peng et al. 2017)."""

    VERSION = tfds.core.Version("1.0.0")
    BUILDER_CONFIGS = domain_configs(
        {
            "synthetic": "The challenge's training set: renderings of 3D models.",
            "real": "Its validation set: cut out of COCO's photographs.",
            "test": "Its test set: cut out of YouTube's videos.",
        }
    )
    MANUAL_DOWNLOAD_INSTRUCTIONS = """
    Fetch http://csr.bu.edu/ftp/visda17/clf/train.tar (7.7 GB), validation.tar and
    test.tar there, and put them, or the folders in them, there. The test set's labels
    are https://raw.githubusercontent.com/VisionLearningGroup/taskcv-2017-public/master/
    classification/data/image_list.txt; put them into the folder test.
    """
    HOMEPAGE = "https://ai.bu.edu/visda-2017/"
    FOLDERS: ClassVar[dict[str, Sequence[str]]] = {
        "synthetic": ("train",),
        "real": ("validation",),
        "test": ("test",),
    }
    CLASSES = (
        "aeroplane",
        "bicycle",
        "bus",
        "car",
        "horse",
        "knife",
        "motorcycle",
        "person",
        "plant",
        "skateboard",
        "train",
        "truck",
    )

    def _archives(self) -> Sequence[RawFile]:
        return [RawFile(f"{self.FOLDERS[self.builder_config.name][0]}.tar")]

    def _domain_folder(self, root: Path) -> Path | None:
        if self.builder_config.name != "test":
            return super()._domain_folder(root)
        folder = root / "test"
        return folder if (folder / LIST).is_file() else None

    def _generate_examples(self, folder: Path) -> Iterator[tuple[str, dict[str, Any]]]:
        if self.builder_config.name != "test":
            yield from super()._generate_examples(folder)
            return
        files = []
        lines = read_utf8(folder / LIST).splitlines()
        for number, line in enumerate(lines, start=1):
            name, _, label = line.strip().rpartition(" ")
            known = label.isdigit() and int(label) < len(self.CLASSES)
            if not known or ".." in Path(name).parts or Path(name).is_absolute():
                raise ValueError(
                    f"{folder / LIST}, line {number}: {line!r} is no file and number "
                    f"of a class, 0..{len(self.CLASSES) - 1}"
                )
            files.append((folder / name, self.CLASSES[int(label)]))
        yield from self._examples(folder, files)
