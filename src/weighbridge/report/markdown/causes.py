"""Why images grew or shrank: a line for each image, with permalinks to the responsible lines."""

from __future__ import annotations

import re
from collections.abc import Sequence

from weighbridge.report.escape import Markdown, code, figure, join_markdown, prose
from weighbridge.report.fit import Piece, TextSection
from weighbridge.report.markdown.elements import NAME_CHARACTERS, image_name, section
from weighbridge.report.markdown.links import ReportLinks, linked, place, place_of_text
from weighbridge.report.markdown.ranks import RANK_CAUSE
from weighbridge.report.model import CauseRow, ImageReport, Status
from weighbridge.report.units import format_bytes, format_delta
from weighbridge.report.view.causes import (
    cause_name,
    cause_place,
    cause_reason,
    is_in_base,
    shown_causes,
    shown_shares,
)
from weighbridge.report.view.contents import main_change
from weighbridge.report.view.words import enumerate_words, layer_name

_OPEN_IMAGES = 3
_OPEN_IMAGES_OF_MANY = 2
_FOLDED_CAUSES = 20
_FOLDED_FROM = 2
"""Causes that the line does not name; it names a single one itself."""
_INSTRUCTION = re.compile(r"(?:RUN|COPY|ADD|WORKDIR) ")


def causes_section(images: Sequence[ImageReport], links: ReportLinks) -> TextSection:
    """The causes of the images that changed most; empty if no size changed."""
    lines = [line for image in images if (line := _causes_line(image, links))]
    shown = _OPEN_IMAGES if len(lines) <= 2 * _OPEN_IMAGES else _OPEN_IMAGES_OF_MANY
    pieces = [Piece(text=f"{line}\n\n", rank=RANK_CAUSE, kind="cause") for line in lines[:shown]]
    return TextSection(pieces=tuple(pieces)) if pieces else section()


def causes_list(image: ImageReport, links: ReportLinks) -> Markdown:
    """All causes of one image in the report, if the line above does not show all of them."""
    explained = shown_causes(image)
    if explained is None or len(explained.others) < _FOLDED_FROM:
        return Markdown("")
    shown = [*explained.first, *explained.others][:_FOLDED_CAUSES]
    lines = [Markdown(f"- {cause_line(cause, links)}") for cause in shown]
    more = len(explained.first) + len(explained.others) - len(shown)
    return join_markdown([*lines, Markdown(f"- and {more} more")] if more else lines, "\n")


def _causes_line(image: ImageReport, links: ReportLinks) -> Markdown | None:
    explained = shown_causes(image)
    if explained is None or not explained.first:
        return _layer_line(image, links)
    parts = [cause_line(cause, links) for cause in explained.first]
    count = len(explained.others)
    if count == 1:
        parts.append(cause_line(explained.others[0], links))
    elif count:
        rest = sum(cause.bytes for cause in explained.others)
        parts.append(Markdown(f"{count} more causes {figure(format_delta(rest))}"))
    return Markdown(f"**{image_name(image.name)}** {explained.verb}: {join_markdown(parts, ' · ')}")


def _layer_line(image: ImageReport, links: ReportLinks) -> Markdown | None:
    main = main_change(image)
    if main is None or image.status is not Status.CHANGED:
        return None
    layer, delta = main
    opening = f"**{image_name(image.name)}** {'grew' if delta > 0 else 'shrank'}: "
    shown = Markdown("base image") if layer is None else code(layer_name(layer.instruction), maximum=100)
    where = ""
    if layer is not None and layer.line is not None and image.dockerfile is not None:
        where = f" ({place(links, image.dockerfile, layer.line)})"
    return Markdown(f"{opening}{shown} {figure(format_delta(delta))}{where}")


def cause_line(cause: CauseRow, links: ReportLinks) -> Markdown:
    """One cause: its name, its bytes, and in brackets its place, its reason, and its largest parts."""
    named = code(cause_name(cause), maximum=120)
    aside: list[Markdown] = []
    if cause.path is not None and cause_place(cause) == cause.what:
        # The name is the place; the chain to the image begins at the line that copies it.
        named = linked(named, links.line_url(cause.path, cause.line, in_base=is_in_base(cause)))
        aside += [place_of_text(links, cause.via[0])] if cause.via else []
    elif cause.path is not None:
        aside.append(place(links, cause.path, cause.line, in_base=is_in_base(cause)))
    if reason := cause_reason(cause):
        is_instruction = _INSTRUCTION.match(reason) is not None
        aside.append(code(reason, maximum=120) if is_instruction else prose(reason, maximum=200))
    if brought := shown_shares(cause):
        shares = (f"{code(part.what, maximum=NAME_CHARACTERS)} {figure(format_bytes(part.bytes))}" for part in brought)
        aside.append(Markdown(f"brings {enumerate_words(shares)}"))
    said = f" ({join_markdown(aside, ', ')})" if aside else ""
    return Markdown(f"{named} {figure(format_delta(cause.bytes))}{said}")
