"""Axes of a figure: from numbers to places, a grid, and labels that do not overlap."""

import math
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from markupsafe import Markup

from da_zoo.bench.report.figures import ticks

__all__ = ["WIDTH", "Frame", "Scale", "linear", "logarithmic", "short", "spread", "svg"]

WIDTH = 380
"""Of all figures: what a phone shows with letters that can be read."""


class Scale(NamedTuple):
    """One axis."""

    low: float
    high: float
    ticks: Sequence[float]
    log: bool = False
    text: Callable[[float], str] = "{:g}".format

    def share(self, value: float) -> float:
        """Says where a value lies: 0 at the low end, 1 at the high one."""
        if self.log:
            span = math.log(self.high / self.low)
            return math.log(value / self.low) / span
        return (value - self.low) / (self.high - self.low)


def linear(
    values: Iterable[float],
    *,
    least: float,
    low: float = -math.inf,
    high: float = math.inf,
    most: int = 5,
) -> Scale:
    """Chooses a scale with round ends around the values.

    Args:
        values: at least one.
        least: the smallest span, so that noise does not look like an effect.
        low: no value is below it.
        high: no value is above it.
        most: steps.

    Example:
        >>> linear([0.31, 0.97], least=0.1).ticks
        [0.2, 0.4, 0.6, 0.8, 1.0]
    """
    every = list(values)
    middle = (min(every) + max(every)) / 2
    half = max((max(every) - min(every)) / 2, least / 2)
    found = ticks(max(low, middle - half), min(high, middle + half), most)
    return Scale(found[0], found[-1], found)


def logarithmic(values: Iterable[float]) -> Scale:
    """Chooses a logarithmic scale whose ends are 1, 2 or 5 times a power of ten.

    Args:
        values: at least one; all above 0.

    Example:
        >>> logarithmic([0.3, 4.0]).ticks
        [0.2, 0.5, 1.0, 2.0, 5.0]
    """
    every = list(values)
    power = math.floor(math.log10(min(every)))
    last = math.ceil(math.log10(max(every))) + 1
    rounds = [
        float(f"{m}e{exponent}") for exponent in range(power, last) for m in (1, 2, 5)
    ]
    low = max(r for r in rounds if r <= min(every) * (1 + 1e-9))
    high = min(r for r in rounds if r >= max(every) * (1 - 1e-9))
    if low == high:
        high = rounds[rounds.index(low) + 1]
    found = [r for r in rounds if low <= r <= high]
    if len(found) > 7:  # over two decades: powers of ten are enough, and the ends
        found = [r for r in found if f"{r:e}".startswith("1")]
    return Scale(low, high, found, log=True)


class Frame:
    """Places two scales in a drawing.

    Args:
        x: from left to right.
        y: from the bottom up.
        height: of the drawing.
        right: room at the right, for labels.

    Example:
        >>> scale = Scale(0.0, 1.0, [0.0, 1.0])
        >>> frame = Frame(scale, scale, height=200)
        >>> frame.x(0.0) < frame.x(1.0), frame.y(0.0) > frame.y(1.0)
        (True, True)
    """

    left, top, bottom_room = 36, 24, 36

    def __init__(self, x: Scale, y: Scale, *, height: int, right: int = 14) -> None:
        self.scales = x, y
        self.height = height
        self.right = WIDTH - right
        self.bottom = height - self.bottom_room

    def x(self, value: float) -> float:
        """Returns the place of a value from the left edge."""
        share = self.scales[0].share(value)
        return round(self.left + (self.right - self.left) * share, 1)

    def y(self, value: float) -> float:
        """Returns the place of a value from the upper edge."""
        share = self.scales[1].share(value)
        return round(self.bottom - (self.bottom - self.top) * share, 1)

    def grid(self, x_title: str, y_title: str) -> Markup:
        """Draws the lines of the ticks and names both axes."""
        parts = []
        x, y = self.scales
        for value in x.ticks:
            parts.append(
                Markup(
                    '<path class="grid" d="M{0} {1}V{2}"/>'
                    '<text class="tick" x="{0}" y="{3}">{4}</text>'
                ).format(
                    self.x(value),
                    self.top,
                    self.bottom,
                    self.bottom + 10,
                    x.text(value),
                )
            )
        for value in y.ticks:
            parts.append(
                Markup(
                    '<path class="grid" d="M{0} {1}H{2}"/>'
                    '<text class="tick end" x="{3}" y="{1}">{4}</text>'
                ).format(
                    self.left, self.y(value), self.right, self.left - 5, y.text(value)
                )
            )
        parts.append(
            Markup(
                '<text class="tick" x="{}" y="{}">{}</text>'
                '<text class="tick start" x="4" y="8">{}</text>'
            ).format((self.left + self.right) / 2, self.height - 9, x_title, y_title)
        )
        return Markup("").join(parts)


def svg(parts: Iterable[Markup], *, height: int | float, label: str) -> Markup:
    """Puts a drawing of the common width together.

    Args:
        parts: of the drawing, in the order of painting.
        height: of the drawing.
        label: what a screen reader says of it.
    """
    return Markup(
        '<svg class="chart" viewBox="0 0 {} {}" role="img" aria-label="{}">{}</svg>'
    ).format(WIDTH, height, label, Markup("").join(parts))


def short(name: str, most: int) -> Markup:
    """Shortens a name for a drawing; the whole one stays as its title.

    Example:
        >>> short("entropy_minimization", 10)
        Markup('<title>entropy_minimization</title>entropy_m…')
    """
    if len(name) <= most:
        return Markup("{}").format(name)
    return Markup("<title>{}</title>{}…").format(name, name[: most - 1])


def spread(places: Sequence[float], gap: float, low: float, high: float) -> list[float]:
    """Moves labels apart, as little as needed, without changing their order.

    Args:
        places: where they would be, in any order.
        gap: the least distance.
        low: no label is below it, if there is room for all.
        high: no label is above it.

    Returns:
        the new places, in the order given.

    Example:
        >>> spread([10.0, 10.0, 50.0], 12.0, 0.0, 100.0)
        [4.0, 16.0, 50.0]
        >>> spread([99.0, 100.0], 12.0, 0.0, 100.0)
        [88.0, 100.0]
    """
    order = sorted(range(len(places)), key=lambda i: places[i])
    # Blocks of labels that touch, each centred on the mean of where they would be.
    blocks: list[list[int]] = []

    def start(block: list[int]) -> float:
        centre = sum(places[i] for i in block) / len(block)
        size = gap * (len(block) - 1)
        return max(low, min(centre - size / 2, high - size))

    for i in order:
        blocks.append([i])
        while (
            len(blocks) > 1
            and start(blocks[-2]) + gap * len(blocks[-2]) > start(blocks[-1]) + 1e-9
        ):
            last = blocks.pop()
            blocks[-1] += last
    found = [0.0] * len(places)
    for block in blocks:
        for position, i in enumerate(block):
            found[i] = round(start(block) + gap * position, 1)
    return found
