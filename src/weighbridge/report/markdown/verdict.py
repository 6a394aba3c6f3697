"""The head of the comment: the verdict with its reason and fix, the override, and reasons of other rules."""

from __future__ import annotations

from weighbridge.report.escape import Markdown, code, figure, join_markdown, prose, text
from weighbridge.report.fit import Piece, TextSection
from weighbridge.report.markdown.elements import image_name, section, template
from weighbridge.report.markdown.ranks import KEEP, RANK_LIMIT
from weighbridge.report.model import Override, Reason, Report, Status
from weighbridge.report.units import format_delta
from weighbridge.report.view.reason import verdict_line
from weighbridge.report.view.verdict import counts_text, known_total, reason_text, redefined_images
from weighbridge.report.view.words import plural

_OPEN_REASONS = 5
_TOLD_IN_TABLE = {"max-increase", "max-size", "max-new-size"}
_TOLD_AS_PROBLEM = {"check", "build", "unreadable", "unavailable", "defect"}


def quiet_line(report: Report) -> Markdown:
    """The only line of a report without changes."""
    count = len(report.images)
    if not count:
        return template("quiet", sentence="no Dockerfile is affected, nothing to weigh.")
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
        more=f"and {line.more} more {plural(line.more, 'reason')}" if line.more else "",
    )


def redefined_section(report: Report) -> TextSection:
    """The images whose definition head changes, so that two definitions are compared; empty without any."""
    crossed = redefined_images(report)
    if not crossed:
        return section()
    names = join_markdown([image_name(each) for each in crossed[:3]], ", ")
    more = f" and {len(crossed) - 3} more" if len(crossed) > 3 else ""
    return section(f"> ⚠️ the definition of {names}{more} changed and was compared across.\n\n")


def total_line(report: Report) -> str:
    """The number of images per outcome and the total difference, if the headline concerns one of several images."""
    if len(report.images) < 2 or not verdict_line(report).image:
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
    for reason in report.verdict.reasons:
        image = images.get(reason.image)
        built_as_base = reason.rule == "max-increase" and "as base defines it" in reason.message
        if reason.rule in _TOLD_IN_TABLE and not built_as_base and image is not None and image.head is not None:
            continue
        if reason.rule in _TOLD_AS_PROBLEM and image is not None and (image.failures or image.findings):
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
