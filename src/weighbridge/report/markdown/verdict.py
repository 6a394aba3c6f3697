"""The head of the comment: the headline, who opened the gate, the limits that are broken."""

from __future__ import annotations

from weighbridge.report.escape import Markdown, code, figure, join, prose, text
from weighbridge.report.fit import Piece, Section
from weighbridge.report.markdown.causes import headline_cause
from weighbridge.report.markdown.elements import image_name, section, template
from weighbridge.report.markdown.ranks import KEEP, RANK_LIMIT
from weighbridge.report.model import Override, Report, Status
from weighbridge.report.units import format_delta
from weighbridge.report.view.verdict import (
    compared_across,
    counts_text,
    known_total,
    reason_text,
    verdict_clauses,
    verdict_word,
)
from weighbridge.report.view.words import plural


def quiet_line(report: Report) -> Markdown:
    """The one line of a report in which nothing happened."""
    count = len(report.images)
    if not count:
        return template("quiet", sentence="no Dockerfile is affected, nothing to weigh.")
    skipped = sum(image.status is Status.SKIPPED for image in report.images)
    images = f"{count} {plural(count, 'image')}"
    aside = f" ({skipped} of them skipped)" if skipped else ""
    return template("quiet", sentence=f"no change in {images}{aside}. ✅ passed")


def headline(report: Report) -> Markdown:
    """How many images did what, the difference of them all, and the verdict."""
    total = known_total(report)
    missing = total.not_known
    return template(
        "headline",
        counts=counts_text(report),
        total=figure(format_delta(total.delta_bytes)),
        not_known=f"({missing} {plural(missing, 'image')} not known)" if missing else "",
        cause=headline_cause(report),
        verdict=_verdict(report),
    )


def _verdict(report: Report) -> Markdown:
    crossed = compared_across(report)
    names = join([image_name(one) for one in crossed[:2]], ", ")
    aside = f" · ⚠️ the definition of {names} changed and was compared across" if crossed else ""
    return Markdown(f"{_word(report)}{aside}")


def _word(report: Report) -> Markdown:
    word = verdict_word(report)
    clauses = verdict_clauses(report)
    if word != "failed" or not clauses:
        icon = {"passed": "✅", "allowed by hand": "⚠️", "failed": "❌"}[word]
        return Markdown(f"{icon} {word}")
    shown = [Markdown(f"{image_name(each.image)} {text(each.what)}") for each in clauses[:2]]
    more = len(clauses) - len(shown)
    said = join(shown, ", ") if more else join(shown, " and ")
    return Markdown(f"❌ {said}" + (f" and {more} more {plural(more, 'reason')}" if more else ""))


def override_section(override: Override | None) -> Section:
    """Who opened the gate, when and why; empty where nobody did."""
    if override is None:
        return section()
    said = (
        f"> ⚠️ The gate was opened by {code(override.actor)} with the label {code(override.label)} ({text(override.at)})"
    )
    return section(said + (f": {prose(override.reason)}" if override.reason else ".") + "\n\n")


def limits_section(report: Report) -> Section:
    """The reasons of the verdict that no other block tells: broken limits, and rules of a later version."""
    told = {"check", "build", "unreadable", "unavailable"}
    icon = "⚠️" if report.verdict.passed else "❌"
    lines = []
    images = {image.name: image for image in report.images}
    for reason in report.verdict.reasons:
        image = images.get(reason.image)
        if reason.rule in told and image is not None and (image.failures or image.findings):
            continue
        sentence = prose(reason_text(reason))
        lines.append(template("limit", icon=icon, image=image_name(reason.image), sentence=sentence) + "\n\n")
    first = Piece(text=lines[0], rank=KEEP, kind="") if lines else None
    rest = [Piece(text=line, rank=RANK_LIMIT, kind="reason") for line in lines[1:]]
    return Section(pieces=(first, *rest) if first else ())
