"""Sections with a picture and maybe a table, and the page that shows several."""

import base64
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from da_zoo.interpret.figures import save_figure
from da_zoo.whole_files import write_whole

if TYPE_CHECKING:
    import numpy as np
    from matplotlib.axes import Axes

__all__ = ["Section", "draw_section", "write_page"]

FOLDER = Path(__file__).parent


class Section(NamedTuple):
    """Text, with a picture and a table where there are some.

    Example:
        >>> Section("What moved", "Nothing did.").table
        []
    """

    title: str
    text: str
    image: str = ""
    """PNG, base64."""
    alt: str = ""
    caption: str = ""
    table: list[list[str]] = []  # noqa: RUF012


def draw_section(
    axes: "Axes | np.ndarray",
    path: str | Path,
    *,
    title: str,
    text: str,
    alt: str,
    caption: str,
    table: list[list[str]] | None = None,
) -> Section:
    """Saves a figure as PNG and SVG and makes a section of it.

    Args:
        axes: of the figure.
        path: of the files, without an ending.
        title: of the section.
        text: above the figure.
        alt: what the figure shows, for those who do not see it.
        caption: under the figure.
        table: of cells, the first row a header.

    Example:
        >>> import tempfile
        >>> from da_zoo.interpret.figures import new_axes
        >>> axes = new_axes(1, 1, (1.0, 1.0))
        >>> path = Path(tempfile.mkdtemp()) / "empty"
        >>> draw_section(axes, path, title="t", text="", alt="", caption="").image[:5]
        'iVBOR'
    """
    files = save_figure(axes, path)
    image = base64.b64encode(files[0].read_bytes()).decode("ascii")
    return Section(title, text, image, alt, caption, table or [])


def write_page(
    path: str | Path,
    *,
    title: str,
    facts: Sequence[tuple[str, str]],
    sections: Sequence[Section],
) -> Path:
    """Writes a page: no script, no request to any network; all names are escaped.

    Args:
        path: of the HTML file.
        title: of the page.
        facts: (value, what it is), shown large at the top.
        sections: in reading order.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "index.html"
        >>> page = write_page(path, title="<b>", facts=[], sections=[])
        >>> "&lt;b&gt;" in page.read_text()
        True
    """
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(FOLDER),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    page = environment.get_template("page.html").render(
        title=title, facts=facts, sections=sections
    )
    path = Path(path)
    write_whole(path, page + "\n")
    return path
