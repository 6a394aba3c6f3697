"""The dependency graph of the packages of one image, and its shortest paths.

Each ecosystem has its own name resolution: a function and a line in `_RESOLVERS`. Missing dependencies are omitted.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from packaging.markers import UndefinedComparison, UndefinedEnvironmentName
from packaging.requirements import InvalidRequirement, Requirement

from weighbridge.domain.packages.model import Ecosystem, Package

MAX_EDGES = 1_000_000
"""Maximum number of dependencies. Real images have less than a tenth of it."""

_PYTHON_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,200}[A-Za-z0-9])?")
_PYTHON_FOLDER = re.compile(r"python(\d+\.\d+)")
_RECENT_PYTHON = "3.99"
_SEPARATORS = re.compile(r"[-_.]+")
_MAX_NPM_DEPTH = 64
_MAX_PROVIDERS = 64
_MAX_COPIES = 8


def python_name(name: str) -> str:
    """The normalised name of a Python distribution (packaging specification "Names and normalization")."""
    return _SEPARATORS.sub("-", name).lower()


@dataclass(frozen=True, kw_only=True, slots=True)
class Graph:
    """`edges` maps the index of each package to its dependencies; `recommended` maps it to recommended packages.

    `is_cut` is true if `MAX_EDGES` was exceeded.
    """

    packages: Sequence[Package]
    edges: Sequence[Sequence[int]]
    recommended: Sequence[Sequence[int]] = ()
    is_cut: bool = False

    def paths_from(self, roots: Iterable[int], *, with_recommended: bool = True) -> dict[int, int | None]:
        """All packages reachable from `roots`, with the previous package on a shortest path; ``None`` for a root."""
        before: dict[int, int | None] = dict.fromkeys(roots)
        waiting = deque(before)
        while waiting:
            here = waiting.popleft()
            further = (*self.edges[here], *(self.recommended[here] if with_recommended and self.recommended else ()))
            for there in further:
                if there not in before:
                    before[there] = here
                    waiting.append(there)
        return before


@dataclass(slots=True)
class _Index:
    """The packages of one ecosystem by name and by provided name."""

    by_name: dict[str, list[int]] = field(default_factory=dict)
    provided: dict[str, list[int]] = field(default_factory=dict)
    by_location: dict[str, int] = field(default_factory=dict)

    def named(self, name: str) -> list[int]:
        return (self.by_name.get(name) or self.provided.get(name) or [])[:_MAX_PROVIDERS]


def dependency_graph(
    packages: Sequence[Package], ecosystem: Ecosystem, *, extras: Mapping[str, frozenset[str]] | None = None
) -> Graph:
    """The graph of one ecosystem's packages. Other packages have no edges.

    `extras` are the extras of Python distributions that the repository requests, by normalised name.
    """
    index = _Index()
    members = [number for number, one in enumerate(packages) if one.ecosystem is ecosystem]
    for number in members:
        package = packages[number]
        index.by_name.setdefault(package.name, []).append(number)
        for name in package.links.provides:
            index.provided.setdefault(name, []).append(number)
        if package.links.location:
            index.by_location[package.links.location] = number
    edges: list[Sequence[int]] = [()] * len(packages)
    recommended: list[Sequence[int]] = [()] * len(packages)
    resolve = _RESOLVERS.get(ecosystem, _by_name)
    if ecosystem is Ecosystem.PYTHON:
        resolve = _PythonResolver(packages, members, extras or {})
    total = 0
    for number in members:
        links = packages[number].links
        edges[number] = resolve(packages[number], links.requires, index)
        if links.recommends:
            recommended[number] = resolve(packages[number], links.recommends, index)
        total += len(edges[number]) + len(recommended[number])
        if total > MAX_EDGES:
            return Graph(packages=packages, edges=edges, recommended=recommended, is_cut=True)
    return Graph(packages=packages, edges=edges, recommended=recommended)


_Resolve = Callable[[Package, Sequence[str], _Index], Sequence[int]]


def _by_name(package: Package, names: Sequence[str], index: _Index) -> Sequence[int]:
    """Resolve names and provided names. Of alternatives joined by ``|``, the first installed one."""
    del package
    found: dict[int, None] = {}
    for name in names:
        for alternative in name.split("|") if "|" in name else (name,):
            numbers = index.named(alternative)
            if numbers:
                found |= dict.fromkeys(numbers)
                break
    return tuple(found)


def _by_folder(package: Package, names: Sequence[str], index: _Index) -> Sequence[int]:
    """Resolve as Node does: in the ``node_modules`` of the package's folder, then of each parent folder."""
    found: dict[int, None] = {}
    above = _folders_above(package.links.location)
    for name in names:
        for folder in above:
            number = index.by_location.get(f"{folder}/node_modules/{name}")
            if number is not None:
                found[number] = None
                break
        else:
            # pnpm stores packages separately and links them. Without the link, the name decides.
            found |= dict.fromkeys(index.by_name.get(name, ())[:_MAX_COPIES])
    return tuple(found)


def _folders_above(location: str) -> list[str]:
    folders = [location]
    while location and len(folders) < _MAX_NPM_DEPTH:
        location = location.rpartition("/")[0]
        if not location.endswith("/node_modules"):
            folders.append(location)
    return folders


class _PythonResolver:
    """Resolves ``Requires-Dist`` with markers and extras.

    An extra counts if a package or the repository requests it.
    """

    def __init__(
        self, packages: Sequence[Package], members: Sequence[int], extras: Mapping[str, frozenset[str]]
    ) -> None:
        installed = {packages[number].name for number in members}
        self._requirements: dict[str, Requirement | None] = {}
        self._extras: dict[str, set[str]] = {name: set(of) for name, of in extras.items()}
        self._environment = _environment(packages[number].links.location for number in members)
        for number in members:
            for line in packages[number].links.requires:
                name = _PYTHON_NAME.match(line)
                if name is None or python_name(name[0]) not in installed:
                    self._requirements[line] = None
                elif line not in self._requirements:
                    requirement = self._requirements[line] = _requirement(line)
                    if requirement is not None and requirement.extras:
                        self._extras.setdefault(python_name(requirement.name), set()).update(requirement.extras)

    def __call__(self, package: Package, names: Sequence[str], index: _Index) -> Sequence[int]:
        found: dict[int, None] = {}
        for line in names:
            requirement = self._requirements.get(line)
            if requirement is not None and self._applies(requirement, package.name):
                found |= dict.fromkeys(index.by_name.get(python_name(requirement.name), ()))
        return tuple(found)

    def _applies(self, requirement: Requirement, package: str) -> bool:
        if requirement.marker is None:
            return True
        for extra in ("", *self._extras.get(package, ())):
            try:
                if requirement.marker.evaluate({**self._environment, "extra": extra}):
                    return True
            except (UndefinedComparison, UndefinedEnvironmentName, ValueError):
                return True
        return False


def _requirement(line: str) -> Requirement | None:
    try:
        return Requirement(line)
    except (InvalidRequirement, RecursionError):
        return None


def _environment(locations: Iterable[str]) -> dict[str, str]:
    """The markers of the image's interpreter: Linux, and the version in the folder's name.

    Without such a folder (``pip install --target``), a recent version: most conditions are on old ones.
    """
    match = next(filter(None, map(_PYTHON_FOLDER.search, locations)), None)
    version = match[1] if match is not None else _RECENT_PYTHON
    return {
        "sys_platform": "linux",
        "os_name": "posix",
        "platform_system": "Linux",
        "python_version": version,
        "python_full_version": f"{version}.0",
    }


_RESOLVERS: dict[Ecosystem, _Resolve] = {Ecosystem.NPM: _by_folder}
"""Ecosystems that resolve packages by more than their name."""
