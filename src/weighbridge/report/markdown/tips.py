"""How images get smaller: the tips of all images in one folded table, and what images could share."""

from __future__ import annotations

from collections.abc import Sequence

from weighbridge.domain.tips.tip import Basis
from weighbridge.report.escape import Markdown, code, figure, prose, text
from weighbridge.report.fit import Piece, Section
from weighbridge.report.markdown.elements import NAME_CHARACTERS, NONE, image_name, table_row
from weighbridge.report.markdown.ranks import RANK_TIP
from weighbridge.report.model import CombinedTips, ImageReport, Report, TipReport
from weighbridge.report.units import format_bytes
from weighbridge.report.view.tips import (
    BASIS_IN_WORDS,
    PENDING_TIPS,
    ImageTip,
    basis_text,
    measured_text,
    measured_together_text,
    saving_text,
    shared_headline,
    sorted_tips,
    tips_headline,
    together_text,
    told_drops,
)
from weighbridge.report.view.verdict import sorted_images
from weighbridge.report.view.words import enumerate_words, more_text, where

_TIP_ROWS = 20
_DROPS = 10
_EXPLANATION_CHARACTERS = 600


def tips_section(report: Report) -> Section:
    """All tips, the largest saving first, what they save together above them; empty where there are none."""
    if report.tips_pending:
        return Section(pieces=(Piece(text=f"💡 {text(PENDING_TIPS)}\n\n", rank=RANK_TIP, kind="tip"),))
    found = sorted_tips(report)
    if not found:
        return Section(pieces=())
    several = len({each.image.name for each in found}) > 1
    images = [image for image in sorted_images(report) if image.tips]
    rows = [_together_cells(image, image.combined, several=several) for image in images if image.combined]
    rows += [_tip_cells(each, several=several) for each in found[:_TIP_ROWS]]
    titles = ["image"] * several + ["saves", "how known", "where", "what to do"]
    rules = ["---"] * several + ["--:", "---", "---", "---"]
    opening = (
        f"<details><summary>💡 {text(tips_headline(found))}</summary>\n\n"
        + table_row(Markdown(title) for title in titles)
        + f"|{'|'.join(rules)}|\n"
    )
    more = len(found) - _TIP_ROWS
    after = [f"{more_text(more, 'tip')} with smaller savings\n"] if more > 0 else []
    after += [_drops(images, several=several)] if any(told_drops(image) for image in images) else []
    after += [
        f"{image_name(image.name)}: the patches were not built together: {prose(image.not_combined)}\n"
        for image in images
        if image.not_combined is not None
    ]
    after += ["The patches are in the full report.\n"] if any(each.tip.patch for each in found) else []
    return Section(
        opening=opening,
        pieces=tuple(Piece(text=table_row(cells), rank=RANK_TIP, kind="tip") for cells in rows),
        closing="".join(f"\n{part}" for part in after) + "\n</details>\n\n",
    )


def shared_tips_section(report: Report) -> Section:
    """What several images could have in common, a line each; empty where there is nothing."""
    if not report.shared_tips:
        return Section(pieces=())
    lines = [
        f"- **{figure(format_bytes(tip.saved_bytes))}**, {text(BASIS_IN_WORDS[tip.basis])},"
        f" {code(tip.code)}: {prose(tip.explanation, maximum=600)}\n"
        for tip in report.shared_tips[:_TIP_ROWS]
    ]
    return Section(
        opening=f"<details><summary>💡 {text(shared_headline(report))}</summary>\n\n",
        pieces=tuple(Piece(text=line, rank=RANK_TIP, kind="tip") for line in lines),
        closing="\n</details>\n\n",
    )


def _together_cells(image: ImageReport, combined: CombinedTips, *, several: bool) -> list[Markdown]:
    codes = [code(each, maximum=NAME_CHARACTERS) for each in combined.codes]
    cells = [
        Markdown(f"**{figure(format_bytes(combined.saved_bytes))}** ({figure(measured_together_text(combined))})"),
        text(BASIS_IN_WORDS[Basis.REBUILT]),
        text(f"{together_text(combined)} together"),
        Markdown(enumerate_words(codes)),
    ]
    return [image_name(image.name), *cells] if several else cells


def _tip_cells(each: ImageTip, *, several: bool) -> list[Markdown]:
    tip = each.tip
    how = basis_text(tip)
    cells = [
        _saving(tip),
        prose(how),
        code(where(each.image, tip.line) or each.image.name, maximum=NAME_CHARACTERS),
        Markdown(f"{code(tip.code)}: {prose(tip.explanation, maximum=_EXPLANATION_CHARACTERS)}"),
    ]
    return [image_name(each.image.name), *cells] if several else cells


def _saving(tip: TipReport) -> Markdown:
    if tip.saved_bytes is None:
        return NONE
    measured = measured_text(tip)
    return Markdown(f"**{figure(saving_text(tip))}**" + (f" ({figure(measured)})" if measured else ""))


def _drops(images: Sequence[ImageReport], *, several: bool) -> str:
    """What was built and does not work, a line each."""
    lines = []
    for image in images:
        for one in told_drops(image):
            name = f"{image_name(image.name)}, " if several else ""
            place = where(image, one.line)
            at = f" ({code(place, maximum=NAME_CHARACTERS)})" if place else ""
            lines.append(f"- {name}{code(one.code)}{at}: {prose(one.reason, maximum=300)}\n")
    more = len(lines) - _DROPS
    said = "".join(lines[:_DROPS]) + (f"- and {more} more\n" if more > 0 else "")
    return f"Built and not proposed:\n\n{said}"
