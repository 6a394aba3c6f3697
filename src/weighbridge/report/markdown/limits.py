"""Tables of limits: those of one image, and budgets over several images."""

from __future__ import annotations

from collections.abc import Sequence

from weighbridge.report.escape import Markdown, code, figure, text
from weighbridge.report.fit import Piece, TextSection
from weighbridge.report.markdown.elements import NAME_CHARACTERS, section, table_row
from weighbridge.report.markdown.ranks import RANK_LIMIT
from weighbridge.report.model import BudgetRow, ImageReport, LimitRow, Report
from weighbridge.report.view.limits import MARKS, limit_figure, limit_name, limit_result
from weighbridge.report.view.words import plural

_HEADER = "| limit on | allowed | this change | result |\n|---|--:|--:|---|\n"
_BUDGET_HEADER = "| budget | allowed | this change | result |\n|---|--:|--:|---|\n"
_MAXIMUM_BUDGETS = 20


def limits_table(image: ImageReport) -> Markdown:
    """The limits that apply to an image, a row each; "" if there are none."""
    if not image.limits:
        return Markdown("")
    return Markdown((_HEADER + "".join(map(_row, image.limits))).rstrip("\n"))


def _row(row: LimitRow) -> str:
    soft = " (soft)" if row.soft else ""
    return table_row(
        [
            Markdown(f"{limit_name(row.rule)}{soft}"),
            figure(row.limit),
            figure(limit_figure(row)),
            Markdown(f"{MARKS[row.outcome]} {text(limit_result(row))}"),
        ]
    )


def budgets_section(report: Report) -> TextSection:
    """The budgets over several images, a row each; empty if there are none."""
    if not report.budgets:
        return section()
    rows: Sequence[BudgetRow] = report.budgets[:_MAXIMUM_BUDGETS]
    pieces = tuple(Piece(text=_budget(row), rank=RANK_LIMIT, kind="budget") for row in rows)
    return TextSection(opening=_BUDGET_HEADER, pieces=pieces, closing="\n")


def _budget(row: BudgetRow) -> str:
    count = len(row.shares)
    named = f"{code(row.name, maximum=NAME_CHARACTERS)}: {limit_name(row.rule)} of {count} {plural(count, 'image')}"
    result = row.message.partition(" was ")[2] if row.outcome == "not checked" else row.outcome
    return table_row(
        [
            Markdown(named),
            figure(row.limit),
            figure(limit_figure(row)),
            Markdown(f"{MARKS[row.outcome]} {text(result)}"),
        ]
    )
