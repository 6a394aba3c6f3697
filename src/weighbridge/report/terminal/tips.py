"""The tips, their combined saving, and the layers that images could share."""

from __future__ import annotations

from collections.abc import Iterable

from rich import box
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from weighbridge.report.escape import visible
from weighbridge.report.model import ImageReport, Report
from weighbridge.report.terminal.elements import FAINT, ROWS, SHRINKS, Indented, more_line
from weighbridge.report.units import format_bytes, format_delta
from weighbridge.report.view.tips import (
    BASIS_IN_WORDS,
    measured_text,
    measured_together_text,
    saving_text,
    shared_headline,
    shown_rejections,
    sorted_tips,
    tips_headline,
    together_text,
)
from weighbridge.report.view.verdict import sorted_images
from weighbridge.report.view.words import enumerate_words, where


def print_tips(report: Report, console: Console) -> None:
    """Print all tips, largest saving first; nothing without tips."""
    found = sorted_tips(report)
    if not found:
        return
    console.print()
    console.print(Text(tips_headline(found), style="bold"))
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, padding=(0, 1))
    table.add_column("saves", justify="right", no_wrap=True)
    table.add_column("how known", min_width=10, max_width=16)
    table.add_column("what to do", overflow="fold")
    for each in found[:ROWS]:
        tip = each.tip
        place = where(each.image, tip.line) or each.image.name
        what = Text.assemble(
            (visible(tip.code), "bold"), ("  " + visible(place), FAINT), "\n", visible(tip.explanation, maximum=600)
        )
        measured = measured_text(tip)
        if measured:
            what.append(f" {measured}.")
        if tip.not_built is not None:
            what.append(f" The patch was not built: {visible(tip.not_built)}.")
        table.add_row(Text(saving_text(tip), style=SHRINKS), Text(BASIS_IN_WORDS[tip.basis]), what)
    images = [image for image in sorted_images(report) if image.tips]
    after = [line for image in images for line in _after_tips(image)]
    console.print(Indented(Group(table, *more_line(len(found) - ROWS, "tip"), *after)))


def _after_tips(image: ImageReport) -> Iterable[RenderableType]:
    """The combined saving of an image's patches, and the patches that do not work."""
    combined = image.combined
    if combined is not None:
        yield Text.assemble(
            (f"{visible(image.name)}: {together_text(combined)} together: ", "bold"),
            (format_delta(-combined.saved_bytes), SHRINKS),
            f" ({measured_together_text(combined)}), built and measured: "
            + visible(enumerate_words(combined.codes), maximum=400),
        )
    if image.not_combined is not None:
        yield Text(f"{visible(image.name)}: the patches were not built together: {visible(image.not_combined)}")
    for one in shown_rejections(image)[:ROWS]:
        place = where(image, one.line) or image.name
        yield Text(
            f"built and not proposed: {visible(one.code)} ({visible(place)}): {visible(one.reason, maximum=400)}"
        )


def print_shared_tips(report: Report, console: Console) -> None:
    """Print the ways for several images to share layers; nothing without any."""
    if not report.shared_tips:
        return
    console.print()
    console.print(Text(shared_headline(report), style="bold"))
    for tip in report.shared_tips[:ROWS]:
        said = Text.assemble(
            (format_bytes(tip.saved_bytes), SHRINKS),
            f" {BASIS_IN_WORDS[tip.basis]}, ",
            (visible(tip.code), "bold"),
            f": {visible(tip.explanation, maximum=600)}",
        )
        console.print(Indented(said))
