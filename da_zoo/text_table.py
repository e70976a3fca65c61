"""Plain-text tables of strings."""

from collections.abc import Sequence

__all__ = ["aligned"]


def aligned(
    rows: Sequence[Sequence[str]], *, numbers: bool = False, gap: str = "  "
) -> list[str]:
    """Pads cells, so that columns stand below each other.

    Args:
        rows: of equal lengths, the heading among them.
        numbers: whether all columns but the first end at the same place.
        gap: between columns.

    Returns:
        One line a row.

    Example:
        >>> aligned([["name", "n"], ["a", "10"]], numbers=True)
        ['name   n', 'a     10']
    """
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for first, *rest in rows:
        cells = [first.ljust(widths[0])]
        for cell, width in zip(rest, widths[1:], strict=True):
            cells.append(cell.rjust(width) if numbers else cell.ljust(width))
        lines.append(gap.join(cells).rstrip())
    return lines
