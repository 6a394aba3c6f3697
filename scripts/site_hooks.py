"""Hooks of mkdocs: README.md is the first page, questions are headings, links out of docs/ lead to the repository."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files  # type: ignore[import-not-found,unused-ignore]

ROOT = Path(__file__).resolve().parents[1]
_QUESTION = re.compile(r"^\| (?P<message>.+?) \| (?P<why>.+?) \| (?P<fix>.+?) \|$", re.MULTILINE)
_TABLE_HEAD = re.compile(r"^\| message \|.*\n\|[ |-]+\|$", re.MULTILINE)
_LINK = re.compile(r"\]\((?!https?://|#)(?P<path>[^)\s#]+)(?P<anchor>#[^)\s]*)?\)")


def on_files(files: Files, config: Any) -> Files:
    """Add README.md as the first page; its links are written for the root of the repository."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    text = text.replace("](docs/", "](").replace('="docs/', '="')
    files.append(File.generated(config, "index.md", content=text))
    return files


def questions_as_headings(markdown: str) -> str:
    """Each row of the tables of questions as a section: the search finds its message, and links can lead to it."""
    return _QUESTION.sub(r"### \g<message>\n\n\g<why>\n\n**What to do:** \g<fix>\n", _TABLE_HEAD.sub("", markdown))


def on_page_markdown(markdown: str, page: Any, config: Any, files: Files) -> str:
    """Turn relative links to files outside of docs/ into links to the repository; the search prefers the questions."""
    del files
    if page.file.src_uri == "faq.md":
        page.meta["search"] = {"boost": 4}  # people paste the message that they see
        markdown = questions_as_headings(markdown)
    folder = ROOT / "docs" / Path(page.file.src_uri).parent

    def replaced(found: re.Match[str]) -> str:
        target = (folder / found["path"]).resolve()
        if page.file.src_uri == "index.md" and not target.exists():
            target = (ROOT / found["path"]).resolve()
        if not target.exists() or target.is_relative_to(ROOT / "docs"):
            return found[0]
        return f"]({config.repo_url.rstrip('/')}/blob/main/{target.relative_to(ROOT)}{found['anchor'] or ''})"

    return _LINK.sub(replaced, markdown)
