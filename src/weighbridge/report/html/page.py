"""The whole page: verdict, causes and tips, a row for each image, and the details of one image at a time."""

from __future__ import annotations

import base64
import hashlib
import json
import zlib
from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from weighbridge.report.file_maps import with_maps_within
from weighbridge.report.html.figures import bar_share, delta_kind, percent_unless_unchanged, starts_pill
from weighbridge.report.html.image import has_details, image_details
from weighbridge.report.html.templates import prose, templates
from weighbridge.report.html.tips import drop_row, shared_tip_row, tip_row, together_row
from weighbridge.report.model import ImageReport, Report, Revision
from weighbridge.report.units import format_delta
from weighbridge.report.view.causes import cause_text, shown_causes
from weighbridge.report.view.findings import ignored_findings
from weighbridge.report.view.limits import budget_line
from weighbridge.report.view.memory import memory_summary
from weighbridge.report.view.reason import verdict_sentence
from weighbridge.report.view.sizes import change_text, download_text, image_delta, unpacked_text, upgrade_text
from weighbridge.report.view.tips import shared_headline, sorted_tips, tips_headline
from weighbridge.report.view.verdict import (
    blamed_images,
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

_OPEN_CAUSES = 5
_PAGE_ROWS = 50
"""Rows of the table in the document; a page of 300 images stays below 5,000 elements."""
_COMPRESSION_LEVEL = 9
_SCRIPTS = ("vendor/d3-hierarchy.min.js", "file_map.js", "report.js")
_MAXIMUM_MAP_BYTES = 2_500_000
"""Maximum size of the packed file maps of a page: about 300,000 files."""
_MAXIMUM_MAP_BYTES_OF_MANY = 320_000
"""The same for a page of many images. A page of 100 images stays below 2 MB."""
_FEW_IMAGES = 5
"""Images whose maps may have `_MAXIMUM_MAP_BYTES` together; with more images, the limit falls."""


def render_html(report: Report) -> str:
    """The whole report as one self-contained HTML document."""
    style = _source("report.css")
    images = sorted_images(report)
    rendered = {
        f"image-{number}": _details(number, image, report) for number, image in enumerate(images) if has_details(image)
    }
    total = known_total(report)
    tips = sorted_tips(report)
    limits, failing = broken_limits(report), blamed_images(report)
    inspection = is_inspection(report)
    return templates.get_template(
        "report.html.j2"
    ).render(
        style=Markup(style),  # noqa: S704 - a file of this package, without any value of the report
        style_digest=_digest(style),
        scripts=[_script(name) for name in _SCRIPTS],
        licence=Markup(_source("vendor/d3-hierarchy.LICENSE")),  # noqa: S704 - a file of this package
        maps=Markup(_maps(images)),  # noqa: S704 - base64 between braces and quotes
        details=Markup(_packed(rendered)),  # noqa: S704 - base64 between braces and quotes
        first=Markup("".join(list(rendered.values())[: None if inspection else 1])),  # noqa: S704 - from a template
        verdict_line=prose(verdict_sentence(report)),
        causes=[_causes(image) for image in images if shown_causes(image)][:_OPEN_CAUSES],
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
        reasons=[{"image": reason.image, "said": prose(reason_text(reason))} for reason in report.verdict.reasons]
        + [
            {"image": reason.image, "said": prose(f"over its soft limit: {reason_text(reason)}")}
            for reason in report.verdict.warnings
        ],
        budgets=[{"name": row.name, "said": budget_line(row)} for row in report.budgets],
        override=report.verdict.override,
        rows=[_summary_row(number, image, limits, fails=image.name in failing) for number, image in enumerate(images)],
        page_rows=_PAGE_ROWS,
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


def _source(name: str) -> str:
    """A file of this package that is embedded unchanged."""
    return templates.loader.get_source(templates, name)[0] if templates.loader else ""


def _script(name: str) -> dict[str, Any]:
    source = _source(name)
    return {"source": Markup(source), "digest": _digest(source)}  # noqa: S704 - a file of this package


def _digest(source: str) -> str:
    """The hash of `source` for the content security policy, which allows nothing else to run."""
    return base64.b64encode(hashlib.sha256(source.encode()).digest()).decode()


def _details(number: int, image: ImageReport, report: Report) -> str:
    """The details of one image as HTML; every value in them is escaped by the template."""
    template = templates.get_template("image.html.j2")
    return template.render(image=image_details(number, image), inspection=is_inspection(report))


def _packed(rendered: Mapping[str, str]) -> str:
    """The details of all images as JSON, each compressed (zlib, base64): the page decompresses an image when opened."""
    packed = {
        anchor: base64.b64encode(zlib.compress(html.encode(), _COMPRESSION_LEVEL)).decode()
        for anchor, html in rendered.items()
    }
    return json.dumps(packed)


def _maps(images: Sequence[ImageReport]) -> str:
    """The packed file maps of all images as JSON, within the limit of a page."""
    maps = sum(image.file_map is not None for image in images)
    maximum_bytes = _MAXIMUM_MAP_BYTES * _FEW_IMAGES // max(_FEW_IMAGES, maps)
    within = with_maps_within(images, max(_MAXIMUM_MAP_BYTES_OF_MANY, maximum_bytes))
    return json.dumps(
        {
            f"image-{number}": base64.b64encode(image.file_map).decode()
            for number, image in enumerate(within)
            if image.file_map is not None
        }
    )


def _causes(image: ImageReport) -> dict[str, str]:
    explained = shown_causes(image)
    said = " · ".join(cause_text(each) for each in explained.first) if explained else ""
    return {"image": image.name, "verb": explained.verb if explained else "", "said": said}


def _verdict(report: Report) -> dict[str, Any]:
    word = verdict_word(report)
    return {"kind": {"passed": "good", "overridden": "warning", "failed": "bad"}[word], "word": word}


def _side(name: str, side: Revision) -> dict[str, str]:
    return {"name": name, "ref": side.ref, "sha": short_sha(side.sha) or ""}


def _sortable(size_bytes: int | None) -> str:
    """A size as the table's sort key; empty if unknown."""
    return "" if size_bytes is None else str(size_bytes)


def _summary_row(number: int, image: ImageReport, limits: dict[str, str], *, fails: bool) -> dict[str, Any]:
    delta = image_delta(image)
    largest = max((side.unpacked_bytes for side in (image.base, image.head) if side is not None), default=0)
    return {
        "anchor": f"image-{number}" if has_details(image) else "",
        "name": image.name,
        "fails": fails,
        "status": image.status.value,
        "base": unpacked_text(image.base),
        "head": unpacked_text(image.head),
        "change": change_text(image),
        "kind": delta_kind(delta),
        "percent": percent_unless_unchanged(image),
        "base_bytes": _sortable(image.base.unpacked_bytes if image.base else None),
        "head_bytes": _sortable(image.head.unpacked_bytes if image.head else None),
        "delta_bytes": _sortable(delta),
        "download_bytes": _sortable(image.head.download_bytes if image.head else None),
        "upgrade_bytes": _sortable(image.delta.upgrade_bytes),
        "base_share": bar_share(image.base.unpacked_bytes if image.base else 0, largest),
        "head_share": bar_share(image.head.unpacked_bytes if image.head else 0, largest),
        "download": download_text(image.head),
        "upgrade": upgrade_text(image),
        "starts": starts_pill(image),
        "limit": limits.get(image.name) or image.limit or ABSENT,
        "over_limit": image.name in limits,
    }
