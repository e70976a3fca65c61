"""The report in a browser: it works, at a desk and on a phone, in light and dark."""

import re
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.browser.conftest import NASTY

pytestmark = pytest.mark.browser

CONTRAST = Path(__file__).with_name("contrast.js").read_text(encoding="utf-8")
SORTABLE = "#tables table.sortable"


MOVING = "[...table.tBodies[0].rows].filter((row) => !row.matches('.fixed'))"
"""Rows that do not keep their place."""


def cells(table, column):
    """Texts of a column."""
    return table.evaluate(
        f"(table, i) => {MOVING}.map((row) => row.children[i].innerText.trim())", column
    )


def numbers(texts):
    found = [
        re.match(r"-?[\d.]+", text.replace("\N{MINUS SIGN}", "-")) for text in texts
    ]
    return [float(match.group()) for match in found if match]


def background(page):
    return page.evaluate("getComputedStyle(document.body).backgroundColor")


def unfold(page):
    page.evaluate("document.querySelectorAll('details').forEach((e) => e.open = true)")


def visible_rows(table):
    """Texts of the rows to be seen."""
    return table.evaluate(
        f"(table) => {MOVING}.filter((row) => row.checkVisibility())"
        ".map((row) => row.innerText)"
    )


@pytest.mark.parametrize("width", [1280, 390])
def test_it_opens_whole_and_runs_no_name(open_report, width):
    page = open_report(width)
    assert page.title() == "da_zoo benchmark"
    text = page.evaluate("document.body.textContent")
    for name in NASTY:
        assert name in text  # as text, for the fixture saw no dialog and no request
    assert page.locator("img").count() == 0
    assert page.locator("script").count() == 1


def test_a_phone_does_not_scroll_sideways(open_report):
    page = open_report(390)
    unfold(page)
    wide = page.evaluate("document.documentElement.scrollWidth")
    assert wide <= 390
    page.evaluate("scrollTo(200, 0)")
    assert page.evaluate("scrollX") == 0


def test_a_click_sorts_by_numbers_the_highest_first_then_the_lowest(open_report):
    page = open_report()
    table = page.locator(SORTABLE).first
    heading = table.locator("thead th").nth(1)
    before = cells(table, 0)
    heading.locator("button").click()
    assert heading.get_attribute("aria-sort") == "descending"
    down = numbers(cells(table, 1))
    assert len(down) > 2 and down == sorted(down, reverse=True)
    heading.locator("button").click()
    assert heading.get_attribute("aria-sort") == "ascending"
    assert numbers(cells(table, 1)) == sorted(down)
    assert sorted(cells(table, 0)) == sorted(before)  # no row is lost


def test_the_keyboard_sorts_and_only_one_heading_says_so(open_report):
    page = open_report()
    table = page.locator(SORTABLE).first
    first, second = (table.locator("thead th").nth(i) for i in (0, 1))
    second.locator("button").focus()
    page.keyboard.press("Enter")
    assert second.get_attribute("aria-sort") == "descending"
    first.locator("button").focus()
    page.keyboard.press("Space")
    assert first.get_attribute("aria-sort") == "ascending"
    assert second.get_attribute("aria-sort") is None
    names = [text.replace("●", "").strip() for text in cells(table, 0)]
    assert names == sorted(names, key=str.lower)
    # Focus stays on the heading, and is seen.
    assert page.evaluate("document.activeElement.closest('th').cellIndex") == 0
    ring = "getComputedStyle(document.activeElement).outlineStyle"
    assert page.evaluate(ring) != "none"


def test_every_sortable_table_sorts_by_every_heading(open_report):
    page = open_report()
    unfold(page)
    buttons = page.locator("table.sortable thead button")
    assert buttons.count() > 50
    buttons.evaluate_all("all => all.forEach((button) => button.click())")
    unsorted = "table.sortable:not(:has(th[aria-sort])):has(thead button)"
    assert page.locator(unsorted).count() == 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_button_changes_the_theme_and_it_is_kept(open_report, scheme):
    page = open_report(scheme=scheme)
    before = background(page)
    page.locator("#theme").click()
    after = background(page)
    assert after != before
    page.reload()
    assert background(page) == after
    page.locator("#theme").click()
    assert background(page) == before


def test_light_and_dark_follow_the_system(open_report):
    assert background(open_report(scheme="light")) != background(
        open_report(scheme="dark")
    )


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_has_the_contrast_of_wcag_aa(open_report, scheme, width):
    page = open_report(width, scheme)
    unfold(page)
    for needed in (".verdict", ".verdict strong", ".badge", "td", "p", ".dots text"):
        assert page.locator(needed).count() > 0
    found = page.evaluate(CONTRAST)
    assert found["checked"] > 500
    assert found["low"] == []


def test_printing_opens_what_is_folded(open_report):
    page = open_report()
    assert page.locator("details").count() > page.locator("details[open]").count()
    page.emulate_media(media="print")
    assert page.locator("nav").is_hidden()
    assert page.pdf().startswith(b"%PDF")
    assert page.locator("details").count() == page.locator("details[open]").count()


def filtered(page):
    """A filter box, and the table below it."""
    tools = page.locator(".tools:has(input[type=search])").first
    table = tools.locator("xpath=following-sibling::*[1]").locator("table")
    return tools.locator("input"), table


def test_the_filter_hides_what_does_not_match(open_report):
    page = open_report()
    box, table = filtered(page)
    assert box.evaluate("element => element.labels.length") == 1
    others = page.locator(SORTABLE).last
    before, elsewhere = visible_rows(table), visible_rows(others)
    box.fill("DEEP_coral")  # whatever the case
    assert (
        visible_rows(table) == [text for text in before if "deep_coral" in text] != []
    )
    assert "1 of" in page.locator(".tools [role=status]").first.inner_text()
    assert visible_rows(others) == elsewhere  # a table has its own
    box.fill("no such method")
    assert visible_rows(table) == []
    box.fill("")
    assert visible_rows(table) == before


def test_a_filter_survives_sorting(open_report):
    page = open_report()
    box, table = filtered(page)
    everything = visible_rows(table)
    box.fill("da")
    shown = visible_rows(table)
    assert 0 < len(shown) < len(everything)
    table.locator("thead button").first.click()
    assert sorted(visible_rows(table)) == sorted(shown)


def test_a_track_can_be_shown_alone(open_report):
    page = open_report()
    marked = "[data-track={}]"
    page.get_by_role("button", name="No target labels", exact=True).click()
    assert page.locator(marked.format("U")).first.is_visible()
    assert not any(one.is_visible() for one in page.locator(marked.format("F")).all())
    page.get_by_role("button", name="All tracks", exact=True).click()
    assert page.locator(marked.format("F")).first.is_visible()


def test_a_figure_is_downloaded_as_an_svg_that_stands_alone(open_report, tmp_path):
    page = open_report()
    unfold(page)
    buttons = page.locator("button.save")
    for number in {0, buttons.count() // 2, buttons.count() - 1}:
        with page.expect_download() as download:
            buttons.nth(number).click()
        assert download.value.suggested_filename.endswith(".svg")
        path = tmp_path / f"{number}.svg"
        download.value.save_as(path)
        text = path.read_text(encoding="utf-8")
        root = ElementTree.fromstring(text)
        assert root.tag == "{http://www.w3.org/2000/svg}svg"
        assert root.get("viewBox")
        assert "script" not in {child.tag.split("}")[-1] for child in root.iter()}
        # Colours of the page's style sheet would be lost with the page.
        used = set(re.findall(r"var\((--[\w-]+)", text))
        assert used <= set(re.findall(r"(--[\w-]+)\s*:", text))
