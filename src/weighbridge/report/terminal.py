"""The report on a terminal: tables with bars, in colour where there is colour, plain text where there is none.

Every text of the report is put into a `rich.text.Text`, which has no markup, after `weighbridge.report.escape.visible`
has taken escape sequences and control characters out of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich import box
from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.segment import Segment
from rich.table import Table
from rich.text import Text

from weighbridge.domain.finding import Severity, Subject
from weighbridge.report.escape import log_line, visible
from weighbridge.report.model import (
    FindingReport,
    ImageReport,
    ImageSide,
    LayerReport,
    LayerRow,
    Report,
    Revision,
    Status,
    TrialReport,
)
from weighbridge.report.units import (
    bar,
    format_bytes,
    format_delta,
    format_share,
)
from weighbridge.report.view.contents import (
    FILE_MARKS,
    LAYER_MARKS,
    changed_bytes,
    changed_layers,
    file_delta,
    file_path,
    folders_text,
    has_one_side,
    layer_delta,
    package_bytes_text,
    package_versions,
    same_layers,
    sorted_files,
    sorted_packages,
    weightiest,
)
from weighbridge.report.view.facts import image_facts
from weighbridge.report.view.findings import (
    Starts,
    finding_place,
    ignored_findings,
    image_starts,
    start_errors,
    told_findings,
    trial_verdict,
)
from weighbridge.report.view.ladder import ladder_download, ladder_headline, ladder_rows
from weighbridge.report.view.memory import memory_summary
from weighbridge.report.view.sizes import change_text, download_text, image_delta, percent_text, unpacked_text
from weighbridge.report.view.tips import (
    BASIS_IN_WORDS,
    measured_text,
    measured_together_text,
    saving_text,
    shared_headline,
    sorted_tips,
    tips_headline,
    together_text,
    told_drops,
)
from weighbridge.report.view.verdict import counts_text, known_total, named_sides, reason_text, sorted_images
from weighbridge.report.view.words import (
    ABSENT,
    bytes_text,
    enumerate_words,
    layer_name,
    more_text,
    plural,
    short_sha,
    where,
)

_WIDE_FROM_COLUMNS = 110
_LAYER_ROWS = 30
_ROWS = 15
_LOG_LINES = 30
_INDENT = "  "

_GROWS = "red"
_SHRINKS = "green"
_BASE = "blue"
_FAINT = "dim"


def render_table(report: Report, console: Console) -> None:
    """Print a comparison: summary, then each image that has something to tell, then tips, notes and the verdict."""
    images = sorted_images(report)
    if not images:
        console.print("No Dockerfile is affected, nothing to weigh.")
    else:
        console.print(_summary(images, wide=console.width >= _WIDE_FROM_COLUMNS))
    for image in images:
        blocks = list(_comparison(image, console.width))
        if blocks:
            console.print()
            _print_image(image, blocks, console)
    _print_tips(report, console)
    _print_shared_tips(report, console)
    _print_end(report, console)


def render_inspect(report: Report, console: Console) -> None:
    """Print what each image of `report` is made of: does it start, its layers, waste, findings and tips."""
    for number, image in enumerate(sorted_images(report)):
        if number:
            console.print()
        _print_image(image, list(_inspection(image, console.width)), console)
    _print_tips(report, console)
    _print_notes(report, console)


def _print_image(image: ImageReport, blocks: Iterable[RenderableType], console: Console) -> None:
    console.print(_heading(image))
    console.print(_Indented(Group(*blocks)))


def _heading(image: ImageReport) -> Text:
    heading = Text.assemble((visible(image.name, maximum=100), "bold"))
    place = [part for part in (image.dockerfile, image.platform) if part]
    if image.target:
        place.append(f"target {image.target}")
    if place:
        heading.append("  " + "  ".join(visible(part, maximum=100) for part in place), style=_FAINT)
    return heading


# The summary.


def _summary(images: Sequence[ImageReport], *, wide: bool) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    table.add_column("image", overflow="fold", ratio=None)
    table.add_column("base", justify="right", no_wrap=True)
    table.add_column("head", justify="right", no_wrap=True)
    table.add_column("change", justify="right", no_wrap=True)
    if wide:
        table.add_column("download", justify="right", no_wrap=True)
        table.add_column("upgrade pull", justify="right", no_wrap=True)
    table.add_column("starts", no_wrap=True)
    table.add_column("status", no_wrap=True)
    for image in images:
        cells = [
            Text(visible(image.name, maximum=100), style="bold" if image.status is not Status.UNCHANGED else ""),
            Text(unpacked_text(image.base)),
            Text(unpacked_text(image.head)),
            _change(image),
        ]
        if wide:
            cells += [Text(download_text(image.head)), Text(_upgrade(image))]
        table.add_row(*cells, _starts(image), Text(image.status.value, style=_STATUS_STYLE.get(image.status, "")))
    return table


def _upgrade(image: ImageReport) -> str:
    if image.base is None or image.head is None:
        return ABSENT
    return format_bytes(image.delta.upgrade_bytes)


def _change(image: ImageReport) -> Text:
    delta = image_delta(image)
    share = f" ({percent_text(image)})" if image.base is not None and image.head is not None and delta else ""
    return Text(change_text(image) + share, style=_delta_style(delta))


def _delta(delta: int | None) -> Text:
    return Text(format_delta(delta), style=_delta_style(delta))


def _delta_style(delta: int | None) -> str:
    return "" if not delta else _GROWS if delta > 0 else _SHRINKS


def _starts(image: ImageReport) -> Text:
    match image_starts(image):
        case Starts.YES:
            return Text("yes", style="green")
        case Starts.NO_NEW:
            return Text("no (new)", style="bold red")
        case Starts.NO_AS_BEFORE:
            return Text("no", style="red")
        case Starts.NOT_CHECKED:
            return Text("not checked", style="yellow")
        case _:
            return Text(ABSENT)


_STATUS_STYLE = {Status.FAILED: "bold red", Status.UNCHANGED: _FAINT, Status.SKIPPED: "yellow"}


# One image, compared.


def _comparison(image: ImageReport, width: int) -> Iterable[RenderableType]:
    told = bool(image.failures or image.findings)
    if image.status is Status.UNCHANGED and not told:
        return
    yield from _start_lines(image)
    if image.reason:
        yield Text(visible(image.reason))
    yield from _failures(image)
    if image.status is not Status.UNCHANGED:
        yield from (Text(fact) for fact in image_facts(image))
        folders = folders_text(image)
        if folders:
            yield Text(folders)
        yield from _remarks(image)
        if changed_layers(image):
            yield _layer_rows(image, width)
        if image.packages:
            yield _packages(image)
        if image.files:
            yield _files(image)
        yield from _ladder(image)


def _layer_rows(image: ImageReport, width: int) -> RenderableType:
    changed = changed_layers(image)
    largest = max(map(changed_bytes, changed))
    weighty = weightiest(changed, changed_bytes, maximum=_LAYER_ROWS)
    table = _table("layers", ("base", "right"), ("head", "right"), ("change", "right"), ("", "left"))
    for row in weighty:
        delta = layer_delta(row)
        table.add_row(
            _line(row.line),
            _instruction(row.instruction, from_base_image=row.from_base_image, mark=LAYER_MARKS[row.change]),
            Text(bytes_text(row.base_bytes)),
            Text(bytes_text(row.head_bytes)),
            _delta(delta),
            Text(bar(abs(delta), largest, width=_bar_cells(width)), style=_GROWS if delta > 0 else _SHRINKS),
        )
    lines = _notes(weighty)
    more = len(changed) - len(weighty)
    if more:
        lines.append(f"{more_text(more, 'layer')} with smaller changes")
    same_count, same_bytes = same_layers(image)
    if same_count:
        lines.append(f"{same_count} {plural(same_count, 'layer')} on both sides, {format_bytes(same_bytes)}")
    return Group(Text(), table, *(Text(line, style=_FAINT) for line in lines))


def _packages(image: ImageReport) -> RenderableType:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    table.add_column("package", overflow="fold")
    one_side = has_one_side(image)
    for title in ("version",) if one_side else ("base", "head"):
        table.add_column(title, overflow="fold")
    table.add_column("size" if one_side else "change", justify="right", no_wrap=True)
    packages = sorted_packages(image)
    for row in packages[:_ROWS]:
        name = Text(visible(row.name, maximum=80))
        name.append(f" {visible(row.ecosystem, maximum=20)}", style=_FAINT)
        known = package_versions(row, one_side=one_side)
        versions = (Text(ABSENT if version is None else visible(version, maximum=60)) for version in known)
        style = "" if one_side else _delta_style(row.delta_bytes)
        table.add_row(name, *versions, Text(package_bytes_text(row, one_side=one_side), style=style))
    return Group(Text(), table, *_more(max(0, len(packages) - _ROWS) + image.packages_omitted, "package"))


def _files(image: ImageReport) -> RenderableType:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    table.add_column("file", overflow="fold")
    for title in ("base", "head", "change"):
        table.add_column(title, justify="right", no_wrap=True)
    files = sorted_files(image)
    for row in files[:_ROWS]:
        table.add_row(
            Text(f"{FILE_MARKS[row.change]} {visible(file_path(row), maximum=400)}"),
            Text(bytes_text(row.base_bytes)),
            Text(bytes_text(row.head_bytes)),
            _delta(file_delta(row)),
        )
    return Group(Text(), table, *_more(max(0, len(files) - _ROWS) + image.files_omitted, "file"))


def _more(count: int, noun: str) -> list[Text]:
    return [Text(more_text(count, noun), style=_FAINT)] if count > 0 else []


# One image, inspected.


def _inspection(image: ImageReport, width: int) -> Iterable[RenderableType]:
    yield from _start_lines(image)
    yield from _failures(image)
    side = image.head or image.base
    if side is None:
        if image.reason:
            yield Text(visible(image.reason))
        return
    yield Text()
    yield Text(f"unpacked  {format_bytes(side.unpacked_bytes)}   (what it occupies on a node)")
    yield Text(f"download  {download_text(side)}   (compressed; what a cold pull transfers)")
    yield Text(f"wasted    {_waste(side)}")
    yield from _remarks(image)
    if side.layers:
        yield _layers(side, width)
    if image.packages:
        yield _packages(image)
    if image.files:
        yield _files(image)


def _remarks(image: ImageReport) -> Iterable[Text]:
    for remark in image.remarks[:_ROWS]:
        yield Text(f"not read: {visible(remark, maximum=400)}", style="yellow")


def _waste(side: ImageSide) -> str:
    if side.wasted_bytes is None:
        return "not known"
    efficiency = "" if side.efficiency is None else f"   (efficiency {side.efficiency * 100:.1f} %)"
    return f"{format_bytes(side.wasted_bytes)}{efficiency}"


def _layers(side: ImageSide, width: int) -> RenderableType:
    table = _table("layers", ("size", "right"), ("share", "right"), ("", "left"))
    largest = max(layer.unpacked_bytes for layer in side.layers)
    shown = weightiest(side.layers, lambda layer: layer.unpacked_bytes, maximum=_LAYER_ROWS)
    for layer in shown:
        table.add_row(
            _line(layer.line),
            _instruction(layer.instruction, from_base_image=layer.from_base_image),
            Text(format_bytes(layer.unpacked_bytes)),
            Text(format_share(layer.unpacked_bytes, side.unpacked_bytes)),
            Text(bar(layer.unpacked_bytes, largest, width=_bar_cells(width)), style=_BASE),
        )
    notes = [Text(note, style=_FAINT) for note in _notes(shown)]
    return Group(Text(), table, *notes, *_more(len(side.layers) - len(shown), "layer"))


def _table(title: str, *columns: tuple[str, str]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, expand=True)
    table.add_column("line", justify="right", no_wrap=True, style=_FAINT)
    table.add_column(title, ratio=1, no_wrap=True, overflow="ellipsis")
    for name, justify in columns:
        table.add_column(name, justify="right" if justify == "right" else "left", no_wrap=True)
    return table


def _bar_cells(width: int) -> int:
    return 8 if width < _WIDE_FROM_COLUMNS else 16


def _line(line: int | None) -> Text:
    return Text("" if line is None else str(line))


def _instruction(instruction: str | None, *, from_base_image: bool, mark: str = "") -> Text:
    shown = Text(f"{mark} " if mark else "")
    if from_base_image:
        shown.append("base image: ", style=_BASE)
    return shown.append(visible(layer_name(instruction), maximum=200))


def _notes(layers: Sequence[LayerRow | LayerReport]) -> list[str]:
    """What is to be said of single layers: below the table, for a column of it may be narrow."""
    said = []
    for layer in layers:
        if layer.note:
            named = visible(layer_name(layer.instruction), maximum=60)
            place = named if layer.line is None else f"line {layer.line}"
            said.append(f"{place}: {visible(layer.note, maximum=200)}")
    return said


# Findings, failures, tips, the end: alike for both.


def _start_lines(image: ImageReport) -> Iterable[RenderableType]:
    """``starts: yes`` and the like as the first line, the evidence below, then all the other findings."""
    side = image.head
    if side is None:
        return
    start = side.start
    if start is None:
        yield Text("starts: not checked", style="yellow")
    elif start.outcome == "yes":
        yield Text("starts: yes", style="bold green")
    elif start.outcome == "no":
        yield Text("starts: no", style="bold red")
    else:
        yield Text("starts: not checked", style="bold yellow")
    errors = start_errors(image)
    for finding in errors:
        yield _finding(image, finding)
    if start is not None:
        if start.chain and not errors:
            yield _indented(" → ".join(visible(each, maximum=120) for each in start.chain[:12]), _FAINT)
        for remark in start.not_checked[:_ROWS]:
            yield _indented(f"not checked: {visible(remark)}", "yellow")
    if side.trial is not None:
        yield from _trial_lines(side.trial)
    told = {id(finding) for finding in errors}
    for finding in told_findings(image)[:_ROWS]:
        if id(finding) not in told:
            yield _finding(image, finding)
    for finding in ignored_findings(image)[:_ROWS]:
        reason = visible(finding.ignored_because or "")
        yield Text(f"ignored: {visible(finding.code)}, because: {reason}", style=_FAINT)


def _trial_lines(trial: TrialReport) -> Iterable[RenderableType]:
    """What happened when the image was really started, and the end of what it printed."""
    style = {True: "green", False: "bold red", None: "yellow"}[trial.agrees]
    yield Text(f"really started: {visible(trial.message)}; {trial_verdict(trial)}", style=style)
    for line in trial.output[-_ROWS:]:
        yield _indented(visible(line), _FAINT)


_SEVERITY_STYLE = {Severity.ERROR: "bold red", Severity.WARNING: "yellow", Severity.INFO: "cyan"}


def _finding(image: ImageReport, finding: FindingReport) -> RenderableType:
    head = Text.assemble(
        (f"{finding.severity.value}: {visible(finding.code)}", _SEVERITY_STYLE[finding.severity]),
        " (new)" if finding.introduced and image.base is not None else "",
        " in the health check" if finding.subject is Subject.HEALTHCHECK else "",
    )
    place = finding_place(image, finding)
    if place:
        head.append(f"  {visible(place)}", style=_FAINT)
    lines: list[RenderableType] = [head]
    if finding.predicts:
        lines.append(_indented(visible(finding.predicts), "bold"))
    lines += [_indented(f"· {visible(each)}") for each in finding.evidence[:8]]
    if finding.fix:
        lines.append(_indented(f"fix: {visible(finding.fix, maximum=600)}", "green"))
    return Group(*lines)


def _indented(said: str, style: str = "") -> RenderableType:
    return _Indented(Text(said, style=style))


def _failures(image: ImageReport) -> Iterable[RenderableType]:
    for failure in image.failures:
        yield Text(f"{failure.side} failed: {visible(failure.message, maximum=1000)}", style="bold red")
        for line in failure.log_tail[-_LOG_LINES:]:
            yield _indented(f"│ {log_line(line, maximum=300)}", _FAINT)


def _print_tips(report: Report, console: Console) -> None:
    found = sorted_tips(report)
    if not found:
        return
    console.print()
    console.print(Text(tips_headline(found), style="bold"))
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, padding=(0, 1))
    table.add_column("saves", justify="right", no_wrap=True)
    table.add_column("how known", min_width=10, max_width=16)
    table.add_column("what to do", overflow="fold")
    for each in found[:_ROWS]:
        tip = each.tip
        place = where(each.image, tip.line) or each.image.name
        what = Text.assemble(
            (visible(tip.code), "bold"), ("  " + visible(place), _FAINT), "\n", visible(tip.explanation, maximum=600)
        )
        measured = measured_text(tip)
        if measured:
            what.append(f" {measured}.")
        if tip.not_built is not None:
            what.append(f" The patch was not built: {visible(tip.not_built)}.")
        table.add_row(Text(saving_text(tip), style=_SHRINKS), Text(BASIS_IN_WORDS[tip.basis]), what)
    images = [image for image in sorted_images(report) if image.tips]
    after = [line for image in images for line in _after_tips(image)]
    console.print(_Indented(Group(table, *_more(len(found) - _ROWS, "tip"), *after)))


def _after_tips(image: ImageReport) -> Iterable[RenderableType]:
    """What the patches of an image save together, and those that do not work."""
    combined = image.combined
    if combined is not None:
        yield Text.assemble(
            (f"{visible(image.name)}: {together_text(combined)} together: ", "bold"),
            (format_delta(-combined.saved_bytes), _SHRINKS),
            f" ({measured_together_text(combined)}), built and measured: "
            + visible(enumerate_words(combined.codes), maximum=400),
        )
    if image.not_combined is not None:
        yield Text(f"{visible(image.name)}: the patches were not built together: {visible(image.not_combined)}")
    for one in told_drops(image)[:_ROWS]:
        place = where(image, one.line) or image.name
        yield Text(
            f"built and not proposed: {visible(one.code)} ({visible(place)}): {visible(one.reason, maximum=400)}"
        )


def _ladder(image: ImageReport) -> Iterable[RenderableType]:
    """The image on other bases, a row each, the largest first."""
    title = ladder_headline(image)
    if title is None:
        return
    built, others = ladder_rows(image)
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, padding=(0, 1))
    table.add_column("base", overflow="fold")
    for name in ("unpacked", "download"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("starts", overflow="fold")
    table.add_column("shell")
    table.add_column("lost", overflow="fold")
    for row in built[:_ROWS]:
        starts = row.starts or "not checked"
        said = starts if row.reason is None else f"{starts}: {visible(row.reason)}"
        if row.trial is not None:
            said += f"; really started: {visible(row.trial.message)}"
        style = {"yes": "green", "no": "bold red"}.get(starts, "yellow")
        table.add_row(
            Text(visible(row.name), style="bold" if row.outcome == "as it is" else ""),
            format_bytes(row.unpacked_bytes),
            ladder_download(row),
            Text(said, style=style),
            "yes" if row.shell else "no",
            Text(visible(", ".join(row.lost)) or ABSENT),
        )
    yield Text(f"the same {title}", style="bold")
    yield _Indented(table)
    for row in others[:_ROWS]:
        yield _indented(f"{row.outcome}: {visible(row.name)}: {visible(row.reason or '', maximum=200)}", _FAINT)


def _print_shared_tips(report: Report, console: Console) -> None:
    if not report.shared_tips:
        return
    console.print()
    console.print(Text(shared_headline(report), style="bold"))
    for tip in report.shared_tips[:_ROWS]:
        said = Text.assemble(
            (format_bytes(tip.saved_bytes), _SHRINKS),
            f" {BASIS_IN_WORDS[tip.basis]}, ",
            (visible(tip.code), "bold"),
            f": {visible(tip.explanation, maximum=600)}",
        )
        console.print(_Indented(said))


def _print_notes(report: Report, console: Console) -> None:
    for note in report.notes:
        console.print(Text(f"note: {visible(note, maximum=1000)}", style="yellow"))


def _print_end(report: Report, console: Console) -> None:
    console.print()
    _print_notes(report, console)
    sides = [_side(name, side) for name, side in named_sides(report)]
    memory = memory_summary(report)
    console.print(Text(" · ".join([*sides, *([memory] if memory else []), "sizes are unpacked"]), style=_FAINT))
    total = known_total(report)
    missing = f" ({total.not_known} not known)" if total.not_known else ""
    if report.images:
        console.print(Text(f"{counts_text(report)}, {format_delta(total.delta_bytes)} in all{missing}"))
    for reason in report.verdict.reasons:
        said = visible(f"{reason.image}: {reason_text(reason)}", maximum=600)
        console.print(Text(said, style="yellow" if report.verdict.passed else "red"))
    override = report.verdict.override
    if override is not None:
        said = visible(f"opened by {override.actor} with the label {override.label}, {override.at}", maximum=400)
        console.print(Text(said, style="yellow"))
    if report.verdict.passed:
        console.print(Text("passed", style="bold green"))
    else:
        console.print(Text("failed", style="bold red"))


def _side(name: str, side: Revision) -> str:
    short = short_sha(side.sha)
    ref = visible(side.ref, maximum=80)
    return f"{name} {ref}" if short is None or side.ref == side.sha else f"{name} {ref} ({short})"


class _Indented:
    """A renderable moved to the right. Unlike `rich.padding.Padding` it leaves no blanks at the ends of the lines."""

    def __init__(self, renderable: RenderableType) -> None:
        self._renderable = renderable

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        inner = options.update_width(max(1, options.max_width - len(_INDENT)))
        for line in console.render_lines(self._renderable, inner, pad=False):
            while line and not line[-1].control and not line[-1].text.rstrip(" "):
                line.pop()
            if line:
                last = line[-1]
                line[-1] = Segment(last.text.rstrip(" "), last.style, last.control)
                yield Segment(_INDENT)
                yield from line
            yield Segment.line()
