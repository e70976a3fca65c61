"""Names that become folders: one folder each, and none elsewhere."""

import unicodedata

__all__ = ["check_folder_name"]

LONGEST = 200
"""Bytes; file systems take 255, and drafts beside a file have longer names."""


def check_folder_name(name: str, what: str) -> None:
    """Checks that a folder of this name lies in the folder that it is made in.

    Names of suite files become folders of metrics, and a suite can be a stranger's.

    Args:
        name: of one folder, not a path.
        what: begins the message.

    Raises:
        ValueError: for a name that leads elsewhere, or that file systems refuse.

    Example:
        >>> check_folder_name("north_to_south", "scenario name")
        >>> check_folder_name("../../north", "scenario name")
        Traceback (most recent call last):
        ...
        ValueError: scenario name '../../north' cannot name a folder: it has '/'; ...
    """
    if name in ("", ".", ".."):
        flaw = "it is no name of its own"
    elif odd := [one for one in name if one in "/\\" or _controls(one)]:
        flaw = f"it has {odd[0]!r}"
    elif len(name.encode("utf-8", "replace")) > LONGEST:
        flaw = f"it is longer than {LONGEST} bytes"
    else:
        return
    raise ValueError(
        f"{what} {name!r:.80} cannot name a folder: {flaw}; use letters, digits, '_', "
        "'-', '.' and spaces"
    )


def _controls(character: str) -> bool:
    """Whether it controls (a terminal, a line), or is half a character."""
    return unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp")
