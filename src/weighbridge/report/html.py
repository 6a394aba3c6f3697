"""The report as one HTML file that needs nothing else: no network, no script, no font, no picture file.

Everything is placed and counted here. The template is autoescaped, and what it prints has been made visible before
(control characters, bidirectional overrides), so a file name cannot become markup or mislead a reader.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import jinja2
from markupsafe import Markup

from weighbridge.domain.finding import Severity
from weighbridge.domain.tip import Basis
from weighbridge.report.chart import trend_chart
from weighbridge.report.escape import log_line, visible
from weighbridge.report.model import (
    CombinedTips,
    DroppedTip,
    Failure,
    FileChange,
    FindingReport,
    ImageReport,
    ImageSide,
    LadderRow,
    LayerChange,
    LayerRow,
    PackageRow,
    Report,
    Revision,
    SharedTipReport,
    Status,
    TrialReport,
)
from weighbridge.report.treemap import Rectangle, squarify
from weighbridge.report.units import format_bytes, format_delta, format_share
from weighbridge.report.view.contents import (
    FILE_MARKS,
    LAYER_MARKS,
    file_delta,
    file_path,
    folders_text,
    has_one_side,
    layer_delta,
    package_bytes_text,
    package_versions,
    sorted_files,
    sorted_packages,
)
from weighbridge.report.view.facts import image_facts
from weighbridge.report.view.findings import (
    Starts,
    finding_place,
    ignored_findings,
    image_starts,
    told_findings,
    trial_verdict,
)
from weighbridge.report.view.ladder import ladder_download, ladder_headline, ladder_rows, ladder_tools
from weighbridge.report.view.memory import memory_summary
from weighbridge.report.view.sizes import change_text, download_text, image_delta, percent_text, unpacked_text
from weighbridge.report.view.tips import (
    BASIS_IN_WORDS,
    ImageTip,
    basis_text,
    measured_text,
    measured_together_text,
    saving_text,
    shared_headline,
    sorted_tips,
    tips_headline,
    together_text,
)
from weighbridge.report.view.verdict import (
    broken_limits,
    counts_text,
    is_inspection,
    known_total,
    named_sides,
    reason_text,
    sorted_images,
    verdict_clauses,
)
from weighbridge.report.view.words import ABSENT, bytes_text, layer_name, plural, short_sha, where

_MAP_WIDTH = 520.0
_MAP_HEIGHT = 300.0
_LONE_MAP_HEIGHT = 170.0
_LEAST_MAP_HEIGHT = 18.0
_LABEL_HEIGHT = 17.0
_CHARACTER_WIDTH = 6.4
_MAXIMUM_LAYERS = 200
_MAXIMUM_FILES = 400
_FILES_IN_A_MAP = 60
_MAXIMUM_PACKAGES = 400
_MAXIMUM_LOG_LINES = 200
_MAXIMUM_PATCH_LINES = 400
_MAXIMUM_PATCH_CHARACTERS = 4_000
_TEXT_CHARACTERS = 4_000


class Visible(str):
    """Text out of `visible` or `log_line`: it is still escaped, but its spaces are kept."""

    __slots__ = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Tile:
    """One rectangle of a treemap with its colour class, tool tip and, where it fits, its label and its size."""

    area: Rectangle
    kind: str
    title: str
    label: str
    size: str
    text_x: float
    label_y: float
    size_y: float


@dataclass(frozen=True, kw_only=True, slots=True)
class TreeMap:
    """The drawing of one side of an image. Both sides of an image have the same bytes to the square pixel."""

    side: str
    total: str
    width: float
    height: float
    tiles: tuple[Tile, ...]
    description: str


def render_html(report: Report) -> str:
    """The whole report as one self-contained HTML document."""
    style = _templates.loader.get_source(_templates, "report.css")[0] if _templates.loader else ""
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    images = sorted_images(report)
    total = known_total(report)
    limits = broken_limits(report)
    inspection = is_inspection(report)
    return _templates.get_template("report.html.j2").render(
        style=Markup(style),  # noqa: S704 - a file of ours, in which no value of the report stands
        style_digest=digest,
        inspection=inspection,
        tool=f"{report.tool.name} {report.tool.version}",
        memory=memory_summary(report) or "",
        title=images[0].name if inspection else f"{_verdict(report)['word']}, {format_delta(total.delta_bytes)}",
        verdict=_verdict(report),
        counts=counts_text(report),
        total=format_delta(total.delta_bytes),
        total_kind=_kind(total.delta_bytes),
        not_known=total.not_known,
        sides=[_side(name, side) for name, side in named_sides(report)],
        reasons=[{"image": reason.image, "said": _prose(reason_text(reason))} for reason in report.verdict.reasons],
        override=report.verdict.override,
        rows=[_summary_row(number, image, limits) for number, image in enumerate(images)],
        images=[_image(number, image) for number, image in enumerate(images) if _has_details(image)],
        together=[_together(image, image.combined) for image in images if image.tips and image.combined],
        tips=[_tip(each) for each in sorted_tips(report)],
        not_together=[
            {"image": image.name, "reason": _prose(image.not_combined)} for image in images if image.not_combined
        ],
        drops=[_drop(image, one) for image in images for one in image.dropped_tips],
        tips_headline=tips_headline(sorted_tips(report)) if sorted_tips(report) else "",
        shared_tips=[_shared_tip(each) for each in report.shared_tips],
        shared_headline=shared_headline(report) if report.shared_tips else "",
        ignored=[
            {"image": image.name, "code": each.code, "path": each.path or "", "reason": each.ignored_because or ""}
            for image in images
            for each in ignored_findings(image)
        ],
        notes=[_prose(note) for note in report.notes],
    )


def _finalize(value: object) -> object:
    """Every text that is printed passes here before it is escaped; what has no text is refused."""
    if isinstance(value, Markup | Visible):
        return value
    if isinstance(value, str):
        return visible(value, maximum=_TEXT_CHARACTERS)
    if isinstance(value, jinja2.Undefined):
        return str(value)  # raises, with the name that is not defined
    if isinstance(value, float):
        return f"{value:.1f}"
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    raise TypeError(f"A template may print text and numbers, not {type(value).__name__}.")


_templates = jinja2.Environment(
    loader=jinja2.PackageLoader("weighbridge.report", "templates/html"),
    autoescape=True,
    finalize=_finalize,
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
for _name in ("safe", "urlize", "xmlattr", "tojson"):
    del _templates.filters[_name]


# The head and the summary.


def _verdict(report: Report) -> dict[str, Any]:
    clauses = verdict_clauses(report)
    if report.verdict.passed:
        return {"kind": "warning" if clauses else "good", "word": "allowed by hand" if clauses else "passed"}
    return {"kind": "bad", "word": "failed"}


def _side(name: str, side: Revision) -> dict[str, str]:
    return {"name": name, "ref": side.ref, "sha": short_sha(side.sha) or ""}


def _kind(delta: int | None) -> str:
    return "" if not delta else "grows" if delta > 0 else "shrinks"


def _summary_row(number: int, image: ImageReport, limits: dict[str, str]) -> dict[str, Any]:
    delta = image_delta(image)
    largest = max((side.unpacked_bytes for side in (image.base, image.head) if side is not None), default=0)
    return {
        "anchor": f"image-{number}" if _has_details(image) else "",
        "name": image.name,
        "status": image.status.value,
        "base": unpacked_text(image.base),
        "head": unpacked_text(image.head),
        "change": change_text(image),
        "kind": _kind(delta),
        "percent": _percent(image),
        "base_share": _share(image.base.unpacked_bytes if image.base else 0, largest),
        "head_share": _share(image.head.unpacked_bytes if image.head else 0, largest),
        "download": download_text(image.head),
        "upgrade": format_bytes(image.delta.upgrade_bytes) if image.base and image.head else ABSENT,
        "starts": _starts(image),
        "limit": limits.get(image.name) or image.limit or ABSENT,
        "over_limit": image.name in limits,
    }


def _percent(image: ImageReport) -> str:
    return "" if image.status is Status.UNCHANGED else percent_text(image)


def _starts(image: ImageReport) -> dict[str, str]:
    return {
        Starts.YES: {"kind": "good", "word": "yes"},
        Starts.NO_NEW: {"kind": "bad", "word": "no" if image.base is None else "no, new"},
        Starts.NO_AS_BEFORE: {"kind": "bad", "word": "no, as before"},
        Starts.NOT_CHECKED: {"kind": "warning", "word": "not checked"},
        Starts.NOT_KNOWN: {"kind": "", "word": ABSENT},
    }[image_starts(image)]


def _share(part: int, whole: int) -> float:
    """`part` in percent of `whole`; what is more than nothing is wide enough to be seen."""
    return max(0.8, part * 100 / whole) if whole > 0 and part > 0 else 0.0


# One image.


def _has_details(image: ImageReport) -> bool:
    return image.base is not None or image.head is not None or bool(image.failures) or bool(image.findings)


def _image(number: int, image: ImageReport) -> dict[str, Any]:
    files = sorted_files(image)
    packages = sorted_packages(image)
    place = [part for part in (image.dockerfile, image.target and f"target {image.target}", image.platform) if part]
    return {
        "anchor": f"image-{number}",
        "open": image.status is not Status.UNCHANGED or bool(image.failures),
        "name": image.name,
        "place": " · ".join(place),
        "status": image.status.value,
        "change": change_text(image) if image.base or image.delta.unpacked_bytes is not None else "",
        "kind": _kind(image_delta(image)),
        "percent": _percent(image),
        "reason": _prose(image.reason or ""),
        "starts": _starts(image),
        "chain": list(image.head.start.chain[:20]) if image.head and image.head.start else [],
        "trial": _trial(image.head.trial) if image.head and image.head.trial else None,
        "not_checked": list(image.head.start.not_checked[:20]) if image.head and image.head.start else [],
        "findings": [_finding(image, each) for each in told_findings(image)[:100]],
        "failures": [_failure(each) for each in image.failures],
        "facts": _facts(image),
        "maps": _maps(image),
        "chart": trend_chart(image),
        "layers": _layers(image),
        "compared": image.base is not None and image.head is not None,
        "one_side": has_one_side(image),
        "packages": [_package(image, row) for row in packages[:_MAXIMUM_PACKAGES]],
        "packages_more": max(0, len(packages) - _MAXIMUM_PACKAGES) + image.packages_omitted,
        "files": [
            {
                "mark": FILE_MARKS[row.change],
                "path": file_path(row),
                "base": bytes_text(row.base_bytes),
                "head": bytes_text(row.head_bytes),
                "change": format_delta(file_delta(row)),
                "kind": _kind(file_delta(row)),
            }
            for row in files[:_MAXIMUM_FILES]
        ],
        "files_more": max(0, len(files) - _MAXIMUM_FILES) + image.files_omitted,
        "ladder": _ladder(image),
    }


def _package(image: ImageReport, row: PackageRow) -> dict[str, Any]:
    one_side = has_one_side(image)
    return {
        "name": row.name,
        "ecosystem": row.ecosystem,
        "versions": [version or ABSENT for version in package_versions(row, one_side=one_side)],
        "bytes": package_bytes_text(row, one_side=one_side),
        "kind": "" if one_side else _kind(row.delta_bytes),
    }


def _facts(image: ImageReport) -> list[str]:
    facts = image_facts(image)
    if image.base is None and image.head is not None:
        facts.insert(0, f"Download, compressed: {download_text(image.head)}.")
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
        "fix": _prose(finding.fix or ""),
    }


def _trial(trial: TrialReport) -> dict[str, Any]:
    return {
        "kind": {True: "good", False: "bad", None: "warning"}[trial.agrees],
        "message": trial.message,
        "verdict": trial_verdict(trial),
        "output": [Visible(log_line(line)) for line in trial.output],
    }


def _failure(failure: Failure) -> dict[str, Any]:
    return {
        "side": failure.side,
        "message": _prose(failure.message),
        "log": [Visible(log_line(line)) for line in failure.log_tail[-_MAXIMUM_LOG_LINES:]],
    }


def _layers(image: ImageReport) -> list[dict[str, Any]]:
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
            "head_share": _share(layer.unpacked_bytes, largest),
        }
        for layer in side.layers[:_MAXIMUM_LAYERS]
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
            "kind": _kind(layer_delta(row)),
            "base_share": _share(row.base_bytes or 0, largest),
            "head_share": _share(row.head_bytes or 0, largest),
        }
        for row in rows[:_MAXIMUM_LAYERS]
    ]


def _tip(each: ImageTip) -> dict[str, Any]:
    tip = each.tip
    return {
        "image": each.image.name,
        "code": tip.code,
        "saved": saving_text(tip),
        "basis": _prose(basis_text(tip)),
        "place": where(each.image, tip.line) or "",
        "explanation": _prose(tip.explanation),
        "sizes": measured_text(tip),
        "patch": _patch(tip.patch),
    }


def _together(image: ImageReport, combined: CombinedTips) -> dict[str, Any]:
    return {
        "image": image.name,
        "title": f"{together_text(combined)} together",
        "codes": list(combined.codes),
        "saved": format_bytes(combined.saved_bytes),
        "basis": BASIS_IN_WORDS[Basis.REBUILT],
        "sizes": measured_together_text(combined),
        "patch": _patch(combined.patch),
    }


def _drop(image: ImageReport, one: DroppedTip) -> dict[str, Any]:
    saved = "" if one.saved_bytes is None else f" ({format_delta(-one.saved_bytes)})"
    return {
        "image": image.name,
        "code": one.code,
        "place": where(image, one.line) or "",
        "reason": _prose(one.reason),
        "change": saved if one.ground == "saves too little" else "",
    }


def _ladder(image: ImageReport) -> dict[str, Any] | None:
    title = ladder_headline(image)
    if title is None:
        return None
    built, others = ladder_rows(image)
    largest = max((row.unpacked_bytes or 0 for row in built), default=0)
    return {
        "title": title,
        "rows": [_ladder_row(row, largest) for row in built],
        "others": [{"name": row.name, "outcome": row.outcome, "reason": _prose(row.reason or "")} for row in others],
    }


def _ladder_row(row: LadderRow, largest: int) -> dict[str, Any]:
    starts = {"yes": ("yes", "good"), "no": ("no", "bad")}.get(row.starts or "", ("not checked", ""))
    return {
        "name": row.name,
        "is_other": row.outcome != "as it is",
        "unpacked": format_bytes(row.unpacked_bytes),
        "download": ladder_download(row),
        "starts": {"word": starts[0], "kind": starts[1]},
        "reason": row.reason or "",
        "trial": row.trial.message if row.trial else "",
        "shell": "yes" if row.shell else "no",
        "tools": ladder_tools(row),
        "lost": ", ".join(row.lost) or ABSENT,
        "patch": _patch(row.patch),
        "kind": "",
        "base_share": 0.0,
        "head_share": _share(row.unpacked_bytes or 0, largest),
    }


def _patch(patch: str | None) -> list[dict[str, Any]]:
    """The lines of a patch to be copied: their tabs stay."""
    lines = (patch or "").removesuffix("\n").split("\n") if patch else []
    return [
        {"kind": _patch_kind(line), "line": Visible("\t".join(map(_patch_text, line.split("\t"))))}
        for line in lines[:_MAXIMUM_PATCH_LINES]
    ]


def _patch_text(part: str) -> str:
    return log_line(part, maximum=_MAXIMUM_PATCH_CHARACTERS)


def _shared_tip(tip: SharedTipReport) -> dict[str, Any]:
    return {
        "code": tip.code,
        "saved": format_bytes(tip.saved_bytes),
        "basis": BASIS_IN_WORDS[tip.basis],
        "images": ", ".join(tip.images),
        "explanation": _prose(tip.explanation),
    }


def _patch_kind(line: str) -> str:
    if line.startswith(("+++", "---", "@@")):
        return "place"
    return {"+": "plus", "-": "minus"}.get(line[:1], "")


def _prose(value: str) -> list[dict[str, Any]]:
    """A sentence in parts, of which those between backticks are code."""
    parts = visible(value, maximum=_TEXT_CHARACTERS).split("`")
    if len(parts) % 2 == 0:
        parts[-2:] = ["`".join(parts[-2:])]
    return [{"code": bool(number % 2), "text": Visible(part)} for number, part in enumerate(parts[:200]) if part]


# Treemaps.


def _maps(image: ImageReport) -> list[TreeMap]:
    sides = [(name, side) for name, side in (("base", image.base), ("head", image.head)) if side is not None]
    largest = max((side.unpacked_bytes for _, side in sides), default=0)
    if largest <= 0 or image.status is Status.UNCHANGED:
        return []
    changes = {
        "base": {row.base_diff_id: row.change for row in image.layers if row.base_diff_id},
        "head": {row.head_diff_id: row.change for row in image.layers if row.head_diff_id},
    }
    return [_map(name, side, largest, changes[name], image) for name, side in sides]


def _map(name: str, side: ImageSide, largest: int, changes: dict[str, LayerChange], image: ImageReport) -> TreeMap:
    full = _MAP_HEIGHT if image.base is not None and image.head is not None else _LONE_MAP_HEIGHT
    height = max(_LEAST_MAP_HEIGHT, full * side.unpacked_bytes / largest)
    layers = sorted(enumerate(side.layers), key=lambda pair: -pair[1].unpacked_bytes)[:_MAXIMUM_LAYERS]
    areas = squarify(
        [layer.unpacked_bytes for _, layer in layers], Rectangle(x=0, y=0, width=_MAP_WIDTH, height=height)
    )
    files = _files_by_layer(image, name)
    tiles: list[Tile] = []
    for (index, layer), area in zip(layers, areas, strict=True):
        if area.width < 0.5 or area.height < 0.5:
            continue
        kind = "base-image" if layer.from_base_image else "own"
        change = changes.get(layer.diff_id)
        if change in {LayerChange.ADDED, LayerChange.REMOVED, LayerChange.CHANGED}:
            kind += f" {change.value}"
        instruction = layer_name(layer.instruction)
        size = format_bytes(layer.unpacked_bytes)
        line = f", line {layer.line}" if layer.line is not None else ""
        title = f"{instruction} · {size}{line}"
        tiles.append(_labelled(area, kind, title, instruction, size))
        tiles += _file_tiles(area, layer.unpacked_bytes, files.get(index, []))
    total = format_bytes(side.unpacked_bytes)
    return TreeMap(
        side=name,
        total=total,
        width=_MAP_WIDTH,
        height=height,
        tiles=tuple(tiles),
        description=f"{name}: {total} in {len(side.layers)} {plural(len(side.layers), 'layer')}",
    )


def _files_by_layer(image: ImageReport, side: str) -> dict[int, list[tuple[str, int]]]:
    """The files that the report names, by the layer of `side` they are in, largest first."""
    found: dict[int, list[tuple[str, int]]] = {}
    for row in image.files:
        size = row.base_bytes if row.change is FileChange.REMOVED else row.head_bytes
        belongs = "base" if row.change is FileChange.REMOVED else "head"
        if belongs == side and row.layer is not None and size:
            found.setdefault(row.layer, []).append((row.path, size))
    return {layer: sorted(files, key=lambda file: -file[1])[:_FILES_IN_A_MAP] for layer, files in found.items()}


def _file_tiles(layer: Rectangle, layer_bytes: int, files: Sequence[tuple[str, int]]) -> Iterable[Tile]:
    """Tiles for the named files inside the tile of their layer, where there is room; the rest stays blank."""
    inner = layer.inset(3, top=_LABEL_HEIGHT * 2 + 2)
    known = sum(size for _, size in files)
    if not files or known > layer_bytes or inner.width < 40 or inner.height < 20:
        return
    areas = squarify([*(size for _, size in files), layer_bytes - known], inner)
    for (path, size_bytes), area in zip(files, areas, strict=False):
        if area.width >= 1 and area.height >= 1:
            size = format_bytes(size_bytes)
            yield _labelled(area, "file", f"{path} · {size}", path.rsplit("/", 1)[-1], size)


def _labelled(area: Rectangle, kind: str, title: str, label: str, size: str) -> Tile:
    room = int((area.width - 10) / _CHARACTER_WIDTH)
    fits = room >= 4 and area.height >= _LABEL_HEIGHT
    return Tile(
        area=area,
        kind=kind,
        title=title,
        label=visible(label, maximum=room) if fits else "",
        size=size if fits and area.height >= _LABEL_HEIGHT * 2 and room >= len(size) else "",
        text_x=area.x + 5,
        label_y=area.y + 13,
        size_y=area.y + 28,
    )
