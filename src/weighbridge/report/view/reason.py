"""The verdict on one line: the problem, its image, one reason, and one fix.

Used for the headline of the comment, the title of the check run, and the last line of a job's log and of the terminal.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from weighbridge.domain.checks.catalogue import CheckCode
from weighbridge.domain.checks.finding import Severity, Subject
from weighbridge.domain.tips.tip import Basis
from weighbridge.report.escape import visible
from weighbridge.report.model import FindingReport, ImageReport, Reason, Report, Status
from weighbridge.report.units import format_bytes, format_delta
from weighbridge.report.view.causes import cause_name, cause_place, shown_causes
from weighbridge.report.view.failures import failed_in_words, failed_sides
from weighbridge.report.view.findings import StartSummary, image_starts, new_findings, start_errors
from weighbridge.report.view.limits import over_limit_text
from weighbridge.report.view.sizes import image_delta, percent_text
from weighbridge.report.view.tips import cure_of
from weighbridge.report.view.verdict import (
    counts_text,
    known_total,
    nothing_weighed_text,
    reason_text,
    sorted_images,
    verdict_clauses,
    verdict_word,
)
from weighbridge.report.view.words import plural

_FIX_CHARACTERS = 110
_WHY_CHARACTERS = 140
_REASON_LINES = 20
_SENTENCE_END = re.compile(r"(?<=[\w`)])\.(?= |$)")


@dataclass(frozen=True, kw_only=True, slots=True)
class VerdictLine:
    """The parts of the verdict. `image`, `why` and `fix` may hold text of the pull request; paired backticks mark code.

    `image` is empty if the verdict concerns all images; `reason` fails the job; `more` counts the others.
    """

    icon: str
    image: str
    what: str
    why: str = ""
    fix: str = ""
    more: int = 0
    reason: Reason | None = None


def verdict_line(report: Report) -> VerdictLine:
    """The verdict in one line: the first reason with its fix, or the passed line."""
    clauses = verdict_clauses(report)
    if not clauses:
        return _warned_line(report) if report.verdict.warnings else _passed_line(report)
    images = {image.name: image for image in report.images}
    order = {image.name: place for place, image in enumerate(sorted_images(report))}
    ranked = sorted(clauses, key=lambda each: (not _is_broken(each.what), order.get(each.image, len(order))))
    first = ranked[0]
    image = images.get(first.image)
    word = verdict_word(report)
    icon = "❌" if word == "failed" else "⚠️"
    why, fix = ("", "") if image is None else _reason_and_fix(image, first.reason)
    what = first.what if word == "failed" else f"{first.what}, overridden"
    return VerdictLine(
        icon=icon, image=first.image, what=what, why=why, fix=fix, more=len(clauses) - 1, reason=first.reason
    )


def verdict_sentence(report: Report) -> str:
    """The verdict as plain text: ``❌ worker will not start: … · fix: … (and 2 more reasons)``."""
    line = verdict_line(report)
    said = f"{visible(line.image, maximum=80)} {line.what}" if line.image else line.what
    said += f": {visible(line.why)}" if line.why else ""
    said += f" · fix: {visible(line.fix)}" if line.fix else ""
    said += f" (and {line.more} more {plural(line.more, 'reason')})" if line.more else ""
    return f"{line.icon} {said}"


def verdict_lines(report: Report) -> list[str]:
    """The verdict as plain lines: one line with its reason and fix, then each reason if there are several."""
    lines = [verdict_sentence(report)]
    if len(report.verdict.reasons) > 1:
        shown = report.verdict.reasons[:_REASON_LINES]
        lines += ["  " + visible(f"{reason.image}: {reason_text(reason)}", maximum=600) for reason in shown]
        more = len(report.verdict.reasons) - len(shown)
        lines += [f"  and {more} more {plural(more, 'reason')}"] if more else []
    return lines


def _is_broken(what: str) -> bool:
    return what in {"will not start", "could not be built"}


def _warned_line(report: Report) -> VerdictLine:
    """The first soft limit that is exceeded; the job passes."""
    first, *others = report.verdict.warnings
    image = next((one for one in report.images if one.name == first.image), None)
    why, fix = ("", "") if image is None else _reason_and_fix(image, first)
    return VerdictLine(icon="⚠️", image=first.image, what="is over its soft limit", why=why, fix=fix, more=len(others))


def _passed_line(report: Report) -> VerdictLine:
    changed = [image for image in report.images if image.status not in {Status.UNCHANGED, Status.SKIPPED}]
    icon = "✅" if report.verdict.passed else "❌"
    if not report.images:
        return VerdictLine(icon=icon, image="", what="no Dockerfile is affected, nothing to weigh")
    if nothing := nothing_weighed_text(report):
        return VerdictLine(icon=icon, image="", what=nothing)
    if len(changed) == 1 and image_delta(changed[0]) is not None and changed[0].status is Status.CHANGED:
        return VerdictLine(icon=icon, image=changed[0].name, what=_change(changed[0]), why=_because(changed[0]))
    if report.verdict.passed and any(image.failures for image in changed):
        icon = "⚠️"
    if len(changed) == 1 and (line := _only_line(changed[0], icon)) is not None:
        return line
    total = known_total(report)
    return VerdictLine(icon=icon, image="", what=f"{counts_text(report)}: {format_delta(total.delta_bytes)}")


def _only_line(image: ImageReport, icon: str) -> VerdictLine | None:
    """The line of the only image that is new, removed or could not be compared; ``None`` for others."""
    if image.failures:
        message = failed_sides(image)[0].message
        why = f"{failed_in_words(image)}: {_cut(message, _WHY_CHARACTERS)}"
        return VerdictLine(icon=icon, image=image.name, what="was not compared", why=why)
    if image.status is Status.ADDED and image.head is not None:
        said = {StartSummary.YES: ", starts", StartSummary.NOT_CHECKED: ", start not checked"}
        size = format_bytes(image.head.unpacked_bytes)
        return VerdictLine(icon=icon, image=image.name, what=f"is new: {size}{said.get(image_starts(image), '')}")
    if image.status is Status.REMOVED and image.base is not None:
        size = format_bytes(image.base.unpacked_bytes)
        return VerdictLine(icon=icon, image=image.name, what=f"is removed: it had {size}")
    return None


def _change(image: ImageReport) -> str:
    delta = image_delta(image)
    if not delta:
        return "changed without a change in size"
    percent = f" ({percent_text(image)})" if percent_text(image) else ""
    return f"{'grew' if delta > 0 else 'shrank'} by {format_bytes(abs(delta))}{percent}"


def _because(image: ImageReport, *, with_share: bool = False) -> str:
    """The largest cause of a change; empty if no cause is known. `with_share` continues a sentence on a growth."""
    explained = shown_causes(image)
    if explained is None or not explained.first:
        return ""
    cause = explained.first[0]
    place = cause_place(cause)
    where = f" (`{place}`)" if place is not None and place != cause.what else ""
    named = f"`{cause_name(cause)}`{where} {format_delta(cause.bytes)}"
    if not with_share:
        return named
    return f", {'most of it' if 2 * cause.bytes > (image_delta(image) or 0) else 'largest cause'} {named}"


def _reason_and_fix(image: ImageReport, reason: Reason) -> tuple[str, str]:
    if reason.rule in {"build", "unreadable", "unavailable", "defect"}:
        failures = failed_sides(image)
        return (_cut(failures[0].message, _WHY_CHARACTERS) if failures else _cut(reason.message, _WHY_CHARACTERS)), ""
    if reason.rule == "check":
        found = _blamed_finding(image, reason)
        if found is None:
            return _cut(reason.message, _WHY_CHARACTERS), ""
        cure = cure_of(image) if found.subject is Subject.ENTRYPOINT else None
        if cure is not None:
            return finding_summary(found), f"`{cure.name}` (built: starts, {format_bytes(cure.after_bytes)})"
        return finding_summary(found), _first_sentence(found.fix or "")
    limit = f", limit {reason.limit}" if reason.limit else ""
    tip = _best_tip(image)
    match reason.rule:
        case "max-increase" if reason.actual_bytes == image_delta(image):
            return f"{_change(image)}{limit}{_because(image, with_share=True)}", tip
        case "max-size" | "max-new-size":
            return f"{format_bytes(reason.actual_bytes)}{limit}", tip
        case "ratchet":
            return f"grew by {format_bytes(reason.actual_bytes)} in all{limit}", tip
        case "not-checked":
            return _cut(reason_text(reason), _WHY_CHARACTERS), ""
        case _:
            return _cut(reason_text(reason), _WHY_CHARACTERS), tip if over_limit_text(reason) is not None else ""


def _blamed_finding(image: ImageReport, reason: Reason) -> FindingReport | None:
    code = reason.code or reason.limit
    candidates = [*start_errors(image), *new_findings(image)]
    return next((each for each in candidates if each.code == code), candidates[0] if candidates else None)


def finding_summary(finding: FindingReport) -> str:
    """The problem in a few words, the same for every finding of a code."""
    if finding.code == CheckCode.LIBC_LOADER_MISSING.value:
        asked, *others = finding.evidence or ("",)
        if "ld-linux" in asked and any("ld-musl" in each for each in others):
            return "glibc program in an image with musl"
        if "ld-musl" in asked and any("ld-linux" in each for each in others):
            return "musl program in an image with glibc"
    known = {code.value: code.summary for code in CheckCode}
    if finding.code in known and finding.severity is Severity.ERROR:
        return known[finding.code]
    return finding.predicts or finding.code


def _first_sentence(text: str) -> str:
    sentence = _SENTENCE_END.split(text, maxsplit=1)[0].strip()
    if not sentence:
        return ""
    return _cut(sentence if sentence.startswith("`") else sentence[0].lower() + sentence[1:], _FIX_CHARACTERS)


def _best_tip(image: ImageReport) -> str:
    if image.combined is not None:
        names = " and ".join(f"`{code}`" for code in image.combined.codes[:2])
        more = f" and {len(image.combined.codes) - 2} more" if len(image.combined.codes) > 2 else ""
        return f"{names}{more} (built: {format_bytes(image.combined.after_bytes)})"
    built = [tip for tip in image.tips if tip.basis is Basis.REBUILT and tip.saved_bytes]
    if not built:
        return ""
    best = max(built, key=lambda tip: tip.saved_bytes or 0)
    return f"`{best.code}` (built: {format_bytes(best.after_bytes)})"


def _cut(text: str, maximum: int) -> str:
    shown = visible(text, maximum=maximum)
    # A backtick without its pair would be shown as a backtick.
    return shown if shown.count("`") % 2 == 0 else shown.replace("`", "")
