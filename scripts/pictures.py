"""Write the pictures of README and docs: comment, HTML report, terminal and browser of files. Needs Chromium.

`make pictures`. Everything is drawn from the sample reports of the tests, so that a picture shows the program of today.
"""

from __future__ import annotations

import asyncio
import importlib.util
import io
import shutil
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from types import ModuleType

from playwright.sync_api import Page, sync_playwright
from rich.console import Console

from comment_picture import page as comment_page
from weighbridge.explore.app import ExploreApp
from weighbridge.report.html import render_html
from weighbridge.report.markdown import render_markdown
from weighbridge.report.model import Report
from weighbridge.report.terminal import render_table

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
WIDTH = 980
IMAGE = {
    "usr/bin/python3.12": 6_900_000,
    "usr/lib/x86_64-linux-gnu/libc.so.6": 1_900_000,
    "usr/lib/x86_64-linux-gnu/libcrypto.so.3": 4_700_000,
    "usr/lib/python3.12/site-packages/numpy/_core.so": 12_300_000,
    "usr/lib/python3.12/site-packages/numpy.libs/libopenblas.so": 22_800_000,
    "usr/share/doc/base-files/copyright": 40_000,
    "var/lib/dpkg/status": 1_300_000,
}
COMPILER = {
    "usr/lib/gcc/x86_64-linux-gnu/12/cc1plus": 35_500_000,
    "usr/lib/gcc/x86_64-linux-gnu/12/lto1": 31_900_000,
    "usr/lib/x86_64-linux-gnu/libcrypto.so.3": 5_100_000,
}


def load(path: str) -> ModuleType:
    """A module of the tests by its path."""
    spec = importlib.util.spec_from_file_location("samples_" + Path(path).stem + str(len(path)), ROOT / path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def photograph(page: Page, url: str, picture: Path, *, clicks: str = "") -> None:
    """The picture of a page, in the theme and width of its context."""
    page.goto(url)
    if clicks:
        page.locator(clicks).first.click()
        page.locator(".contents").scroll_into_view_if_needed()
        page.wait_for_timeout(500)
        page.locator("article").screenshot(path=picture)
    else:
        page.locator(".comment").screenshot(path=picture)


def while_tips_are_measured(report: Report) -> Report:
    """The report as it is published with the verdict, before its tips."""
    images = tuple(
        replace(image, tips=(), dropped_tips=(), combined=None, not_combined=None, ladder=()) for image in report.images
    )
    return replace(report, images=images, shared_tips=(), tips_pending=True)


def browser_pictures(report: Report, markdown: str, pending: str) -> None:
    """Comment and HTML report, light and dark, and the comment while tips are measured."""
    program = shutil.which("chromium") or shutil.which("google-chrome")
    if program is None:
        raise SystemExit("error: no chromium. Debian: apt-get install chromium fonts-noto-color-emoji")
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        comment, html = Path(folder) / "comment.html", Path(folder) / "report.html"
        comment.write_text(comment_page(markdown), encoding="utf-8")
        html.write_text(render_html(report), encoding="utf-8")
        chromium = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        for theme, ending in (("light", ""), ("dark", "-dark")):
            size = {"width": WIDTH, "height": 900}
            page = chromium.new_context(viewport=size, color_scheme=theme).new_page()  # type: ignore[arg-type]
            photograph(page, comment.as_uri(), DOCS / f"comment{ending}.png")
            if theme == "light":
                first = Path(folder) / "pending.html"
                first.write_text(comment_page(pending), encoding="utf-8")
                photograph(page, first.as_uri(), DOCS / "comment-pending.png")
            photograph(page, html.as_uri(), DOCS / f"page{ending}.png", clicks="#images a")
        chromium.close()


async def explorer_picture() -> None:
    """The browser of `explore` on a small image."""
    made = load("tests/unit/explore/conftest.py")
    before = (IMAGE, {"app/main.py": 18_000, "app/static/logo.svg": 41_000})
    after = ({**IMAGE, **COMPILER}, {"app/main.py": 21_000, "app/static/demo.mp4": 3_000_000})
    app = ExploreApp(
        made.make_subject("shop/api", made.weigh(*after, digest="b"), base=made.weigh(*before, digest="a"))
    )
    async with app.run_test(size=(110, 24)) as pilot:
        await pilot.pause()
        (DOCS / "explore.svg").write_text(app.export_screenshot(), encoding="utf-8")


def main() -> int:
    """Write all pictures."""
    pages, samples = load("tests/e2e/test_page.py"), load("tests/unit/report/conftest.py")
    report = pages.with_maps(samples.full(), 3_000)
    links = load("tests/unit/report/test_markdown.py").LINKS
    first = render_markdown(while_tips_are_measured(report), links=links)
    browser_pictures(report, render_markdown(report, links=links), first)
    console = Console(record=True, width=100, file=io.StringIO(), force_terminal=True)
    render_table(report, console)
    console.save_svg(str(DOCS / "terminal.svg"), title="weighbridge diff main")
    asyncio.run(explorer_picture())
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
