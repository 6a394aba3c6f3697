"""Merges part reports into the report of a whole run. A missing part fails the gate."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from weighbridge.domain.gate.budget import CheckedBudget, Share, budget_breaches, check_budget
from weighbridge.domain.gate.scale import Rule
from weighbridge.domain.gate.settings import OnUnknown
from weighbridge.errors import ReportError
from weighbridge.report.file_maps import MAXIMUM_MAP_BYTES, with_maps_within
from weighbridge.report.limits import budget_row, reason_of
from weighbridge.report.model import (
    BudgetRow,
    Failure,
    ImageReport,
    Part,
    Reason,
    Report,
    SharedTipReport,
    Status,
    Verdict,
)


def merge_reports(reports: Mapping[str, Report]) -> Report:
    """Merge the parts in `reports`, given by file name.

    The images of a missing or duplicate part become failures, each with a reason in the verdict. Raises ReportError if
    the files are not parts of one run.
    """
    parts = {name: _part_of(report, name) for name, report in reports.items()}
    first_name = next(iter(reports), None)
    if first_name is None:
        raise ReportError(
            "there is no part to merge: no file .json here. Write one with diff --part NUMBER/COUNT --output part.json."
        )
    first, shape = reports[first_name], parts[first_name]
    for name, report in reports.items():
        if not _are_of_one_run(first, report):
            raise ReportError(f"{name}: its commits or images differ from those of {first_name}: not parts of one run.")
    images: list[ImageReport] = []
    reasons: list[Reason] = []
    warnings: list[Reason] = []
    notes: dict[str, None] = {}
    defects: dict[str, None] = {}
    shared: list[SharedTipReport] = []
    for number, names in enumerate(shape.images, 1):
        files = [name for name, part in parts.items() if part.number == number]
        if len(files) == 1:
            report = reports[files[0]]
            if {image.name for image in report.images} != set(names):
                raise ReportError(f"{files[0]}: its images are not those of part {number}/{shape.count}.")
            images += report.images
            reasons += report.verdict.reasons
            warnings += report.verdict.warnings
            notes |= dict.fromkeys(report.notes)
            defects |= dict.fromkeys(report.defects)
            shared += report.shared_tips
            continue
        message = f"part {number}/{shape.count} is missing"
        if files:
            message = f"part {number}/{shape.count} occurs {len(files)} times: {', '.join(sorted(files))}"
        notes[message if not names else f"{message}: {', '.join(names)} not weighed"] = None
        images += [_not_weighed(name, message) for name in names]
        reasons += [_reason(name, message) for name in names or ("",)]
    images.sort(key=lambda image: image.name)
    budgets = _merged_budgets([row for report in reports.values() for row in report.budgets])
    reasons = [one for one in reasons if one.rule != Rule.BUDGET.value]
    reasons += map(reason_of, budget_breaches(budgets))
    order = {image.name: index for index, image in enumerate(images)}
    reasons.sort(key=lambda reason: order.get(reason.image, -1))
    return replace(
        first,
        verdict=Verdict(passed=not reasons, reasons=tuple(reasons), warnings=tuple(warnings)),
        notes=tuple(notes),
        defects=tuple(defects),
        images=with_maps_within(images, MAXIMUM_MAP_BYTES),
        part=None,
        budgets=tuple(map(budget_row, budgets)),
        shared_tips=tuple(sorted(shared, key=lambda tip: (-tip.saved_bytes, tip.images))),
    )


def _merged_budgets(rows: Sequence[BudgetRow]) -> list[CheckedBudget]:
    """Each budget over the images of all parts. Raises ReportError for a limit that cannot be parsed."""
    shares: dict[tuple[str, str, str, str], list[Share]] = {}
    for row in rows:
        shares.setdefault((row.name, row.rule, row.limit, row.on_unknown), []).extend(
            Share(image=one.image, base_bytes=one.base_bytes, head_bytes=one.head_bytes, grown_bytes=one.grown_bytes)
            for one in row.shares
        )
    try:
        return [
            check_budget(name, Rule(rule), limit, tuple(of), OnUnknown(on_unknown))
            for (name, rule, limit, on_unknown), of in shares.items()
        ]
    except ValueError as error:
        raise ReportError(f"a budget of a part is not valid: {error}") from error


def _part_of(report: Report, name: str) -> Part:
    part = report.part
    if part is None:
        raise ReportError(f"{name}: a complete report, not a part. Write parts with `diff --part NUMBER/COUNT`.")
    if not 1 <= part.number <= part.count or len(part.images) != part.count:
        raise ReportError(f"{name}: invalid part {part.number} of {part.count} with {len(part.images)} shares.")
    every = [image for share in part.images for image in share]
    if len(every) != len(set(every)):
        raise ReportError(f"{name}: an image is in more than one share.")
    return part


def _are_of_one_run(one: Report, other: Report) -> bool:
    return _run_of(one) == _run_of(other)


def _run_of(report: Report) -> tuple[object, ...]:
    return (report.tool, report.base, report.head, report.part.images if report.part else None)


def _not_weighed(name: str, message: str) -> ImageReport:
    return ImageReport(
        name=name,
        dockerfile=None,
        context=None,
        target=None,
        platform=None,
        status=Status.FAILED,
        reason=message,
        failures=(Failure(side="head", kind="unavailable", message=message),),
    )


def _reason(image: str, message: str) -> Reason:
    return Reason(image=image, rule=Rule.UNAVAILABLE.value, limit=None, actual_bytes=None, message=message)
