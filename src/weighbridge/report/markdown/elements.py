"""Common elements of the comment: templates, sections, image names, table rows and bars."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import jinja2

from weighbridge.report.escape import Markdown, breakable_code, code, markdown_environment
from weighbridge.report.fit import Piece, TextSection
from weighbridge.report.markdown.ranks import KEEP
from weighbridge.report.units import bar
from weighbridge.report.view.words import ABSENT

NAME_CHARACTERS = 80
_BAR_CELLS = 10
NONE = Markdown(ABSENT)
_templates = markdown_environment(jinja2.PackageLoader("weighbridge.report", "templates/markdown"))


def template(name: str, **values: Any) -> Markdown:
    """The named template with `values`, without blank lines around it."""
    return Markdown(_templates.get_template(f"{name}.md.j2").render(values).strip("\n"))


def section(*parts: str, rank: int = KEEP, kind: str = "") -> TextSection:
    """A section without a frame, of the `parts` that are not empty; never dropped unless a `rank` is given."""
    return TextSection(pieces=tuple(Piece(text=part, rank=rank, kind=kind) for part in parts if part))


def image_name(name: str) -> Markdown:
    """The name of an image as code."""
    return code(name, maximum=NAME_CHARACTERS)


def image_name_in_table(name: str) -> Markdown:
    """The same for a narrow column: a long name may break behind its slashes, so that other columns stay visible."""
    return breakable_code(name, maximum=NAME_CHARACTERS)


def table_row(cells: Iterable[Markdown]) -> str:
    """One row of a table."""
    return "| " + " | ".join(cells) + " |\n"


def drawn_bar(part: int, whole: int) -> Markdown:
    """A bar in proportion of `part` to `whole`; empty if there is nothing to draw."""
    drawn = bar(part, whole, width=_BAR_CELLS)
    return Markdown(f"`{drawn}`" if drawn else "")
