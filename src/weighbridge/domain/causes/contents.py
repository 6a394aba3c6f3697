"""Causes of files without a package: files of the repository, compiler output, and files that an instruction wrote."""

from __future__ import annotations

import heapq
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from operator import attrgetter
from typing import NamedTuple, Protocol

from weighbridge.domain.causes.makers import MakerFinder
from weighbridge.domain.causes.model import NOWHERE, CauseKind, CauseShare, Place, SizeCause
from weighbridge.domain.causes.places import INSTALLED_WITH, known_place, place_folder
from weighbridge.domain.causes.programs import ProgramChange, is_program
from weighbridge.domain.causes.repository import ChangedFile, RepositoryChanges, RepositorySide, SourceFinder
from weighbridge.domain.causes.stored import Stored
from weighbridge.domain.declarations.model import Declaration
from weighbridge.domain.declarations.read import reader_of
from weighbridge.domain.dockerfile.model import Instruction, Source, Stage
from weighbridge.domain.image.rootfs import Node
from weighbridge.domain.image.weighed import WeighedImage
from weighbridge.domain.packages.model import Ecosystem

MAX_PARTS = 20
_LEAST_SHARE = 0.05
"""A file with a smaller share of its instruction's change is reported together with its folder."""
_MAX_DEPTH = 32
_FEW = 3
"""The files of a new folder are reported one by one up to this number."""
_MAX_PROGRAMS = 32
_WITHOUT_TABLES = frozenset({Ecosystem.CARGO, Ecosystem.NUGET})
"""Ecosystems whose programs do not contain the size of each library."""
_SOURCE = re.compile(
    r"\.(?:go|c|cc|cpp|cxx|h|hpp|rs|java|kt|scala|cs|fs|swift|zig|ts|tsx|js|jsx|mjs|vue|proto|s|asm)\Z"
)
_ARCHIVE = re.compile(r"\.(?:tar|tgz|tbz2?|txz|tar\.(?:gz|bz2|xz|zst))\Z")
"""Archives that ``ADD`` unpacks (Dockerfile reference, "ADD")."""


class _Item(Protocol):
    """A file with its difference: a `Stored` file, or a file of the repository that was copied."""

    @property
    def name(self) -> str:
        """Its path."""

    @property
    def delta_bytes(self) -> int:
        """Head minus base."""

    @property
    def is_new(self) -> bool:
        """True if only one side has it."""


class _SourceFile(NamedTuple):
    name: str
    delta_bytes: int
    is_new: bool


@dataclass(slots=True)
class _Group:
    """The files with the same cause, and the text for them."""

    kind: CauseKind
    because: str
    place: Place
    via: tuple[str, ...] = ()
    what: str | None = None
    items: list[_Item] = field(default_factory=list)
    is_record: bool = False


class ContentFinder:
    """Finds the causes of files, for one pair of images."""

    def __init__(self, base: WeighedImage, head: WeighedImage, repository: RepositoryChanges) -> None:
        self._base, self._head = base, head
        self._repository = repository
        sides = [side for side in (repository.base, repository.head) if side is not None]
        self._finders = {id(side): SourceFinder(repository, side) for side in sides}
        self._makers = {id(side): MakerFinder(side) for side in sides}
        self._groups: dict[tuple[object, ...], _Group] = {}
        self._changed: dict[int, list[ChangedFile]] = {}
        self._programs_read = 0
        self.records: list[tuple[SizeCause, frozenset[Ecosystem]]] = []
        """Installers' records in both images: causes, with the ecosystems of the packages."""

    def causes(self, changes: Iterable[Stored]) -> list[SizeCause]:
        """The causes of all files in `changes`; each file is in exactly one cause."""
        ordered = sorted(changes, key=attrgetter("name"))  # two sorts: a tuple for each of a million files is slow
        ordered.sort(key=lambda stored: abs(stored.delta_bytes), reverse=True)
        for one in ordered:
            self._sort(one)
        causes = {key: list(_grouped_causes(group)) for key, group in self._groups.items()}
        self.records = [
            (cause, INSTALLED_WITH[group.what])
            for key, group in self._groups.items()
            if group.is_record and group.what is not None
            for cause in causes[key]
        ]
        return [cause for key, group in self._groups.items() if not group.is_record for cause in causes[key]]

    # --- which place answers for a file ---------------------------------------------------------------------------

    def _sort(self, stored: Stored) -> None:
        image, side = (self._head, self._repository.head) if stored.is_in_head else (self._base, self._repository.base)
        layer = image.layers[stored.layer]
        found = side.instructions.get(layer.line) if side is not None and layer.line is not None else None
        path = stored.name
        place = Place(path=self._repository.dockerfile_path, line=layer.line) if layer.line is not None else NOWHERE
        if found is None or side is None:
            self._join_layer(stored, layer.instruction or "unknown instruction (missing in the image's history)", place)
            return
        instruction, stage = found
        if instruction.name in {"COPY", "ADD"}:
            source, by = self._finders[id(side)].find(path, instruction)
            if source is not None:
                self._join_source(stored, source, by, instruction)
                return
            archive = self._changed_archive(side, instruction)
            if archive is not None:
                self._join_unpacked(stored, archive, instruction)
                return
            made_in = self._stage_of(side, instruction)
            if made_in is not None:
                self._join_made(stored, side, made_in, instruction)
                return
            self._join_layer(stored, instruction.text, place)
            return
        self._join_made(stored, side, stage, instruction)

    def _join(self, key: tuple[object, ...], group: _Group, item: _Item) -> None:
        self._groups.setdefault(key, group).items.append(item)

    def _join_layer(self, item: _Item, instruction: str, place: Place) -> None:
        what = known_place(item.name)
        key = ("layer", place.path, place.line, instruction, what)
        group = self._groups.get(key)  # An image may have a million such files: no object for each.
        if group is None:
            group = _Group(kind=CauseKind.INSTRUCTION, because=instruction[:120], place=place, what=what)
            self._groups[key] = group
        group.items.append(item)

    def _join_source(self, item: _Item, source: str, by: Instruction, instruction: Instruction) -> None:
        """Add a file of the repository: a changed file, or one that an edited instruction now copies."""
        changed = self._repository.changed.get(source)
        ways = [f"{self._repository.dockerfile_path}:{line}" for line in dict.fromkeys((by.line, instruction.line))]
        if changed is not None:
            group = _Group(kind=CauseKind.FILE, because="", place=NOWHERE, via=tuple(ways))
            self._join(
                ("source", by.line, instruction.line),
                group,
                _SourceFile(
                    name=source,
                    delta_bytes=item.delta_bytes,
                    is_new=changed.base_bytes is None or changed.head_bytes is None,
                ),
            )
            return
        ignore = next((path for path in self._repository.changed if path.endswith(".dockerignore")), None)
        edited = self._repository.is_changed_instruction(by.line) or self._repository.is_changed_instruction(
            instruction.line
        )
        if ignore is not None and not edited:
            place, because = Place(path=ignore, line=self._repository.changed[ignore].line), "its patterns changed"
        else:
            line = instruction.line if self._repository.is_changed_instruction(instruction.line) else by.line
            place = Place(path=self._repository.dockerfile_path, line=line)
            because = "the instruction changed" if edited else "the file itself did not change"
        group = _Group(kind=CauseKind.FILE, because=because, place=place, via=tuple(ways))
        self._join(
            ("copied", place, because),
            group,
            _SourceFile(name=source, delta_bytes=item.delta_bytes, is_new=item.is_new),
        )

    def _changed_archive(self, side: RepositorySide, instruction: Instruction) -> ChangedFile | None:
        """The changed archive that an ``ADD`` unpacks, if it is the only changed file that the ``ADD`` reads."""
        if instruction.name != "ADD":
            return None
        found = self._changed_files(side, instruction, instruction.sources)
        return found[0] if len(found) == 1 and _ARCHIVE.search(found[0].path) else None

    def _join_unpacked(self, item: _Item, archive: ChangedFile, instruction: Instruction) -> None:
        is_new = archive.base_bytes is None or archive.head_bytes is None
        grown = "new" if item.delta_bytes > 0 else "removed"
        group = _Group(
            kind=CauseKind.FILE,
            because=f"{grown if is_new else 'changed'}, unpacked by ADD",
            place=Place(path=archive.path),
            via=(f"{self._repository.dockerfile_path}:{instruction.line}",),
            what=archive.path,
        )
        self._join(("archive", archive.path, instruction.line), group, item)

    def _join_made(self, stored: Stored, side: RepositorySide, stage: Stage, instruction: Instruction) -> None:
        """Add a file from a command: a program or other output, in this stage or in one that it is copied from."""
        maker = self._makers[id(side)].find(stage, instruction, stored.name)
        line = maker.line if maker is not None else instruction.line
        place = Place(path=self._repository.dockerfile_path, line=line)
        via = (
            () if maker is None or maker is instruction else (f"{self._repository.dockerfile_path}:{instruction.line}",)
        )
        what = known_place(stored.name)
        program = self._program(stored) if what is None else None
        edited = self._repository.is_changed_instruction(line) or self._repository.is_changed_instruction(
            instruction.line
        )
        if program is not None:
            declared = None if edited else self._only_new_library(stored.delta_bytes)
            if declared is not None:
                group = _Group(
                    kind=CauseKind.DEPENDENCY,
                    because=f"declared anew: {declared.text}; built into {stored.name}",
                    place=Place(path=declared.path, line=declared.line),
                    via=(stored.name,),
                    what=declared.name,
                )
                self._join(("library", declared), group, stored)
                return
            place, because = self._why_built(side, stage, place, program, edited=edited)
            group = _Group(kind=CauseKind.PROGRAM, because=because, place=place, via=via, what=stored.name)
            self._join(("program", stored.name), group, stored)
            return
        sources = [] if edited else self._changed_sources(side, stage)
        if edited or not stored.base_bytes:
            because = _short(maker or instruction)
        elif sources:
            because = f"made from {_names(sources)}"
        else:
            because = "the instruction and what it copies did not change"
        kind = CauseKind.INSTRUCTION if edited or sources or what or self._is_new_layer(stored) else CauseKind.DRIFT
        is_record = what in INSTALLED_WITH and self._is_in_both(stored.name)
        group = _Group(kind=kind, because=because, place=place, via=via, what=what, is_record=is_record)
        self._join(("made", kind, place, because, what, is_record), group, stored)

    def _is_in_both(self, path: str) -> bool:
        """True if both images have the file, or its cache folder."""
        place = place_folder(path) or path
        return all(isinstance(image.rootfs.lookup(place), Node) for image in (self._base, self._head))

    def _only_new_library(self, delta_bytes: int) -> Declaration | None:
        """The one library that the change adds to a program (or removes), if no table has the library's size."""
        changed = self._repository.new_declarations if delta_bytes > 0 else self._repository.removed_declarations
        found = [one for one in changed if one.ecosystem in _WITHOUT_TABLES and not one.is_pinned_only]
        return found[0] if len(found) == 1 else None

    def _is_new_layer(self, stored: Stored) -> bool:
        return self._repository.base is None or not stored.is_in_head

    def _why_built(
        self, side: RepositorySide, stage: Stage, place: Place, program: ProgramChange, *, edited: bool
    ) -> tuple[Place, str]:
        """The edit that changed a program: of its instruction, otherwise of the source files of its stage."""
        how = program.text
        if edited:
            return place, f"the instruction changed{how}"
        sources = self._changed_sources(side, stage)
        code = (
            [one for one in sources if _SOURCE.search(one.path)]
            or [one for one in sources if reader_of(one.path) is not None]
            or sources
        )
        if not code:
            return place, f"the compiler's output changed{how}"
        first = max(code, key=lambda one: (one.grown_bytes, one.path))
        more = f" and {len(code) - 1} more" if len(code) > 1 else ""
        return Place(path=first.path, line=first.line), f"{first.path}{more} changed{how}"

    def _changed_sources(self, side: RepositorySide, stage: Stage) -> list[ChangedFile]:
        return self._changed_files(side, stage, (one for each in side.dockerfile.chain(stage) for one in each.sources))

    def _changed_files(self, side: RepositorySide, reader: object, sources: Iterable[Source]) -> list[ChangedFile]:
        """The changed files that `sources` cover, computed once for each `reader`: an image has many of its files."""
        found = self._changed.get(id(reader))
        if found is None:
            covered = set(side.files_of(sources))
            found = [one for path, one in self._repository.changed.items() if path in covered]
            self._changed[id(reader)] = found
        return found

    def _program(self, stored: Stored) -> ProgramChange | None:
        self._programs_read += 1
        if self._programs_read > _MAX_PROGRAMS:
            return None
        return is_program(self._base.rootfs, self._head.rootfs, stored.name)

    @staticmethod
    def _stage_of(side: RepositorySide, instruction: Instruction) -> Stage | None:
        return next((stage for one in instruction.sources if (stage := side.stage_of(one)) is not None), None)


def _short(instruction: Instruction) -> str:
    return instruction.text[:120]


def _names(files: Sequence[ChangedFile]) -> str:
    first = sorted(files, key=lambda one: (-abs(one.grown_bytes), one.path))
    more = f" and {len(first) - 1} more" if len(first) > 1 else ""
    return f"{first[0].path}{more}"


# --- grouping by folder -------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Folder:
    folders: dict[str, _Folder] = field(default_factory=dict)
    items: list[_Item] = field(default_factory=list)
    gross_bytes: int = 0
    files: int = 0
    all_new: bool = True

    def count(self, other: _Folder) -> None:
        self.gross_bytes += other.gross_bytes
        self.files += other.files
        self.all_new &= other.all_new


def _grouped_causes(group: _Group) -> Iterable[SizeCause]:
    """The causes of a group: one for a group with a name, otherwise one for each large file or folder."""
    if group.what is not None:
        yield _cause(group, group.what, group.items, group.place)
        return
    root = _Folder()
    for path, files in _by_folder(group.items).items():
        folder = root
        folder.count(files)
        for name in f"{path}/".split("/", _MAX_DEPTH)[:-1] if path is not None else ():
            child = folder.folders.get(name)
            if child is None:
                child = folder.folders[name] = _Folder()
            folder = child
            folder.count(files)
        folder.items += files.items
    least = root.gross_bytes * _LEAST_SHARE
    waiting: list[tuple[str, _Folder]] = [("", root)]
    while waiting:
        path, folder = waiting.pop()
        # A completely new folder is one cause, unless it only wraps another folder.
        if path and folder.all_new and folder.files > _FEW and len(folder.folders) + len(folder.items) > 1:
            yield _cause(group, f"{path}/", _all(folder), group.place)
            continue
        small: list[_Item] = []
        for name, child in folder.folders.items():
            below = f"{path}/{name}" if path else name or "/"
            if child.gross_bytes >= least or child.files == 1:
                waiting.append((below.replace("//", "/"), child))
            else:
                small += _all(child)
        for item in folder.items:
            if abs(item.delta_bytes) >= least:
                yield _cause(group, item.name, [item], group.place)
            else:
                small.append(item)
        if len(small) == 1:
            yield _cause(group, small[0].name, small, group.place)
        elif small:
            yield _cause(group, f"{len(small)} small files in {path or '.'}", small, group.place)


def _by_folder(items: Iterable[_Item]) -> dict[str | None, _Folder]:
    """The items directly in each folder; ``None`` for paths without a slash."""
    found: dict[str | None, _Folder] = {}
    for item in items:
        name, slash, _ = item.name.rpartition("/")
        key = name if slash else None
        folder = found.get(key)
        if folder is None:
            folder = found[key] = _Folder()
        folder.items.append(item)
        folder.gross_bytes += abs(item.delta_bytes)
        folder.files += 1
        folder.all_new &= item.is_new
    return found


def _all(folder: _Folder) -> list[_Item]:
    found: list[_Item] = []
    waiting = [folder]
    while waiting:
        one = waiting.pop()
        found += one.items
        waiting += one.folders.values()
    return found


def _cause(group: _Group, what: str, items: Sequence[_Item], place: Place) -> SizeCause:
    parts = heapq.nsmallest(MAX_PARTS, items, key=lambda one: (-abs(one.delta_bytes), one.name))
    because = group.because
    if place is NOWHERE and group.kind is CauseKind.FILE:
        place = Place(
            path=items[0].name if len(items) == 1 else what.rstrip("/") if what.endswith("/") else parts[0].name
        )
        grown = sum(one.delta_bytes for one in items) > 0
        because = (
            ("new" if grown else "removed") if all(one.is_new for one in items) else "grown" if grown else "shrunk"
        )
    return SizeCause(
        bytes=sum(one.delta_bytes for one in items),
        kind=group.kind,
        what=what,
        because=because,
        place=place,
        via=group.via,
        parts=() if len(items) == 1 else tuple(CauseShare(what=one.name, bytes=one.delta_bytes) for one in parts),
        parts_omitted=max(0, len(items) - MAX_PARTS) if len(items) > 1 else 0,
    )
