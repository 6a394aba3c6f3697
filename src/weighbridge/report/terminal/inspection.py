"""Single images and their contents."""

from __future__ import annotations

from collections.abc import Iterable

from rich.console import Console, RenderableType
from rich.text import Text

from weighbridge.report.escape import visible
from weighbridge.report.model import ImageReport, ImageSide, Report
from weighbridge.report.terminal.contents import files_table, layers_table, packages_table
from weighbridge.report.terminal.elements import print_image, remark_lines
from weighbridge.report.terminal.ending import print_notes
from weighbridge.report.terminal.findings import failure_lines, start_lines
from weighbridge.report.terminal.tips import print_tips
from weighbridge.report.units import format_bytes
from weighbridge.report.view.contents import sorted_packages
from weighbridge.report.view.failures import additional_reason
from weighbridge.report.view.sizes import download_text, efficiency_text
from weighbridge.report.view.verdict import sorted_images


def render_inspect(report: Report, console: Console) -> None:
    """Print the contents of each image of `report`: start, layers, waste, findings and tips."""
    for number, image in enumerate(sorted_images(report)):
        if number:
            console.print()
        print_image(image, list(_inspection(image, console.width)), console)
    print_tips(report, console)
    print_notes(report, console)


def _inspection(image: ImageReport, width: int) -> Iterable[RenderableType]:
    yield from start_lines(image)
    yield from failure_lines(image)
    side = image.head or image.base
    if side is None:
        if reason := additional_reason(image):
            yield Text(visible(reason))
        return
    yield Text()
    yield Text(f"unpacked  {format_bytes(side.unpacked_bytes)}   (disk space on a node)")
    yield Text(f"download  {download_text(side)}   (compressed; what a cold pull transfers)")
    yield Text(f"wasted    {_waste(side)}")
    yield from remark_lines(image)
    if side.layers:
        yield layers_table(side, width)
    if sorted_packages(image):
        yield packages_table(image)
    if image.files:
        yield files_table(image)


def _waste(side: ImageSide) -> str:
    if side.wasted_bytes is None:
        return "not known"
    efficiency = efficiency_text(side)
    return format_bytes(side.wasted_bytes) + (f"   ({efficiency})" if efficiency else "")
