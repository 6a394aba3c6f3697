"""The tabs except files and packages: layers, waste, findings and the Dockerfile."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from weighbridge.domain.checks.finding import Severity
from weighbridge.domain.image.align import LayerPair, WeighedLayer
from weighbridge.domain.image.waste import Hiding
from weighbridge.domain.lines import lines_of
from weighbridge.domain.start.predict import Starts, followed
from weighbridge.explore.file_table import place_text
from weighbridge.explore.package_table import package_table
from weighbridge.explore.subject import BrowsedImage
from weighbridge.explore.table import (
    CHANGE_COLUMN,
    SIZE_COLUMN,
    Column,
    FileSelection,
    ListTable,
    Order,
    Row,
    RowLinks,
    Tab,
    Tone,
)
from weighbridge.report.escape import visible_exactly
from weighbridge.report.units import format_bytes, format_delta
from weighbridge.report.view.words import layer_name

_MAXIMUM_LINE = 2000
_WASTED = Column(title="Wasted", width=9, is_right=True, is_optional=True)
_HIDING = {
    Hiding.REWRITTEN: "written again",
    Hiding.METADATA_ONLY: "new mode or owner only",
    Hiding.REMOVED: "removed",
}
_SEVERITY = {
    Severity.ERROR: ("✗ error", Tone.ERROR),
    Severity.WARNING: ("! warning", Tone.WARNING),
    Severity.INFO: ("i info", Tone.PLAIN),
}


def make_tables(subject: BrowsedImage) -> dict[Tab, ListTable]:
    """All tabs except files. Omits the Dockerfile tab if the Dockerfile is unknown."""
    tables = {
        Tab.LAYERS: layer_table(subject),
        Tab.PACKAGES: package_table(subject),
        Tab.WASTE: waste_table(subject),
        Tab.FINDINGS: finding_table(subject),
    }
    if subject.dockerfile is not None:
        tables[Tab.DOCKERFILE] = dockerfile_table(subject)
    return tables


# --- layers -----------------------------------------------------------------------------------------------------------


def layer_table(subject: BrowsedImage) -> ListTable:
    """The layers, lowest first; for two images aligned, with removed layers in between."""
    rows = (
        subject.comparison.layers.rows
        if subject.is_comparison
        else tuple(LayerPair(base=None, head=layer) for layer in subject.head.layers)
    )
    indices = _head_indices(rows)
    wasted = [0] * len(subject.head.layers)
    for copy in (*subject.head.waste.own, *subject.head.waste.inherited):
        wasted[copy.layer] += copy.size_bytes
    wasted_of = [0 if index is None else wasted[index] for index in indices]

    def row(number: int) -> Row:
        pair, index = rows[number], indices[number]
        mark, tone = _layer_change(subject, pair)
        shown = _present(pair)
        delta = (format_delta(pair.delta_bytes) if pair.delta_bytes else "",) if subject.is_comparison else ()
        return Row(
            cells=(
                "" if index is None else str(index),
                format_bytes(pair.head.unpacked_bytes) if pair.head else "",
                *delta,
                format_bytes(wasted_of[number]) if wasted_of[number] else "",
                str(shown.line) if shown.line is not None else "",
                f"{mark} {_instruction(pair)}",
            ),
            tone=tone,
        )

    def detail(number: int) -> Sequence[str]:
        pair = rows[number]
        shown = _present(pair)
        download = "not known" if shown.download_bytes is None else format_bytes(shown.download_bytes)
        facts = [f"{format_bytes(shown.unpacked_bytes)} unpacked", f"{download} to download"]
        if wasted_of[number]:
            facts.append(f"{format_bytes(wasted_of[number])} hidden by later layers")
        if shown.from_base_image:
            facts.append("from the base image")
        where = place_text(subject, shown.line) if pair.head else " (removed)"
        return [f"{_instruction(pair)}{where}", " · ".join(facts), visible_exactly(shown.diff_id)]

    def links(number: int) -> RowLinks:
        pair, index = rows[number], indices[number]
        line = pair.head.line if pair.head else None
        return RowLinks(line=line, files=None if index is None else FileSelection(layer=index))

    return ListTable(
        noun="layers",
        columns=(
            Column(title="Layer", width=5, is_right=True),
            SIZE_COLUMN,
            *((CHANGE_COLUMN,) if subject.is_comparison else ()),
            _WASTED,
            Column(title="Line", width=4, is_right=True, is_optional=True),
            Column(title="  Instruction"),
        ),
        names=[layer_name(_present(pair).instruction) for pair in rows],
        orders=[
            Order(name="position", key=lambda number: number),
            *([Order(name="change", key=lambda n: -abs(rows[n].delta_bytes))] if subject.is_comparison else []),
            Order(name="size", key=lambda n: -_present(rows[n]).unpacked_bytes),
            Order(name="waste", key=lambda n: -wasted_of[n]),
        ],
        make_row=row,
        make_detail=detail,
        make_links=links,
        keys={index: number for number, index in enumerate(indices) if index is not None},
    )


def _head_indices(rows: Sequence[LayerPair]) -> list[int | None]:
    """For each row, the index in head's layers; rows follow head's order."""
    indices: list[int | None] = []
    index = 0
    for pair in rows:
        indices.append(index if pair.head else None)
        index += pair.head is not None
    return indices


def _layer_change(subject: BrowsedImage, pair: LayerPair) -> tuple[str, Tone]:
    if not subject.is_comparison or (pair.base and pair.head and pair.base.diff_id == pair.head.diff_id):
        return " ", Tone.BASE_IMAGE if pair.head and pair.head.from_base_image else Tone.PLAIN
    if pair.base is None:
        return "+", Tone.ADDED
    if pair.head is None:
        return "−", Tone.REMOVED
    if not pair.delta_bytes:
        return "±", Tone.CHANGED
    return ("▲", Tone.GROWN) if pair.delta_bytes > 0 else ("▼", Tone.SHRUNK)


def _present(pair: LayerPair) -> WeighedLayer:
    """The layer in head; in base if only base has it."""
    present = pair.head or pair.base
    assert present is not None  # at least one side is set
    return present


def _instruction(pair: LayerPair) -> str:
    return visible_exactly(layer_name(_present(pair).instruction), maximum=_MAXIMUM_LINE)


# --- waste ------------------------------------------------------------------------------------------------------------


def waste_table(subject: BrowsedImage) -> ListTable:
    """The hidden copies of head, largest first, with the layer that stores each and the layer that hides it."""
    waste = subject.head.waste
    copies = (*waste.own, *waste.inherited)
    own = len(waste.own)
    layers = subject.head.layers

    def row(number: int) -> Row:
        copy = copies[number]
        path = visible_exactly(f"/{copy.path}", maximum=400)
        return Row(
            cells=(format_bytes(copy.size_bytes), str(copy.layer), str(copy.hidden_by), _HIDING[copy.how], path),
            tone=Tone.WASTED if number < own else Tone.BASE_IMAGE,
        )

    def detail(number: int) -> Sequence[str]:
        copy = copies[number]
        said = [visible_exactly(f"/{copy.path}", maximum=400)]
        for word, index in (("written by", copy.layer), ("hidden by", copy.hidden_by)):
            layer = layers[index]
            text = visible_exactly(layer_name(layer.instruction), maximum=240)
            said.append(f"{word} layer {index}{place_text(subject, layer.line)}: {text}")
        return said

    def links(number: int) -> RowLinks:
        copy = copies[number]
        return RowLinks(file=f"/{copy.path}", layer=copy.hidden_by, line=layers[copy.hidden_by].line)

    return ListTable(
        noun="hidden copies",
        columns=(
            SIZE_COLUMN,
            Column(title="Layer", width=5, is_right=True),
            Column(title="Hidden by", width=9, is_right=True, is_optional=True),
            Column(title="How", width=22, is_optional=True),
            Column(title="Path", keeps_end=True),
        ),
        names=[copy.path for copy in copies],
        orders=[
            Order(name="size", key=lambda n: -copies[n].size_bytes),
            Order(name="layer", key=lambda n: (copies[n].hidden_by, -copies[n].size_bytes)),
            Order(name="path", key=lambda n: copies[n].path),
        ],
        make_row=row,
        make_detail=detail,
        make_links=links,
    )


# --- findings ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True, slots=True)
class _FindingLine:
    kind: str
    tone: Tone
    text: str
    detail: tuple[str, ...]
    links: RowLinks = field(default_factory=RowLinks)


def finding_table(subject: BrowsedImage) -> ListTable:
    """Whether the image starts, then the findings of the checks, then the tips."""
    lines = [_start_line(subject), *_check_lines(subject), *_tip_lines(subject)]
    return ListTable(
        noun="findings and tips",
        columns=(Column(title="Kind", width=11), Column(title="Finding")),
        names=[f"{line.kind} {line.text}" for line in lines],
        orders=[Order(name="importance", key=lambda number: number), Order(name="text", key=lambda n: lines[n].text)],
        make_row=lambda n: Row(cells=(lines[n].kind, visible_exactly(lines[n].text, maximum=600)), tone=lines[n].tone),
        make_detail=lambda n: [visible_exactly(line, maximum=600) for line in lines[n].detail],
        make_links=lambda n: lines[n].links,
    )


def _start_line(subject: BrowsedImage) -> _FindingLine:
    start = subject.head.start
    how_far = followed(start)
    command = " ".join(start.argv) + (f" ({how_far})" if how_far else "")
    said = {
        Starts.YES: ("✓ starts", Tone.GOOD, f"The image starts: {command}"),
        Starts.NO: ("✗ starts", Tone.ERROR, f"The image does not start: {command}"),
    }
    kind, tone, text = said.get(
        start.starts, ("? starts", Tone.WARNING, f"Not checked: {'; '.join(start.not_checked) or command}")
    )
    return _FindingLine(kind=kind, tone=tone, text=text, detail=(*start.chain, *start.not_checked) or (text,))


def _check_lines(subject: BrowsedImage) -> list[_FindingLine]:
    order = list(Severity)
    introduced = subject.comparison.introduced
    lines = []
    for finding in sorted(subject.head.findings, key=lambda one: order.index(one.severity)):
        kind, tone = _SEVERITY[finding.severity]
        new = "new: " if subject.is_comparison and finding in introduced else ""
        where = f" {finding.path}" if finding.path else ""
        lines.append(
            _FindingLine(
                kind=kind,
                tone=tone,
                text=f"{new}{finding.code.value}{where}: {finding.predicts or (finding.evidence or ('',))[0]}",
                detail=(*finding.evidence, *((f"Fix: {finding.fix}",) if finding.fix else ())),
                links=RowLinks(file=finding.path, line=finding.line),
            )
        )
    return lines


def _tip_lines(subject: BrowsedImage) -> list[_FindingLine]:
    return [
        _FindingLine(
            kind="tip",
            tone=Tone.SHRUNK,
            text=f"{tip.code}: saves {format_bytes(tip.saved_bytes)}{place_text(subject, tip.line)}",
            detail=(f"{tip.explanation} ({tip.basis.value})",),
            links=RowLinks(line=tip.line),
        )
        for tip in subject.tips
    ]


# --- Dockerfile -------------------------------------------------------------------------------------------------------


def dockerfile_table(subject: BrowsedImage) -> ListTable:
    """The Dockerfile, with the size of each line's layer."""
    assert subject.dockerfile is not None
    texts = lines_of(subject.dockerfile.text)
    layers: dict[int, list[int]] = {}
    for index, layer in enumerate(subject.head.layers):
        if layer.line is not None:
            layers.setdefault(layer.line, []).append(index)
    size_bytes = {line: sum(subject.head.layers[each].unpacked_bytes for each in here) for line, here in layers.items()}

    def row(number: int) -> Row:
        size = format_bytes(size_bytes[number + 1]) if number + 1 in layers else ""
        text = visible_exactly(texts[number].expandtabs(4), maximum=_MAXIMUM_LINE)
        return Row(cells=(str(number + 1), size, text), tone=Tone.CHANGED if size_bytes.get(number + 1) else Tone.PLAIN)

    def detail(number: int) -> Sequence[str]:
        here = layers.get(number + 1, [])
        return [f"created layer {', '.join(map(str, here))}" if here else "creates no layer of this image"]

    def links(number: int) -> RowLinks:
        here = layers.get(number + 1)
        return RowLinks(layer=here[-1], files=FileSelection(layer=here[-1])) if here else RowLinks()

    return ListTable(
        noun="lines",
        columns=(
            Column(title="Line", width=5, is_right=True),
            SIZE_COLUMN,
            Column(title=visible_exactly(subject.dockerfile.name, maximum=200)),
        ),
        names=texts,
        orders=[
            Order(name="line", key=lambda number: number),
            Order(name="size", key=lambda number: -size_bytes.get(number + 1, 0)),
        ],
        make_row=row,
        make_detail=detail,
        make_links=links,
        keys={number + 1: number for number in range(len(texts))},
    )
