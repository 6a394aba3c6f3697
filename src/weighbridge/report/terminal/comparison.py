"""A comparison: the summary of all images, then the details of each image that has some."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich import box
from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from weighbridge.report.escape import visible
from weighbridge.report.model import ImageReport, Report, Status
from weighbridge.report.terminal.contents import changed_layers_table, files_table, packages_table
from weighbridge.report.terminal.elements import FAINT, WIDE_FROM_COLUMNS, delta_style, print_image, remark_lines
from weighbridge.report.terminal.ending import print_end
from weighbridge.report.terminal.findings import failure_lines, start_lines
from weighbridge.report.terminal.ladder import ladder_lines
from weighbridge.report.terminal.tips import print_shared_tips, print_tips
from weighbridge.report.view.causes import cause_text
from weighbridge.report.view.contents import changed_layers, folders_text, sorted_packages
from weighbridge.report.view.facts import image_facts
from weighbridge.report.view.failures import additional_reason
from weighbridge.report.view.findings import StartSummary, image_starts
from weighbridge.report.view.sizes import (
    change_text,
    download_text,
    image_delta,
    percent_text,
    unpacked_text,
    upgrade_text,
)
from weighbridge.report.view.verdict import sorted_images
from weighbridge.report.view.words import ABSENT

_SHOWN_CAUSES = 10
_SHOWN_METADATA = 20
_STATUS_STYLE = {Status.FAILED: "bold red", Status.UNCHANGED: FAINT, Status.SKIPPED: "yellow"}


def render_table(report: Report, console: Console) -> None:
    """Print a comparison: summary, details of each image, tips, notes and the verdict."""
    images = sorted_images(report)
    if not images:
        console.print("No Dockerfile is affected, nothing to weigh.")
    else:
        console.print(_summary(images, wide=console.width >= WIDE_FROM_COLUMNS))
    for image in images:
        blocks = list(_comparison(image, console.width))
        if blocks:
            console.print()
            print_image(image, blocks, console)
    print_tips(report, console)
    print_shared_tips(report, console)
    print_end(report, console)


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
            cells += [Text(download_text(image.head)), Text(upgrade_text(image))]
        table.add_row(*cells, _starts(image), Text(image.status.value, style=_STATUS_STYLE.get(image.status, "")))
    return table


def _change(image: ImageReport) -> Text:
    delta = image_delta(image)
    percent = percent_text(image) if delta else ""
    return Text(change_text(image) + (f" ({percent})" if percent else ""), style=delta_style(delta))


def _starts(image: ImageReport) -> Text:
    match image_starts(image):
        case StartSummary.YES:
            return Text("yes", style="green")
        case StartSummary.NO_NEW:
            return Text("no (new)", style="bold red")
        case StartSummary.NO_AS_BEFORE:
            return Text("no", style="red")
        case StartSummary.NOT_CHECKED:
            return Text("not checked", style="yellow")
        case _:
            return Text(ABSENT)


def _comparison(image: ImageReport, width: int) -> Iterable[RenderableType]:
    has_problems = bool(image.failures or image.findings)
    if image.status is Status.UNCHANGED and not has_problems:
        return
    yield from start_lines(image)
    if reason := additional_reason(image):
        yield Text(visible(reason))
    yield from failure_lines(image)
    if image.status is not Status.UNCHANGED:
        yield from (Text(visible(cause_text(cause))) for cause in image.causes[:_SHOWN_CAUSES])
        if len(image.causes) > _SHOWN_CAUSES:
            yield Text(f"and {len(image.causes) - _SHOWN_CAUSES} smaller causes", style=FAINT)
        yield from (Text(fact) for fact in image_facts(image))
        yield from (
            Text(visible(f"{row.name}: {row.base or 'none'} → {row.head or 'none'}"))
            for row in image.metadata[:_SHOWN_METADATA]
        )
        folders = folders_text(image)
        if folders:
            yield Text(folders)
        yield from remark_lines(image)
        if changed_layers(image):
            yield changed_layers_table(image, width)
        if sorted_packages(image):
            yield packages_table(image)
        if image.files:
            yield files_table(image)
        yield from ladder_lines(image)
