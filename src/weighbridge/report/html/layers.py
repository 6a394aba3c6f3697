"""The layers of one image as rows of a table, compared or of one side."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from weighbridge.report.html.figures import bar_share, delta_kind
from weighbridge.report.model import ImageReport, LayerChange, LayerRow
from weighbridge.report.units import format_bytes, format_delta, format_share
from weighbridge.report.view.contents import LAYER_MARKS, layer_delta
from weighbridge.report.view.words import ABSENT, bytes_text, layer_name

MAXIMUM_LAYERS = 200


def layer_rows(image: ImageReport) -> list[dict[str, Any]]:
    """The layers of both sides, or of the only side."""
    if image.layers:
        return _compared_layers(image.layers)
    side = image.head or image.base
    if side is None:
        return []
    largest = max((layer.unpacked_bytes for layer in side.layers), default=0)
    return [
        {
            "change": "own" if not layer.from_base_image else "base",
            "mark": "",
            "line": "" if layer.line is None else layer.line,
            "instruction": layer_name(layer.instruction),
            "note": layer.note or "",
            "from_base_image": layer.from_base_image,
            "base": ABSENT,
            "head": format_bytes(layer.unpacked_bytes),
            "delta": format_share(layer.unpacked_bytes, side.unpacked_bytes),
            "kind": "",
            "base_share": 0.0,
            "head_share": bar_share(layer.unpacked_bytes, largest),
        }
        for layer in side.layers[:MAXIMUM_LAYERS]
    ]


def _compared_layers(rows: Sequence[LayerRow]) -> list[dict[str, Any]]:
    largest = max((max(row.base_bytes or 0, row.head_bytes or 0) for row in rows), default=0)
    return [
        {
            "change": row.change.value,
            "mark": LAYER_MARKS[row.change],
            "line": "" if row.line is None else row.line,
            "instruction": layer_name(row.instruction),
            "note": row.note or "",
            "from_base_image": row.from_base_image,
            "base": bytes_text(row.base_bytes),
            "head": bytes_text(row.head_bytes),
            "delta": ABSENT if row.change is LayerChange.SAME else format_delta(layer_delta(row)),
            "kind": delta_kind(layer_delta(row)),
            "base_share": bar_share(row.base_bytes or 0, largest),
            "head_share": bar_share(row.head_bytes or 0, largest),
        }
        for row in rows[:MAXIMUM_LAYERS]
    ]
