"""Every code has a page in docs/checks/ with all sections."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from weighbridge.domain.checks.catalogue import CheckCode
from weighbridge.domain.dockerfile import parse_dockerfile
from weighbridge.domain.lint.codes import LintCode
from weighbridge.domain.lint.model import LintSettings, Surroundings
from weighbridge.domain.lint.rules import lint_dockerfile

TRAP_CODES = tuple(code for code in LintCode if code.folder == "checks")
# A code of both, such as arguments-swallowed, has one page and one row.
CODES = (*CheckCode, *(code for code in TRAP_CODES if code not in set(CheckCode)))


def _wanted(code: str) -> LintSettings:
    """All rules but those that are off by default; of these only that of the page."""
    return LintSettings(codes=frozenset(one for one in LintCode if one.on_by_default or one == code))


PAGES = Path(__file__).resolve().parents[4] / "docs/checks"
SECTIONS = [
    "What it means",
    "The error",
    "Why it happens",
    "How to fix it",
    "Example",
    "What is not checked",
]
ROW = re.compile(
    r"^\| \[`(?P<code>[a-z-]+)`\]\((?P=code)\.md\) \| (?P<severity>[a-z, ]+) \| .{10,110} \|$", re.MULTILINE
)
LINK = re.compile(r"\]\(([^)#]+)[^)]*\)")


def _sections(text: str) -> dict[str, str]:
    parts = re.split(r"^## (.+)\n", text, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def test_every_code_has_page_and_every_page_code() -> None:
    assert {path.stem for path in PAGES.glob("*.md")} - {"README"} == set(CODES)


def test_index_lists_every_code_once_in_order_of_code() -> None:
    assert [row["code"] for row in ROW.finditer((PAGES / "README.md").read_text())] == list(CODES)


@pytest.mark.parametrize("code", CODES)
def test_index_gives_severity_of_page(code: str) -> None:
    rows = {row["code"]: row["severity"] for row in ROW.finditer((PAGES / "README.md").read_text())}
    said = re.search(r"^\*\*Severity:\*\* ([^\n]+(?:\n[^\n]+)*)", (PAGES / f"{code}.md").read_text(), re.MULTILINE)
    assert said is not None
    assert rows[code].split(", ") == re.findall(r"\b(?:error|warning|info)\b", said[1])


@pytest.mark.parametrize("code", CODES)
def test_page_begins_with_its_code(code: str) -> None:
    first, blank, severity, *_ = (PAGES / f"{code}.md").read_text().splitlines()
    assert re.match(rf"# `{code}`: .{{10,100}}$", first)
    assert blank == ""
    assert severity.startswith("**Severity:** ")


@pytest.mark.parametrize("code", CODES)
def test_page_has_all_sections_in_order_and_none_is_empty(code: str) -> None:
    sections = _sections((PAGES / f"{code}.md").read_text())
    assert list(sections) == SECTIONS
    assert all(len(body.strip()) > 30 for body in sections.values())


@pytest.mark.parametrize("code", CODES)
def test_page_shows_exact_error_text(code: str) -> None:
    assert "```text\n" in _sections((PAGES / f"{code}.md").read_text())["The error"]


@pytest.mark.parametrize("code", CODES)
def test_page_shows_failing_and_working_dockerfile(code: str) -> None:
    example = _sections((PAGES / f"{code}.md").read_text())["Example"]
    assert re.findall(r"^```dockerfile\n(.*)$", example, re.MULTILINE) == ["# fails", "# works"]


@pytest.mark.parametrize("path", sorted(PAGES.glob("*.md")), ids=lambda path: path.stem)
def test_links_between_pages_lead_somewhere(path: Path) -> None:
    text = re.sub(r"```.*?```", "", path.read_text(), flags=re.DOTALL)
    for target in LINK.findall(text):
        assert (PAGES / target).exists(), target


@pytest.mark.parametrize("code", TRAP_CODES)
def test_lint_finds_trap_in_one_dockerfile_and_not_in_other(code: str) -> None:
    example = _sections((PAGES / f"{code}.md").read_text())["Example"]
    blocks = re.findall(r"^```dockerfile\n(.*?)^```", example, re.MULTILINE | re.DOTALL)
    found = [
        {
            one.code
            for one in lint_dockerfile(
                text, parse_dockerfile(text, path="Dockerfile"), _wanted(code), surroundings=Surroundings()
            )
            if one.ignored_because is None
        }
        for text in blocks
    ]
    assert [code in codes for codes in found] == [True, False]
    assert found[1] == set()
