"""The tab of files: a tree with folders that open and close, or a flat list of search results or selected files."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from weighbridge.domain.image.layer import EntryKind
from weighbridge.explore.file_tree import NONE, ROOT, FileColumns, NodeChange
from weighbridge.explore.subject import BrowsedImage
from weighbridge.explore.table import Column, FileSelection, Row, RowLinks, Tone
from weighbridge.report.escape import visible_exactly
from weighbridge.report.units import format_bytes, format_delta
from weighbridge.report.view.words import layer_name, plural

_BAR_CELLS = 8
_MAXIMUM_PATH = 400
_MAXIMUM_MAKERS = 4
_MAXIMUM_INDENT = 40
"""Maximum indentation of nested folders, so that their names stay on the screen."""

_TONES = {
    NodeChange.SAME: Tone.PLAIN,
    NodeChange.ADDED: Tone.ADDED,
    NodeChange.REMOVED: Tone.REMOVED,
    NodeChange.GROWN: Tone.GROWN,
    NodeChange.SHRUNK: Tone.SHRUNK,
    NodeChange.CHANGED: Tone.CHANGED,
    NodeChange.HIDDEN: Tone.WASTED,
}
_WORDS = {
    NodeChange.SAME: "same in both images",
    NodeChange.ADDED: "added",
    NodeChange.REMOVED: "removed",
    NodeChange.GROWN: "grown",
    NodeChange.SHRUNK: "shrunk",
    NodeChange.CHANGED: "same size, other content",
    NodeChange.HIDDEN: "hidden: not visible in a container, but still stored in a lower layer",
}

_Value = TypeVar("_Value")


class FileTab:
    """The files of `subject`, as `Table`. The first row of the tree is the root, which is always open."""

    def __init__(self, subject: BrowsedImage, tree: FileColumns) -> None:
        self.tree = tree
        self._subject = subject
        self._orders = ["change", "size", "waste", "name"] if tree.is_comparison else ["size", "waste", "name"]
        self._order = 0
        self._open: set[int] = {ROOT}
        self._sorted: dict[int, list[int]] = {}
        """The children of opened folders in the current order."""
        self._leaves_in_order: dict[int, list[int]] = {}
        """All nodes except folders, by order."""
        self._flat_bytes = 0
        self._makers: dict[int, list[str]] = {}
        """Cached texts on the layers and packages of folders."""
        self.searched = ""
        self._selected: tuple[str, list[int]] | None = None
        self._nodes: list[int] = []
        self._depths: list[int] = []
        self._is_flat = False
        self._refresh()

    @property
    def columns(self) -> tuple[Column, ...]:
        """See `Table.columns`."""
        change = (Column(title="Change", width=11, is_right=True),) if self.tree.is_comparison else ()
        return (
            Column(title="Size", width=9, is_right=True),
            *change,
            Column(title="Wasted", width=9, is_right=True, is_optional=True),
            Column(title="Share", width=_BAR_CELLS, is_optional=True),
            Column(title="Layer", width=5, is_right=True, is_optional=True),
            Column(title="  Path" if self._is_flat else "  Name", keeps_end=self._is_flat),
        )

    @property
    def state(self) -> str:
        """See `Table.state`."""
        shown = f"{self.tree.files[ROOT]:,} files"
        if self._is_flat:
            shown = f"{len(self._nodes):,} {plural(len(self._nodes), 'file')}, {format_bytes(self._flat_bytes)}"
        selected = f" · {self._selected[0]}" if self._selected else ""
        search = f" · containing “{visible_exactly(self.searched, maximum=40)}”" if self.searched else ""
        return f"{shown} · sorted by {self._orders[self._order]}{selected}{search}"

    def __len__(self) -> int:
        return len(self._nodes)

    def row(self, position: int) -> Row:
        """See `Table.row`."""
        tree, node = self.tree, self._nodes[position]
        change = tree.change(node)
        removed = change in {NodeChange.REMOVED, NodeChange.HIDDEN}
        delta = (format_delta(tree.delta_bytes(node)) if tree.delta_bytes(node) else "",) if tree.is_comparison else ()
        return Row(
            cells=(
                "" if removed else format_bytes(tree.head_bytes[node]),
                *delta,
                format_bytes(tree.wasted_bytes[node]) if tree.wasted_bytes[node] else "",
                _bar(tree.head_bytes[node], tree.head_bytes[ROOT]),
                str(tree.layers[node]) if tree.layers[node] != NONE and not self._is_folder(node) else "",
                self._label(node, self._depths[position], change),
            ),
            tone=self._tone(node, change),
        )

    def _tone(self, node: int, change: NodeChange) -> Tone:
        layer, layers = self.tree.layers[node], self._subject.head.layers
        is_plain = change is NodeChange.SAME and 0 <= layer < len(layers)
        return Tone.BASE_IMAGE if is_plain and layers[layer].from_base_image else _TONES[change]

    def _label(self, node: int, depth: int, change: NodeChange) -> str:
        tree = self.tree
        if node == ROOT:
            return f"{change.value} ▾ /"
        is_folder = self._is_folder(node)
        suffix = "/" if is_folder else ""
        if self._is_flat:
            return f"{change.value} {visible_exactly(tree.paths[node], maximum=_MAXIMUM_PATH)}{suffix}"
        arrow = (" ", "▸", "▾")[is_folder + (is_folder and node in self._open)]
        target = " →" if tree.kinds[node] is EntryKind.SYMLINK else ""
        indent = "  " * min(depth, _MAXIMUM_INDENT)
        return f"{change.value} {indent}{arrow} {visible_exactly(tree.name(node))}{suffix}{target}"

    def detail(self, position: int) -> Sequence[str]:
        """See `Table.detail`."""
        tree, node = self.tree, self._nodes[position]
        head = self._subject.head
        change = tree.change(node)
        path = visible_exactly(tree.paths[node] or "/", maximum=_MAXIMUM_PATH)
        facts = [f"{format_bytes(tree.head_bytes[node])}"]
        if tree.is_comparison:
            facts.append(f"{_WORDS[change]} ({format_bytes(tree.base_bytes[node])} before)")
        elif change is NodeChange.HIDDEN:
            facts.append(_WORDS[change])
        if tree.wasted_bytes[node]:
            facts.append(f"{format_bytes(tree.wasted_bytes[node])} wasted in hidden copies")
        if self._is_folder(node):
            facts.append(f"{tree.files[node]:,} {plural(tree.files[node], 'file')}")
        else:
            facts.append(_mode_text(self._subject, tree.paths[node], tree.kinds[node]))
        lines = [path, " · ".join(fact for fact in facts if fact)]
        if self._is_folder(node):
            return [*lines, *self._makers_of(node)]
        layer = tree.layers[node]
        layers = self._subject.base.layers if change is NodeChange.REMOVED and self._subject.base else head.layers
        if 0 <= layer < len(layers):
            lines.append(
                f"layer {layer}{place_text(self._subject, layers[layer].line)}: {_short(layers[layer].instruction)}"
            )
        package = tree.packages[node]
        if package != NONE:
            one = head.packages.packages[package]
            lines.append(
                f"package {visible_exactly(one.name)} {visible_exactly(one.version or '')} ({one.ecosystem.value})"
            )
        return lines

    def _makers_of(self, folder: int) -> list[str]:
        """The layers and packages with the most bytes in a folder, as text."""
        said = self._makers.get(folder)
        if said is None:
            head = self._subject.head
            by_layer = self.tree.bytes_by(folder, self.tree.layers)
            by_package = self.tree.bytes_by(folder, self.tree.packages)
            names = {
                number: "no package"
                if number == NONE
                else visible_exactly(head.packages.packages[number].name, maximum=40)
                for number in by_package
            }
            said = [
                f"by layer: {_largest_text(by_layer, {number: f'layer {number}' for number in by_layer})}",
                f"by package: {_largest_text(by_package, names)}",
            ]
            self._makers[folder] = said if by_layer else []
        return self._makers[folder]

    def links(self, position: int) -> RowLinks:
        """See `Table.links`."""
        node = self._nodes[position]
        layer = self.tree.layers[node]
        layers = self._subject.head.layers
        is_known = 0 <= layer < len(layers) and self.tree.change(node) is not NodeChange.REMOVED
        package = self.tree.packages[node]
        return RowLinks(
            file=self.tree.paths[node] if self._is_flat else None,
            layer=layer if is_known else None,
            line=layers[layer].line if is_known else None,
            package=None if package == NONE else package,
        )

    # --- open and close -------------------------------------------------------------------------------------------

    def toggle(self, position: int) -> bool:
        """Open or close the folder at a position. False if it is not a folder."""
        node = self._nodes[position]
        if self._is_flat or node == ROOT or not self._is_folder(node):
            return False
        if node in self._open:
            self._open.discard(node)
            end = position + 1
            while end < len(self._nodes) and self._depths[end] > self._depths[position]:
                end += 1
            del self._nodes[position + 1 : end], self._depths[position + 1 : end]
        else:
            self._open.add(node)
            nodes, depths = self._below(node, self._depths[position] + 1)
            self._nodes[position + 1 : position + 1] = nodes
            self._depths[position + 1 : position + 1] = depths
        return True

    def is_open(self, position: int) -> bool | None:
        """True if the folder at a position is open; ``None`` for a file."""
        node = self._nodes[position]
        return node in self._open if self._is_folder(node) and not self._is_flat else None

    def parent_position(self, position: int) -> int:
        """The position of the parent folder of a row."""
        depth = self._depths[position]
        while position > 0 and self._depths[position] >= depth:
            position -= 1
        return position

    def position_of(self, key: str | int) -> int | None:
        """See `Table.position_of`. `key` is an absolute path, or a prefix of it before symlinks."""
        node = self.tree.index.get(str(key).rstrip("/"))
        if node is None:
            return None
        self.searched, self._selected = "", None
        parent = self.tree.parents[node]
        while parent != NONE:
            self._open.add(parent)
            parent = self.tree.parents[parent]
        self._refresh()
        return self._nodes.index(node)

    # --- order, search and selection ------------------------------------------------------------------------------

    def next_order(self) -> None:
        """See `Table.next_order`."""
        self._order = (self._order + 1) % len(self._orders)
        self._sorted.clear()
        if self._selected:
            self._selected = self._selected[0], self._in_order(self._selected[1])
        self._refresh()

    def prepare(self) -> None:
        """Sort all files ahead of the first search. May run in another thread."""
        self._leaves()

    def search(self, text: str) -> None:
        """See `Table.search`. Finds files: by whole path for a text with a slash, otherwise by name."""
        before = self.searched
        # A longer text can only match what the shorter one matched, so each further letter is cheap.
        narrows = bool(before) and text.startswith(before) and ("/" in text) == ("/" in before)
        self.searched = text
        self._refresh(self._nodes if narrows else None)

    def select(self, selection: FileSelection | None) -> None:
        """List only the files of a layer or package; ``None`` restores the tree."""
        self.searched = ""
        self._selected = self._selection(selection) if selection is not None else None
        self._refresh()

    def select_changed(self) -> None:
        """List only the files that differ; for one image, only those with hidden copies. A second call ends it."""
        tree = self.tree
        self.searched = ""
        column = tree.differing if tree.is_comparison else tree.wasted_bytes
        label = "that differ" if tree.is_comparison else "with hidden copies"
        is_selected = self._selected is not None and self._selected[0] == label
        self._selected = None if is_selected else (label, [node for node in self._leaves() if column[node]])
        self._refresh()

    def _selection(self, selection: FileSelection) -> tuple[str, list[int]]:
        tree = self.tree
        if selection.layer is not None:
            nodes = [n for n in self._leaves() if tree.layers[n] == selection.layer and tree.in_head[n]]
            return f"of layer {selection.layer}", nodes
        package = selection.package if selection.package is not None else NONE
        name = self._subject.head.packages.packages[package].name if package != NONE else "no package"
        nodes = [n for n in self._leaves() if tree.packages[n] == package and tree.files[n]]
        return f"of {visible_exactly(name, maximum=40)}", nodes

    def _leaves(self) -> list[int]:
        """All nodes except folders, in the current order."""
        order = self._order
        found = self._leaves_in_order.get(order)
        if found is None:
            by_path = [node for node in self.tree.by_path if node not in self.tree.children]
            found = self._leaves_in_order[order] = self._in_order(by_path, is_by_path=True)
        return found

    def _matches(self, nodes: Sequence[int]) -> list[int]:
        wanted = self.searched.lower()
        if not wanted:
            return list(nodes)
        lowered = self.tree.lowered if "/" in wanted else self.tree.lowered_names
        return [node for node in nodes if wanted in lowered[node]]

    def _refresh(self, among: Sequence[int] | None = None) -> None:
        """Compute the rows. A search looks `among` these nodes only."""
        self._is_flat = bool(self.searched or self._selected)
        if self._is_flat:
            among = among if among is not None else self._selected[1] if self._selected else self._leaves()
            self._nodes = self._matches(among)
            self._flat_bytes = sum(map(self.tree.head_bytes.__getitem__, self._nodes))
            self._depths = [0] * len(self._nodes)
            return
        nodes, depths = self._below(ROOT, 1)
        self._nodes, self._depths = [ROOT, *nodes], [0, *depths]

    def _below(self, folder: int, depth: int) -> tuple[list[int], list[int]]:
        """All rows below an open folder, with their depths. Not recursive: an image may nest folders deeply."""
        nodes: list[int] = []
        depths: list[int] = []
        stack = [(node, depth) for node in reversed(self._children(folder))]
        while stack:
            node, depth = stack.pop()
            nodes.append(node)
            depths.append(depth)
            if node in self._open:
                stack += [(child, depth + 1) for child in reversed(self._children(node))]
        return nodes, depths

    def _children(self, folder: int) -> list[int]:
        found = self._sorted.get(folder)
        if found is None:
            found = self._sorted[folder] = self._in_order(self.tree.children.get(folder, ()))
        return found

    def _in_order(self, nodes: Sequence[int], *, is_by_path: bool = False) -> list[int]:
        tree = self.tree
        by_path = list(nodes) if is_by_path else sorted(nodes, key=tree.paths.__getitem__)
        match self._orders[self._order]:
            case "size":
                return _largest_first(by_path, tree.head_bytes.__getitem__)
            case "waste":
                return _largest_first(by_path, tree.wasted_bytes.__getitem__)
            case "change":
                return _largest_first(by_path, lambda node: (abs(tree.delta_bytes(node)), tree.differing[node]))
            case _:
                return by_path

    def _is_folder(self, node: int) -> bool:
        return node in self.tree.children or self.tree.kinds[node] is EntryKind.DIRECTORY


def _largest_first(nodes: list[int], key: Callable[[int], _Value]) -> list[int]:
    return sorted(nodes, key=key, reverse=True)  # type: ignore[arg-type]  # integers or pairs of them


def _bar(part: int, whole: int) -> str:
    """A bar in eighths of a cell, so that small shares are visible."""
    eighths = min(_BAR_CELLS * 8, round(part / whole * _BAR_CELLS * 8)) if whole > 0 else 0
    return "█" * (eighths // 8) + " ▏▎▍▌▋▊▉"[eighths % 8].strip()


def _mode_text(subject: BrowsedImage, path: str, kind: EntryKind) -> str:
    """The data of `ls -l`: kind, mode, owner, and the target of a symlink."""
    for image in (subject.head, subject.base):
        found = image.rootfs.lookup(path, follow=False) if image is not None else None
        entry = getattr(found, "entry", None)
        if entry is not None:
            target = f" → {visible_exactly(entry.link_target or '')}" if kind is EntryKind.SYMLINK else ""
            return f"{kind.value.replace('-', ' ')}{target}, mode {entry.mode:04o}, owner {entry.uid}:{entry.gid}"
    return ""


def _largest_text(size_bytes: dict[int, int], names: dict[int, str]) -> str:
    """``layer 1 20.0 MB, layer 0 1.2 MB and 3 more``, largest first."""
    largest = sorted(size_bytes, key=lambda key: (-size_bytes[key], key))
    said = ", ".join(f"{names[key]} {format_bytes(size_bytes[key])}" for key in largest[:_MAXIMUM_MAKERS])
    more = len(largest) - _MAXIMUM_MAKERS
    return f"{said} and {more} more" if more > 0 else said


def place_text(subject: BrowsedImage, line: int | None) -> str:
    """`` (Dockerfile:7)``; empty if the line is unknown."""
    if line is None:
        return ""
    return f" ({visible_exactly(subject.dockerfile.name)}:{line})" if subject.dockerfile else f" (line {line})"


def _short(instruction: str | None) -> str:
    return visible_exactly(layer_name(instruction), maximum=240)
