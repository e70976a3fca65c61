"""Weights, images and fingerprints as functions of names and shapes.

The script that makes the goldens (benchmarks/goldens/convnets.py) and the tests compute
the same ones, so that a golden holds a few numbers per tensor and no tensors.
"""

import json
import zlib
from pathlib import Path

import numpy as np

SAMPLES = 16
PROJECTIONS = 3


def _generator(text: str) -> np.random.RandomState:
    # Its streams are frozen for good, which those of default_rng are not.
    return np.random.RandomState(zlib.crc32(text.encode()))


def tensor(name: str, shape: tuple[int, ...]) -> np.ndarray:
    """What a tensor of a PyTorch state dict holds."""
    generator = _generator(name)
    if name.endswith("num_batches_tracked"):
        return np.zeros(shape, np.int64)
    if len(shape) > 1:
        return generator.normal(size=shape) * np.sqrt(2 / np.prod(shape[1:]))
    if name.endswith(("running_var", "weight")):
        return generator.uniform(0.5, 1.5, shape)
    return generator.uniform(-0.3, 0.3, shape)


def images(*shape: int) -> np.ndarray:
    """[n, h, w, c], of about zero mean and unit variance."""
    return _generator("images").normal(size=shape)


def coefficients(*shape: int) -> np.ndarray:
    """Of the logits in the loss, which is their weighted sum."""
    return _generator("loss").normal(size=shape)


def fingerprint(array: np.ndarray) -> np.ndarray:
    """Root mean square, random projections on the same scale, some elements."""
    flat = np.asarray(array, np.float64).reshape(-1)
    generator = _generator(f"fingerprint {flat.size}")
    directions = generator.normal(size=(PROJECTIONS, flat.size)) / np.sqrt(flat.size)
    places = generator.randint(flat.size, size=SAMPLES)
    spread = np.sqrt(np.mean(flat**2))
    return np.concatenate([[spread], directions @ flat, flat[places]])


def distance(array: np.ndarray, golden: np.ndarray) -> float:
    """The largest difference between fingerprints, in root mean squares."""
    return float(np.max(np.abs(fingerprint(array) - golden)) / golden[0])


def write_state(golden: Path, file: Path) -> dict[str, str]:
    """Writes the weights that a golden's network had; returns the golden's metadata."""
    import safetensors.numpy

    with safetensors.safe_open(golden, "np") as opened:
        metadata = opened.metadata()
    state = json.loads(metadata["state"])
    weights = {key: np.asarray(tensor(key, shape)) for key, shape in state.items()}
    safetensors.numpy.save_file(weights, file)
    return metadata
