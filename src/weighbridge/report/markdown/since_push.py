"""The line of the comment that compares this push with the previous one."""

from __future__ import annotations

from collections.abc import Sequence

from weighbridge.report.escape import Markdown, code, figure, join_markdown, prose
from weighbridge.report.fit import TextSection
from weighbridge.report.markdown.elements import image_name, section
from weighbridge.report.markdown.links import ReportLinks, linked
from weighbridge.report.markdown.ranks import RANK_SINCE_PUSH
from weighbridge.report.push_state import PushState, problem_in_words
from weighbridge.report.units import format_delta
from weighbridge.report.view.since_push import since_push
from weighbridge.report.view.words import short_sha

_SHOWN = 3


def since_push_section(previous: PushState | None, current: PushState | None, links: ReportLinks) -> TextSection:
    """The fixed and new problems and the size changes since `previous`; empty without a previous push."""
    short = None if previous is None else short_sha(previous.head_sha)
    if previous is None or current is None or short is None:
        return section()
    found = since_push(previous, current)
    parts = [
        *_listed("✅ fixed: ", [_problem(*one) for one in found.fixed]),
        *_listed("⚠️ new: ", [_problem(*one) for one in found.new]),
        *_listed("", [Markdown(f"{image_name(name)} {figure(format_delta(size))}") for name, size in found.sizes]),
    ]
    said = join_markdown(parts, " · ") if parts else Markdown("no problem and no size changed")
    url = links.comparison_url(previous.head_sha)
    return section(f"Since {linked(code(short), url)}: {said}\n\n", rank=RANK_SINCE_PUSH, kind="line on the last push")


def _problem(name: str, problem: str) -> Markdown:
    return Markdown(f"{image_name(name)} {prose(problem_in_words(problem).removeprefix('is '), maximum=160)}")


def _listed(opening: str, items: Sequence[Markdown]) -> list[Markdown]:
    """The first items behind `opening`, and the number of the others."""
    if not items:
        return []
    more = f" and {len(items) - _SHOWN} more" if len(items) > _SHOWN else ""
    return [Markdown(f"{opening}{join_markdown(list(items[:_SHOWN]), ', ')}{more}")]
