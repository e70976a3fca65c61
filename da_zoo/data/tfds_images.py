"""Images of a TFDS set: checked once, then an array, or decoded when asked."""

import contextlib
import hashlib
import io
import math
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Int, UInt8
from PIL import Image

from da_zoo.data.image_files import (
    FORMATS,
    CheckedImage,
    ImageFiles,
    check_bytes,
    square,
)
from da_zoo.data.readers.folders import listed
from da_zoo.data.tfds_examples import Examples, png

__all__ = ["ImageRows", "RecordImages", "bombs_are_errors"]

MOST_BYTES = 2**30
"""Images of one size become an array up to this size, and stay on disk beyond."""
MOST_NAMED = 50
MODES = {1: "L", 3: "RGB", 4: "RGBA"}
AT_ONCE = 256


@dataclass(frozen=True)
class RecordImages(ImageFiles):
    """Images in records; ``paths`` says which they are, as messages call them.

    Example:
        >>> import tensorflow_datasets as tfds
        >>> builder = tfds.builder("mnist", data_dir="nowhere")
        >>> with tfds.testing.mock_data(num_examples=3):
        ...     examples = Examples(builder, "train", ["image"])
        >>> sizes, grey = np.full((1, 2), 28), np.array([True])
        >>> images = RecordImages(("no. 2",), sizes, grey, examples, np.array([2]))
        >>> images.decode(np.array([0]), 8, 3).shape
        (1, 8, 8, 3)
    """

    examples: Examples
    """Of one feature, the image."""
    numbers: Int[np.ndarray, " n"]
    """Of the examples."""

    def __getitem__(self, rows: Any) -> "RecordImages":
        places = np.arange(len(self))[rows].reshape(-1)
        some = super().__getitem__(places)
        return RecordImages(
            some.paths, some.sizes, some.grey, self.examples, self.numbers[places]
        )

    def decode(
        self,
        rows: Int[np.ndarray, " k"],
        side: int,
        channels: int,
        *,
        crop: bool = False,
    ) -> UInt8[np.ndarray, "k s s c"]:
        """Reads the pixels of some images; see :meth:`ImageFiles.decode`."""
        (name,) = self.examples.names
        found = np.empty((len(rows), side, side, channels), np.uint8)
        for start in range(0, len(rows), AT_ONCE):
            own = np.asarray(rows)[start : start + AT_ONCE]
            for place, example in enumerate(self.examples[self.numbers[own]]):
                value = example[name]
                raw = value if isinstance(value, bytes) else png(value)
                try:
                    with Image.open(io.BytesIO(raw), formats=FORMATS) as image:
                        image.draft(None, (2 * side, 2 * side))
                        pixels = square(image, side, channels, crop=crop)
                except (OSError, SyntaxError, ValueError) as error:
                    raise ValueError(
                        f"{self.paths[own[place]]} cannot be decoded ({error})"
                    ) from None
                found[start + place] = pixels
        return found


@contextlib.contextmanager
def bombs_are_errors() -> Iterator[None]:
    """Makes Pillow refuse images of more pixels than it takes for safe.

    Example:
        >>> with bombs_are_errors():
        ...     pass
    """
    with warnings.catch_warnings():
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        yield


def _decoded(raw: bytes, shape: tuple[int, ...]) -> np.ndarray | str:
    """Pixels of an image of the declared size, or why there are none."""
    try:
        with Image.open(io.BytesIO(raw), formats=FORMATS) as image:
            seen = (image.height, image.width)
            if seen != shape[:2]:  # nothing is decoded of a bomb
                return _unlike(seen, shape[:2])
            return np.asarray(image.convert(MODES[shape[-1]]))
    except Exception as error:  # what Pillow's plug-ins raise
        found = check_bytes(raw)
        return found if isinstance(found, str) else str(error)


def _unlike(found: tuple[int, ...], declared: tuple[int | None, ...]) -> str:
    return f"it is {found}, where the set says {declared}"


class ImageRows:
    """Takes images one after another, and says what to make of them.

    Args:
        shape: [h, w, c] that the set declares; None where sizes vary.
        count: how many images will come.

    Example:
        >>> rows = ImageRows((2, 2, 1), 1)
        >>> rows.add(np.ones((2, 2, 1), np.uint8))
        >>> kept, notes = rows.kept("a", skip_corrupt=False)
        >>> kept.tolist(), rows.array(kept).shape
        ([0], (1, 2, 2, 1))
    """

    def __init__(self, shape: Sequence[int | None], count: int) -> None:
        self.shape = tuple(shape)
        self._checked: list[CheckedImage | str] = []
        self._pixels: np.ndarray | None = None
        sizes = [size for size in shape if size is not None]
        if len(sizes) == len(shape) and count * math.prod(sizes) <= MOST_BYTES:
            self._pixels = np.empty((count, *sizes), np.uint8)

    def add(self, value: Any) -> None:
        """Takes an encoded image, or pixels."""
        if not isinstance(value, np.ndarray):
            if self._pixels is None:
                self._checked.append(check_bytes(value))
                return
            value = _decoded(value, self._pixels.shape[1:])
            if isinstance(value, str):
                self._checked.append(value)
                return
        pixels = value if value.ndim == 3 else value[..., None]
        height, width, channels = pixels.shape
        mark = b""
        if self._pixels is None:
            mark = hashlib.sha256(np.ascontiguousarray(pixels).tobytes()).digest()
        elif pixels.shape == self.shape:
            self._pixels[len(self._checked)] = pixels
        else:
            self._checked.append(_unlike(pixels.shape, self.shape))
            return
        self._checked.append(CheckedImage(mark, height, width, channels == 1))

    def kept(
        self, where: str, *, skip_corrupt: bool
    ) -> tuple[Int[np.ndarray, " k"], list[str]]:
        """Returns the numbers of the images that decode, and a note on the others.

        Raises:
            ValueError: if one does not decode and is not to be skipped, or none does.
        """
        rows = list(enumerate(self._checked))
        bad = [f"no. {row} ({one})" for row, one in rows if isinstance(one, str)]
        if bad and (not skip_corrupt or len(bad) == len(rows)):
            raise ValueError(
                f"{where}: the image of example {bad[0]} cannot be read"
                + (f", nor can those of {len(bad) - 1} others" if len(bad) > 1 else "")
                + "; prepare the set again, or leave them out with skip_corrupt=True "
                "(--skip-corrupt)"
            )
        good = [row for row, one in rows if not isinstance(one, str)]
        if not bad:
            return np.array(good, np.int64), []
        return np.array(good, np.int64), [
            f"{len(bad)} of {len(rows)} images cannot be read and are left out: "
            f"{listed(bad, MOST_NAMED)}."
        ]

    def array(self, kept: Int[np.ndarray, " k"]) -> UInt8[np.ndarray, "k h w c"] | None:
        """Returns the pixels, or None where they are to stay on disk."""
        if self._pixels is None or len(kept) == len(self._pixels):
            return self._pixels
        return self._pixels[kept]

    def records(
        self, where: str, examples: Examples, kept: Int[np.ndarray, " k"]
    ) -> tuple[RecordImages, str]:
        """Returns images that stay on disk, and their fingerprint."""
        whole = [one for one in self._checked if isinstance(one, CheckedImage)]
        images = RecordImages(
            tuple(f"{where}, example no. {row}" for row in kept),
            np.array([(one.height, one.width) for one in whole], np.int64),
            np.array([one.grey for one in whole], bool),
            examples,
            kept,
        )
        mark = hashlib.sha256(b"".join(one.digest for one in whole)).hexdigest()
        return images, mark
