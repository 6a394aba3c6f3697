"""Links of the comment: the run, its artifacts, and lines of the repository at the two commits."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import quote

from weighbridge.report.escape import Markdown, code, join_markdown
from weighbridge.report.view.words import short_sha

_MAXIMUM_PATH_CHARACTERS = 1000
_PLACE = re.compile(r"(?P<path>.+?)(?::(?P<line>[1-9][0-9]{0,6}))?")


@dataclass(frozen=True, kw_only=True, slots=True)
class ReportLinks:
    """The addresses of a run on GitHub. All of them come from the runner, none from the pull request.

    `repository_url` is ``https://github.com/OWNER/NAME``, `run_url` the page of the workflow run. Without them the
    comment has the same text without links.
    """

    repository_url: str | None = None
    run_url: str | None = None
    head_sha: str | None = None
    base_sha: str | None = None

    def line_url(self, path: str, line: int | None, *, in_base: bool = False) -> str | None:
        """The permalink of a file or line; None without a repository, a commit or a plain relative path."""
        sha = self.base_sha if in_base else self.head_sha
        if self.repository_url is None or sha is None or short_sha(sha) is None or not _is_plain(path):
            return None
        anchor = f"#L{line}" if line is not None and line > 0 else ""
        return f"{self.repository_url}/blob/{sha}/{quote(path, safe='/', errors='surrogateescape')}{anchor}"

    def comparison_url(self, earlier_sha: str) -> str | None:
        """The page that compares an earlier commit with head; None without a repository or for any other text."""
        if self.repository_url is None or short_sha(earlier_sha) is None or short_sha(self.head_sha) is None:
            return None
        return f"{self.repository_url}/compare/{earlier_sha}...{self.head_sha}"

    @property
    def artifacts_url(self) -> str | None:
        """The list of the run's artifacts on its page."""
        return None if self.run_url is None else f"{self.run_url}#artifacts"


NO_LINKS = ReportLinks()


def linked(shown: Markdown, url: str | None) -> Markdown:
    """`shown` as a link to `url`, one of `ReportLinks`; `shown` itself without a URL."""
    return shown if url is None else Markdown(f"[{shown}]({url})")


def place(links: ReportLinks, path: str, line: int | None, *, in_base: bool = False) -> Markdown:
    """``path:line`` as code, with its permalink."""
    named = path if line is None else f"{path}:{line}"
    return linked(code(named, maximum=160), links.line_url(path, line, in_base=in_base))


def place_of_text(links: ReportLinks, named: str) -> Markdown:
    """The same for a text ``path:line``."""
    found = _PLACE.fullmatch(named)
    if found is None:
        return code(named, maximum=160)
    line = found["line"]
    return place(links, found["path"], None if line is None else int(line))


def run_links(links: ReportLinks) -> Markdown:
    """``full report · run``; empty if no run is known."""
    if links.run_url is None:
        return Markdown("")
    parts = [linked(Markdown("full report"), links.artifacts_url), linked(Markdown("run"), links.run_url)]
    return join_markdown(parts, " · ")


def _is_plain(path: str) -> bool:
    """False for a path that a browser would resolve to another page, such as one with ``..`` in it."""
    if not path or len(path) > _MAXIMUM_PATH_CHARACTERS or any(ord(each) < 0x20 for each in path):
        return False
    return not any(part in {"", ".", ".."} for part in path.split("/"))
