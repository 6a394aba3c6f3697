"""The whole comment: its sections in order, cut to GitHub's maximum length."""

from __future__ import annotations

from weighbridge.errors import UsageError
from weighbridge.report.escape import is_marker_key
from weighbridge.report.fit import compose
from weighbridge.report.markdown.causes import causes_section
from weighbridge.report.markdown.details import details_sections
from weighbridge.report.markdown.elements import section
from weighbridge.report.markdown.ending import footer, ignored_section, notes_section
from weighbridge.report.markdown.images import images_tables
from weighbridge.report.markdown.inspection import inspection_sections
from weighbridge.report.markdown.ladder import ladder_sections
from weighbridge.report.markdown.limits import budgets_section
from weighbridge.report.markdown.links import NO_LINKS, ReportLinks
from weighbridge.report.markdown.patch import patch_section
from weighbridge.report.markdown.problems import failure_logs, problems_sections
from weighbridge.report.markdown.ranks import RANK_TOTAL
from weighbridge.report.markdown.since_push import since_push_section
from weighbridge.report.markdown.tips import shared_tips_section, tips_section
from weighbridge.report.markdown.verdict import (
    headline,
    limits_section,
    override_section,
    quiet_line,
    redefined_section,
    total_line,
)
from weighbridge.report.model import Report
from weighbridge.report.push_state import PushState
from weighbridge.report.view.verdict import blamed_images, is_inspection, is_quiet, sorted_images
from weighbridge.report.view.words import enumerate_words

MAXIMUM_COMMENT_CHARACTERS = 65_536
"""GitHub answers 422 to a longer body ("body is too long (maximum is 65536 characters)"), on create and on edit."""


def comment_marker(key: str) -> str:
    """The hidden first line that identifies our comment of this `key`.

    Raises UsageError for a key that could end the HTML comment or be confused with another.
    """
    if not is_marker_key(key):
        raise UsageError(
            f"comment-key {key[:80]!r}: use 1 to 64 letters, digits, '.', '_' and single '-', not '-' at the end."
        )
    return f"<!-- weighbridge:v1:{key} -->"


def render_markdown(
    report: Report,
    *,
    key: str = "default",
    maximum_characters: int = MAXIMUM_COMMENT_CHARACTERS,
    links: ReportLinks = NO_LINKS,
    push: PushState | None = None,
    previous: PushState | None = None,
) -> str:
    """The comment, at most `maximum_characters` long; `links` are the addresses to link to.

    `push` and `previous` are this push and the one before it, for the line that compares them.
    If it is too long, drops details, least important first, and says how many. The marker, the headline and the reasons
    of the verdict are dropped last. Raises UsageError for a key that is invalid in the marker.
    """
    marker = comment_marker(key) + "\n"
    if is_inspection(report):
        sections = inspection_sections(report, marker)
        return compose(sections, maximum=maximum_characters, remark=_remark, remark_before=len(sections) - 1)
    since = since_push_section(previous, push, links)
    if is_quiet(report):
        sections = [
            section(marker, quiet_line(report) + ("\n\n" if since.pieces else "\n")),
            since,
            notes_section(report),
        ]
        return compose(sections, maximum=maximum_characters, remark=_remark, remark_before=2)
    images = sorted_images(report)
    sections = [
        section(marker, headline(report) + "\n\n"),
        override_section(report.verdict.override),
        redefined_section(report),
        limits_section(report),
        *images_tables(report, images),
        section(total_line(report), rank=RANK_TOTAL, kind="total"),
        budgets_section(report),
        causes_section(images, links),
        since,
        *problems_sections(images, links, blamed=blamed_images(report)),
        *failure_logs(images),
        patch_section(report),
        *details_sections(images, links),
        tips_section(report, links),
        shared_tips_section(report),
        *ladder_sections(images),
        ignored_section(images),
        notes_section(report, images),
        section(footer(report, links) + "\n"),
    ]
    return compose(sections, maximum=maximum_characters, remark=_remark, remark_before=len(sections) - 1)


def _remark(omitted: dict[str, int]) -> str:
    said = enumerate_words(f"{count} × {kind}" for kind, count in omitted.items())
    return f"✂️ Left out, to fit into one comment: {said}. The full report has them.\n\n"
