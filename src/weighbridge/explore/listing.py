"""A list that renders only visible lines, so that 200,000 rows cost as much as 40."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Region, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip
from textual.widget import Widget

from weighbridge.explore.table import Column, Row, Table, Tone

STYLES = {
    Tone.PLAIN: Style(),
    Tone.ADDED: Style(color="#e5c07b"),
    Tone.GROWN: Style(color="#ff8f73"),
    Tone.SHRUNK: Style(color="#7ed491"),
    Tone.REMOVED: Style(color="#7ed491", strike=True),
    Tone.CHANGED: Style(color="#7fb8ff"),
    Tone.WASTED: Style(color="#d49bff"),
    Tone.BASE_IMAGE: Style(color="#9aa0aa"),
    Tone.ERROR: Style(color="#ff7b72", bold=True),
    Tone.WARNING: Style(color="#e5c07b"),
    Tone.GOOD: Style(color="#7ed491", bold=True),
}
_CURSOR = Style(bgcolor="#2f4a6d", bold=True)
_HEADS = Style(bold=True, color="#9aa0aa")
_ELLIPSIS = "…"
_MINIMUM_REST = 24
"""Minimum cells for names and paths before optional columns are shown."""


def line_of(columns: tuple[Column, ...], cells: tuple[str, ...], width: int) -> str:
    """The cells of a row as a line of exactly `width` terminal cells."""
    pairs = list(zip(columns, cells, strict=True))
    taken = _fixed_width(columns)
    for pair in reversed(list(pairs)):
        if width - taken < _MINIMUM_REST and pair[0].is_optional:
            pairs.remove(pair)
            taken = _fixed_width([column for column, _ in pairs])
    parts = [
        _fit(text, column, column.width if column.width is not None else max(1, width - taken))
        for column, text in pairs
    ]
    return set_cell_size(" ".join(parts), width)


def _fixed_width(columns: Sequence[Column]) -> int:
    """The width of all fixed columns, with a space after each."""
    return sum(column.width + 1 for column in columns if column.width is not None)


def _fit(text: str, column: Column, width: int) -> str:
    length = cell_len(text)
    if length > width:
        text = _cut(text, width, keeps_end=column.keeps_end)
        length = cell_len(text)
    padding = " " * (width - length)
    return padding + text if column.is_right else text + padding


def _cut(text: str, width: int, *, keeps_end: bool) -> str:
    """`text`, cut with an ellipsis to fit; wide characters count as two cells."""
    if width <= 1 or not keeps_end:
        return set_cell_size(text[:width], max(0, width - 1)).rstrip() + _ELLIPSIS
    end = (width - 1) * 2 // 3
    while end and cell_len(text[-end:]) > (width - 1) * 2 // 3:
        end -= 1
    tail = text[-end:] if end else ""
    return set_cell_size(text[:width], width - 1 - cell_len(tail)) + _ELLIPSIS + tail


class Heads(Widget):
    """The titles of the columns of a table."""

    DEFAULT_CSS = "Heads { height: 1; }"

    def __init__(self, table: Table) -> None:
        super().__init__()
        self._table = table

    def show(self, table: Table) -> None:
        """Show the titles of another table."""
        self._table = table
        self.refresh()

    def render_line(self, y: int) -> Strip:
        """The only line."""
        columns = self._table.columns
        text = line_of(columns, tuple(column.title for column in columns), self.size.width)
        return Strip([Segment(text, self.rich_style + _HEADS)]) if y == 0 else Strip.blank(self.size.width)


class Listing(ScrollView, can_focus=True):
    """The rows of a table with a cursor."""

    DEFAULT_CSS = "Listing { height: 1fr; overflow-x: hidden; }"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "move(-1)", show=False),
        Binding("down,j", "move(1)", show=False),
        Binding("pageup", "page(-1)", show=False),
        Binding("pagedown,space", "page(1)", show=False),
        Binding("home,g", "move(-1000000000)", show=False),
        Binding("end,G", "move(1000000000)", show=False),
    ]

    class Moved(Message):
        """The cursor is on another row, or the rows changed."""

    class Chosen(Message):
        """The row under the cursor was clicked again."""

    def __init__(self, table: Table) -> None:
        super().__init__()
        self._table = table
        self._cursor = 0

    @property
    def cursor(self) -> int:
        """The position of the row under the cursor; 0 in an empty table."""
        return self._cursor

    def show(self, table: Table, cursor: int) -> None:
        """Show a table, or the same table with changed rows, and set the cursor."""
        self._table = table
        self.virtual_size = Size(self.size.width, len(table))
        self._set_cursor(cursor)
        self.refresh()

    def on_mount(self) -> None:
        """Apply the size of the first table."""
        self.show(self._table, 0)

    def on_resize(self) -> None:
        """Keep the cursor on the screen."""
        self.show(self._table, self._cursor)

    def action_move(self, rows: int) -> None:
        """Move the cursor, within the first and the last row."""
        self._set_cursor(self._cursor + rows)

    def action_page(self, pages: int) -> None:
        """Move the cursor by screens."""
        self._set_cursor(self._cursor + pages * max(1, self.size.height - 1))

    def on_click(self, event: events.Click) -> None:
        """Move the cursor to the clicked row; a click on the row under the cursor chooses it."""
        position = int(event.y + self.scroll_offset.y)
        if position >= len(self._table):
            return
        if position == self._cursor:
            self.post_message(self.Chosen())
        else:
            self._set_cursor(position)

    def _set_cursor(self, position: int) -> None:
        self._cursor = max(0, min(position, len(self._table) - 1))
        self.scroll_to_region(Region(0, self._cursor, 1, 1), animate=False, force=True, immediate=True)
        self.refresh()
        self.post_message(self.Moved())

    def render_line(self, y: int) -> Strip:
        """Render one line of the screen."""
        position = y + self.scroll_offset.y
        width = self.scrollable_content_region.width
        if position >= len(self._table):
            return Strip.blank(width, self.rich_style)
        row: Row = self._table.row(position)
        style = self.rich_style + STYLES[row.tone]
        if position == self._cursor:
            style += _CURSOR
        return Strip([Segment(line_of(self._table.columns, row.cells, width), style)], width)
