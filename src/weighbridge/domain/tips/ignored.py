"""Tips on unnecessary files that ``COPY`` took from the build context, and on the history of a ``git clone``."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from weighbridge.domain.dockerfile.model import Origin, Source
from weighbridge.domain.tips.context import FinalFile, FoundTip, TipContext, counted, shown, total_bytes
from weighbridge.domain.tips.tip import Basis, Tip, TipChange
from weighbridge.domain.units import format_bytes

_ANYWHERE = frozenset(
    {
        ".git",
        ".hg",
        ".svn",
        ".github",
        ".gitlab",
        ".circleci",
        ".idea",
        ".vscode",
        ".vs",
        "__pycache__",
        ".pytest_cache",
        ".mypy_cache",
        ".ruff_cache",
        ".hypothesis",
        ".tox",
        ".nox",
        ".nyc_output",
        "htmlcov",
        ".coverage",
        ".terraform",
        ".gradle",
        ".sass-cache",
        ".parcel-cache",
        ".turbo",
        ".DS_Store",
        "Thumbs.db",
        "npm-debug.log",
        "yarn-error.log",
    }
)
"""Names that no container needs in any folder: version control, editor files, caches and tool output."""
_AT_THE_TOP = frozenset({"test", "tests", "__tests__", "spec", "doc", "docs"})
"""Folders beside a program that it does not need, unless the Dockerfile mentions them."""
_LOCAL_SETTINGS = re.compile(r"\.env\.(?:[\w-]+\.)?local")
_CACHE_MARK = "CACHEDIR.TAG"
"""The tag file of a cache folder (Cache Directory Tagging Specification)."""
_GIT = re.compile(r"\bgit\b|setuptools.scm|versioneer|vergen")
_READS_HISTORY = re.compile(
    r"\bgit (?:-C \S+ )?(?:checkout|describe|fetch|log|pull|reset|rev-\w+|status|submodule)\b|setuptools.scm|versioneer"
)
_SAID = {name: re.compile(rf"(?<![\w.-]){re.escape(name)}(?![\w-])") for name in _AT_THE_TOP}
"""Mentions of folders that are unnecessary unless something mentions them."""
_PATTERNS = (_GIT, *_SAID.values())


@dataclass(frozen=True, kw_only=True, slots=True)
class _Ignorable:
    """An unnecessary file or folder: its `place` in the image, and the line that ignores it, if known."""

    place: str
    ignore_line: str | None


def ignored_files(context: TipContext) -> Iterator[FoundTip]:
    """``ignored-files``: files that a ``.dockerignore`` can keep out, and histories that a ``RUN`` clones; exact."""
    mentions = _Mentions(context)
    for layer, folders in sorted(context.own_by_layer().items()):
        if not context.is_copied(layer):
            yield from _cloned(context, layer, folders)
            continue
        instruction = context.instruction(layer)
        sources = instruction.sources if instruction else ()
        if instruction is not None and not any(one.origin is Origin.CONTEXT for one in sources):
            continue
        copied = _Copied(context, layer, [one for one in sources if one.origin is Origin.CONTEXT], folders, mentions)
        places: dict[_Ignorable, list[FinalFile]] = {}
        for ignorable, number in copied.ignorable_files():
            places.setdefault(ignorable, []).append(context.files.file(number))
        if places:
            yield _found(context, layer, places)


def _cloned(context: TipContext, layer: int, folders: _Folders) -> Iterator[FoundTip]:
    """The histories that ``git clone`` left: each folder ``.git`` that a ``RUN`` made."""
    later = [one.instruction or "" for one in context.image.layers[layer + 1 :]]
    if "git" not in (context.layer(layer).instruction or "") or any(
        _READS_HISTORY.search(text) for text in (*later, " ".join(context.command_words))
    ):
        return
    places: dict[str, list[FinalFile]] = {}
    for folder, numbers in folders:
        before, git, _ = f"{folder}/".partition("/.git/")
        if git:
            places.setdefault(f"{before}/.git", []).extend(context.files.file(number) for number in numbers)
    if not places:
        return
    largest = sorted(places, key=lambda place: (-total_bytes(places[place]), place))
    names = [f"{place} ({format_bytes(total_bytes(places[place]))})" for place in largest]
    files = tuple(file for place in largest for file in places[place])
    yield FoundTip(
        tip=Tip(
            code="ignored-files",
            saved_bytes=total_bytes(files),
            basis=Basis.COMPUTED,
            line=context.layer(layer).line,
            explanation=f"{shown(names, 5)}: git's history of a clone, but no container needs it."
            " Clone with --depth 1, and remove .git in the same RUN.",
        ),
        files=files,
    )


def _found(context: TipContext, layer: int, places: Mapping[_Ignorable, Sequence[FinalFile]]) -> FoundTip:
    largest = sorted(places, key=lambda place: (-total_bytes(places[place]), place.place))
    names = [
        f"{place.place} ({format_bytes(total_bytes(places[place]))}"
        + (f" in {counted(len(places[place]), 'file')})" if len(places[place]) > 1 else ")")
        for place in largest
    ]
    lines = tuple(dict.fromkeys(place.ignore_line for place in largest if place.ignore_line is not None))
    files = tuple(file for place in largest for file in places[place])
    remedy = f"Add to .dockerignore: {', '.join(lines)}" if lines else "Add it to .dockerignore"
    return FoundTip(
        tip=Tip(
            code="ignored-files",
            saved_bytes=total_bytes(files),
            basis=Basis.COMPUTED,
            line=context.layer(layer).line,
            explanation=f"{shown(names, 5)}: copied from the build context, but no container needs it. {remedy}.",
            change=TipChange(ignore_lines=lines) if lines and context.source is not None else None,
        ),
        files=files,
    )


_Folders = Sequence[tuple[str, Sequence[int]]]
"""The folders of a layer's files, with the numbers of the files."""


class _Mentions:
    """What the Dockerfile and the command of the container mention. Each instruction is searched once."""

    def __init__(self, context: TipContext) -> None:
        general = "\n".join([context.source.text if context.source else "", *context.command_words])
        instructions = [layer.instruction or "" for layer in context.image.layers]
        self._general = {pattern for pattern in _PATTERNS if pattern.search(general)}
        self._layers = {
            pattern: [layer for layer, text in enumerate(instructions) if pattern.search(text)] for pattern in _PATTERNS
        }

    def are_outside(self, pattern: re.Pattern[str], layer: int) -> bool:
        """True if a pattern is mentioned, not counting the instruction of a layer."""
        return pattern in self._general or any(one != layer for one in self._layers[pattern][:2])


class _Copied:
    """One ``COPY`` from the context: its destination, and the text of the other instructions."""

    def __init__(
        self, context: TipContext, layer: int, sources: Sequence[Source], folders: _Folders, mentions: _Mentions
    ) -> None:
        self._names = context.files.names
        self._folders = folders
        self._sources = sources
        self._prefix = _destination(context, layer, sources)
        self._uses_git = mentions.are_outside(_GIT, layer)
        self._unwanted_at_the_top = {name for name, said in _SAID.items() if not mentions.are_outside(said, layer)}
        self._caches = {
            folder for folder, numbers in folders if any(self._names[one] == _CACHE_MARK for one in numbers)
        } - {self._prefix.rstrip("/")}

    def ignorable_files(self) -> Iterator[tuple[_Ignorable, int]]:
        """The unnecessary files by number, each with the outermost file or folder that contains it."""
        names = self._names
        for folder, numbers in self._folders:
            if not f"{folder}/".startswith(self._prefix):
                continue
            around = self._ignorable_folder(folder)
            is_in_modules = folder.endswith("/node_modules")
            for number in numbers:
                name = names[number]
                if around is not None:
                    yield around, number
                elif name in _ANYWHERE or (name.startswith(".env.") and _LOCAL_SETTINGS.fullmatch(name)):
                    yield self._named(f"{folder}/{name}", name), number
                elif is_in_modules and name == ".cache" and len(folder) > len(self._prefix):
                    yield _Ignorable(place=f"{folder}/{name}", ignore_line=f"**/node_modules/{name}"), number

    def _named(self, place: str, name: str) -> _Ignorable:
        is_used = name == ".git" and self._uses_git
        return _Ignorable(place=place, ignore_line=None if is_used else f"**/{name}")

    def _ignorable_folder(self, path: str) -> _Ignorable | None:
        """The outermost unnecessary folder at or above `path`; ``None`` if there is none."""
        below = path[len(self._prefix) :]
        folder = self._prefix.rstrip("/")
        parts = below.split("/") if below else []
        for depth, name in enumerate(parts):
            place = f"{folder}/{name}"
            if name in _ANYWHERE or _LOCAL_SETTINGS.fullmatch(name):
                return self._named(place, name)
            if place in self._caches or (name == ".cache" and depth and parts[depth - 1] == "node_modules"):
                line = f"**/{parts[depth - 1]}/{name}" if depth else f"**/{name}"
                return _Ignorable(place=place, ignore_line=line)
            if depth == 0 and name in self._unwanted_at_the_top:
                return _Ignorable(place=place, ignore_line=self._in_context(name))
            folder = place
        return None

    def _in_context(self, name: str) -> str | None:
        """The path of a folder in the context; ``None`` if its source is unknown."""
        if len(self._sources) != 1 or self._sources[0].unknown_variables or "*" in self._sources[0].path:
            return None
        source = self._sources[0].path.removeprefix("./").strip("/")
        return name if source in {"", "."} else f"{source}/{name}"


def _destination(context: TipContext, layer: int, sources: Sequence[Source]) -> str:
    """The destination of a ``COPY``, ending in a slash; the root if it is unknown."""
    written = sources[0].destination if sources else None
    if written is None:
        words = (context.layer(layer).instruction or "").split()
        written = words[-1] if len(words) > 2 else "/"
    if not written.startswith("/"):
        workdir = context.image.image.config.workdir or "/"
        written = f"{workdir.rstrip('/')}/{written.removeprefix('./').removeprefix('.')}"
    return f"{written.rstrip('/')}/"
