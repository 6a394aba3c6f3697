"""The lines of the comment that say why images grew or shrank."""

from __future__ import annotations

from collections.abc import Sequence

from weighbridge.report.escape import Markdown, code, figure, join, text
from weighbridge.report.fit import Piece, Section
from weighbridge.report.markdown.elements import image_name
from weighbridge.report.markdown.ranks import RANK_CAUSE
from weighbridge.report.model import CauseRow, ImageReport, Report
from weighbridge.report.units import format_delta
from weighbridge.report.view.causes import cause_details, cause_place, main_cause, told_causes

_FOLDED_CAUSES = 20


def causes_section(images: Sequence[ImageReport]) -> Section:
    """For each image whose causes are known: the first ones in a line, the others folded."""
    pieces = []
    for image in images:
        told = told_causes(image)
        if told is None or not told.first:
            continue
        line = Markdown(f"**{image_name(image.name)}** {told.verb}: {join([_cause(one) for one in told.first], ' · ')}")
        block = f"{line}\n\n"
        if told.others:
            count = len(told.others)
            rows = "\n".join(f"- {_cause(one)}" for one in told.others[:_FOLDED_CAUSES])
            more = f"\n- … and {count - _FOLDED_CAUSES} more" if count > _FOLDED_CAUSES else ""
            title = "1 more cause" if count == 1 else f"{count} more causes"
            block += f"<details><summary>{title}</summary>\n\n{rows}{more}\n\n</details>\n\n"
        pieces.append(Piece(text=block, rank=RANK_CAUSE, kind="list of causes"))
    return Section(pieces=tuple(pieces))


def headline_cause(report: Report) -> Markdown:
    """The largest cause of what grew, for the headline; empty where it is not known."""
    found = main_cause(report)
    if found is None:
        return Markdown("")
    image, cause = found
    place = cause_place(cause)
    named = f"{image_name(image.name)}: " if len(report.images) > 1 else ""
    where = f" ({code(place, maximum=120)})" if place is not None and place != cause.what else ""
    return Markdown(f"{named}{code(cause.what, maximum=80)}{where} {figure(format_delta(cause.bytes))}")


def _cause(cause: CauseRow) -> Markdown:
    place = cause_place(cause)
    said = [code(place, maximum=120)] if place is not None and place != cause.what else []
    said += [text(one, maximum=200) for one in cause_details(cause)]
    aside = f" ({join(said, ', ')})" if said else ""
    return Markdown(f"{code(cause.what, maximum=80)} {figure(format_delta(cause.bytes))}{aside}")
