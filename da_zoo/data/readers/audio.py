"""Sounds from folders of WAV files, ``root/domain/class/*.wav``, as log-mel power."""

import io
import math
import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float

from da_zoo.data.domain_data import DomainData, fingerprint, make_domain_data
from da_zoo.data.log_mel import log_mel
from da_zoo.data.readers.folders import FolderFiles, listed, walk_folder

__all__ = ["read_audio", "read_wav"]

MOST_NAMED = 50


def read_wav(path: str | Path, rate: int = 16_000) -> Float[np.ndarray, " samples"]:
    """Reads one WAV file: 8, 16, 24 or 32 bits or floats, of any number of channels.

    Args:
        path: of the file.
        rate: samples a second that the result has; another is resampled (polyphase
            filter, without aliasing). Channels are averaged.

    Returns:
        float32; integers become -1..1, floats stay.

    Raises:
        ValueError: if it is missing, cut off, empty, compressed or no WAV file, or
            holds NaN or infinity; the message names it.

    Example:
        >>> import tempfile
        >>> from scipy.io import wavfile
        >>> path = Path(tempfile.mkdtemp()) / "a.wav"
        >>> wavfile.write(path, 8000, np.full((80, 2), 2**14, np.int16))
        >>> read_wav(path, 8000)[:2].tolist(), len(read_wav(path))
        ([0.5, 0.5], 160)
    """
    return _wave(path, _bytes(Path(path)), rate)


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ValueError(f"{path} cannot be read ({error.strerror})") from None


def _wave(path: str | Path, raw: bytes, rate: int) -> Float[np.ndarray, " samples"]:
    from scipy.io import wavfile
    from scipy.signal import resample_poly

    with warnings.catch_warnings():
        warnings.simplefilter("error", wavfile.WavFileWarning)
        # Chunks of titles and comments, which many recorders write.
        warnings.filterwarnings(
            "ignore", message="Chunk", category=wavfile.WavFileWarning
        )
        try:
            own_rate, samples = wavfile.read(io.BytesIO(raw))
        except Exception as error:  # of many types: struct.error, EOFError, ...
            raise ValueError(
                f"{path} cannot be read as WAV ({error or type(error).__name__})"
            ) from None
    if not samples.size or own_rate < 1:
        raise ValueError(f"{path} holds no samples")
    if samples.dtype.kind == "f":
        wave = samples.astype(np.float64)
    elif samples.dtype == np.uint8:
        wave = (samples.astype(np.float64) - 128.0) / 128.0
    else:  # 24 bits come as the upper bits of 32
        wave = samples / float(2 ** (8 * samples.dtype.itemsize - 1))
    if not np.isfinite(wave).all():
        raise ValueError(f"{path} holds NaN or infinite samples")
    if wave.ndim == 2:
        wave = wave.mean(axis=1)
    if own_rate != rate:
        shared = math.gcd(own_rate, rate)
        wave = resample_poly(wave, rate // shared, own_rate // shared)
    return wave.astype(np.float32)


def read_audio(
    path: str | Path,
    *,
    label: bool | str | None = None,
    domain: str | None = None,
    classes: Sequence[str] | None = None,
    layout: str | None = None,
    rate: int = 16_000,
    seconds: float | int = 1.0,
    bands: int = 40,
    frame_seconds: float = 0.025,
    hop_seconds: float = 0.010,
    formula: str = "htk",
    skip_corrupt: bool = False,
) -> DomainData:
    """Reads a tree of WAV files as log-mel energies, all of one length.

    Give every domain the same settings; they are what a trained network expects.

    Args:
        path: of the root, or of one file.
        label: anything but None and False takes the class folders' names for labels.
        domain: the only domain folder to read; None reads all.
        classes: names in the order of their numbers; None sorts the folders' names.
        layout: see :func:`da_zoo.data.readers.images.read_images`.
        rate: samples a second that all are brought to.
        seconds: that all last: a longer one loses its end, a shorter one is followed by
            silence; ``notes`` counts both.
        bands: see :func:`da_zoo.data.log_mel.log_mel`, like the next three.
        frame_seconds: of one frame.
        hop_seconds: from frame to frame.
        formula: "htk" or "slaney".
        skip_corrupt: whether files that cannot be read are left out and named in
            ``notes``; by default one such file is an error.

    Returns:
        Rows of kind "signals": float32 [n, frames, bands].

    Raises:
        ValueError: for a folder that is missing or empty, a file that cannot be read,
            or settings that do not fit each other.

    Example:
        >>> import tempfile
        >>> from scipy.io import wavfile
        >>> root = Path(tempfile.mkdtemp())
        >>> (root / "beep").mkdir()
        >>> wavfile.write(root / "beep" / "1.wav", 8000, np.zeros(8000, np.int16))
        >>> read_audio(root, label=True).x.shape
        (1, 98, 40)
    """
    root, label = Path(path), label not in (None, False)
    if not isinstance(rate, int) or rate < 1 or not 0 < seconds * rate < 2**31:
        raise ValueError(
            f"rate must be a whole number of Hz and seconds above 0, got {rate!r} and "
            f"{seconds!r}"
        )
    if root.is_file():
        if label:
            raise ValueError(f"{root} is one file, which has no folder of a class")
        found, root = FolderFiles((root,), None, None, ()), root.parent
    else:
        found = walk_folder(
            root,
            (".wav", ".wave"),
            what="WAV files",
            label=label,
            layout=layout,
            domain=domain,
            classes=classes,
        )
    length = round(seconds * rate)
    settings = (rate, seconds, bands, frame_seconds, hop_seconds, formula)
    made, good, bad, parts = [], [], [], [repr(settings)]
    cut = padded = 0
    for row, file in enumerate(found.files):
        try:
            raw = _bytes(file)
            wave = _wave(file, raw, rate)
        except ValueError as error:
            if not skip_corrupt:
                raise ValueError(
                    f"{error}; mend or remove it, or leave such files out with "
                    "skip_corrupt=True (--skip-corrupt)"
                ) from None
            bad.append(str(error))
            continue
        cut += len(wave) > length
        padded += len(wave) < length
        fixed = np.zeros((1, length))
        fixed[0, : len(wave)] = wave[:length]
        made.append(
            log_mel(
                fixed,
                float(rate),
                frame=frame_seconds,
                hop=hop_seconds,
                bands=bands,
                formula=formula,
            )
        )
        good.append(row)
        parts.append(fingerprint(file.relative_to(root).as_posix(), raw))
    notes = list(found.notes)
    if bad:
        if not good:
            raise ValueError(f"{root}: no WAV file can be read: {bad[0]}")
        notes.append(
            f"{len(bad)} of {len(found.files)} files cannot be read and are left out: "
            f"{listed(bad, MOST_NAMED)}."
        )
    if cut:
        notes.append(f"{cut} sounds are longer than {seconds:g} s and lost their ends.")
    if padded:
        notes.append(
            f"{padded} sounds are shorter than {seconds:g} s: silence follows."
        )
    named = found.classes if label else None
    return make_domain_data(
        str(path),
        "signals",
        np.concatenate(made),
        None if named is None else [named[row] for row in good],
        classes=classes,
        domain=None if found.domains is None else [found.domains[r] for r in good],
        mark=fingerprint(*parts),
        notes=notes,
    )
