"""What a section of the page is made of: figures, tables, or why there are none."""

from collections.abc import Sequence
from typing import NamedTuple

from markupsafe import Markup

__all__ = ["Heading", "Panel", "Section", "Table", "absent"]


class Panel(NamedTuple):
    """One figure with its caption."""

    title: str
    """A scenario's name, or what the figure shows."""
    figure: Markup
    note: str = ""
    """The caption below the title."""
    badge: str = ""
    """Such as "Case 3"."""
    track: str = ""
    """"U" or "F" where the page's switch may hide it."""


class Heading(NamedTuple):
    """Of a table's column."""

    text: str
    is_text: bool = False
    """Whether cells are names and not numbers, for sorting and alignment."""
    hint: str = ""


class Table(NamedTuple):
    """A sortable table; the first column names the row."""

    label: str
    headings: Sequence[Heading]
    rows: Sequence[Sequence[str]]


class Section(NamedTuple):
    """One section, in the order: lead, figures, tables, notes."""

    id: str
    navigation: str
    """Its link at the top of the page."""
    title: str
    lead: str = ""
    """Names in backticks become code."""
    panels: Sequence[Panel] = ()
    tables: Sequence[Table] = ()
    notes: Sequence[str] = ()
    reason: str = ""
    """Why there is nothing to show; such a section is named at the page's end."""

    @property
    def shown(self) -> bool:
        """Whether there is anything to show."""
        return bool(self.panels or self.tables)


def absent(section: Section, reason: str) -> Section:
    """Returns a section that says why it has no content.

    Example:
        >>> absent(Section("cost", "Cost", "Cost"), "no run has seconds").reason
        'no run has seconds'
    """
    return section._replace(panels=(), tables=(), notes=(), reason=reason)
