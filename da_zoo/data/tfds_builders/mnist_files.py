"""MNIST's four files, in LeCun's format."""

import zlib
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from da_zoo.data.archives import gunzip
from da_zoo.data.tfds_builders.raw_files import RawFile

__all__ = ["FILES", "read_idx"]

MIRROR = "https://storage.googleapis.com/cvdf-datasets/mnist/"
# As tensorflow-datasets lists them.
_SHA256 = {
    "train-images-idx3-ubyte.gz": (
        "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609"
    ),
    "train-labels-idx1-ubyte.gz": (
        "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c"
    ),
    "t10k-images-idx3-ubyte.gz": (
        "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6"
    ),
    "t10k-labels-idx1-ubyte.gz": (
        "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6"
    ),
}
_RAW = {name: RawFile(name, f"{MIRROR}{name}", mark) for name, mark in _SHA256.items()}
FILES = {
    "train": (_RAW["train-images-idx3-ubyte.gz"], _RAW["train-labels-idx1-ubyte.gz"]),
    "test": (_RAW["t10k-images-idx3-ubyte.gz"], _RAW["t10k-labels-idx1-ubyte.gz"]),
}
"""Images and labels of each part."""


def read_idx(path: Path, axes: int) -> UInt8[np.ndarray, "n ..."]:
    """Reads an array of bytes from a file in idx format, gzipped or not.

    Args:
        path: of the file.
        axes: that the array must have: 3 for images, 1 for labels.

    Raises:
        ValueError: for a file of another kind, or a damaged one.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "labels"
        >>> _ = path.write_bytes(bytes([0, 0, 8, 1, 0, 0, 0, 2, 7, 3]))
        >>> read_idx(path, 1)
        array([7, 3], dtype=uint8)
    """
    raw = path.read_bytes()
    try:
        raw = gunzip(raw) if raw[:2] == b"\x1f\x8b" else raw
    except (OSError, EOFError, zlib.error) as error:
        raise ValueError(f"{path} is damaged or truncated ({error})") from None
    head = 4 + 4 * axes
    if len(raw) < head or raw[:4] != bytes([0, 0, 8, axes]):
        raise ValueError(f"{path} is no idx file of bytes with {axes} axes")
    shape = np.frombuffer(raw, ">i4", axes, 4).astype(int)
    if len(raw) != head + shape.prod():
        raise ValueError(
            f"{path} says that it holds {shape.tolist()} bytes, and holds "
            f"{len(raw) - head}"
        )
    return np.frombuffer(raw, np.uint8, offset=head).reshape(shape)
