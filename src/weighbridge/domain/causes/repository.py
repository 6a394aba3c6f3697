"""The repository's data on the two sides of one image: Dockerfile, tree, declarations and changed files."""

from __future__ import annotations

import fnmatch
import functools
import posixpath
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from weighbridge.domain.causes.repository_paths import RepositoryPaths
from weighbridge.domain.declarations.commands import NAMED_FILES
from weighbridge.domain.declarations.model import Declaration, Declarations, Reader
from weighbridge.domain.declarations.named_files import readers_of_named_files
from weighbridge.domain.declarations.read import reader_of
from weighbridge.domain.declarations.requirements import read_requirements
from weighbridge.domain.dockerfile.model import Dockerfile, Instruction, Origin, Source, Stage

_MAX_SOURCES = 500
_MAX_COPIES = 200
"""Instructions that are followed from one copy back through the stages."""
_MAX_END_PARTS = 16
_BESIDE = (".in", ".toml", "Pipfile")
"""Manifests that count if a lock file in the same folder is copied, even if they are not copied."""
_WILDCARDS = re.compile(r"[*?\[]")


@dataclass(frozen=True, kw_only=True, slots=True)
class ChangedFile:
    """A file of the repository that differs between the sides; a size is ``None`` on a side without it.

    `line` is the first line of head's text that differs, if the text was read.
    """

    path: str
    base_bytes: int | None
    head_bytes: int | None
    line: int | None = None

    @property
    def grown_bytes(self) -> int:
        """Head minus base."""
        return (self.head_bytes or 0) - (self.base_bytes or 0)


@dataclass(frozen=True, kw_only=True)
class RepositorySide:
    """One side. `paths` are all files of the tree; `context` is the build context, ``.`` for the root.

    `declarations` are those of the manifests in the image and of the Dockerfile's commands. `own_images` are the
    images of the repository that the Dockerfile uses: the name in the Dockerfile, and the name of the image.
    """

    dockerfile: Dockerfile
    target: str | None = None
    context: str = "."
    paths: RepositoryPaths = field(default_factory=RepositoryPaths)
    declarations: Declarations = field(default_factory=Declarations)
    own_images: Mapping[str, str] = field(default_factory=dict)

    @functools.cached_property
    def instructions(self) -> Mapping[int, tuple[Instruction, Stage]]:
        """Each instruction of the image's stages, with its stage, by line."""
        return {
            one.line: (one, stage)
            for stage in self.dockerfile.reachable_stages(self.target)
            for one in stage.instructions
        }

    def files_of(self, sources: Iterable[Source]) -> Iterator[str]:
        """The files of the tree that match `sources` of the build context."""
        patterns = [_Pattern(self.context, one.path) for one in sources if one.origin is Origin.CONTEXT][:_MAX_SOURCES]
        if any(pattern.is_everything for pattern in patterns):
            yield from self.paths.below(self.context)
        else:
            yield from dict.fromkeys(path for pattern in patterns for path in pattern.files(self.paths))

    @functools.cached_property
    def copied(self) -> frozenset[str]:
        """The files of the tree that the image's stages copy or mount."""
        return frozenset(self.files_of(self.dockerfile.context_sources(self.target)))

    @property
    def _run_texts(self) -> Iterator[str]:
        for stage in self.dockerfile.reachable_stages(self.target):
            yield from (one.original for one in stage.instructions if one.name == "RUN")

    @functools.cached_property
    def named_files(self) -> Mapping[str, Reader]:
        """Lists of packages and shell scripts that a ``RUN`` names, with a reader for each."""
        return readers_of_named_files(self._run_texts, self.copied)

    def manifests(self) -> tuple[str, ...]:
        """The manifests and lock files that the build reads, the least nested first.

        If pip commands name requirements files, other requirements files are omitted.
        """
        named = {
            posixpath.basename(match.strip("\"'"))
            for text in self._run_texts
            for match in NAMED_FILES.findall(text)
            # A variable's value is unknown: what it names cannot tell other files apart.
            if "$" not in match
        }
        # A copied or mounted file may have another name in the build.
        named |= {
            posixpath.basename(source.path)
            for source in self.dockerfile.context_sources(self.target)
            if source.destination is not None and posixpath.basename(source.destination) in named
        }
        beside = {posixpath.dirname(path) for path in self.copied if reader_of(path) is not None}
        near = (path for folder in beside for path in self.paths.directly_in(folder) if path.endswith(_BESIDE))
        found = [path for path in {*self.copied, *near} if path in self.named_files or _is_read(path, named)]
        return tuple(sorted(found, key=lambda path: (path.count("/"), path)))

    def stage_of(self, source: Source) -> Stage | None:
        """The stage that a source copies from."""
        return self.dockerfile.stages[source.stage] if source.stage is not None else None


def _is_read(path: str, named: set[str]) -> bool:
    """True for a manifest; if commands name requirements files, only these and the inputs of a compiler count."""
    reader, name = reader_of(path), posixpath.basename(path)
    if reader is None or reader is read_requirements:
        return name in named or (reader is not None and (not named or name.endswith(".in")))
    return True


class _Pattern:
    """A source of a ``COPY`` as BuildKit reads it, below the build context."""

    def __init__(self, context: str, source: str) -> None:
        path = posixpath.normpath("/" + source).strip("/") or "."
        self.is_everything = path == "."
        whole = path if context == "." else posixpath.join(context, path)
        self._path = whole
        self._matches = re.compile(fnmatch.translate(whole)).match if _WILDCARDS.search(path) else None

    def files(self, paths: RepositoryPaths) -> Iterable[str]:
        """The files that the source copies."""
        if self._matches is None:
            return paths.at_or_below(self._path)
        folder = posixpath.dirname(_WILDCARDS.split(self._path, maxsplit=1)[0]) or "."
        depth = self._path.count("/") + 1
        return (path for path in paths.below(folder) if self._matches("/".join(path.split("/")[:depth])))


@dataclass(frozen=True, kw_only=True)
class RepositoryChanges:
    """Both sides of one image, and the changed files by path. A side without a readable Dockerfile is ``None``."""

    base: RepositorySide | None = None
    head: RepositorySide | None = None
    changed: Mapping[str, ChangedFile] = field(default_factory=dict)
    dockerfile_path: str | None = None

    @property
    def notes(self) -> tuple[str, ...]:
        """What was not read of the manifests, with its side where only one has it."""
        sides: dict[str, list[str]] = {}
        for name, side in (("base", self.base), ("head", self.head)):
            for note in side.declarations.notes if side is not None else ():
                sides.setdefault(note, []).append(name)
        return tuple(note if len(names) > 1 else f"{names[0]}: {note}" for note, names in sides.items())

    @functools.cached_property
    def new_declarations(self) -> frozenset[Declaration]:
        """The declarations of head whose text base does not have."""
        return _difference(self.head, self.base)

    @functools.cached_property
    def removed_declarations(self) -> frozenset[Declaration]:
        """The declarations of base whose text head does not have."""
        return _difference(self.base, self.head)

    def is_changed_instruction(self, line: int | None) -> bool:
        """True if head's instruction on a line is not in base."""
        found = self.head.instructions.get(line) if self.head is not None and line is not None else None
        return found is not None and found[0].text not in self._base_texts

    @functools.cached_property
    def _base_texts(self) -> frozenset[str]:
        return frozenset(one.text for one, _ in self.base.instructions.values()) if self.base else frozenset()

    def changed_instructions(self, pattern: re.Pattern[str]) -> Sequence[Instruction]:
        """Head's new or edited ``RUN`` instructions that `pattern` matches; otherwise base's removed ones."""
        sides = [(self.head, self.base), (self.base, self.head)]
        for one, other in sides:
            known = {each.original for each, _ in other.instructions.values()} if other else set()
            found = [
                each
                for each, _ in (one.instructions.values() if one else ())
                if each.name == "RUN" and each.original not in known and pattern.search(each.original)
            ]
            if found:
                return found
        return ()


def _difference(side: RepositorySide | None, other: RepositorySide | None) -> frozenset[Declaration]:
    if side is None:
        return frozenset()
    known: dict[tuple[object, str, bool], set[str]] = {}
    for one in other.declarations.found if other else ():
        known.setdefault((one.ecosystem, one.name, one.is_pinned_only), set()).add(one.text)
    return frozenset(
        one
        for one in side.declarations.found
        if one.text not in known.get((one.ecosystem, one.name, one.is_pinned_only), ())
    )


class SourceFinder:
    """Finds the file of the repository behind a file of the image, by the ends of both paths.

    An image may have many files of one name, and a Dockerfile many ways between its stages: each copy is read once.
    """

    def __init__(self, repository: RepositoryChanges, side: RepositorySide) -> None:
        self._repository = repository
        self._side = side
        self._names: dict[int, dict[str, list[str]]] = {}
        self._copies: dict[int, dict[str, Instruction]] = {}
        self._ends: dict[tuple[int, str], dict[str, str]] = {}

    def find(self, image_path: str, instruction: Instruction) -> tuple[str | None, Instruction]:
        """The repository's path, or ``None``; and the instruction that copied it from the build context."""
        name = posixpath.basename(image_path)
        by = self._copies_by_name(instruction).get(name)
        if by is None:
            return None, instruction
        ends = self._by_end(by, name)
        return next((ends[end] for end in _ends(image_path) if end in ends), ends[""]), by

    def _copies_by_name(self, instruction: Instruction) -> Mapping[str, Instruction]:
        """By file name: the first copy of it from the build context, from `instruction` back through the stages."""
        found = self._copies.get(id(instruction))
        if found is None:
            found = self._copies[id(instruction)] = {}
            for one in self._back_through_stages(instruction):
                for name in self._by_name(one):
                    found.setdefault(name, one)
        return found

    def _back_through_stages(self, instruction: Instruction) -> Iterator[Instruction]:
        seen: set[int] = set()
        waiting = [instruction]
        while waiting and len(seen) < _MAX_COPIES:
            one = waiting.pop()
            if id(one) in seen:
                continue
            seen.add(id(one))
            yield one
            # The stack returns the last first: a later source, a parent stage and an earlier instruction come later.
            for source in reversed(one.sources):
                stage = self._side.stage_of(source)
                for below in self._side.dockerfile.chain(stage) if stage is not None else ():
                    waiting += (copy for copy in below.instructions if copy.name in {"COPY", "ADD"})

    def _by_name(self, instruction: Instruction) -> dict[str, list[str]]:
        names = self._names.get(id(instruction))
        if names is None:
            names = self._names[id(instruction)] = {}
            files = list(self._side.files_of(instruction.sources))
            for path in files:
                names.setdefault(posixpath.basename(path), []).append(path)
            if len(files) == 1:  # The destination can be a new name.
                names.setdefault(posixpath.basename(instruction.sources[0].destination or ""), files)
        return names

    def _by_end(self, instruction: Instruction, name: str) -> Mapping[str, str]:
        """By the end of a path: the copied file named `name` that has it, a changed file first. All have ``""``."""
        found = self._ends.get((id(instruction), name))
        if found is None:
            found = self._ends[id(instruction), name] = {}
            changed = self._repository.changed
            for path in self._by_name(instruction)[name]:
                for end in (*_ends(path), ""):
                    known = found.get(end)
                    if known is None or (path in changed and known not in changed):
                        found[end] = path
        return found


def _ends(path: str) -> list[str]:
    """The ends of a path from whole components, longest first."""
    parts = path.split("/")[-_MAX_END_PARTS:]
    return ["/".join(parts[at:]) for at in range(len(parts))]
