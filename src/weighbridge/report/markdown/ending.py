"""The end of the comment: ignored findings, notes and the footer."""

from __future__ import annotations

from collections.abc import Sequence

from weighbridge.report.escape import Markdown, code, figure, join_markdown, prose, text
from weighbridge.report.fit import Piece, TextSection
from weighbridge.report.markdown.elements import image_name, template
from weighbridge.report.markdown.links import ReportLinks, run_links
from weighbridge.report.markdown.ranks import RANK_IGNORED, RANK_NOTE
from weighbridge.report.model import ImageReport, Report, Revision, Status
from weighbridge.report.view.findings import ignored_findings
from weighbridge.report.view.memory import memory_summary
from weighbridge.report.view.sizes import estimated_text, image_delta
from weighbridge.report.view.verdict import is_quiet, named_sides, sorted_images
from weighbridge.report.view.words import plural, short_sha


def ignored_section(images: Sequence[ImageReport]) -> TextSection:
    """The ignored findings with their reasons, folded."""
    lines = [
        f"- {image_name(image.name)}: {code(finding.code)}"
        f"{' at ' + code(finding.path) if finding.path else ''}, ignored because: {prose(finding.ignored_because)}\n"
        for image in images
        for finding in ignored_findings(image)
        if finding.ignored_because is not None
    ]
    pieces = tuple(Piece(text=line, rank=RANK_IGNORED, kind="ignored finding") for line in lines)
    title = f"{len(lines)} {plural(len(lines), 'finding')} ignored on purpose"
    return TextSection(opening=f"<details><summary>{title}</summary>\n\n", pieces=pieces, closing="\n</details>\n\n")


def notes_section(report: Report, images: Sequence[ImageReport] = ()) -> TextSection:
    """The notes of the report, and the skipped images with their reasons."""
    lines = [prose(note) for note in report.notes]
    lines += [
        Markdown(f"{image_name(image.name)} skipped: {prose(image.reason)}")
        for image in images
        if image.status is Status.SKIPPED and image.reason
    ]
    pieces = tuple(Piece(text=f"- {line}\n", rank=RANK_NOTE, kind="note") for line in lines)
    return TextSection(opening="\n" if is_quiet(report) else "", pieces=pieces, closing="\n")


def footer(report: Report, links: ReportLinks) -> Markdown:
    """The footer: the full report, the compared commits, the client, and the meaning of the sizes."""
    sides = [_side(name, side) for name, side in named_sides(report)]
    memory = memory_summary(report)
    version = text(f"{report.tool.name[:40]} {report.tool.version[:40]}")
    parts = [*sides, *([text(memory)] if memory else []), version]
    parts = [run_links(links), *parts] if links.run_url is not None else parts
    return template("footer", parts=join_markdown(parts, " · "), pull=_pull(report))


def _pull(report: Report) -> Markdown:
    """The bytes that a node with base downloads for head, of the image that changes most."""
    known = [image for image in sorted_images(report) if image.delta.upgrade_bytes and image.base and image.head]
    first = max(known, key=lambda image: abs(image_delta(image) or 0), default=None)
    if first is None or first.head is None:
        return Markdown("")
    size = figure(estimated_text(first.delta.upgrade_bytes, estimated=first.head.download_estimated))
    return Markdown(f"; a node that has base downloads {size} for head of {image_name(first.name)}")


def _side(name: str, side: Revision) -> Markdown:
    short = short_sha(side.sha)
    if short is None:
        return Markdown(f"{name} {code(side.ref, maximum=80)}")
    if side.ref == side.sha:
        return Markdown(f"{name} {code(short)}")
    return Markdown(f"{name} {code(side.ref, maximum=80)} at {code(short)}")
