"""A report of fake rows in Debian's Chromium, and what the page did meanwhile."""

import os
import shutil
from pathlib import Path

import pytest

from da_zoo.bench.leaderboard import build_leaderboard
from da_zoo.bench.report import write_report
from tests.bench.fake_rows import make_row
from tests.bench.rich_rows import digit_rows, enrich, rich_rows, selection

NASTY = (
    "<script>alert(1)</script>",
    "\"><img src=x onerror='alert(2)'>",
    "../../etc/passwd & C:\\temp\\%s",
)
"""Names that a careless page would run, load or break on."""


@pytest.fixture(scope="session")
def chromium():
    """A browser; skips where there is no Playwright or no Chromium."""
    api = pytest.importorskip(
        "playwright.sync_api", reason="no Playwright: pip install 'da-zoo[browser]'"
    )
    # Debian's, not one that Playwright downloads: CI machines reach no such host.
    program = os.environ.get("DA_ZOO_CHROMIUM") or shutil.which("chromium")
    if not program:
        pytest.skip("no chromium on the PATH: apt-get install chromium")
    with api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=program,
            # Root has no sandbox, and a container's /dev/shm is small.
            args=["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"],
        )
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def report(tmp_path_factory) -> Path:
    """The page of a whole benchmark, every figure and names that attack it."""
    rows = [*rich_rows(), *digit_rows()]
    for number, name in enumerate(NASTY):
        fields = {"scenario": name, "suite": name, "command": name, "device": name}
        for seed in (0, 1):
            rows += [
                enrich(make_row(method=method, seed=seed, accuracy=accuracy, **fields))
                for method, accuracy in (
                    ("source_only", 0.6),
                    (name, 0.9 - number / 10),
                )
            ]
        rows.append(
            make_row(method=name, seed=2, status="failed", reason=name, **fields)
        )
    chosen = selection()
    chosen["tables"][0]["criteria"][0]["criterion"] = NASTY[0]
    board = build_leaderboard(rows)._replace(selection=chosen)
    return write_report(board, tmp_path_factory.mktemp("report"))


@pytest.fixture
def open_report(chromium, report):
    """Opens the page at a width; at the end nothing may have gone wrong on it."""
    contexts, wrong = [], []

    def open_at(width=1280, scheme="light"):
        context = chromium.new_context(
            viewport={"width": width, "height": 900}, color_scheme=scheme
        )
        context.set_default_timeout(60_000)  # of a machine that has other work
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: wrong.append(f"console: {message.text}"))
        page.on("pageerror", lambda error: wrong.append(f"error: {error}"))
        page.on("dialog", lambda dialog: (wrong.append("dialog"), dialog.dismiss()))
        page.on(
            "request",
            # A download's blob is made by the page itself.
            lambda request: (
                request.url.split("#")[0] == report.as_uri()
                or request.url.startswith("blob:")
                or wrong.append(f"request: {request.url}")
            ),
        )
        page.goto(report.as_uri())
        return page

    yield open_at
    for context in contexts:
        context.close()
    assert wrong == []
