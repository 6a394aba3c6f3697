"""The HTML report in a real browser: two widths, two themes, keyboard, search, accessibility, hostile names."""

from __future__ import annotations

import importlib.util
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect, sync_playwright

from weighbridge.domain.image.file_map import FileArea, FileMap
from weighbridge.domain.image.packed_file_map import pack
from weighbridge.report.html import render_html
from weighbridge.report.model import Report

HOSTILE = "<img src=x onerror=alert(1)>\u202egnp.exe"
MAXIMUM_ELEMENTS = 5_000

_spec = importlib.util.spec_from_file_location(
    "weighbridge_sample_reports", Path(__file__).parents[1] / "unit/report/conftest.py"
)
assert _spec is not None
assert _spec.loader is not None
_samples = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_samples)


def file_map(files: int) -> bytes:
    """A map with added, removed, grown, equal and hidden files, and one with a hostile name."""
    areas = [FileArea(f"usr/lib/python3/{HOSTILE}", 9_000_000, 0, 0, 0, 2)]
    for number in range(files):
        size = 10_000_000 // (1 + number % 1000)
        path = f"opt/{number % 7}/part{number % 501}/file{number}"
        sides = [(size, 0), (0, size), (size, size // 2), (size, size), (size, size)][number % 5]
        areas.append(FileArea(path, *sides, size if number % 11 == 0 else 0, 0, number % 3, number % 2 - 1))
    whole = FileMap(areas=tuple(areas), packages=("numpy 2.1.0 (pip)",))
    return pack(whole.within(250_000))


def with_maps(report: Report, files: int) -> Report:
    return replace(report, images=tuple(replace(each, file_map=file_map(files)) for each in report.images))


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    program = shutil.which("chromium") or shutil.which("google-chrome")
    assert program is not None, "needs chromium; `make test-tools` installs it"
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield started
        started.close()


@pytest.fixture
def open_page(browser: Browser, tmp_path: Path) -> Iterator[Any]:
    """Opens a report at a width and in a theme; any message of the browser's console fails the test."""
    said: list[str] = []

    def open_report(report: Report, *, width: int = 1280, theme: Any = "light") -> Page:
        file = tmp_path / "report.html"
        file.write_text(render_html(report), encoding="utf-8")
        page = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=theme).new_page()
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("dialog", lambda dialog: said.append(f"dialog: {dialog.message}"))
        page.goto(file.as_uri())
        return page

    yield open_report
    for context in browser.contexts:
        context.close()
    assert said == []


def open_image(page: Page, name: str) -> None:
    page.locator("#images a", has_text=name).first.click()
    expect(page.locator(".tile").first).to_be_visible()


@pytest.mark.parametrize(("width", "theme"), [(1280, "light"), (1280, "dark"), (390, "light"), (390, "dark")])
def test_page_has_no_serious_accessibility_finding_and_fits_width(open_page, width, theme) -> None:
    page = open_page(with_maps(_samples.full(), 2_000), width=width, theme=theme)
    open_image(page, "api")
    found = Axe().run(page).response["violations"]
    assert [(each["id"], each["nodes"][0]["html"]) for each in found if each["impact"] in {"serious", "critical"}] == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.evaluate("document.querySelectorAll('*').length") <= MAXIMUM_ELEMENTS


def test_keyboard_opens_and_closes_folders(open_page) -> None:
    page = open_page(with_maps(_samples.report(_samples.api()), 2_000))
    open_image(page, "api")
    page.locator(".treemap").last.focus()
    page.keyboard.press("ArrowRight")
    expect(page.locator(".tooltip")).to_contain_text("→")
    page.keyboard.press("Enter")
    expect(page.locator(".crumbs button")).not_to_have_count(1)
    page.keyboard.press("Home")
    expect(page.locator(".crumbs button")).to_have_count(1)


def test_search_marks_tiles_and_its_results_lead_to_file(open_page) -> None:
    page = open_page(with_maps(_samples.report(_samples.api()), 2_000))
    open_image(page, "api")
    page.get_by_label("Search").fill("file1003")
    expect(page.locator(".contents [role=status]")).to_contain_text("1 file found")
    page.locator(".results button", has_text="/opt/2/part1/file1003").click()
    expect(page.locator(".crumbs [aria-current]")).to_have_text("part1")
    expect(page.locator(".tooltip")).to_contain_text("layer 1, line 5: COPY requirements.txt")


def test_layer_of_strips_marks_its_files(open_page) -> None:
    page = open_page(with_maps(_samples.report(_samples.api()), 200))
    open_image(page, "api")
    page.locator(".timeline rect.added").click()
    expect(page.locator(".contents select")).to_have_value("head 2")
    expect(page.locator(".contents [role=status]")).to_contain_text("files found")
    expect(page.locator(".tile.dim").first).to_be_visible()


def test_hostile_name_is_text_with_visible_controls(open_page) -> None:
    page = open_page(with_maps(_samples.report(_samples.api()), 10))
    open_image(page, "api")
    page.get_by_label("Search").fill("onerror")
    expect(page.locator(".results")).to_contain_text("<img src=x onerror=alert(1)>\\u{202e}gnp.exe")
    assert page.locator("img").count() == 0


def test_200_000_files_can_be_explored(open_page) -> None:
    page = open_page(with_maps(_samples.report(_samples.api()), 200_000))
    open_image(page, "api")
    page.get_by_label("Search").fill("file199999")
    expect(page.locator(".contents [role=status]")).to_contain_text("1 file found")
    assert page.evaluate("document.querySelectorAll('*').length") <= MAXIMUM_ELEMENTS


def test_page_of_100_images_is_below_two_megabytes(open_page, tmp_path: Path) -> None:
    page = open_page(with_maps(_samples.large(100, files=400), 1_000))
    page.locator("#images a").first.click()
    expect(page.locator(".tile").first).to_be_visible()
    assert (tmp_path / "report.html").stat().st_size <= 2_000_000
    assert page.evaluate("document.querySelectorAll('*').length") <= MAXIMUM_ELEMENTS


def test_page_of_300_images_is_small_and_its_filter_finds_each(open_page) -> None:
    page = open_page(with_maps(_samples.large(300, files=40), 200))
    page.locator("#images a").first.click()
    expect(page.locator(".tile").first).to_be_visible()
    assert page.evaluate("document.querySelectorAll('*').length") <= MAXIMUM_ELEMENTS
    page.locator("#show-images").click()
    expect(page.locator("#images tbody tr")).to_have_count(100)
    page.locator("#filter").fill("service-0299")
    expect(page.locator("#images tbody tr")).to_have_count(1)
    expect(page.locator("#show-images")).to_be_hidden()
    page.locator("#images a", has_text="service-0299").click()
    expect(page.locator("#image h2")).to_have_text("service-0299")


def test_table_of_images_on_narrow_screen_needs_no_scrolling(open_page) -> None:
    page = open_page(_samples.full(), width=390)
    table = page.locator("#images .scroll")
    assert table.evaluate("each => each.scrollWidth <= each.clientWidth")
    assert page.locator("#images th:visible").all_inner_texts() == ["image", "status", "change", "starts"]
