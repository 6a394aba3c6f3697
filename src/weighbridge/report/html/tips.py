"""Tips: each with its patch, their combined saving, and the layers that images could share."""

from __future__ import annotations

from typing import Any

from weighbridge.domain.tips.tip import Basis
from weighbridge.report.html.patch import patch_lines
from weighbridge.report.html.templates import prose
from weighbridge.report.model import CombinedTips, DroppedTip, ImageReport, SharedTipReport
from weighbridge.report.units import format_bytes, format_delta
from weighbridge.report.view.tips import (
    BASIS_IN_WORDS,
    ImageTip,
    basis_text,
    measured_text,
    measured_together_text,
    saving_text,
    together_text,
)
from weighbridge.report.view.words import where


def tip_row(each: ImageTip) -> dict[str, Any]:
    """A tip with its image and place."""
    tip = each.tip
    return {
        "image": each.image.name,
        "code": tip.code,
        "saved": saving_text(tip),
        "basis": prose(basis_text(tip)),
        "place": where(each.image, tip.line) or "",
        "explanation": prose(tip.explanation),
        "sizes": measured_text(tip),
        "patch": patch_lines(tip.patch),
    }


def together_row(image: ImageReport, combined: CombinedTips) -> dict[str, Any]:
    """The saving of an image's patches that were built together."""
    return {
        "image": image.name,
        "title": f"{together_text(combined)} together",
        "codes": list(combined.codes),
        "saved": format_bytes(combined.saved_bytes),
        "basis": BASIS_IN_WORDS[Basis.REBUILT],
        "sizes": measured_together_text(combined),
        "patch": patch_lines(combined.patch),
    }


def drop_row(image: ImageReport, one: DroppedTip) -> dict[str, Any]:
    """A patch that was built and is not proposed, with the reason."""
    saved = "" if one.saved_bytes is None else f" ({format_delta(-one.saved_bytes)})"
    return {
        "image": image.name,
        "code": one.code,
        "place": where(image, one.line) or "",
        "reason": prose(one.reason),
        "change": saved if one.ground == "saves too little" else "",
    }


def shared_tip_row(tip: SharedTipReport) -> dict[str, Any]:
    """A way for several images to share layers."""
    return {
        "code": tip.code,
        "saved": format_bytes(tip.saved_bytes),
        "basis": BASIS_IN_WORDS[tip.basis],
        "images": ", ".join(tip.images),
        "explanation": prose(tip.explanation),
    }
