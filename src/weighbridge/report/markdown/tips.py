"""The tips of all images in one folded list, and the layers that images could share."""

from __future__ import annotations

from collections.abc import Sequence

from weighbridge.domain.tips.tip import Basis
from weighbridge.report.escape import Markdown, code, figure, prose, text
from weighbridge.report.fit import Piece, TextSection
from weighbridge.report.markdown.elements import NAME_CHARACTERS, NONE, image_name
from weighbridge.report.markdown.links import ReportLinks, linked, place_of_text
from weighbridge.report.markdown.ranks import RANK_TIP
from weighbridge.report.model import CombinedTips, ImageReport, Report
from weighbridge.report.units import format_bytes
from weighbridge.report.view.sizes import sizes_text
from weighbridge.report.view.tips import (
    BASIS_IN_WORDS,
    PENDING_TIPS,
    ImageTip,
    basis_text,
    earlier_text,
    measured_text,
    saving_text,
    shared_headline,
    shown_rejections,
    sorted_tips,
    tips_headline,
    together_text,
)
from weighbridge.report.view.verdict import sorted_images
from weighbridge.report.view.words import enumerate_words, more_text, where

_TIP_ROWS = 20
_DROPS = 10
_EXPLANATION_CHARACTERS = 600


def tips_section(report: Report, links: ReportLinks) -> TextSection:
    """All tips as a folded list, largest saving first, preceded by their combined saving."""
    if report.tips_pending:
        return TextSection(pieces=(Piece(text=f"💡 {text(PENDING_TIPS)}\n\n", rank=RANK_TIP, kind="tip"),))
    found = sorted_tips(report)
    if not found:
        return TextSection(pieces=())
    several = len({each.image.name for each in found}) > 1
    images = [image for image in sorted_images(report) if image.tips]
    lines = [_together_line(image, image.combined, several=several) for image in images if image.combined]
    lines += [_tip_line(each, links, several=several) for each in found[:_TIP_ROWS]]
    more = len(found) - _TIP_ROWS
    after = [f"{more_text(more, 'tip')} with smaller savings\n"] if more > 0 else []
    after += [_drops(images, several=several)] if any(shown_rejections(image) for image in images) else []
    after += [
        f"{image_name(image.name)}: the patches were not built together: {prose(image.not_combined)}\n"
        for image in images
        if image.not_combined is not None
    ]
    report_name = linked(Markdown("full report"), links.artifacts_url)
    after += [f"The {report_name} has all patches.\n"] if any(each.tip.patch for each in found) else []
    return TextSection(
        opening=f"<details><summary>💡 {text(tips_headline(found))}</summary>\n\n",
        pieces=tuple(Piece(text=f"- {line}\n", rank=RANK_TIP, kind="tip") for line in lines),
        closing="".join(f"\n{part}" for part in after) + "\n</details>\n\n",
    )


def shared_tips_section(report: Report) -> TextSection:
    """The ways for several images to share layers, one line each; empty without any."""
    if not report.shared_tips:
        return TextSection(pieces=())
    lines = [
        f"- **{figure(format_bytes(tip.saved_bytes))}**, {text(BASIS_IN_WORDS[tip.basis])},"
        f" {code(tip.code)}: {prose(tip.explanation, maximum=600)}\n"
        for tip in report.shared_tips[:_TIP_ROWS]
    ]
    return TextSection(
        opening=f"<details><summary>💡 {text(shared_headline(report))}</summary>\n\n",
        pieces=tuple(Piece(text=line, rank=RANK_TIP, kind="tip") for line in lines),
        closing="\n</details>\n\n",
    )


def _together_line(image: ImageReport, combined: CombinedTips, *, several: bool) -> Markdown:
    codes = enumerate_words(code(each, maximum=NAME_CHARACTERS) for each in combined.codes)
    name = f"{image_name(image.name)}, " if several else ""
    saved = figure(format_bytes(combined.saved_bytes))
    sizes = figure(sizes_text(combined.before_bytes, combined.after_bytes))
    return Markdown(
        f"**{saved}**: {name}{codes}, {together_text(combined)} together"
        f" <sub>{text(BASIS_IN_WORDS[Basis.REBUILT])}{text(earlier_text(combined.measured))}, {sizes}</sub>"
    )


def _tip_line(each: ImageTip, links: ReportLinks, *, several: bool) -> Markdown:
    tip = each.tip
    at = where(each.image, tip.line)
    name = f"{image_name(each.image.name)}, " if several else ""
    saved = NONE if tip.saved_bytes is None else figure(saving_text(tip))
    new = ", **new with this change**" if tip.introduced else ""
    measured = measured_text(tip)
    return Markdown(
        f"**{saved}**: {name}{code(tip.code)}{f' ({place_of_text(links, at)})' if at else ''}{new}:"
        f" {prose(tip.explanation, maximum=_EXPLANATION_CHARACTERS)}"
        f" <sub>{prose(basis_text(tip))}{f', {figure(measured)}' if measured else ''}</sub>"
    )


def _drops(images: Sequence[ImageReport], *, several: bool) -> str:
    """The built patches that do not work, one line each."""
    lines = []
    for image in images:
        for one in shown_rejections(image):
            name = f"{image_name(image.name)}, " if several else ""
            place = where(image, one.line)
            at = f" ({code(place, maximum=NAME_CHARACTERS)})" if place else ""
            lines.append(f"- {name}{code(one.code)}{at}: {prose(one.reason, maximum=300)}\n")
    more = len(lines) - _DROPS
    said = "".join(lines[:_DROPS]) + (f"- and {more} more\n" if more > 0 else "")
    return f"Built and not proposed:\n\n{said}"
