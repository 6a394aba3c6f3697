"""The folded details of one compared image."""

from __future__ import annotations

from collections.abc import Sequence

from weighbridge.report.escape import Markdown, code, figure, html_code, join_markdown, prose, text
from weighbridge.report.fit import Piece, TextSection, section_text
from weighbridge.report.markdown.causes import causes_list
from weighbridge.report.markdown.contents import files_table, layers_table, packages_table
from weighbridge.report.markdown.elements import NAME_CHARACTERS, section, template
from weighbridge.report.markdown.findings import findings_list
from weighbridge.report.markdown.images import is_plain
from weighbridge.report.markdown.limits import limits_table
from weighbridge.report.markdown.links import NO_LINKS, ReportLinks
from weighbridge.report.markdown.ranks import (
    RANK_CAUSE,
    RANK_DETAILS,
    RANK_FILES,
    RANK_FINDINGS,
    RANK_LAYERS,
    RANK_PACKAGES,
)
from weighbridge.report.model import ImageReport, Status
from weighbridge.report.units import format_bytes, format_delta
from weighbridge.report.view.contents import top_folders
from weighbridge.report.view.facts import image_facts
from weighbridge.report.view.failures import additional_reason
from weighbridge.report.view.findings import start_in_words
from weighbridge.report.view.sizes import image_delta

_METADATA = 20
_OPEN_IMAGES = 4
_MAXIMUM_IMAGES = 60


def details_sections(images: Sequence[ImageReport], links: ReportLinks) -> list[TextSection]:
    """The details of each image, a fold each; above `_OPEN_IMAGES` images one fold holds all of them."""
    sections = [each for image in images if (each := _details_section(image, links)).pieces]
    if len(sections) <= _OPEN_IMAGES:
        return sections
    pieces = tuple(
        Piece(text=section_text(each), rank=RANK_DETAILS, kind="image in detail") for each in sections[:_MAXIMUM_IMAGES]
    )
    shown = f"The {len(pieces)} first of {len(sections)}" if len(pieces) < len(sections) else str(len(sections))
    opening = f"<details><summary>{shown} images in detail</summary>\n\n"
    return [TextSection(opening=opening, pieces=pieces, closing="</details>\n\n")]


def _details_section(image: ImageReport, links: ReportLinks) -> TextSection:
    """The details of one image; empty if nothing changed."""
    if is_plain(image):
        return section()
    causes = Piece(text=causes_list(image, links) + "\n\n", rank=RANK_CAUSE, kind="list of causes")
    pieces = detail_pieces(image, summary=_facts(image), layers=layers_table(image), links=links)
    pieces = (causes, *pieces) if causes.text.strip() else pieces
    opening = f"<details><summary>{_details_title(image, has_causes=causes in pieces)}</summary>\n\n"
    return TextSection(opening=opening, pieces=pieces, closing="</details>\n\n") if pieces else section()


def detail_pieces(
    image: ImageReport, *, summary: Markdown, layers: Markdown, links: ReportLinks = NO_LINKS
) -> tuple[Piece, ...]:
    """The contents of an image, most relevant first; omits empty pieces."""
    blocks = (
        (limits_table(image), RANK_CAUSE, "table of limits"),
        (summary, RANK_CAUSE, "summary"),
        (layers, RANK_LAYERS, "layer table"),
        (packages_table(image), RANK_PACKAGES, "package table"),
        (findings_list(image, links), RANK_FINDINGS, "list of findings"),
        (files_table(image), RANK_FILES, "file table"),
    )
    return tuple(Piece(text=block + "\n\n", rank=rank, kind=kind) for block, rank, kind in blocks if block)


def _details_title(image: ImageReport, *, has_causes: bool) -> Markdown:
    name = Markdown(f"<b>{html_code(image.name, maximum=NAME_CHARACTERS)}</b>")
    if image.status is Status.ADDED and image.head is not None:
        return Markdown(f"{name}: new, {figure(format_bytes(image.head.unpacked_bytes))}")
    if image.status is Status.REMOVED and image.base is not None:
        return Markdown(f"{name}: removed, {figure(format_delta(image_delta(image)))}")
    return Markdown(f"{name}: {'causes, ' if has_causes else ''}layers, packages, files")


def _facts(image: ImageReport) -> Markdown:
    facts: list[Markdown] = []
    facts += [text(fact) for fact in image_facts(image)]
    if reason := additional_reason(image):
        facts.append(prose(reason))
    if start := start_in_words(image.head):
        facts.append(prose(start))
    folders = [
        Markdown(f"{code(row.path, maximum=100)} {figure(format_delta(row.delta_bytes))}") for row in top_folders(image)
    ]
    if folders:
        facts.append(Markdown(f"Where: {join_markdown(folders, ', ')}."))
    facts += [prose(remark) for remark in image.remarks]
    facts += [
        Markdown(f"{code(row.name, maximum=80)}: {_setting(row.base)} → {_setting(row.head)}")
        for row in image.metadata[:_METADATA]
    ]
    return template("facts", facts=facts) if facts else Markdown("")


def _setting(value: str | None) -> Markdown:
    return code(value, maximum=120) if value else Markdown("none")
