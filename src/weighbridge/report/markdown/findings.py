"""An image's findings as a list: warnings, remarks, and findings that base has too."""

from __future__ import annotations

from weighbridge.domain.checks.finding import Severity
from weighbridge.report.escape import Markdown, code, join_markdown, prose
from weighbridge.report.markdown.elements import template
from weighbridge.report.markdown.links import NO_LINKS, ReportLinks, place_of_text
from weighbridge.report.model import FindingReport, ImageReport
from weighbridge.report.view.findings import finding_place, new_findings, old_findings
from weighbridge.report.view.words import more_text

_FINDING_ROWS = 20
_SEVERITY_ICON = {Severity.ERROR: "❌", Severity.WARNING: "⚠️", Severity.INFO: "💬"}


def findings_list(image: ImageReport, links: ReportLinks = NO_LINKS) -> Markdown:
    """The findings of an image except new errors, which `problems_section` shows."""
    new = [each for each in new_findings(image) if each.severity is not Severity.ERROR]
    found = [*new, *old_findings(image)]
    if not found:
        return Markdown("")
    more = len(found) - _FINDING_ROWS
    rows = [_finding_row(image, finding, links) for finding in found[:_FINDING_ROWS]]
    return template("findings", rows=rows, more=more_text(more, "finding"))


def _finding_row(image: ImageReport, finding: FindingReport, links: ReportLinks) -> dict[str, Markdown]:
    place = finding_place(image, finding)
    return {
        "icon": Markdown(_SEVERITY_ICON[finding.severity]),
        "code": code(finding.code),
        "new": Markdown(" <sub>new</sub>" if finding.introduced else ""),
        "place": _place(finding, place, links) if place else Markdown(""),
        "predicts": code(finding.predicts) if finding.predicts else Markdown(""),
        "evidence": evidence(finding),
        "fix": prose(finding.fix) if finding.fix else Markdown(""),
    }


def _place(finding: FindingReport, named: str, links: ReportLinks) -> Markdown:
    """A line of the Dockerfile with its permalink, or a path in the image."""
    return code(named) if finding.line is None else place_of_text(links, named)


def evidence(finding: FindingReport) -> Markdown:
    """The evidence of a finding, on one line."""
    shown = [code(each) for each in finding.evidence[:6]]
    more = len(finding.evidence) - len(shown)
    return join_markdown([*shown, Markdown(f"{more} more")] if more > 0 else shown, " → ")
