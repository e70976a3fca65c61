"""The report: one self-contained HTML page, readable when mailed."""

from pathlib import Path

from da_zoo.bench.leaderboard import Leaderboard
from da_zoo.bench.report.html import render_html
from da_zoo.whole_files import whole_file

__all__ = ["render_html", "write_report"]


def write_report(leaderboard: Leaderboard, out: str | Path) -> Path:
    """Writes ``report.html`` into a folder.

    Args:
        leaderboard: from :func:`da_zoo.bench.leaderboard.build_leaderboard`.
        out: an existing folder.

    Returns:
        the page: under 1 MB, no request to any network, the same for the same rows.

    Example:
        >>> import tempfile
        >>> from da_zoo.bench.leaderboard import build_leaderboard
        >>> write_report(build_leaderboard([]), tempfile.mkdtemp()).name
        'report.html'
    """
    path = Path(out) / "report.html"
    with whole_file(path) as file:
        file.write(render_html(leaderboard))
    return path
