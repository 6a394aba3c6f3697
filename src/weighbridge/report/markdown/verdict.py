"""The head of the comment: the verdict with its reason and fix, the override, and reasons of other rules."""

from __future__ import annotations

from weighbridge.report.escape import Markdown, code, figure, prose, text
from weighbridge.report.fit import Piece, TextSection
from weighbridge.report.markdown.elements import image_name, section, template
from weighbridge.report.markdown.ranks import KEEP, RANK_LIMIT
from weighbridge.report.model import AsBaseDefinesReport, ImageReport, Override, Reason, Report, Status
from weighbridge.report.units import format_bytes, format_delta
from weighbridge.report.view.reason import verdict_line
from weighbridge.report.view.verdict import counts_text, known_total, nothing_weighed_text, reason_text
from weighbridge.report.view.words import plural

_OPEN_REASONS = 5
_OPEN_REDEFINED = 3
_TOLD_IN_TABLE = {"max-increase", "max-size", "max-new-size"}
_TOLD_AS_PROBLEM = {"check", "build", "unreadable", "unavailable", "defect"}


def quiet_line(report: Report) -> Markdown:
    """The only line of a report without changes."""
    count = len(report.images)
    if not count:
        return template("quiet", sentence="no Dockerfile is affected, nothing to weigh.")
    if nothing := nothing_weighed_text(report):
        return template("quiet", sentence=f"{nothing}. ✅ passed")
    skipped = sum(image.status is Status.SKIPPED for image in report.images)
    images = f"{count} {plural(count, 'image')}"
    aside = f" ({skipped} of them skipped)" if skipped else ""
    return template("quiet", sentence=f"no change in {images}{aside}. ✅ passed")


def headline(report: Report) -> Markdown:
    """The verdict, with one reason and one fix."""
    line = verdict_line(report)
    return template(
        "headline",
        icon=line.icon,
        image=image_name(line.image) if line.image else "",
        what=line.what,
        why=prose(line.why) if line.why else "",
        fix=prose(line.fix) if line.fix else "",
        more=f"(and {line.more} more {plural(line.more, 'reason')})" if line.more else "",
    )


def redefined_section(report: Report) -> TextSection:
    """The images whose definition head changes, and the builds that the limits check; empty without any."""
    redefined = [(image, image.as_base_defines) for image in report.images if image.as_base_defines is not None]
    lines = [_redefined_line(image, one) for image, one in redefined[:_OPEN_REDEFINED]]
    more = len(redefined) - len(lines)
    lines += [f"> and {more} more {plural(more, 'image')} with a changed definition\n\n"] if more > 0 else []
    return section(*lines)


def _redefined_line(image: ImageReport, one: AsBaseDefinesReport) -> str:
    opening = f"> ⚠️ **{image_name(image.name)}**: this change alters how the image is built: {prose(one.change)}."
    if one.unpacked_bytes is None:
        return f"{opening} Head does not build as base defines it, so each side is built with its own definition.\n\n"
    size = figure(format_bytes(one.unpacked_bytes))
    return f"{opening} The limits check the larger of two builds of head; as base defines it, head has {size}.\n\n"


def total_line(report: Report) -> str:
    """The number of images per outcome and the total difference, if the headline concerns one of several changes."""
    changed = sum(image.status not in {Status.UNCHANGED, Status.SKIPPED} for image in report.images)
    if changed < 2 or not verdict_line(report).image:
        return ""
    total = known_total(report)
    missing = f" ({total.not_known} {plural(total.not_known, 'image')} unknown)" if total.not_known else ""
    return f"{text(counts_text(report))}; total {figure(format_delta(total.delta_bytes))}{missing}\n\n"


def override_section(override: Override | None) -> TextSection:
    """Who overrode the gate, when and why; empty without an override."""
    if override is None:
        return section()
    said = f"> ⚠️ Overridden by {code(override.actor)} with the label {code(override.label)} ({text(override.at)})"
    return section(said + (f": {prose(override.reason)}" if override.reason else ".") + "\n\n")


def limits_section(report: Report) -> TextSection:
    """The reasons that neither the table nor a problem shows: ratchets, and rules of a later version."""
    icon = "⚠️" if report.verdict.passed else "❌"
    images = {image.name: image for image in report.images}
    soft = [
        _limit_line("⚠️", reason, "soft limit: ")
        for reason in report.verdict.warnings
        if not (reason.rule in _TOLD_IN_TABLE and reason.image in images)
    ]
    hard = []
    in_headline = verdict_line(report).reason
    for reason in report.verdict.reasons:
        image = images.get(reason.image)
        built_as_base = reason.rule == "max-increase" and "as base defines it" in reason.message
        if reason.rule in _TOLD_IN_TABLE and not built_as_base and image is not None and image.head is not None:
            continue
        if reason.rule in _TOLD_AS_PROBLEM and image is not None and (image.failures or image.findings):
            continue
        if reason is in_headline and (built_as_base or reason.rule == "not-checked"):
            continue
        hard.append(_limit_line(icon, reason))
    lines = [*hard, *soft]
    first = Piece(text=lines[0], rank=KEEP, kind="") if lines else None
    rest = [Piece(text=line, rank=RANK_LIMIT, kind="reason") for line in lines[1:_OPEN_REASONS]]
    more = len(lines) - _OPEN_REASONS
    if more > 0:
        rest.append(Piece(text=f"and {more} more {plural(more, 'reason')}\n\n", rank=RANK_LIMIT, kind="reason"))
    return TextSection(pieces=(first, *rest) if first else ())


def _limit_line(icon: str, reason: Reason, opening: str = "") -> str:
    sentence = prose(opening + reason_text(reason))
    return template("limit", icon=icon, image=image_name(reason.image), sentence=sentence) + "\n\n"
