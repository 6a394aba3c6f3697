"""The documents: every relative link leads to a file and its heading, and the generated parts are up to date."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted(
    [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), ROOT / "examples/README.md"], key=lambda page: page.as_posix()
)
_LINK = re.compile(r"\]\((?!https?://|mailto:)([^)\s#]*)(?:#([^)\s]*))?\)")
_CODE = re.compile(r"^```.*?^```$|`[^`\n]*`", re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_relative_link_leads_to_file(page: Path) -> None:
    text = _CODE.sub("", page.read_text(encoding="utf-8"))
    broken = [link for link, _ in _LINK.findall(text) if not (page.parent / link).exists()]
    assert broken == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_anchor_of_link_is_heading_of_its_page(page: Path) -> None:
    text = _CODE.sub("", page.read_text(encoding="utf-8"))
    links = [(page.parent / link if link else page, anchor) for link, anchor in _LINK.findall(text) if anchor]
    pages = [(target, anchor) for target, anchor in links if target.suffix == ".md"]
    assert [(target.name, anchor) for target, anchor in pages if anchor not in _anchors(target)] == []


def _anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    text = re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    headings = [re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", one) for one in re.findall(r"^#+ (.*)$", text, re.MULTILINE)]
    return {re.sub(r"[^\w\- ]", "", one.strip().lower()).replace(" ", "-") for one in headings}


@pytest.mark.parametrize("script", ["action_docs.py", "architecture_picture.py", "config_keys.py", "man_page.py"])
def test_generated_part_is_up_to_date(script: str) -> None:
    command = [sys.executable, ROOT / "scripts" / script, "--check"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_row_of_questions_has_message_reason_and_action() -> None:
    rows = [line for line in (ROOT / "docs/faq.md").read_text().splitlines() if line.startswith("|")]
    cells = [[cell.strip() for cell in re.split(r"(?<!\\)\|", row)[1:-1]] for row in rows]
    assert len(rows) > 20
    # The site turns each row into a section (scripts/site_hooks.py): the cells hold no further "|".
    assert [row for row in cells if len(row) != 3 or not all(row)] == []
