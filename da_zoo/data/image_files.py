"""Images on disk: named, measured and checked once, decoded when they are needed."""

import hashlib
import io
import os
import warnings
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool, Int, UInt8
from PIL import Image, ImageOps

__all__ = [
    "ENDINGS",
    "FORMATS",
    "CheckedImage",
    "ImageFiles",
    "check_bytes",
    "check_images",
    "square",
]

ENDINGS = (".jpg", ".jpeg", ".png", ".bmp", ".webp")
FORMATS = ("BMP", "GIF", "JPEG", "PNG", "TIFF", "WEBP")
"""All that is decoded, whatever a file is called: Pillow knows dozens of formats, one
of which (EPS) it hands to another program."""
GREY = ("1", "L", "LA", "I", "I;16", "I;16B", "I;16L")
THREADS = min(8, os.cpu_count() or 1)
"""Pillow decodes without Python's lock, so threads help; more than cores do not."""
ORIENTATION = 0x0112
"""The EXIF tag; 5 to 8 turn the image by 90 degrees."""


class CheckedImage(NamedTuple):
    """What a file that decodes is like."""

    digest: bytes
    """sha256 of its bytes."""
    height: int
    """As it is seen, after EXIF's orientation."""
    width: int
    grey: bool
    """Whether the file has a grey mode; a colour file of grey pixels has not."""


@dataclass(frozen=True)
class ImageFiles:
    """Paths of images that decode; pixels are read by :meth:`decode` alone.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "a.png"
        >>> Image.new("L", (6, 4), 7).save(path)
        >>> files = ImageFiles((str(path),), np.array([[4, 6]]), np.array([True]))
        >>> files.decode(np.array([0]), 2, 3).shape
        (1, 2, 2, 3)
    """

    paths: tuple[str, ...]
    sizes: Int[np.ndarray, "n 2"]
    """Heights and widths."""
    grey: Bool[np.ndarray, " n"]

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, rows: Any) -> "ImageFiles":
        """Returns some of the files."""
        places = np.arange(len(self))[rows].reshape(-1)
        paths = tuple(self.paths[place] for place in places)
        return ImageFiles(paths, self.sizes[places], self.grey[places])

    def __array__(self, *_: Any, **__: Any) -> np.ndarray:
        raise TypeError("image files are no array of pixels; call decode() on them")

    def decode(
        self,
        rows: Int[np.ndarray, " k"],
        side: int,
        channels: int,
        *,
        crop: bool = False,
    ) -> UInt8[np.ndarray, "k s s c"]:
        """Reads the pixels of some files.

        A JPEG much larger than asked is decoded at a half, quarter or eighth of its
        size, at least twice the side, which takes a fraction of the time.

        Args:
            rows: which.
            side: height and width of the result.
            channels: 1 or 3.
            crop: whether the middle square is cut out; by default the whole image is
                squeezed into a square.

        Raises:
            ValueError: for a file that has gone or changed since it was checked.
        """

        def one(row: int) -> np.ndarray:
            path = self.paths[row]
            try:
                with Image.open(path, formats=FORMATS) as image:
                    image.draft(None, (2 * side, 2 * side))
                    return square(image, side, channels, crop=crop)
            except (OSError, SyntaxError, ValueError) as error:
                raise ValueError(
                    f"{path} can no longer be decoded ({error}); read the folder again"
                ) from None

        found = np.empty((len(rows), side, side, channels), np.uint8)
        for place, pixels in enumerate(_each(one, np.asarray(rows).tolist())):
            found[place] = pixels
        return found


def _each(function: Callable[[Any], Any], items: Sequence[Any]) -> Any:
    if len(items) < 16:
        return [function(item) for item in items]
    with ThreadPoolExecutor(THREADS) as threads:
        return list(threads.map(function, items))


def square(
    image: Image.Image, side: int, channels: int, *, crop: bool = False
) -> UInt8[np.ndarray, "s s c"]:
    """Turns an image of any mode into uint8 pixels of a square.

    EXIF's orientation is applied. What is transparent is seen on white. 16 bits become
    the upper 8. Sizes change bilinearly, antialiased.

    Args:
        image: opened.
        side: height and width.
        channels: 1 (luminance, ITU-R 601) or 3.
        crop: see :meth:`ImageFiles.decode`.

    Example:
        >>> square(Image.new("RGBA", (4, 2), (9, 9, 9, 0)), 1, 3).tolist()
        [[[255, 255, 255]]]
    """
    image = ImageOps.exif_transpose(image)
    if image.mode.startswith("I"):
        # convert("L") would clip at 255 what goes to 65535.
        deep = np.asarray(image).astype(np.int64)
        image = Image.fromarray((np.clip(deep, 0, 65535) >> 8).astype(np.uint8))
    if image.mode in ("LA", "La", "PA", "RGBA", "RGBa") or "transparency" in image.info:
        seen = image.convert("RGBA")
        image = Image.new("RGBA", seen.size, "white")
        image.alpha_composite(seen)
    image = image.convert("L" if channels == 1 else "RGB")
    if crop:
        edge = min(image.size)
        left, top = (image.width - edge) // 2, (image.height - edge) // 2
        image = image.crop((left, top, left + edge, top + edge))
    if image.size != (side, side):
        image = image.resize((side, side), Image.Resampling.BILINEAR)
    return np.asarray(image).reshape(side, side, channels)


def check_images(paths: Sequence[Path]) -> list[CheckedImage | str]:
    """Decodes files once, to know that they can be.

    A file that is cut off, is no image or would unpack into more pixels than Pillow
    takes for safe (``PIL.Image.MAX_IMAGE_PIXELS``, 89 million) is bad. Wrong bytes in
    the middle of a JPEG may decode into wrong pixels, which nothing shows.

    Returns:
        For each, what it is like, or in words why it cannot be read.

    Example:
        >>> check_images([Path("nowhere.png")])
        ['No such file or directory']
    """
    with warnings.catch_warnings():
        # Here and not in the threads: filters are of the process.
        warnings.simplefilter("ignore")
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        found: list[CheckedImage | str] = _each(_check, paths)
        return found


def _check(path: Path) -> CheckedImage | str:
    try:
        return check_bytes(path.read_bytes())
    except OSError as error:
        return error.strerror or str(error)


def check_bytes(raw: bytes) -> CheckedImage | str:
    """Decodes an encoded image once; see :func:`check_images`.

    Example:
        >>> check_bytes(b"GIF?")
        'no image'
    """
    try:
        with Image.open(io.BytesIO(raw), formats=FORMATS) as image:
            width, height = image.size
            grey = image.mode in GREY
            if image.getexif().get(ORIENTATION, 1) >= 5:
                width, height = height, width
            # All of a JPEG is read at an eighth of its size too, in less time.
            image.draft(None, (1, 1))
            image.load()
        return CheckedImage(hashlib.sha256(raw).digest(), height, width, grey)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        return f"too many pixels: {str(error).split(',')[0]}"
    except Image.UnidentifiedImageError:
        return "no image" if raw else "the file is empty"
    except OSError as error:
        return error.strerror or str(error)
    except (SyntaxError, ValueError, EOFError, IndexError, TypeError) as error:
        return str(error) or type(error).__name__  # what Pillow's plug-ins raise
