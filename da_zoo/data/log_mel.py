"""Log-mel energies of sounds: what speech recognisers see in place of samples."""

from typing import Any

import numpy as np
from jaxtyping import Float

from da_zoo.naming import choose

__all__ = ["FORMULAS", "hz_to_mel", "log_mel", "mel_filters", "mel_to_hz"]

FORMULAS = ("htk", "slaney")
FLOOR = 1e-10
"""Power that counts as silence: 100 dB under a square wave of amplitude 1."""
# Slaney, "Auditory Toolbox", Interval Research technical report 1998-010: 200/3 Hz a
# step up to 1000 Hz, above it 27 steps for a factor of 6.4.
LINEAR_HZ = 200.0 / 3.0
BREAK_HZ = 1000.0
LOG_STEP = np.log(6.4) / 27.0


def hz_to_mel(hz: Any, formula: str = "htk") -> Float[np.ndarray, "..."]:
    """Turns frequencies into pitches on the mel scale.

    Args:
        hz: at least 0, of any shape.
        formula: "htk": 2595 log10(1 + f / 700), of O'Shaughnessy, "Speech
            Communication", 1987, in the HTK book (Young et al., 2006, section 5.4);
            "slaney": linear up to 1000 Hz and logarithmic above, of Slaney's "Auditory
            Toolbox" (1998).

    Raises:
        ValueError: for another formula.

    Example:
        >>> hz_to_mel([0.0, 1000.0]).round(1), hz_to_mel([1000.0], "slaney")
        (array([   0., 1000.]), array([15.]))
    """
    choose(dict.fromkeys(FORMULAS), formula, "mel formula")
    values = np.asarray(hz, np.float64)
    if formula == "htk":
        return np.asarray(2595.0 * np.log10(1.0 + values / 700.0))
    above = np.log(np.maximum(values, BREAK_HZ) / BREAK_HZ) / LOG_STEP
    return np.asarray(np.minimum(values, BREAK_HZ) / LINEAR_HZ + above)


def mel_to_hz(mel: Any, formula: str = "htk") -> Float[np.ndarray, "..."]:
    """Undoes :func:`hz_to_mel`.

    Args:
        mel: at least 0, of any shape.
        formula: see there.

    Raises:
        ValueError: for another formula.

    Example:
        >>> mel_to_hz(hz_to_mel([440.0])).round(6)
        array([440.])
    """
    choose(dict.fromkeys(FORMULAS), formula, "mel formula")
    values = np.asarray(mel, np.float64)
    if formula == "htk":
        return np.asarray(700.0 * (10.0 ** (values / 2595.0) - 1.0))
    edge = BREAK_HZ / LINEAR_HZ
    above = np.exp(LOG_STEP * (np.maximum(values, edge) - edge))
    return np.asarray(LINEAR_HZ * np.minimum(values, edge) * above)


def mel_filters(
    bands: int,
    size: int,
    rate: float,
    *,
    low: float = 20.0,
    high: float | None = None,
    formula: str = "htk",
) -> Float[np.ndarray, "bands bins"]:
    """Returns triangles of height 1, evenly spaced and straight on the mel scale.

    Neighbours add up to 1 between the first centre and the last, so no energy is lost
    or counted twice there.

    Args:
        bands: how many.
        size: of the Fourier transform; bins = size // 2 + 1.
        rate: samples a second.
        low: Hz at which the first triangle begins.
        high: Hz at which the last ends; None means half the rate.
        formula: see :func:`hz_to_mel`.

    Raises:
        ValueError: for a range outside 0..rate/2, or so many bands that one has no bin.

    Example:
        >>> mel_filters(3, 256, 8000.0).shape
        (3, 129)
    """
    high = rate / 2.0 if high is None else high
    if not 0.0 <= low < high <= rate / 2.0:
        raise ValueError(
            f"low and high must be in 0..{rate / 2:g} Hz, half the rate, and low the "
            f"lower; got {low:g} and {high:g}"
        )
    if bands < 1:
        raise ValueError(f"bands must be at least 1, got {bands}")
    edges = np.linspace(hz_to_mel(low, formula), hz_to_mel(high, formula), bands + 2)
    bins = hz_to_mel(np.fft.rfftfreq(size, 1.0 / rate), formula)
    step = edges[1] - edges[0]
    weights = np.maximum(0.0, 1.0 - np.abs(bins - edges[1:-1, None]) / step)
    if (empty := ~weights.any(axis=1)).any():
        raise ValueError(
            f"band {int(np.argmax(empty))} of {bands} lies between two of the "
            f"transform's frequencies ({rate / size:g} Hz apart); take fewer bands or "
            "longer frames"
        )
    return weights


def log_mel(
    waves: Float[np.ndarray, "n samples"],
    rate: float,
    *,
    frame: float = 0.025,
    hop: float = 0.010,
    bands: int = 40,
    low: float = 20.0,
    high: float | None = None,
    formula: str = "htk",
) -> Float[np.ndarray, "n frames bands"]:
    """Computes the natural logarithm of the power in mel bands, frame by frame.

    A frame is weighted by a Hann window, whose own power is divided out. The powers of
    all bands together are the frame's mean square, of what lies between the first
    centre and the last: a sine of amplitude a there has a^2 / 2.

    Args:
        waves: sounds in [-1, 1] of one length.
        rate: samples a second.
        frame: seconds; the transform's size is the next power of two.
        hop: seconds from one frame's start to the next; the last frame ends within the
            sound.
        bands: see :func:`mel_filters`, like the others.
        low: in Hz.
        high: in Hz; None means half the rate.
        formula: of the mel scale.

    Returns:
        float32; silence is log 1e-10, about -23.

    Raises:
        ValueError: for a sound shorter than a frame, or bands that do not fit.

    Example:
        >>> log_mel(np.zeros((1, 16000)), 16000.0).shape
        (1, 98, 40)

    References:
        Davis and Mermelstein, "Comparison of Parametric Representations for
        Monosyllabic Word Recognition", IEEE TASSP 1980.
    """
    width, step = round(frame * rate), round(hop * rate)
    if width < 2 or step < 1:
        raise ValueError(
            f"frame and hop must last samples, got {frame} s and {hop} s at {rate:g} Hz"
        )
    if waves.shape[1] < width:
        raise ValueError(
            f"sounds of {waves.shape[1]} samples are shorter than a frame of {width}"
        )
    size = 1 << (width - 1).bit_length()
    filters = mel_filters(bands, size, rate, low=low, high=high, formula=formula)
    window = 0.5 - 0.5 * np.cos(2.0 * np.pi * np.arange(width) / width)
    # Parseval: the bins below and above half the rate are one another's mirror.
    share = np.full(size // 2 + 1, 2.0 / (size * np.sum(window**2)))
    share[[0, -1]] /= 2.0
    weights = (filters * share).T
    starts = np.arange(0, waves.shape[1] - width + 1, step)
    places = starts[:, None] + np.arange(width)
    made = np.empty((len(waves), len(starts), bands), np.float32)
    for row, wave in enumerate(waves):
        spectrum = np.fft.rfft(wave[places] * window, size, axis=1)
        made[row] = np.log(np.maximum(np.abs(spectrum) ** 2 @ weights, FLOOR))
    return made
