"""The report as a badge: the JSON that https://shields.io/badges/endpoint-badge reads."""

from __future__ import annotations

import json

from weighbridge.report.escape import visible
from weighbridge.report.model import Report
from weighbridge.report.units import format_bytes
from weighbridge.report.view.words import plural

_MAXIMUM_LABEL = 60


def render_badge(report: Report) -> str:
    """The size of the image; of several images their number and the sum. Red if the verdict is "failed"."""
    sizes = [image.head.unpacked_bytes for image in report.images if image.head is not None]
    label = visible(report.images[0].name, maximum=_MAXIMUM_LABEL) if len(report.images) == 1 else "image size"
    message = format_bytes(sum(sizes)) if sizes else "unknown"
    if len(sizes) > 1:
        message = f"{message} in {len(sizes)} {plural(len(sizes), 'image')}"
    colour = "red" if not report.verdict.passed else "blue" if sizes else "lightgrey"
    return json.dumps({"schemaVersion": 1, "label": label, "message": message, "color": colour}) + "\n"
