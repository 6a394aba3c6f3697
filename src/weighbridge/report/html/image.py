"""The details of one image: reasons, findings, packages and files."""

from __future__ import annotations

from typing import Any

from weighbridge.domain.checks.finding import Severity
from weighbridge.report.escape import plain_log_line, visible
from weighbridge.report.html.chart import trend_chart
from weighbridge.report.html.figures import delta_kind, percent_unless_unchanged, starts_pill
from weighbridge.report.html.ladder import ladder_table
from weighbridge.report.html.layers import layer_rows
from weighbridge.report.html.patch import patch_lines
from weighbridge.report.html.templates import Visible, prose
from weighbridge.report.html.timeline import timeline
from weighbridge.report.model import FindingReport, ImageReport, PackageRow, TrialReport
from weighbridge.report.units import format_delta
from weighbridge.report.view.causes import cause_text
from weighbridge.report.view.contents import (
    FILE_MARKS,
    file_delta,
    file_path,
    files_left_out,
    folders_text,
    has_one_side,
    package_bytes_text,
    package_kind,
    package_versions,
    packages_left_out,
    sorted_files,
    sorted_packages,
)
from weighbridge.report.view.facts import image_facts
from weighbridge.report.view.failures import Failed, additional_reason, failed_sides
from weighbridge.report.view.findings import finding_place, shown_findings, trial_verdict
from weighbridge.report.view.limits import limit_line
from weighbridge.report.view.sizes import change_text, download_text, image_delta
from weighbridge.report.view.words import ABSENT, bytes_text

_MAXIMUM_CAUSES = 50
_MAXIMUM_FILES = 400
_MAXIMUM_PACKAGES = 400
_MAXIMUM_LOG_LINES = 200


def has_details(image: ImageReport) -> bool:
    """True for an image with more data than its row shows."""
    return image.base is not None or image.head is not None or bool(image.failures) or bool(image.findings)


def image_details(number: int, image: ImageReport) -> dict[str, Any]:
    """The details of one image below the summary."""
    place = [part for part in (image.dockerfile, image.target and f"target {image.target}", image.platform) if part]
    return {
        "anchor": f"image-{number}",
        "name": image.name,
        "place": " · ".join(place),
        "status": image.status.value,
        "change": change_text(image) if image.base or image.delta.unpacked_bytes is not None else "",
        "kind": delta_kind(image_delta(image)),
        "percent": percent_unless_unchanged(image),
        "reason": prose(additional_reason(image) or ""),
        "starts": starts_pill(image),
        "followed": image.head.start.followed if image.head and image.head.start else "",
        "chain": list(image.head.start.chain[:20]) if image.head and image.head.start else [],
        "trial": _trial(image.head.trial) if image.head and image.head.trial else None,
        "not_checked": list(image.head.start.not_checked[:20]) if image.head and image.head.start else [],
        "findings": [_finding(image, each) for each in shown_findings(image)[:100]],
        "failures": [_failure(each) for each in failed_sides(image)],
        "facts": _facts(image),
        "timeline": timeline(image),
        "chart": trend_chart(image),
        "layers": layer_rows(image),
        "compared": image.base is not None and image.head is not None,
        "one_side": has_one_side(image),
        "packages": [_package(image, row) for row in sorted_packages(image)[:_MAXIMUM_PACKAGES]],
        "packages_more": packages_left_out(image, shown=_MAXIMUM_PACKAGES),
        "files": [
            {
                "mark": FILE_MARKS[row.change],
                "path": file_path(row),
                "base": bytes_text(row.base_bytes),
                "head": bytes_text(row.head_bytes),
                "change": format_delta(file_delta(row)),
                "kind": delta_kind(file_delta(row)),
            }
            for row in sorted_files(image)[:_MAXIMUM_FILES]
        ],
        "files_more": files_left_out(image, shown=_MAXIMUM_FILES),
        "text_diffs": [
            {"path": visible(one.path), "lines": patch_lines(one.diff), "omitted": one.omitted_lines}
            for one in image.text_diffs
        ],
        "ladder": ladder_table(image),
    }


def _package(image: ImageReport, row: PackageRow) -> dict[str, Any]:
    one_side = has_one_side(image)
    return {
        "name": row.name,
        "ecosystem": package_kind(row),
        "versions": [version or ABSENT for version in package_versions(row, one_side=one_side)],
        "bytes": package_bytes_text(row, one_side=one_side),
        "kind": "" if one_side else delta_kind(row.delta_bytes),
    }


def _facts(image: ImageReport) -> list[str]:
    facts = [visible(cause_text(cause)) for cause in image.causes[:_MAXIMUM_CAUSES]]
    facts += [visible(limit_line(row)) for row in image.limits]
    facts += image_facts(image)
    if image.base is None and image.head is not None:
        facts.insert(0, f"Download, compressed: {download_text(image.head)}.")
    facts += [
        f"{visible(row.name)}: {visible(row.base or 'none')} → {visible(row.head or 'none')}" for row in image.metadata
    ]
    folders = folders_text(image)
    facts += [folders] if folders else []
    facts += [visible(remark) for remark in image.remarks]
    return facts


def _finding(image: ImageReport, finding: FindingReport) -> dict[str, Any]:
    place = finding_place(image, finding)
    return {
        "kind": {Severity.ERROR: "bad", Severity.WARNING: "warning", Severity.INFO: ""}[finding.severity],
        "severity": finding.severity.value,
        "code": finding.code,
        "new": finding.introduced and image.base is not None,
        "place": place or "",
        "predicts": finding.predicts or "",
        "evidence": list(finding.evidence[:30]),
        "fix": prose(finding.fix or ""),
    }


def _trial(trial: TrialReport) -> dict[str, Any]:
    return {
        "kind": {True: "good", False: "bad", None: "warning"}[trial.agrees],
        "message": trial.message,
        "verdict": trial_verdict(trial),
        "output": [Visible(plain_log_line(line)) for line in trial.output],
    }


def _failure(failed: Failed) -> dict[str, Any]:
    return {
        "side": failed.sides_text,
        "message": prose(failed.message),
        "log": [Visible(plain_log_line(line)) for line in failed.log_tail[-_MAXIMUM_LOG_LINES:]],
    }
