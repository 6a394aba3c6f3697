"""The end: notes, the compared commits, and the verdict with its reasons."""

from __future__ import annotations

from rich.console import Console
from rich.text import Text

from weighbridge.report.escape import visible
from weighbridge.report.model import Report, Revision
from weighbridge.report.terminal.elements import FAINT
from weighbridge.report.units import format_delta
from weighbridge.report.view.limits import budget_line
from weighbridge.report.view.memory import memory_summary
from weighbridge.report.view.reason import verdict_sentence
from weighbridge.report.view.verdict import (
    counts_text,
    known_total,
    named_sides,
    nothing_weighed_text,
    reason_text,
    verdict_word,
)
from weighbridge.report.view.words import short_sha


def print_notes(report: Report, console: Console) -> None:
    """The notes of the report."""
    for note in report.notes:
        console.print(Text(f"note: {visible(note, maximum=1000)}", style="yellow"))


def print_end(report: Report, console: Console) -> None:
    """Print the notes, the compared commits, the reasons, and as the last line the verdict with its first reason."""
    console.print()
    print_notes(report, console)
    sides = [_side(name, side) for name, side in named_sides(report)]
    memory = memory_summary(report)
    console.print(Text(" · ".join([*sides, *([memory] if memory else []), "sizes are unpacked"]), style=FAINT))
    total = known_total(report)
    missing = f" ({total.not_known} not known)" if total.not_known else ""
    if report.images and not nothing_weighed_text(report):
        console.print(Text(f"{counts_text(report)}, {format_delta(total.delta_bytes)} in all{missing}"))
    # The last line has the only reason already.
    for reason in report.verdict.reasons if len(report.verdict.reasons) > 1 else ():
        said = visible(f"{reason.image}: {reason_text(reason)}", maximum=600)
        console.print(Text(said, style="yellow" if report.verdict.passed else "red"))
    for reason in report.verdict.warnings:
        said = visible(f"{reason.image}: over its soft limit: {reason_text(reason)}", maximum=600)
        console.print(Text(said, style="yellow"))
    for row in report.budgets:
        console.print(Text(visible(f"{row.name}: {budget_line(row)}", maximum=600)))
    override = report.verdict.override
    if override is not None:
        said = visible(f"overridden by {override.actor} with the label {override.label}, {override.at}", maximum=400)
        console.print(Text(said, style="yellow"))
    word = verdict_word(report)
    style = {"passed": "bold green", "overridden": "bold yellow", "failed": "bold red"}[word]
    console.print(Text(f"{word}: {verdict_sentence(report)}", style=style))


def _side(name: str, side: Revision) -> str:
    short = short_sha(side.sha)
    ref = visible(side.ref, maximum=80)
    return f"{name} {ref}" if short is None or side.ref == side.sha else f"{name} {ref} ({short})"
