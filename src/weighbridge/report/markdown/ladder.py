"""The image on other bases as a folded table."""

from __future__ import annotations

from collections.abc import Sequence

from weighbridge.report.escape import Markdown, code, figure, html_code, prose, text
from weighbridge.report.fit import Piece, TextSection, section_text
from weighbridge.report.markdown.elements import NAME_CHARACTERS, NONE, table_row
from weighbridge.report.markdown.ranks import RANK_DETAILS, RANK_LADDER
from weighbridge.report.model import ImageReport, LadderRow
from weighbridge.report.units import format_bytes
from weighbridge.report.view.ladder import ladder_download, ladder_headline, ladder_lost, ladder_rows, ladder_tools

_LADDER_ROWS = 20
_OPEN_LADDERS = 2


def ladder_sections(images: Sequence[ImageReport]) -> list[TextSection]:
    """The images on other bases, a fold each; above `_OPEN_LADDERS` images one fold holds all of them."""
    sections = [each for image in images if (each := _ladder_section(image)).pieces]
    if len(sections) <= _OPEN_LADDERS:
        return sections
    pieces = tuple(Piece(text=section_text(each), rank=RANK_DETAILS, kind="table of other bases") for each in sections)
    opening = f"<details><summary>🪜 {len(pieces)} images on other bases</summary>\n\n"
    return [TextSection(opening=opening, pieces=pieces, closing="</details>\n\n")]


def _ladder_section(image: ImageReport) -> TextSection:
    """The image on other bases as a folded table; empty if no other base was built."""
    title = ladder_headline(image)
    if title is None:
        return TextSection(pieces=())
    built, others = ladder_rows(image)
    columns = ["base", "unpacked", "download", "starts", "shell", "debug tools", "lost"]
    rules = ["---", "--:", "--:", "---", ":-:", "---", "---"]
    table = table_row(map(Markdown, columns)) + f"|{'|'.join(rules)}|\n"
    table += "".join(table_row(_ladder_cells(row)) for row in built[:_LADDER_ROWS])
    lines = [_not_built_line(row) for row in others[:_LADDER_ROWS]]
    name = html_code(image.name, maximum=NAME_CHARACTERS)
    opening = f"<details><summary>🪜 <b>{name}</b> {text(title)}</summary>\n\n"
    body = table + ("\n" + "".join(lines) if lines else "")
    return TextSection(
        opening=opening,
        pieces=(Piece(text=body, rank=RANK_LADDER, kind="table of other bases"),),
        closing="\n</details>\n\n",
    )


def _ladder_cells(row: LadderRow) -> list[Markdown]:
    name = text(row.name) if row.outcome == "as it is" else code(row.name, maximum=NAME_CHARACTERS)
    size = figure(format_bytes(row.unpacked_bytes))
    return [
        Markdown(f"**{name}**" if row.outcome == "as it is" else name),
        Markdown(f"**{size}**" if row.starts == "yes" else size),
        figure(ladder_download(row)),
        _starts(row),
        Markdown("yes" if row.shell else "no"),
        text(ladder_tools(row)),
        text(ladder_lost(row)) if ladder_lost(row) else NONE,
    ]


def _not_built_line(row: LadderRow) -> str:
    return f"- {row.outcome}: {code(row.name, maximum=NAME_CHARACTERS)}: {prose(row.reason or '', maximum=200)}\n"


def _starts(row: LadderRow) -> Markdown:
    if row.starts == "yes":
        said = Markdown("✅")
    elif row.starts == "no":
        said = Markdown("❌ " + code(row.reason, maximum=200) if row.reason else "❌")
    else:
        said = Markdown("not checked")
    if row.trial is None:
        return said
    return Markdown(f"{said} really started: {text(row.trial.message, maximum=200)}")
