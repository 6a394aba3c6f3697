"""TOML: ``pyproject.toml``, ``Pipfile``, ``Cargo.toml``, Gradle's version catalogue, and lock files in TOML.

Manifests are parsed by ``tomllib``, and their line numbers found by their text. Lock files may have a million lines, so
they are only searched for names and versions.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from typing import Any

from weighbridge.domain.declarations.model import MAX_TEXT_CHARACTERS, Declaration, Finder, LineNumbers, Reader
from weighbridge.domain.declarations.requirements import requirement
from weighbridge.domain.packages.graph import python_name
from weighbridge.domain.packages.model import Ecosystem

_LOCKED = re.compile(r'^\[\[package\]\]\r?\nname = "([^"\n]{1,200})"\r?\nversion = "([^"\n]{1,100})"', re.MULTILINE)
_KEY = re.compile(
    r"""^[ \t]*["']?([\w.@/-]{1,200}?)["']?[ \t]*(?:=|\.\w{1,40}[ \t]*=)
    |^\[[^\]\n]{0,200}\.["']?([\w-]{1,200})["']?\]""",
    re.MULTILINE | re.VERBOSE,
)
_CRATE_TABLES = ("dependencies", "build-dependencies", "dev-dependencies")
_MAX_NESTING = 200


def _parsed(text: str) -> dict[str, Any]:
    # tomllib recurses for each bracket, so a deeply nested value is rejected first.
    if "[" * _MAX_NESTING in text or "{" * _MAX_NESTING in text:
        raise ValueError("nested too deeply")
    return tomllib.loads(text)


def _table(value: object, *keys: str) -> Mapping[str, Any]:
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return value if isinstance(value, dict) else {}


def _strings(value: object) -> list[str]:
    return [one for one in value if isinstance(one, str)] if isinstance(value, list) else []


def read_pyproject(path: str, text: str) -> Iterator[Declaration]:
    """PEP 621 dependencies with their extras, dependency groups, and the tables of Poetry."""
    data = _parsed(text)
    lines = LineNumbers(text)
    finder = Finder(text)
    lists = [
        _table(data, "project").get("dependencies"),
        *_table(data, "project", "optional-dependencies").values(),
        *_table(data, "dependency-groups").values(),
        *_table(data, "tool", "pdm", "dev-dependencies").values(),
        _table(data, "tool", "uv").get("dev-dependencies"),
    ]
    for one in (written for of in lists for written in _strings(of)):
        found = finder.place(one)
        declaration = requirement(one, path, lines.at(found) if found is not None else None)
        if declaration is not None:
            yield declaration
    poetry = _table(data, "tool", "poetry")
    tables = {f"tool.poetry.{name}": poetry.get(name) for name in ("dependencies", "dev-dependencies")}
    for name, group in _table(poetry, "group").items():
        tables[f"tool.poetry.group.{name}.dependencies"] = _table(group, "dependencies")
    for header, table in tables.items():
        yield from _keyed(path, text, lines, header, table, ecosystem=Ecosystem.PYTHON)


def read_pipfile(path: str, text: str) -> Iterator[Declaration]:
    """``[packages]`` and ``[dev-packages]``."""
    data, lines = _parsed(text), LineNumbers(text)
    for header in ("packages", "dev-packages"):
        yield from _keyed(path, text, lines, header, data.get(header), ecosystem=Ecosystem.PYTHON)


def read_cargo_manifest(path: str, text: str) -> Iterator[Declaration]:
    """The dependencies of a crate or a workspace, including those of a single target."""
    data, lines = _parsed(text), LineNumbers(text)
    for header in _CRATE_TABLES:
        yield from _keyed(path, text, lines, header, data.get(header), ecosystem=Ecosystem.CARGO)
    yield from _keyed(
        path,
        text,
        lines,
        "workspace.dependencies",
        _table(data, "workspace").get("dependencies"),
        ecosystem=Ecosystem.CARGO,
    )
    for target in _table(data, "target").values():
        for header in _CRATE_TABLES:
            yield from _keyed(path, text, lines, "target", _table(target).get(header), ecosystem=Ecosystem.CARGO)


def read_gradle_catalogue(path: str, text: str) -> Iterator[Declaration]:
    """``[libraries]`` of ``libs.versions.toml``; resolves versions by reference."""
    data, lines = _parsed(text), LineNumbers(text)
    versions = _table(data, "versions")
    keys = _lines_of_keys(text, lines, max(text.find("[libraries]"), 0))
    for alias, value in _table(data, "libraries").items():
        module, version = value, ""
        if isinstance(value, dict):
            module = value.get("module") or f"{value.get('group')}:{value.get('name')}"
            wanted = value.get("version")
            version = str(versions.get(str(wanted.get("ref")), "") if isinstance(wanted, dict) else wanted or "")
        if isinstance(module, str) and module.count(":"):
            line = keys.get(alias)
            yield Declaration(
                ecosystem=Ecosystem.JAR,
                name=module.split(":")[1],
                text=f"{module} {version}".strip()[:MAX_TEXT_CHARACTERS],
                path=path,
                line=line,
            )


def _keyed(
    path: str, text: str, lines: LineNumbers, header: str, table: object, *, ecosystem: Ecosystem
) -> Iterator[Declaration]:
    """A table whose keys are package names."""
    keys = _lines_of_keys(text, lines, max(text.find(f"[{header}"), 0))
    for key, value in table.items() if isinstance(table, dict) else ():
        if ecosystem is Ecosystem.PYTHON and key.lower() == "python":
            continue
        package = value.get("package") if isinstance(value, dict) else None
        name = package if isinstance(package, str) else key
        extras = _strings(value.get("extras")) if isinstance(value, dict) else []
        yield Declaration(
            ecosystem=ecosystem,
            name=python_name(name) if ecosystem is Ecosystem.PYTHON else name,
            text=f"{key} = {value}"[:MAX_TEXT_CHARACTERS],
            path=path,
            line=keys.get(key),
            extras=frozenset(extras),
        )


def _lines_of_keys(text: str, lines: LineNumbers, start: int) -> dict[str, int]:
    """The first line of each key after `start`, as ``key =``, ``key.part =`` or the end of ``[table.key]``."""
    found: dict[str, int] = {}
    for match in _KEY.finditer(text, start):
        found.setdefault(match[1] or match[2], lines.at(match.end() - 1))
    return found


def lock_reader(ecosystem: Ecosystem) -> Reader:
    """A reader of ``uv.lock``, ``poetry.lock``, ``pdm.lock`` and ``Cargo.lock``: the packages with their versions."""

    def read(path: str, text: str) -> Iterator[Declaration]:
        lines = LineNumbers(text)
        for match in _LOCKED.finditer(text):
            name = python_name(match[1]) if ecosystem is Ecosystem.PYTHON else match[1]
            yield Declaration(
                ecosystem=ecosystem,
                name=name,
                text=match[2],
                path=path,
                line=lines.at(match.start(1)),
                is_pinned_only=True,
            )

    return read
