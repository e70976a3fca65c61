"""Files of weights as named arrays. Nothing here unpickles."""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Shaped

from da_zoo.tensor_files import read_arrays

__all__ = ["HUB", "file_digest", "locate", "read_weights"]

HUB = "hub:"
"""What the name of a file on the Hugging Face hub starts with."""

Weights = dict[str, Shaped[np.ndarray, "..."]]


def locate(source: str | Path) -> Path:
    """Returns the path of a file of weights, fetching it if it is on the hub.

    Args:
        source: a path, or "hub:owner/name", "hub:owner/name/file.safetensors", either
            with "@revision" behind it.

    Raises:
        ValueError: if there is no such file, or the id is no id.
        ImportError: for the hub without ``huggingface_hub``.

    Example:
        >>> locate("nowhere.safetensors")
        Traceback (most recent call last):
        ValueError: there is no file of weights nowhere.safetensors
    """
    if not str(source).startswith(HUB):
        path = Path(source)
        if not path.is_file():
            raise ValueError(f"there is no file of weights {path}")
        return path
    name, _, revision = str(source)[len(HUB) :].partition("@")
    owner, _, rest = name.partition("/")
    repository, _, file = rest.partition("/")
    if not owner or not repository:
        raise ValueError(
            f'{source!r} is no id of the hub; write "hub:owner/name" or '
            '"hub:owner/name/file.safetensors"'
        )
    try:
        from huggingface_hub import hf_hub_download
    except ImportError:
        raise ImportError(
            f"{source!r} is fetched by huggingface_hub, which is not installed: "
            "pip install 'da-zoo[weights]', or fetch the file yourself and give its "
            "path"
        ) from None
    return Path(
        hf_hub_download(
            f"{owner}/{repository}",
            file or "model.safetensors",
            revision=revision or None,
        )
    )


def file_digest(path: Path) -> str:
    """Returns the SHA-256 of a file, in hexadecimal.

    Example:
        >>> len(file_digest(Path(__file__)))
        64
    """
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_weights(path: str | Path) -> Weights:
    """Reads a file of weights.

    Args:
        path: ``.safetensors``, ``.npz`` (without pickled objects), or, where torch is
            installed, ``.pth``, ``.pt`` or ``.bin`` (tensors alone).

    Returns:
        Arrays by the names they have in the file.

    Raises:
        ValueError: if the file is missing, damaged, of another kind, or holds what is
            no array; the message names it.

    Example:
        >>> read_weights("weights.h5")
        Traceback (most recent call last):
        ValueError: weights.h5: weights come as .safetensors, .npz, .pth, .pt or .bin
    """
    path = Path(path)
    if path.suffix not in READERS:
        raise ValueError(
            f"{path}: weights come as .safetensors, .npz, .pth, .pt or .bin"
        )
    return READERS[path.suffix](locate(path))


def _read_safetensors(path: Path) -> Weights:
    return read_arrays(path)[0]


def _read_npz(path: Path) -> Weights:
    try:
        # The file is opened here: np.load leaves it open when the archive is broken.
        with path.open("rb") as file:
            archive = np.load(file, allow_pickle=False)
            if not isinstance(archive, np.lib.npyio.NpzFile):
                raise ValueError("it is a single array")
            return {name: archive[name] for name in archive.files}
    except Exception as error:  # of zipfile, zlib and NumPy, which has many
        raise ValueError(
            f"{path} is damaged, no .npz archive, or holds Python objects, which are "
            f"never loaded: {error}"
        ) from None


def _read_torch(path: Path) -> Weights:
    try:
        import torch
    except ImportError:
        raise ValueError(
            f"{path} can only be read where torch is installed. Convert it there once: "
            "import torch, safetensors.torch; safetensors.torch.save_file("
            f"torch.load({path.name!r}, weights_only=True), "
            f"{path.with_suffix('.safetensors').name!r})"
        ) from None
    try:
        loaded = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # zip, pickle and torch each have their own
        raise ValueError(
            f"{path} is damaged or holds more than tensors: {error}"
        ) from (None)
    # A training script's checkpoint keeps its weights under one of these.
    for key in ("state_dict", "model"):
        if isinstance(loaded, dict) and isinstance(loaded.get(key), dict):
            loaded = loaded[key]
    if not isinstance(loaded, dict) or not all(
        isinstance(value, torch.Tensor) for value in loaded.values()
    ):
        raise ValueError(f"{path} is no dict of tensors; save model.state_dict()")
    return {name: _from_torch(tensor, torch) for name, tensor in loaded.items()}


def _from_torch(tensor: Any, torch: Any) -> Shaped[np.ndarray, "..."]:
    # NumPy has no bfloat16, and float32 holds it exactly.
    wide = tensor.float() if tensor.dtype == torch.bfloat16 else tensor
    return wide.detach().cpu().numpy()


READERS: dict[str, Callable[[Path], Weights]] = {
    ".safetensors": _read_safetensors,
    ".npz": _read_npz,
    ".pth": _read_torch,
    ".pt": _read_torch,
    ".bin": _read_torch,
}
"""How a file is read, by its ending."""
