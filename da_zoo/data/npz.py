"""Real digit sets from ``.npz`` files in a folder that the user names."""

import functools
import zipfile
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Int, UInt8
from PIL import Image

__all__ = ["Digits", "load_npz", "mnist", "mnist_m", "resize", "usps"]


class Digits(NamedTuple):
    """A digit set with its own train/test split; uint8 images [n, side, side, c]."""

    x_train: UInt8[np.ndarray, "n h w c"]
    y_train: Int[np.ndarray, " n"]
    x_test: UInt8[np.ndarray, "m h w c"]
    y_test: Int[np.ndarray, " m"]


def load_npz(
    path: str | Path, names: tuple[str, ...], optional: tuple[str, ...] = ()
) -> dict[str, np.ndarray]:
    """Reads arrays from a ``.npz`` file, never unpickling anything.

    Args:
        path: of the file.
        names: arrays that it must hold.
        optional: arrays that are read where it holds them.

    Raises:
        ValueError: if the file is missing, corrupt, holds pickled objects or lacks an
            array; the message names the file and the fix.

    Example:
        >>> load_npz("nowhere.npz", ("x",))
        Traceback (most recent call last):
        ValueError: nowhere.npz is missing; name the folder that holds it with --data
    """
    path = Path(path)
    if not path.is_file():
        raise ValueError(
            f"{path} is missing; name the folder that holds it with --data"
        )
    try:
        # The file is opened here: np.load leaves it open when the archive is broken.
        with path.open("rb") as file:
            archive = np.load(file, allow_pickle=False)
            if not isinstance(archive, np.lib.npyio.NpzFile):
                raise ValueError(f"{path} is no .npz archive but a single array")
            if missing := [name for name in names if name not in archive.files]:
                raise ValueError(
                    f"{path} lacks the arrays {missing}; it has {archive.files}"
                )
            more = [name for name in optional if name in archive.files]
            return {name: archive[name] for name in (*names, *more)}
    except (zipfile.BadZipFile, EOFError, OSError) as error:
        raise ValueError(
            f"{path} is corrupt or truncated ({error}); fetch it again"
        ) from None
    except ValueError as error:
        if "allow_pickle" in str(error) or "pickled" in str(error):
            raise ValueError(
                f"{path} holds pickled Python objects, which are never loaded; save "
                "plain numeric arrays"
            ) from None
        if str(path) in str(error):
            raise
        raise ValueError(f"{path} is corrupt ({error}); fetch it again") from None
    except Exception as error:  # zlib.error and header parsing have many types
        raise ValueError(
            f"{path} is corrupt or truncated ({type(error).__name__}: {error}); fetch "
            "it again"
        ) from None


def _check(path: Path, x: np.ndarray, y: np.ndarray, shape: tuple[int, ...]) -> None:
    if x.dtype != np.uint8 or x.shape[1:] != shape or len(x) != len(y) or not len(x):
        raise ValueError(
            f"{path} must hold uint8 images of shape [n, {', '.join(map(str, shape))}] "
            f"with n labels, got {x.dtype} {x.shape} and {y.shape}"
        )
    if y.min() < 0 or y.max() > 9:
        raise ValueError(f"{path} must hold labels 0..9, got {y.min()}..{y.max()}")


def _digits(folder: str, file: str, shape: tuple[int, ...]) -> Digits:
    path = Path(folder) / file
    arrays = load_npz(path, Digits._fields)
    for part in ("train", "test"):
        _check(path, arrays[f"x_{part}"], arrays[f"y_{part}"], shape)
    return Digits(
        arrays["x_train"],
        arrays["y_train"].astype(np.int32),
        arrays["x_test"],
        arrays["y_test"].astype(np.int32),
    )


@functools.lru_cache(maxsize=2)
def mnist(folder: str) -> Digits:
    """Reads ``mnist.npz``: 60 000 + 10 000 images 28x28x1 (LeCun et al. 1998).

    Raises:
        ValueError: if the file is missing or not what it should be.
    """
    return _digits(folder, "mnist.npz", (28, 28, 1))


@functools.lru_cache(maxsize=2)
def usps(folder: str) -> Digits:
    """Reads ``usps.npz``: 7 291 + 2 007 images 16x16x1 (Hull 1994).

    Raises:
        ValueError: if the file is missing or not what it should be.
    """
    return _digits(folder, "usps.npz", (16, 16, 1))


@functools.lru_cache(maxsize=2)
def mnist_m(folder: str) -> tuple[Digits, Int[np.ndarray, " n"], Int[np.ndarray, " m"]]:
    """Reads ``mnistm_subset.npz`` and which MNIST images its digits are.

    Returns:
        The set (32x32x3), and the MNIST row numbers of its train and test images.

    Raises:
        ValueError: if the file is missing or not what it should be.
    """
    digits = _digits(folder, "mnistm_subset.npz", (32, 32, 3))
    names = ("mnist_index_train", "mnist_index_test")
    indices = load_npz(Path(folder) / "mnistm_subset.npz", names)
    return digits, indices[names[0]], indices[names[1]]


def resize(
    images: UInt8[np.ndarray, "n h w c"], side: int, channels: int
) -> UInt8[np.ndarray, "n s s k"]:
    """Resizes images (bilinear, antialiased) and repeats a grey channel.

    Args:
        images: uint8.
        side: new height and width; nothing is cropped or padded, because MNIST has a
            margin and USPS fills its frame.
        channels: 1 or 3; grey to colour repeats, colour to grey is an error.

    Raises:
        ValueError: if colour images are to become grey.

    Example:
        >>> resize(np.zeros((2, 28, 28, 1), np.uint8), 16, 3).shape
        (2, 16, 16, 3)
    """
    count, height, width, present = images.shape
    if present != channels and present != 1:
        raise ValueError(f"cannot turn {present} channels into {channels}")
    if (height, width) != (side, side):
        resized = np.empty((count, side, side, present), np.uint8)
        for i, image in enumerate(images):
            plain = image[:, :, 0] if present == 1 else image
            small = Image.fromarray(plain).resize(
                (side, side), Image.Resampling.BILINEAR
            )
            resized[i] = np.asarray(small).reshape(side, side, present)
        images = resized
    return np.repeat(images, channels, axis=3) if present < channels else images
