"""The interface of every tab of the browser: rows that are created when shown, in a selectable order."""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from weighbridge.report.escape import visible_exactly


class Tone(enum.Enum):
    """The meaning of a row, shown as a colour; a mark in the text repeats it without colour."""

    PLAIN = "plain"
    ADDED = "added"
    GROWN = "grown"
    SHRUNK = "shrunk"
    REMOVED = "removed"
    CHANGED = "changed"
    WASTED = "wasted"
    BASE_IMAGE = "base image"
    ERROR = "error"
    WARNING = "warning"
    GOOD = "good"


class Tab(enum.Enum):
    """The tabs, in the order of the screen."""

    FILES = "Files"
    LAYERS = "Layers"
    PACKAGES = "Packages"
    WASTE = "Waste"
    FINDINGS = "Findings"
    DOCKERFILE = "Dockerfile"


@dataclass(frozen=True, kw_only=True, slots=True)
class JumpTarget:
    """The target of a jump: the row `key` of `tab`. The key is a file's path, a layer's index, or a line number."""

    tab: Tab
    key: str | int


@dataclass(frozen=True, kw_only=True, slots=True)
class FileSelection:
    """Files to list: those of a layer or of a package, by index."""

    layer: int | None = None
    package: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Column:
    """A column of `width` cells; the one without a width takes the rest of the line. Numbers are right-aligned.

    `keeps_end` cuts an overlong text in the middle, because the end of a path identifies it. A narrow terminal omits
    columns that are `is_optional`, the last one first.
    """

    title: str
    width: int | None = None
    is_right: bool = False
    keeps_end: bool = False
    is_optional: bool = False


SIZE_COLUMN = Column(title="Size", width=9, is_right=True)
CHANGE_COLUMN = Column(title="Change", width=11, is_right=True)


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """One line of a table: a cell for each column. All characters are printable."""

    cells: tuple[str, ...]
    tone: Tone = Tone.PLAIN


@dataclass(frozen=True, kw_only=True, slots=True)
class RowLinks:
    """The related items of a row: its file, layer and Dockerfile line, and the files that it summarises."""

    file: str | None = None
    layer: int | None = None
    package: int | None = None
    line: int | None = None
    files: FileSelection | None = None


class Table(Protocol):
    """The content of a list. Positions are those of the rows as currently sorted and searched."""

    searched: str
    """The text of the current search; empty without one."""

    @property
    def columns(self) -> tuple[Column, ...]:
        """The columns, from the left."""

    @property
    def state(self) -> str:
        """The number of rows, their order, and the current search."""

    def __len__(self) -> int:
        """The number of visible rows."""

    def row(self, position: int) -> Row:
        """One row."""

    def detail(self, position: int) -> Sequence[str]:
        """Details of one row, one fact per line."""

    def links(self, position: int) -> RowLinks:
        """The related items of one row."""

    def position_of(self, key: str | int) -> int | None:
        """The position of the row with `key`, after making it visible; ``None`` if there is none."""

    def next_order(self) -> None:
        """Sort by the next order."""

    def search(self, text: str) -> None:
        """Show only rows that contain `text`, in any case; all rows for ""."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Order:
    """A sort order: its name, and the key by the index of a row. Keys sort ascending."""

    name: str
    key: Callable[[int], object]


class ListTable:
    """A flat table. `make_row`, `make_detail` and `make_links` are called by index for rows that are shown.

    `names` are the raw texts to search in. `keys` identify rows for jumps; by default their index.
    """

    def __init__(
        self,
        *,
        noun: str,
        columns: tuple[Column, ...],
        names: Sequence[str],
        orders: Sequence[Order],
        make_row: Callable[[int], Row],
        make_detail: Callable[[int], Sequence[str]],
        make_links: Callable[[int], RowLinks],
        keys: Mapping[str | int, int] | None = None,
    ) -> None:
        self.columns = columns
        self._noun = noun
        self._names = [name.lower() for name in names]
        self._orders = orders
        self._order = 0
        self._make_row, self._make_detail, self._make_links = make_row, make_detail, make_links
        self._keys = keys
        self.searched = ""
        self._shown: list[int] = []
        self._refresh()

    @property
    def state(self) -> str:
        """See `Table.state`."""
        shown, count = len(self._shown), len(self._names)
        amount = f"{count:,} {self._noun}" if shown == count else f"{shown:,} of {count:,} {self._noun}"
        search = f" · containing “{visible_exactly(self.searched, maximum=40)}”" if self.searched else ""
        return f"{amount} · sorted by {self._orders[self._order].name}{search}"

    def __len__(self) -> int:
        return len(self._shown)

    def row(self, position: int) -> Row:
        """See `Table.row`."""
        return self._make_row(self._shown[position])

    def detail(self, position: int) -> Sequence[str]:
        """See `Table.detail`."""
        return self._make_detail(self._shown[position])

    def links(self, position: int) -> RowLinks:
        """See `Table.links`."""
        return self._make_links(self._shown[position])

    def position_of(self, key: str | int) -> int | None:
        """See `Table.position_of`. Ends the search."""
        index = self._keys.get(key) if self._keys is not None else key
        if not isinstance(index, int) or not 0 <= index < len(self._names):
            return None
        self.search("")
        return self._shown.index(index)

    def next_order(self) -> None:
        """See `Table.next_order`."""
        self._order = (self._order + 1) % len(self._orders)
        self._refresh()

    def search(self, text: str) -> None:
        """See `Table.search`."""
        self.searched = text
        self._refresh()

    def _refresh(self) -> None:
        wanted = self.searched.lower()
        found = [index for index, name in enumerate(self._names) if wanted in name]
        key = self._orders[self._order].key
        self._shown = sorted(found, key=key)  # type: ignore[arg-type]  # an order gives keys of one type
