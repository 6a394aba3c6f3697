"""The image on other bases, one row each."""

from __future__ import annotations

from collections.abc import Iterable

from rich import box
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from weighbridge.report.escape import visible
from weighbridge.report.model import ImageReport
from weighbridge.report.terminal.elements import FAINT, ROWS, Indented, indented_text
from weighbridge.report.units import format_bytes
from weighbridge.report.view.ladder import ladder_download, ladder_headline, ladder_lost, ladder_rows
from weighbridge.report.view.words import ABSENT


def ladder_lines(image: ImageReport) -> Iterable[RenderableType]:
    """The image on other bases, one row each, largest first."""
    title = ladder_headline(image)
    if title is None:
        return
    yield Text("")
    built, others = ladder_rows(image)
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, padding=(0, 1))
    table.add_column("base", overflow="fold")
    for name in ("unpacked", "download"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("starts", overflow="fold")
    table.add_column("shell")
    table.add_column("lost", overflow="fold")
    for row in built[:ROWS]:
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
            Text(visible(ladder_lost(row)) or ABSENT),
        )
    yield Text(f"the same {title}", style="bold")
    yield Indented(table)
    for row in others[:ROWS]:
        yield indented_text(f"{row.outcome}: {visible(row.name)}: {visible(row.reason or '', maximum=200)}", FAINT)
