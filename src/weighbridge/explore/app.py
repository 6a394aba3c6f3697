"""The browser on the terminal: tabs, a list, the details of a row, search and help."""

from __future__ import annotations

import gc
from typing import ClassVar

from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Input, Static, Tabs
from textual.widgets import Tab as TabLabel

from weighbridge.domain.start.predict import Starts
from weighbridge.explore.file_table import FileTab
from weighbridge.explore.file_tree import ROOT, build_file_tree
from weighbridge.explore.listing import Heads, Listing
from weighbridge.explore.subject import BrowsedImage
from weighbridge.explore.table import FileSelection, JumpTarget, RowLinks, Tab, Table
from weighbridge.explore.tables import make_tables
from weighbridge.report.escape import visible_exactly
from weighbridge.report.units import format_bytes, format_delta

HELP = """\
Move
  ↑ ↓ PgUp PgDn Home End    move in the list
  → ←                       open a folder; close it, or go to its parent
  Enter                     open a folder; list the files of a layer, package or line; go to a file
  1 … 6, Tab                Files, Layers, Packages, Waste, Findings, Dockerfile

Find
  /                         search in this tab; a text with a slash searches whole paths
  s                         next order: size, change, waste, name
  c                         only files that differ; for one image, only files with hidden copies
  Esc                       end search and selection

Jump
  l                         the layer that wrote this file
  d                         the Dockerfile line of this row
  p                         the package that owns this file
  f                         this file in the tree
  b                         back to the start of the last jump

Marks
  + added   − removed   ▲ grown   ▼ shrunk   ± same size, other content   ✗ hidden copy only
  Grey rows come from the base image (requires --dockerfile).
  Size is the size in a container. Wasted is the size of hidden copies in lower layers.

q ends the browser. Any key closes this help."""


_TYPING_PAUSE_SECONDS = 0.1
"""A search begins after this time without a key. Of 200,000 files, one search takes about as long."""


_KEYS = [
    f"[@click=app.{action}][b]{key}[/b] {name}[/]"
    for key, action, name in (
        ("/", "search", "Search"),
        ("?", "help", "Help"),
        ("q", "quit", "Quit"),
        ("s", "order", "Sort"),
        ("c", "changed", "Changed/wasted"),
        ("l", "layer", "Layer"),
        ("d", "line", "Dockerfile"),
        ("p", "package", "Package"),
        ("f", "file", "In tree"),
        ("b", "return", "Back"),
    )
]
"""The keys of the last line, each also a target of the mouse. A narrow terminal cuts the last ones."""


class HelpScreen(ModalScreen[None]):
    """The keys. Any key closes it."""

    DEFAULT_CSS = """
    HelpScreen { align: center middle; }
    HelpScreen Static { width: auto; max-width: 100%; max-height: 100%; padding: 1 2; background: $panel; }
    """

    def compose(self) -> ComposeResult:
        """The help text."""
        yield Static(HELP, markup=False)

    def on_key(self) -> None:
        """Close."""
        self.dismiss()

    def on_click(self) -> None:
        """Close."""
        self.dismiss()


class ExploreApp(App[None]):
    """Shows a subject until the user quits. Renders all text of the image without markup."""

    ENABLE_COMMAND_PALETTE = False
    CSS = """
    #title { height: 1; padding: 0 1; background: $primary-darken-2; color: $text; }
    #detail { height: 5; padding: 0 1; background: $panel; }
    #state { height: 1; padding: 0 1; color: $text-muted; }
    #search { display: none; height: 1; border: none; padding: 0 1; }
    #search.-open { display: block; }
    #keys { height: 1; padding: 0 1; background: $panel; color: $text-muted; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("slash", "search"),
        Binding("s", "order"),
        Binding("c", "changed"),
        Binding("l", "layer"),
        Binding("d", "line"),
        Binding("p", "package"),
        Binding("f", "file"),
        Binding("b,backspace", "return"),
        Binding("question_mark", "help"),
        Binding("q", "quit"),
        Binding("enter", "choose", show=False),
        Binding("right", "open(True)", show=False),
        Binding("left", "open(False)", show=False),
        Binding("escape", "clear", show=False, priority=True),
        Binding("tab", "next_tab(1)", show=False, priority=True),
        Binding("shift+tab", "next_tab(-1)", show=False, priority=True),
        *(Binding(str(number + 1), f"tab({number})", show=False) for number in range(len(Tab))),
    ]

    def __init__(self, subject: BrowsedImage) -> None:
        super().__init__()
        self.title = "weighbridge explore"
        self._subject = subject
        self._files = FileTab(subject, build_file_tree(subject))
        self._tables: dict[Tab, Table] = {Tab.FILES: self._files, **make_tables(subject)}
        self._cursors = dict.fromkeys(self._tables, 0)
        self._tab = Tab.FILES
        self._way_back: list[Tab] = []

    def compose(self) -> ComposeResult:
        """The widgets, from top to bottom."""
        yield Static(image_summary(self._subject, self._files.tree.head_bytes[ROOT]), id="title", markup=False)
        labels = (TabLabel(Content(f"{n} {tab.value}"), id=tab.name) for n, tab in enumerate(self._tables, start=1))
        tabs = Tabs(*labels)
        tabs.can_focus = False
        yield tabs
        yield Heads(self._table)
        yield Listing(self._table)
        yield Static(id="detail", markup=False)
        yield Static(id="state", markup=False)
        yield Input(placeholder="part of a name; Enter keeps the result, Esc ends the search", id="search")
        # Textual's footer is built anew whenever the focus changes, which takes longer than a search.
        yield Static(Content.from_markup("  ".join(_KEYS)), id="keys")

    def on_mount(self) -> None:
        """Focus the list, and prepare the first search while the user reads."""
        self._listing.focus()
        self.run_worker(self._files.prepare, thread=True)
        self._search_timer = self.set_interval(_TYPING_PAUSE_SECONDS, self._search_now, pause=True)

    @property
    def _table(self) -> Table:
        return self._tables[self._tab]

    @property
    def _listing(self) -> Listing:
        return self.query_one(Listing)

    @property
    def _links(self) -> RowLinks:
        return self._table.links(self._listing.cursor) if len(self._table) else RowLinks()

    # --- what is shown --------------------------------------------------------------------------------------------

    def _show(self, tab: Tab, cursor: int | None = None) -> None:
        """Show a tab. `cursor` overrides the tab's last cursor position."""
        self._cursors[self._tab] = self._listing.cursor
        self._tab = tab
        self.query_one(Tabs).active = tab.name
        self.query_one(Heads).show(self._table)
        self._listing.show(self._table, self._cursors[tab] if cursor is None else cursor)

    def _go(self, place: JumpTarget) -> None:
        """Jump to a row and remember the way back. Shows a message if the row does not exist."""
        table = self._tables.get(place.tab)
        position = table.position_of(place.key) if table is not None else None
        if position is None:
            self._say(f"{place.tab.value} has no such row.")
            return
        self._remember()
        self._show(place.tab, position)

    def _remember(self) -> None:
        if not self._way_back or self._way_back[-1] is not self._tab:
            self._way_back = [*self._way_back[-20:], self._tab]

    def _say(self, text: str) -> None:
        self.query_one("#state", Static).update(Content(text))

    def on_listing_moved(self) -> None:
        """Show the details of the row under the cursor."""
        table, cursor = self._table, self._listing.cursor
        lines = table.detail(cursor) if cursor < len(table) else ["No rows."]
        self.query_one("#detail", Static).update(Content("\n".join(lines)))
        self._say(table.state)

    def on_listing_chosen(self) -> None:
        """A second click acts like Enter."""
        self.action_choose()

    def on_tabs_tab_activated(self, event: Tabs.TabActivated) -> None:
        """Show the clicked tab."""
        tab = Tab[event.tab.id] if event.tab.id else self._tab
        if tab is not self._tab:
            self._show(tab)

    # --- keys -----------------------------------------------------------------------------------------------------

    def action_tab(self, number: int) -> None:
        """Show the tab with a number."""
        tabs = list(self._tables)
        if number < len(tabs):
            self._show(tabs[number])

    def action_next_tab(self, step: int) -> None:
        """Show the tab to the right or left."""
        tabs = list(self._tables)
        self._show(tabs[(tabs.index(self._tab) + step) % len(tabs)])

    def action_open(self, wanted: bool) -> None:
        """Open or close the folder under the cursor; if it is already closed, go to its parent folder."""
        if self._tab is not Tab.FILES:
            return
        cursor = self._listing.cursor
        is_open = self._files.is_open(cursor) if len(self._files) else None
        if is_open is not None and is_open is not wanted and self._files.toggle(cursor):
            self._show(Tab.FILES)
        elif not wanted and len(self._files):
            self._show(Tab.FILES, self._files.parent_position(cursor))

    def action_choose(self) -> None:
        """Open a folder, list the files of a layer or package, or go to a file."""
        if not len(self._table):
            return
        links = self._links
        if self._tab is Tab.FILES and self._files.toggle(self._listing.cursor):
            self._show(Tab.FILES)
        elif links.files is not None:
            self._list_files(links.files)
        elif links.file is not None:
            self._go(JumpTarget(tab=Tab.FILES, key=links.file))
        elif links.line is not None:
            self.action_line()

    def _list_files(self, selection: FileSelection) -> None:
        self._remember()
        self._files.select(selection)
        self._show(Tab.FILES, 0)

    def action_layer(self) -> None:
        """Go to the layer of the row."""
        layer = self._links.layer
        if layer is None:
            self._say("This row has no layer.")
        else:
            self._go(JumpTarget(tab=Tab.LAYERS, key=layer))

    def action_line(self) -> None:
        """Go to the Dockerfile line of the row."""
        line = self._links.line
        if self._subject.dockerfile is None:
            self._say("The Dockerfile is unknown. Pass it with --dockerfile FILE.")
        elif line is None:
            self._say("This row has no Dockerfile line: it comes from the base image.")
        else:
            self._go(JumpTarget(tab=Tab.DOCKERFILE, key=line))

    def action_package(self) -> None:
        """Go to the package of the file."""
        package = self._links.package
        if package is None:
            self._say("No package owns this row.")
        else:
            self._go(JumpTarget(tab=Tab.PACKAGES, key=package))

    def action_file(self) -> None:
        """Go to the file of the row, or list the files of the layer, package or line."""
        links = self._links
        if links.file is not None:
            self._go(JumpTarget(tab=Tab.FILES, key=links.file))
        elif links.files is not None:
            self._list_files(links.files)

    def action_return(self) -> None:
        """Return to the tab of the last jump."""
        if self._way_back:
            self._show(self._way_back.pop())

    def action_order(self) -> None:
        """Sort by the next order."""
        self._table.next_order()
        self._show(self._tab, 0)

    def action_changed(self) -> None:
        """List only the files that differ, or that have hidden copies."""
        self._files.select_changed()
        self._show(Tab.FILES, 0)

    def action_search(self) -> None:
        """Open the search field."""
        search = self.query_one("#search", Input)
        search.add_class("-open")
        search.value = ""
        search.focus()

    def on_input_changed(self) -> None:
        """Search at the end of each pause in typing, so that every letter appears at once."""
        self._search_timer.reset()
        self._search_timer.resume()

    @property
    def is_search_pending(self) -> bool:
        """True while the list does not show yet what the search field asks for."""
        field = self.query_one("#search", Input)
        return field.has_class("-open") and field.value != self._table.searched

    def _search_now(self) -> None:
        """Show what the search field asks for, if the list does not show it yet."""
        self._search_timer.pause()
        if self.is_search_pending:
            self._table.search(self.query_one("#search", Input).value)
            self._show(self._tab, 0)

    def on_input_submitted(self) -> None:
        """Keep the result and return to the list."""
        self._search_now()
        self._close_search()

    def action_clear(self) -> None:
        """End help, search and selection."""
        if isinstance(self.screen, HelpScreen):
            self.pop_screen()
            return
        self._close_search()
        self._table.search("")
        if self._tab is Tab.FILES:
            self._files.select(None)
        self._show(self._tab, 0)

    def _close_search(self) -> None:
        self.query_one("#search", Input).remove_class("-open")
        self._listing.focus()

    def action_help(self) -> None:
        """Show the keys."""
        self.push_screen(HelpScreen())


def image_summary(subject: BrowsedImage, files_bytes: int) -> str:
    """A summary of the image in one line: its sizes, its waste, and whether it starts."""
    head = subject.head
    words = {Starts.YES: "✓ starts", Starts.NO: "✗ does not start", Starts.NOT_CHECKED: "? start not checked"}
    size = f"{format_bytes(head.image.unpacked_bytes)} image"
    if subject.base is not None:
        delta = format_delta(head.image.unpacked_bytes - subject.base.image.unpacked_bytes)
        size = f"{format_bytes(subject.base.image.unpacked_bytes)} → {size} ({delta})"
    parts = (
        visible_exactly(subject.title, maximum=80),
        size,
        f"{format_bytes(files_bytes)} files",
        f"{format_bytes(head.waste.wasted_bytes)} wasted",
        words[head.start.starts],
    )
    return " · ".join(parts)


def run_browser(subject: BrowsedImage) -> None:
    """Show `subject` on the terminal until the user quits."""
    app = ExploreApp(subject)
    gc.collect()
    gc.freeze()  # the image's objects stay until the end; a collection over all of them delays key presses
    app.run()
