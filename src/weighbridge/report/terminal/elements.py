"""Common elements: colours, the heading of an image, differences, and indented blocks."""

from __future__ import annotations

from collections.abc import Iterable

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.segment import Segment
from rich.text import Text

from weighbridge.report.escape import visible
from weighbridge.report.model import ImageReport
from weighbridge.report.units import format_delta
from weighbridge.report.view.words import more_text

WIDE_FROM_COLUMNS = 110
ROWS = 15

_INDENT = "  "

GROWS = "red"
SHRINKS = "green"
BASE = "blue"
FAINT = "dim"


def print_image(image: ImageReport, blocks: Iterable[RenderableType], console: Console) -> None:
    """Print the heading of an image, and its blocks indented below."""
    console.print(_heading(image))
    console.print(Indented(Group(*blocks)))


def _heading(image: ImageReport) -> Text:
    heading = Text.assemble((visible(image.name, maximum=100), "bold"))
    place = [part for part in (image.dockerfile, image.platform) if part]
    if image.target:
        place.append(f"target {image.target}")
    if place:
        heading.append("  " + "  ".join(visible(part, maximum=100) for part in place), style=FAINT)
    return heading


def delta_cell(delta: int | None) -> Text:
    """A difference in the colour of its sign."""
    return Text(format_delta(delta), style=delta_style(delta))


def delta_style(delta: int | None) -> str:
    """The colour of a difference."""
    return "" if not delta else GROWS if delta > 0 else SHRINKS


def more_line(count: int, noun: str) -> list[Text]:
    """The number of rows that a table does not show; empty if it shows all."""
    return [Text(more_text(count, noun), style=FAINT)] if count > 0 else []


def remark_lines(image: ImageReport) -> Iterable[Text]:
    """Notes on unreadable data."""
    for remark in image.remarks[:ROWS]:
        yield Text(f"not read: {visible(remark, maximum=400)}", style="yellow")


def indented_text(said: str, style: str = "") -> RenderableType:
    """Indented text."""
    return Indented(Text(said, style=style))


class Indented:
    """An indented renderable. Unlike `rich.padding.Padding`, it adds no trailing blanks to lines."""

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
