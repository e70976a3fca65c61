"""Images to pixels: squares of one size, grey or coloured."""

from typing import Any, NamedTuple

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from da_zoo.data.domain_data import DomainData
from da_zoo.data.encoders.told import told_value, told_whole
from da_zoo.data.image_files import ImageFiles, square

__all__ = ["ImageEncoder", "fit", "from_json"]

LARGEST_KEPT = 224
"""Squares of one size stay as they are, up to what pretrained networks take."""
LARGEST_SIDE = 4096


class ImageEncoder(NamedTuple):
    """The size that images get.

    Example:
        >>> pixels = np.zeros((1, 4, 6, 3), np.uint8)
        >>> ImageEncoder(8, 1).apply(pixels).shape
        (1, 8, 8, 1)
    """

    side: int
    channels: int
    crop: bool = False
    """Whether the middle square is cut out; else the whole is squeezed into one."""

    def apply(self, x: Any) -> UInt8[np.ndarray, "n s s c"]:
        """Decodes and resizes images of any domain.

        Args:
            x: :class:`~da_zoo.data.image_files.ImageFiles`, of which all are decoded
                at once (hand over some, ``x[rows]``, where they are many), or uint8
                [n, h, w] or [n, h, w, c] with c 1, 3 or 4 (transparency).

        Raises:
            TypeError: for arrays of another type.
            ValueError: for other shapes, or a file that can no longer be read.
        """
        if isinstance(x, ImageFiles):
            rows = np.arange(len(x))
            return x.decode(rows, self.side, self.channels, crop=self.crop)
        pixels = _checked(x)
        if pixels.shape[1:] == (self.side, self.side, self.channels):
            return pixels
        made = np.empty((len(pixels), self.side, self.side, self.channels), np.uint8)
        for row, one in enumerate(pixels):
            image = Image.fromarray(one[..., 0] if one.shape[-1] == 1 else one)
            made[row] = square(image, self.side, self.channels, crop=self.crop)
        return made

    def to_json(self) -> dict[str, Any]:
        """Returns plain values."""
        return {"side": self.side, "channels": self.channels, "crop": self.crop}


def _checked(x: Any) -> UInt8[np.ndarray, "n h w c"]:
    pixels = np.asarray(x)
    if pixels.dtype != np.uint8:
        raise TypeError(
            f"images must be uint8 pixels 0..255, got {pixels.dtype}; multiply those "
            "in [0, 1] by 255 and round"
        )
    if pixels.ndim == 3:
        pixels = pixels[..., None]
    if pixels.ndim != 4 or pixels.shape[-1] not in (1, 3, 4) or not pixels.size:
        raise ValueError(
            "images must have shape [n, height, width] or [n, height, width, 1, 3 or "
            f"4], got {np.shape(x)}"
        )
    return pixels


def fit(
    data: DomainData,
    *,
    side: int | None = None,
    channels: int | None = None,
    crop: bool = False,
) -> ImageEncoder:
    """Chooses a size from the source's training images.

    Args:
        data: those images.
        side: height and width of all images; None keeps squares of one size up to 224,
            and else takes 64, or 32 where half of the images have an edge under 64. A
            network from scratch learns little more from larger ones, at many times the
            cost; for a pretrained one give the side that it was trained with, often
            224.
        channels: 1 or 3; None takes 1 if every file has a grey mode, else 3. Images of
            other domains follow: colour becomes luminance, grey is repeated.
        crop: whether the middle square is cut out of images that are none, instead of
            squeezing them.

    Raises:
        ValueError: for a side outside 1..4096, or other channels.

    Example:
        >>> from da_zoo.data.domain_data import make_domain_data
        >>> fit(make_domain_data("a", "images", np.zeros((2, 16, 16, 1), np.uint8)))
        ImageEncoder(side=16, channels=1, crop=False)
    """
    x = data.x
    if isinstance(x, ImageFiles):
        sizes, grey = x.sizes, bool(x.grey.all())
    else:
        pixels = _checked(x)
        sizes, grey = np.array([pixels.shape[1:3]]), pixels.shape[-1] == 1
    if side is None:
        one_size = bool((sizes == sizes[0, 0]).all())
        if one_size and sizes[0, 0] <= LARGEST_KEPT:
            side = int(sizes[0, 0])
        else:
            side = 64 if np.median(sizes.min(axis=1)) >= 64 else 32
    if channels is None:
        channels = 1 if grey else 3
    return from_json({"side": side, "channels": channels, "crop": crop})


def from_json(told: Any) -> ImageEncoder:
    """Undoes :meth:`ImageEncoder.to_json`.

    Raises:
        ValueError: if the values are no encoder's.

    Example:
        >>> from_json({"side": 8, "channels": 3, "crop": False}).side
        8
    """
    side = told_whole(told, "side", 1, LARGEST_SIDE)
    channels = told_whole(told, "channels", 1, 3)
    crop = told_value(told, "crop")
    if channels == 2 or not isinstance(crop, bool):
        raise ValueError(
            f"channels must be 1 or 3 and crop true or false, got {channels} and "
            f"{crop!r:.80}"
        )
    return ImageEncoder(side, channels, crop)
