"""Input maps (which make domains), label maps (tasks) and selections, by name."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, Int
from scipy import ndimage

from da_zoo.data.embedded import photographs

__all__ = [
    "IMAGE_MAPS",
    "LABEL_MAPS",
    "SELECTIONS",
    "STANDARD_MAPS",
    "TABLE_MAPS",
    "LabelMap",
]

Grey = Float[np.ndarray, "n 8 8"]
Colour = Float[np.ndarray, "n 8 8 3"]
Draws = np.random.Generator


def _colour(grey: Grey) -> Colour:
    return np.repeat(grey[..., None], 3, axis=-1).astype(np.float32)


def _crops(count: int, draws: Draws) -> Colour:
    """Random 8 x 8 pieces of the photographs."""
    images = photographs()
    crops = np.empty((count, 8, 8, 3), np.float32)
    for i in range(count):
        image = images[draws.integers(len(images))]
        row = draws.integers(image.shape[0] - 8)
        column = draws.integers(image.shape[1] - 8)
        crops[i] = image[row : row + 8, column : column + 8]
    return crops


def _over(strength: float) -> Callable[[Grey, Draws], Colour]:
    """A white digit in front of a photograph of the given brightness."""

    def render(grey: Grey, draws: Draws) -> Colour:
        digit = _colour(grey)
        return digit + (1.0 - digit) * np.float32(strength) * _crops(len(grey), draws)

    return render


def _blend(grey: Grey, draws: Draws) -> Colour:
    """The recipe of MNIST-M (Ganin et al. 2016): absolute difference."""
    return np.abs(_colour(grey) - _crops(len(grey), draws))


def _turned(degrees: float) -> Callable[[Grey, Draws], Colour]:
    """All by one angle: a step on the axis of the suite "graded_rotation"."""

    def render(grey: Grey, draws: Draws) -> Colour:
        del draws
        turned = [
            ndimage.rotate(image, degrees, reshape=False, order=1) for image in grey
        ]
        return _colour(np.clip(np.stack(turned), 0.0, 1.0))

    return render


def _rotate(low: float, high: float) -> Callable[[Grey, Draws], Colour]:
    def render(grey: Grey, draws: Draws) -> Colour:
        angles = draws.uniform(low, high, size=len(grey))
        turned = [
            ndimage.rotate(image, angle, reshape=False, order=1)
            for image, angle in zip(grey, angles, strict=True)
        ]
        return _colour(np.clip(np.stack(turned), 0.0, 1.0))

    return render


def _thick(grey: Grey, draws: Draws) -> Colour:
    del draws
    return _colour(ndimage.grey_dilation(grey, size=(1, 3, 3)))


def _scale(factor: float) -> Callable[[Grey, Draws], Colour]:
    """Shrinks about the centre, leaving a black margin."""

    def render(grey: Grey, draws: Draws) -> Colour:
        del draws
        middle = 3.5
        offset = middle - middle / factor
        small = [
            ndimage.affine_transform(image, [1 / factor] * 2, offset, order=1)
            for image in grey
        ]
        return _colour(np.clip(np.stack(small), 0.0, 1.0))

    return render


def _noise(deviation: float) -> Callable[[Grey, Draws], Colour]:
    def render(grey: Grey, draws: Draws) -> Colour:
        colour = _colour(grey)
        noise = deviation * draws.normal(size=colour.shape).astype(np.float32)
        return np.clip(colour + noise, 0.0, 1.0)

    return render


def _pointwise(function: Callable[[Grey], Any]) -> Callable[[Grey, Draws], Colour]:
    return lambda grey, draws: _colour(function(grey))


IMAGE_MAPS: dict[str, Callable[[Grey, Draws], Colour]] = {
    "plain": _pointwise(lambda g: g),
    "over02": _over(0.2),
    "over04": _over(0.4),
    "over06": _over(0.6),
    "over07": _over(0.7),
    "over08": _over(0.8),
    "over10": _over(1.0),
    "blend": _blend,
    "rot30": _rotate(20.0, 40.0),
    **{
        f"turned{degrees}": _turned(float(degrees))
        for degrees in (15, 30, 45, 60, 75, 90)
    },
    "contrast": _pointwise(lambda g: 0.3 * g + 0.5),
    "invert": _pointwise(lambda g: 1.0 - g),
    "thick": _thick,
    "scale6": _scale(0.6),
    "noise5": _noise(0.5),
}
"""Grey digits [n, 8, 8] to colour images [n, 8, 8, 3], both in [0, 1]."""

TABLE_MAPS: dict[str, slice] = {"mean": slice(0, 10), "worst": slice(20, 30)}
"""Columns of the breast-cancer table."""

STANDARD_MAPS: dict[str, slice] = {"standard": slice(None)}
"""Tables of a regression: all columns, standardised by the source's training rows."""


class LabelMap(NamedTuple):
    """A task as a function of the pool's own labels."""

    label_space: str
    classes: int
    apply: Callable[[Int[np.ndarray, " n"]], Int[np.ndarray, " n"]]
    continuous: bool = False
    """A regression: ``classes`` counts the numbers to predict, and the pool's values
    are standardised by the source's training rows (see ``scenarios/regression.py``)."""


LOOPS = np.array([1, 0, 0, 0, 0, 0, 1, 0, 2, 1], np.int32)
"""Closed loops in the digits 0 to 9."""

LABEL_MAPS: dict[str, LabelMap] = {
    "digit": LabelMap("digit", 10, lambda y: y),
    "parity": LabelMap("parity", 2, lambda y: y % 2),
    "loops": LabelMap("loops", 3, lambda y: LOOPS[y]),
    "at_least_5": LabelMap("at_least_5", 2, lambda y: (y >= 5).astype(np.int32)),
    "benign": LabelMap("benign", 2, lambda y: y),
    "progression": LabelMap("progression", 1, lambda y: y, continuous=True),
    "quality": LabelMap("quality", 1, lambda y: y, continuous=True),
}

SELECTIONS: dict[str, tuple[int, ...] | str] = {
    "all": "every row",
    "classes_0_4": (0, 1, 2, 3, 4),
    "classes_5_9": (5, 6, 7, 8, 9),
    "small_radius": "rows drawn with weight exp(-1.5 z), z the standardised radius",
    "large_radius": "rows drawn with weight exp(1.5 z)",
    "low_bmi": "rows drawn with weight exp(-1.5 z), z the standardised body-mass index",
    "high_bmi": "rows drawn with weight exp(1.5 z)",
}
"""Selection rules; a tuple keeps the rows whose pool label is in it."""
