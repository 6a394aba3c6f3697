"""Every tip has a page in docs/tips/ with all sections."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from weighbridge.domain.tips.find import CODES as IMAGE_CODES
from weighbridge.domain.tips.sharing import CODE as SHARED_CODE

CODES = (*IMAGE_CODES, SHARED_CODE)

PAGES = Path(__file__).resolve().parents[4] / "docs/tips"
SECTIONS = ["What it is", "Why it costs", "Example", "How it is measured", "When to ignore it"]
BASES = r"rebuilt|computed|upper-bound|unknown"
ROW = re.compile(
    rf"^\| \[`(?P<code>[a-z-]+)`\]\((?P=code)\.md\) \| (?P<basis>{BASES}) \| .{{10,110}} \|$", re.MULTILINE
)
HEAD = re.compile(
    rf"# `(?P<code>[a-z-]+)`: .{{10,100}}\n\n"
    rf"\*\*Basis:\*\* (?P<basis>{BASES})\.(?: \*\*Saves here:\*\* (?:exactly|about|at least|at most) [\d,]+ bytes\.)?\n"
)
LINK = re.compile(r"\]\(([^)#]+)[^)]*\)")


def test_every_code_has_page_and_every_page_code() -> None:
    assert {path.stem for path in PAGES.glob("*.md")} - {"README"} == set(CODES)


def test_index_lists_every_code_once_in_order_of_code() -> None:
    assert [row["code"] for row in ROW.finditer((PAGES / "README.md").read_text())] == list(CODES)


@pytest.mark.parametrize("code", CODES)
def test_page_begins_with_code_and_basis_of_index(code: str) -> None:
    head = HEAD.match((PAGES / f"{code}.md").read_text())
    assert head is not None
    assert head["code"] == code
    rows = {row["code"]: row["basis"] for row in ROW.finditer((PAGES / "README.md").read_text())}
    assert rows[code] == head["basis"]


@pytest.mark.parametrize("code", CODES)
def test_page_has_all_sections_in_order_and_none_is_empty(code: str) -> None:
    parts = re.split(r"^## (.+)\n", (PAGES / f"{code}.md").read_text(), flags=re.MULTILINE)
    sections = dict(zip(parts[1::2], parts[2::2], strict=True))
    assert list(sections) == SECTIONS
    assert all(len(body.strip()) > 20 for body in sections.values())


@pytest.mark.parametrize("path", sorted(PAGES.glob("*.md")), ids=lambda path: path.stem)
def test_links_between_pages_lead_somewhere(path: Path) -> None:
    text = re.sub(r"```.*?```", "", path.read_text(), flags=re.DOTALL)
    for target in LINK.findall(text):
        assert (PAGES / target).exists(), target
