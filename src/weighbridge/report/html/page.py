"""The page as a whole: the verdict, a row for each image, then every image, tips and notes."""

from __future__ import annotations

import base64
import hashlib
from typing import Any

from markupsafe import Markup

from weighbridge.report.html.figures import bar_share, delta_kind, percent_unless_unchanged, starts_pill
from weighbridge.report.html.image import has_details, image_details
from weighbridge.report.html.templates import prose, templates
from weighbridge.report.html.tips import drop_row, shared_tip_row, tip_row, together_row
from weighbridge.report.model import ImageReport, Report, Revision
from weighbridge.report.units import format_delta
from weighbridge.report.view.findings import ignored_findings
from weighbridge.report.view.memory import memory_summary
from weighbridge.report.view.sizes import change_text, download_text, image_delta, unpacked_text, upgrade_text
from weighbridge.report.view.tips import shared_headline, sorted_tips, tips_headline
from weighbridge.report.view.verdict import (
    broken_limits,
    counts_text,
    is_inspection,
    known_total,
    named_sides,
    reason_text,
    sorted_images,
    verdict_word,
)
from weighbridge.report.view.words import ABSENT, short_sha


def render_html(report: Report) -> str:
    """The whole report as one self-contained HTML document."""
    style = templates.loader.get_source(templates, "report.css")[0] if templates.loader else ""
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    images = sorted_images(report)
    total = known_total(report)
    tips = sorted_tips(report)
    limits = broken_limits(report)
    inspection = is_inspection(report)
    return templates.get_template("report.html.j2").render(
        style=Markup(style),  # noqa: S704 - a file of ours, in which no value of the report stands
        style_digest=digest,
        inspection=inspection,
        tool=f"{report.tool.name} {report.tool.version}",
        memory=memory_summary(report) or "",
        title=images[0].name if inspection else f"{_verdict(report)['word']}, {format_delta(total.delta_bytes)}",
        verdict=_verdict(report),
        counts=counts_text(report),
        total=format_delta(total.delta_bytes),
        total_kind=delta_kind(total.delta_bytes),
        not_known=total.not_known,
        sides=[_side(name, side) for name, side in named_sides(report)],
        reasons=[{"image": reason.image, "said": prose(reason_text(reason))} for reason in report.verdict.reasons],
        override=report.verdict.override,
        rows=[_summary_row(number, image, limits) for number, image in enumerate(images)],
        images=[image_details(number, image) for number, image in enumerate(images) if has_details(image)],
        together=[together_row(image, image.combined) for image in images if image.tips and image.combined],
        tips=[tip_row(each) for each in tips],
        not_together=[
            {"image": image.name, "reason": prose(image.not_combined)} for image in images if image.not_combined
        ],
        drops=[drop_row(image, one) for image in images for one in image.dropped_tips],
        tips_headline=tips_headline(tips) if tips else "",
        shared_tips=[shared_tip_row(each) for each in report.shared_tips],
        shared_headline=shared_headline(report) if report.shared_tips else "",
        ignored=[
            {"image": image.name, "code": each.code, "path": each.path or "", "reason": each.ignored_because or ""}
            for image in images
            for each in ignored_findings(image)
        ],
        notes=[prose(note) for note in report.notes],
    )


def _verdict(report: Report) -> dict[str, Any]:
    word = verdict_word(report)
    return {"kind": {"passed": "good", "allowed by hand": "warning", "failed": "bad"}[word], "word": word}


def _side(name: str, side: Revision) -> dict[str, str]:
    return {"name": name, "ref": side.ref, "sha": short_sha(side.sha) or ""}


def _summary_row(number: int, image: ImageReport, limits: dict[str, str]) -> dict[str, Any]:
    delta = image_delta(image)
    largest = max((side.unpacked_bytes for side in (image.base, image.head) if side is not None), default=0)
    return {
        "anchor": f"image-{number}" if has_details(image) else "",
        "name": image.name,
        "status": image.status.value,
        "base": unpacked_text(image.base),
        "head": unpacked_text(image.head),
        "change": change_text(image),
        "kind": delta_kind(delta),
        "percent": percent_unless_unchanged(image),
        "base_share": bar_share(image.base.unpacked_bytes if image.base else 0, largest),
        "head_share": bar_share(image.head.unpacked_bytes if image.head else 0, largest),
        "download": download_text(image.head),
        "upgrade": upgrade_text(image),
        "starts": starts_pill(image),
        "limit": limits.get(image.name) or image.limit or ABSENT,
        "over_limit": image.name in limits,
    }
