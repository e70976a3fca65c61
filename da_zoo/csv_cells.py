"""Cells of CSV files that a spreadsheet must not take for formulas.

Names come from other people's rows, files and models; a spreadsheet computes a cell
that begins with one of ``= + - @``, which can send data away or start a program.
"""

from typing import Any

__all__ = ["plain_cell"]

FORMULA = ("=", "@", "\t", "\r")
SIGN = ("+", "-")


def plain_cell(value: Any) -> Any:
    """Puts an apostrophe before text that a spreadsheet would compute.

    Numbers, also as text, and a sign alone (a class may be called so) stay as they are.

    Args:
        value: of a cell.

    Returns:
        The value, or text that begins with an apostrophe.

    Example:
        >>> [plain_cell(v) for v in ("=1+1", "-2.5", "-", "+cmd|' /c'!A0", "dann", -3)]
        ["'=1+1", '-2.5', '-', "'+cmd|' /c'!A0", 'dann', -3]
    """
    if not isinstance(value, str):
        return value
    computed = value.startswith(FORMULA)
    if value.startswith(SIGN) and len(value) > 1:
        try:
            float(value)
        except ValueError:
            computed = True
    return f"'{value}" if computed else value
