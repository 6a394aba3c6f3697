"""JSON: ``package.json``, ``composer.json`` and the lock files of npm, Bun, Composer, Pipenv and NuGet.

Manifests are parsed. Lock files may have a million lines, so they are only searched for names and versions.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator

from weighbridge.domain.declarations.model import MAX_TEXT_CHARACTERS, Declaration, Finder, LineNumbers, Reader
from weighbridge.domain.packages.graph import python_name
from weighbridge.domain.packages.model import Ecosystem

_NPM_TABLES = ("dependencies", "devDependencies", "optionalDependencies", "peerDependencies")
_MAX_CATALOGS = 10
_NPM_PINS = ("overrides", "resolutions")
_NPM_LOCKED = re.compile(
    r'"([^"\n]{1,300})":\s{0,20}\{\s{0,40}(?:"name":\s?"[^"\n]{1,200}",\s{0,40})?"version":\s?"([^"\n]{1,200})"'
)
_BUN_LOCKED = re.compile(r'"[^"\n]{1,300}": \["((?:@[^"@/\n]{1,100}/)?[^"@\n]{1,200})@([^"\n]{1,100})"')
_COMPOSER_LOCKED = re.compile(r'"name":\s?"([^"\n]{1,200})",\s{0,40}"version":\s?"([^"\n]{1,100})"')
_PIPENV_LOCKED = re.compile(
    r'^ {8}"([^"\n]{1,200})": \{(?:[^{}]{0,20000}?)"version": "==([^"\n]{1,100})"', re.MULTILINE
)
_NUGET_LOCKED = re.compile(
    r'"([^"\n]{1,200})":\s?\{\s{0,40}"type":\s?"(?:Direct|Transitive)",(?:[^{}]{0,500}?)"resolved":\s?"([^"\n]{1,100})"'
)


def _object(text: str) -> dict[str, object]:
    data = json.loads(text)
    return data if isinstance(data, dict) else {}


def read_package_json(path: str, text: str) -> Iterator[Declaration]:
    """The dependencies of a Node package; ``overrides`` and ``resolutions`` only pin."""
    data = _object(text)
    lines = LineNumbers(text)
    for table in (*_NPM_TABLES, *_NPM_PINS):
        yield from _table(path, text, lines, data, table, ecosystem=Ecosystem.NPM, is_pinned_only=table in _NPM_PINS)
    workspaces = data.get("workspaces")
    for holder in (data, workspaces if isinstance(workspaces, dict) else {}):
        # Bun keeps catalogs here: the versions that packages of the workspace refer to as "catalog:".
        named = holder.get("catalogs")
        for name, of in list(named.items())[:_MAX_CATALOGS] if isinstance(named, dict) else ():
            yield from _table(path, text, lines, {name: of}, name, ecosystem=Ecosystem.NPM)
        yield from _table(path, text, lines, holder, "catalog", ecosystem=Ecosystem.NPM)


def refuse_bun_binary_lock(path: str, text: str) -> Iterator[Declaration]:  # noqa: ARG001 - a `Reader`
    """Raises ValueError: Bun's binary lock file has no lines to point to."""
    raise ValueError("it is binary. Write bun.lock with `bun install --save-text-lockfile`")


def read_composer_json(path: str, text: str) -> Iterator[Declaration]:
    """``require`` and ``require-dev``; leaves out PHP itself and its extensions, which are not packages."""
    data = _object(text)
    lines = LineNumbers(text)
    for table in ("require", "require-dev"):
        for one in _table(path, text, lines, data, table, ecosystem=Ecosystem.COMPOSER):
            if "/" in one.name:
                yield one


def _table(
    path: str,
    text: str,
    lines: LineNumbers,
    data: dict[str, object],
    table: str,
    *,
    ecosystem: Ecosystem,
    is_pinned_only: bool = False,
) -> Iterator[Declaration]:
    of = data.get(table)
    header = re.search(rf'"{re.escape(table)}"\s*:\s*\{{', text)
    finder = Finder(text, header.end() if header else 0)
    for name, wanted in of.items() if isinstance(of, dict) else ():
        place = finder.place(name)
        yield Declaration(
            ecosystem=ecosystem,
            name=name,
            text=f"{table} {name} {wanted}"[:MAX_TEXT_CHARACTERS],
            path=path,
            line=lines.at(place) if place is not None else None,
            is_pinned_only=is_pinned_only,
        )


def _locked(
    pattern: re.Pattern[str], ecosystem: Ecosystem, name_of: Callable[[str], str] = lambda name: name
) -> Reader:
    def read(path: str, text: str) -> Iterator[Declaration]:
        lines = LineNumbers(text)
        for match in pattern.finditer(text):
            yield Declaration(
                ecosystem=ecosystem,
                name=name_of(match[1]),
                text=match[2],
                path=path,
                line=lines.at(match.start(1)),
                is_pinned_only=True,
            )

    return read


read_npm_lock = _locked(_NPM_LOCKED, Ecosystem.NPM, lambda key: key.rpartition("node_modules/")[2])
read_bun_lock = _locked(_BUN_LOCKED, Ecosystem.NPM)
read_composer_lock = _locked(_COMPOSER_LOCKED, Ecosystem.COMPOSER)
read_pipenv_lock = _locked(_PIPENV_LOCKED, Ecosystem.PYTHON, python_name)
read_nuget_lock = _locked(_NUGET_LOCKED, Ecosystem.NUGET, str.lower)
