"""MNIST-M: MNIST's digits, blended with patches of photographs."""

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow_datasets as tfds
from jaxtyping import UInt8
from PIL import Image

from da_zoo.data.csv_rows import read_utf8
from da_zoo.data.image_files import ENDINGS
from da_zoo.data.tfds_builders.image_tree import coloured
from da_zoo.data.tfds_builders.mnist_files import FILES, read_idx
from da_zoo.data.tfds_builders.raw_files import RawFile, find_tree, get_file
from da_zoo.data.tfds_examples import png

__all__ = ["Builder", "MnistMConfig", "blend"]

# The sum stands in two repositories that do not quote one another.
PUBLISHED = RawFile("mnist_m.tar.gz", md5="859df31c91afe82e80e5012ba928f279")
PHOTOGRAPHS = RawFile("BSR_bsds500.tgz")
BERKELEY = "http://www.eecs.berkeley.edu/Research/Projects/CS/vision/grouping/BSR/"


class MnistMConfig(tfds.core.BuilderConfig):
    """Where the images come from.

    Args:
        seed: of the draw of patches; None for the published images.
        side: height and width of the images.
        **options: of TFDS's ``BuilderConfig``.
    """

    def __init__(self, *, seed: int | None, side: int, **options: Any) -> None:
        super().__init__(**options)
        self.seed = seed
        self.side = side


def blend(
    digit: UInt8[np.ndarray, "h w"],
    photograph: UInt8[np.ndarray, "y x 3"],
    generator: np.random.Generator,
) -> UInt8[np.ndarray, "h w 3"]:
    """Takes the difference of a digit and a patch of a photograph, drawn at random.

    Example:
        >>> photograph = np.full((9, 9, 3), 200, np.uint8)
        >>> digit = np.uint8([[0, 255]])
        >>> blend(digit, photograph, np.random.default_rng(0))[0, :, 0].tolist()
        [200, 55]

    References:
        Ganin and Lempitsky, "Unsupervised Domain Adaptation by Backpropagation", ICML
        2015, section 4.
    """
    height, width = digit.shape
    rows, columns = photograph.shape[:2]
    if rows < height or columns < width:
        raise ValueError(f"a photograph of {rows}x{columns} is smaller than a digit")
    top = int(generator.integers(rows - height + 1))
    left = int(generator.integers(columns - width + 1))
    patch = photograph[top : top + height, left : left + width].astype(np.int16)
    return np.abs(patch - digit[..., None]).astype(np.uint8)


class Builder(tfds.core.GeneratorBasedBuilder):
    """MNIST-M as it was published, or made anew by its recipe (Ganin et al. 2016)."""

    VERSION = tfds.core.Version("1.0.0")
    BUILDER_CONFIGS = (
        MnistMConfig(
            name="published",
            description="The authors' images: 59 001 + 9 001 of 32x32.",
            seed=None,
            side=32,
        ),
        MnistMConfig(
            name="generated",
            description="Made here of MNIST and BSDS500 by the authors' recipe, with "
            "seed 0: 60 000 + 10 000 of 28x28.",
            seed=0,
            side=28,
        ),
    )
    MANUAL_DOWNLOAD_INSTRUCTIONS = f"""
    For "published", put there mnist_m.tar.gz from http://yaroslav.ganin.net (Google
    Drive, which needs a browser), or its folder mnist_m. For "generated", put there
    {BERKELEY}BSR_bsds500.tgz or its folder BSR, and the four files of MNIST
    (train-images-idx3-ubyte.gz, ...) where they cannot be fetched.
    """

    def _info(self) -> Any:
        side = self.builder_config.side
        features = {
            "image": tfds.features.Image(shape=(side, side, 3)),
            "label": tfds.features.ClassLabel(names=list("0123456789")),
        }
        return self.dataset_info_from_configs(
            features=tfds.features.FeaturesDict(features),
            supervised_keys=("image", "label"),
            homepage="http://yaroslav.ganin.net",
            metadata=tfds.core.MetadataDict({"seed": self.builder_config.seed}),
        )

    def _split_generators(self, dl_manager: Any) -> dict[str, Any]:
        work = Path(self.data_dir_root) / "downloads" / "extracted"
        if self.builder_config.seed is None:
            whole = find_tree(
                dl_manager,
                [PUBLISHED],
                lambda r: r if (r / "mnist_m_train_labels.txt").is_file() else None,
                work,
                "folder with mnist_m_train_labels.txt",
            )
            self.info.metadata["files"] = whole.record
            return {
                part: self._generate_examples(whole.path, part)
                for part in ("train", "test")
            }
        photographs = find_tree(
            dl_manager, [PHOTOGRAPHS], _photographs, work, "folder BSDS500"
        )
        records = dict(photographs.record)
        splits = {}
        for part, files in FILES.items():
            images, labels = (get_file(dl_manager, [file]) for file in files)
            records |= images.record | labels.record
            splits[part] = self._blended(
                photographs.path, images.path, labels.path, part
            )
        self.info.metadata["files"] = records
        return splits

    def _generate_examples(
        self, root: Path, part: str
    ) -> Iterator[tuple[str, dict[str, Any]]]:
        folder, listing = root / f"mnist_m_{part}", root / f"mnist_m_{part}_labels.txt"
        for number, line in enumerate(read_utf8(listing).splitlines(), start=1):
            name, _, label = line.strip().partition(" ")
            if Path(name).name != name or label not in tuple("0123456789"):
                raise ValueError(
                    f"{listing}, line {number}: {line!r} is no file and its digit"
                )
            raw, _ = coloured(folder / name)
            yield name, {"image": io.BytesIO(raw), "label": int(label)}

    def _blended(
        self, photographs: Path, images: Path, labels: Path, part: str
    ) -> Iterator[tuple[int, dict[str, Any]]]:
        pictures = [
            np.asarray(Image.open(path, formats=("JPEG", "PNG")).convert("RGB"))
            for path in sorted(photographs.iterdir())
            if path.suffix.lower() in ENDINGS
        ]
        digits, names = read_idx(images, 3), read_idx(labels, 1)
        if len(digits) != len(names):
            raise ValueError(f"{images} has {len(digits)} images, {labels} others")
        for row, digit in enumerate(digits):
            # Of the image alone: no other image's draw changes it.
            seeds = [self.builder_config.seed, part == "test", row]
            generator = np.random.default_rng([int(one) for one in seeds])
            picture = pictures[int(generator.integers(len(pictures)))]
            image = io.BytesIO(png(blend(digit, picture, generator)))
            yield row, {"image": image, "label": int(names[row])}


def _photographs(root: Path) -> Path | None:
    """BSDS500's 200 training photographs, which the recipe's patches come from."""
    for place in ("BSR/BSDS500/data/images/train", "BSDS500/data/images/train"):
        folder = root / place
        if folder.is_dir() and any(
            one.suffix.lower() in ENDINGS for one in folder.iterdir()
        ):
            return folder
    return None
