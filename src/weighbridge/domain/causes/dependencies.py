"""Finds the declared line that installs each changed package.

Precedence: a new or edited declaration and its dependencies; a declared package with a changed entry in a lock file;
any package with a changed entry; an edited instruction that installs packages; an unchanged declaration, which means
drift. Otherwise the cause of a package is the instruction of its layer.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from weighbridge.domain.causes.model import CauseKind, CauseShare, Place, SizeCause
from weighbridge.domain.causes.repository import RepositoryChanges, RepositorySide
from weighbridge.domain.causes.stored import Stored
from weighbridge.domain.declarations.model import Declaration
from weighbridge.domain.packages.graph import MAX_EDGES, Graph, dependency_graph
from weighbridge.domain.packages.model import DISTRIBUTIONS, Ecosystem, PackageSet

MAX_PARTS = 20
_INSTALLERS = {
    Ecosystem.DEB: re.compile(r"\b(?:apt-get|apt|aptitude|dpkg)\b"),
    Ecosystem.APK: re.compile(r"\bapk\b"),
    Ecosystem.RPM: re.compile(r"\b(?:dnf5?|yum|microdnf|tdnf|zypper|rpm)\b"),
    Ecosystem.PYTHON: re.compile(r"\b(?:pip[0-9.]*|uv|poetry|pipenv|pdm|pipx|setup\.py)\b"),
    Ecosystem.NPM: re.compile(r"\b(?:npm|pnpm|yarn|bun)\b"),
    Ecosystem.GO: re.compile(r"\bgo\b"),
    Ecosystem.CARGO: re.compile(r"\bcargo\b"),
    Ecosystem.GEM: re.compile(r"\b(?:gem|bundle|bundler)\b"),
    Ecosystem.COMPOSER: re.compile(r"\bcomposer\b"),
    Ecosystem.NUGET: re.compile(r"\bdotnet\b"),
    Ecosystem.CONDA: re.compile(r"\b(?:conda|mamba|micromamba)\b"),
    Ecosystem.JAR: re.compile(r"\b(?:mvnw?|gradlew?|sbt|ant)\b"),
}
"""Patterns of commands that install packages, by ecosystem."""

BUILT_IN = frozenset({Ecosystem.GO, Ecosystem.CARGO, Ecosystem.JAR, Ecosystem.NUGET})
"""Ecosystems whose packages are compiled into the repository's own programs."""


def cause_kind(ecosystem: Ecosystem) -> CauseKind:
    """The kind of cause for packages of an ecosystem."""
    return CauseKind.SYSTEM_PACKAGE if ecosystem in DISTRIBUTIONS else CauseKind.DEPENDENCY


@dataclass(slots=True)
class _Group:
    """The packages with the same declaration or instruction as their cause."""

    kind: CauseKind
    what: str
    place: Place
    because: str
    members: list[CauseShare] = field(default_factory=list)
    root: str = ""
    ecosystem: Ecosystem | None = None

    def cause(self) -> SizeCause:
        parts = sorted(
            (one for one in self.members if one.what != self.root), key=lambda one: (-abs(one.bytes), one.what)
        )
        return SizeCause(
            bytes=sum(one.bytes for one in self.members),
            kind=self.kind,
            what=self.what,
            because=self.because,
            place=self.place,
            parts=tuple(parts[:MAX_PARTS]),
            parts_omitted=max(0, len(parts) - MAX_PARTS),
            ecosystem=self.ecosystem,
        )


@dataclass(slots=True)
class _Side:
    """One side's packages of one ecosystem: the dependency graph, and the declarations of installed packages."""

    graph: Graph
    numbers: Mapping[str, int]
    copies: Mapping[str, Sequence[int]]
    declared: Mapping[int, Sequence[Declaration]]
    locked: Mapping[str, Sequence[Declaration]]


def package_causes(
    changes: Sequence[Stored], base: PackageSet, head: PackageSet, repository: RepositoryChanges
) -> tuple[list[SizeCause], list[Stored], list[str]]:
    """The causes of changed packages, the packages for which the repository has no answer, and notes."""
    notes: list[str] = []
    causes: list[SizeCause] = []
    rest: list[Stored] = []
    by_ecosystem: dict[Ecosystem, list[Stored]] = {}
    for one in changes:
        by_ecosystem.setdefault(one.ecosystem, []).append(one)
    for ecosystem, members in by_ecosystem.items():
        if repository.head is None and repository.base is None:
            rest += members
            continue
        finder = _Finder(ecosystem, base, head, repository)
        left = [one for one in members if not finder.attribute(one)]
        causes += [group.cause() for group in finder.groups.values()]
        rest += left
        if finder.is_cut:
            notes.append(f"{ecosystem} packages have more than {MAX_EDGES} dependencies: the others are not followed")
    return causes, rest, notes


class _Finder:
    """Finds the causes of one ecosystem's packages."""

    def __init__(self, ecosystem: Ecosystem, base: PackageSet, head: PackageSet, repository: RepositoryChanges) -> None:
        self._ecosystem = ecosystem
        self._repository = repository
        self._head = _side(ecosystem, head, repository.head)
        self._base = _side(ecosystem, base, repository.base)
        self._versions = _versions(ecosystem, base), _versions(ecosystem, head)
        self.is_cut = self._head.graph.is_cut or self._base.graph.is_cut
        self._moved_ways: dict[tuple[bool, bool], dict[int, int | None]] = {}
        self.groups: dict[tuple[str, object], _Group] = {}
        new, gone = repository.new_declarations, repository.removed_declarations
        self._reachable = [
            (self._head, *_reachable(self._head, new)),
            (self._base, *_reachable(self._base, gone)),
        ]
        relocked = {
            name
            for name in self._head.locked.keys() | self._base.locked.keys()
            if _texts(self._head.locked, name) != _texts(self._base.locked, name)
        }
        self._relocked = relocked
        self._locked_paths = self._head.graph.paths_from(
            number for number, of in self._head.declared.items() if of[0].name in relocked
        )
        self._unchanged_paths = self._head.graph.paths_from(self._head.declared)

    def attribute(self, stored: Stored) -> bool:
        """Add one changed package to a group; false if nothing in the repository explains it."""
        name = stored.name
        is_head = bool(stored.head_bytes) or name in self._head.numbers
        order = self._reachable if is_head else self._reachable[::-1]
        for side, ways, roots in order:
            number = next((one for one in side.copies.get(name, ()) if one in ways), None)
            if number is not None:
                path = _path(ways, number)
                self._join(stored, roots[path[0]], side, path)
                return True
        number = next((one for one in self._head.copies.get(name, ()) if one in self._locked_paths), None)
        if number is not None:
            path = _path(self._locked_paths, number)
            self._join(stored, self._lock_entry(self._head.declared[path[0]][0].name), self._head, path)
            return True
        if name in self._relocked:
            side = self._head if name in self._head.locked else self._base
            self._join(stored, self._lock_entry(name), side, [side.numbers[name]] if name in side.numbers else [])
            return True
        return (
            self._join_moved(stored, by_commands=True)
            or self._join_instruction(stored)
            or self._join_moved(stored, by_commands=False)
            or self._join_drift(stored)
        )

    def _join_moved(self, stored: Stored, *, by_commands: bool) -> bool:
        """A package that only one image has, declared on both sides: its instruction moved to another stage.

        With `by_commands`, only declarations of the Dockerfile count: an edited option explains those of manifests.
        """
        here, other = (self._head, self._base) if stored.is_in_head else (self._base, self._head)
        name = stored.name
        if name in other.numbers:
            return False
        key = stored.is_in_head, by_commands
        ways = self._moved_ways.get(key)
        if ways is None:
            dockerfile = self._repository.dockerfile_path
            roots = (
                number
                for number, of in here.declared.items()
                if of[0].name not in other.numbers and (not by_commands or of[0].path == dockerfile)
            )
            ways = self._moved_ways[key] = here.graph.paths_from(roots)
        number = next((one for one in here.copies.get(name, ()) if one in ways), None)
        if number is None:
            return False
        path = _path(ways, number)
        self._join(stored, here.declared[path[0]][0], here, path)
        return True

    def _join(self, stored: Stored, root: Declaration, side: _Side, path: Sequence[int]) -> None:
        names = [side.graph.packages[number].name for number in path]
        group = self.groups.get(("declared", root))
        if group is None:
            what = names[0] if names else root.name
            group = self.groups["declared", root] = _Group(
                kind=cause_kind(self._ecosystem),
                what=root.name,
                place=Place(path=root.path, line=root.line),
                because=self._change_of(what),
                root=what,
                ecosystem=self._ecosystem,
            )
        group.members.append(CauseShare(what=stored.name, bytes=stored.delta_bytes, via=tuple(names[1:-1])))

    def _lock_entry(self, name: str) -> Declaration:
        """The new entry of a lock file; the removed entry if there is no new one."""
        before, after = self._base.locked.get(name, ()), self._head.locked.get(name, ())
        old, new = _texts(self._base.locked, name), _texts(self._head.locked, name)
        return next(
            (one for one in after if one.text not in old),
            next((one for one in before if one.text not in new), (*after, *before)[0]),
        )

    def _join_instruction(self, stored: Stored) -> bool:
        pattern = _INSTALLERS.get(self._ecosystem) if self._ecosystem not in BUILT_IN else None
        edited = self._repository.changed_instructions(pattern) if pattern is not None else ()
        if not edited:
            return False
        one = edited[0]
        key = "instruction", one.line
        if key not in self.groups:
            self.groups[key] = _Group(
                kind=cause_kind(self._ecosystem),
                what=one.text[:120],
                place=Place(path=self._repository.dockerfile_path, line=one.line),
                because="the instruction changed",
                ecosystem=self._ecosystem,
            )
        self.groups[key].members.append(CauseShare(what=stored.name, bytes=stored.delta_bytes))
        return True

    def _join_drift(self, stored: Stored) -> bool:
        number = self._head.numbers.get(stored.name)
        if number is None or number not in self._unchanged_paths:
            return False
        path = _path(self._unchanged_paths, number)
        root = self._head.declared[path[0]][0]
        names = [self._head.graph.packages[one].name for one in path]
        key = "drift", root
        if key not in self.groups:
            happened = self._change_of(names[0])
            self.groups[key] = _Group(
                kind=CauseKind.DRIFT,
                what=root.name,
                place=Place(path=root.path, line=root.line),
                because=f"{happened}; the line did not change" if happened else "the line did not change",
                root=names[0],
                ecosystem=self._ecosystem,
            )
        self.groups[key].members.append(CauseShare(what=stored.name, bytes=stored.delta_bytes, via=tuple(names[1:-1])))
        return True

    def _change_of(self, name: str) -> str:
        return version_change(*(versions.get(name, ()) for versions in self._versions))


def version_change(before: Sequence[str], after: Sequence[str]) -> str:
    """The change of a package in words, from its versions on both sides."""
    old, new = (", ".join(dict.fromkeys(versions)) for versions in (before, after))
    if old == new:
        return f"{new}, other content" if new else ""
    return f"new, {new}" if not old else f"removed, was {old}" if not new else f"{old} → {new}"


def _versions(ecosystem: Ecosystem, packages: PackageSet) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for one in packages.packages:
        if one.ecosystem is ecosystem:
            versions = found.setdefault(one.name, [])
            if one.version is not None and one.version not in versions:
                versions.append(one.version)
    return found


def _side(ecosystem: Ecosystem, packages: PackageSet, side: RepositorySide | None) -> _Side:
    declarations = [one for one in (side.declarations.found if side else ()) if one.ecosystem is ecosystem]
    extras: dict[str, frozenset[str]] = {}
    for one in declarations:
        if one.extras:
            extras[one.name] = extras.get(one.name, frozenset()) | one.extras
    graph = dependency_graph(packages.packages, ecosystem, extras=extras)
    numbers: dict[str, int] = {}
    copies: dict[str, list[int]] = {}
    provided: dict[str, int] = {}
    for number, package in enumerate(packages.packages):
        if package.ecosystem is ecosystem:
            copies.setdefault(package.name, []).append(number)
            known = numbers.get(package.name)
            # Of several copies, the least nested: the others belong to other packages.
            if known is None or len(package.links.location) < len(packages.packages[known].links.location):
                numbers[package.name] = number
            for name in package.links.provides:
                provided.setdefault(name, number)
    declared: dict[int, list[Declaration]] = {}
    locked: dict[str, list[Declaration]] = {}
    for one in declarations:
        if one.is_pinned_only:
            locked.setdefault(one.name, []).append(one)
            continue
        found = numbers.get(one.name, provided.get(one.name))
        if found is not None:
            declared.setdefault(found, []).append(one)
    return _Side(graph=graph, numbers=numbers, copies=copies, declared=declared, locked=locked)


def _texts(locked: Mapping[str, Sequence[Declaration]], name: str) -> set[str]:
    return {one.text for one in locked.get(name, ())}


def _reachable(side: _Side, changed: frozenset[Declaration]) -> tuple[dict[int, int | None], dict[int, Declaration]]:
    """The packages reachable from a side's changed declarations, and the declaration of each start."""
    roots = {number: one for number, of in side.declared.items() for one in reversed(of) if one in changed}
    return side.graph.paths_from(roots), roots


def _path(ways: Mapping[int, int | None], number: int) -> list[int]:
    """The path from the root to a package."""
    path = [number]
    while (before := ways[path[-1]]) is not None:
        path.append(before)
    return path[::-1]
