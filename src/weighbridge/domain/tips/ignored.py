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
    mentions, names = _Mentions(context), _Names(context)
    for layer, folders in sorted(context.own_by_layer().items()):
        if not context.is_copied(layer):
            yield from _cloned(context, layer, folders)
            continue
        instruction = context.instruction(layer)
        sources = instruction.sources if instruction else ()
        if instruction is not None and not any(one.origin is Origin.CONTEXT for one in sources):
            continue
        of_context = [one for one in sources if one.origin is Origin.CONTEXT]
        copied = _Copied(context, layer, of_context, folders, mentions=mentions, names=names)
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


class _Names:
    """The files of an image whose name alone says much. Each name is looked at once."""

    def __init__(self, context: TipContext) -> None:
        self.cache_marks = context.files.named(_CACHE_MARK.__eq__, names=frozenset({_CACHE_MARK}))
        self.unwanted = context.files.named(_may_be_unwanted, "/.env.", names=_ANYWHERE | {".cache"})
        """Names for which `_Copied.ignorable_files` asks in an ordinary folder."""


def _may_be_unwanted(name: str) -> bool:
    return name in _ANYWHERE or name == ".cache" or name.startswith(".env.")


class _Copied:
    """One ``COPY`` from the context: its destination, and the text of the other instructions."""

    def __init__(
        self,
        context: TipContext,
        layer: int,
        sources: Sequence[Source],
        folders: _Folders,
        *,
        mentions: _Mentions,
        names: _Names,
    ) -> None:
        self._names = context.files.names
        self._folders = folders
        self._sources = sources
        self._prefix = _destination(context, layer, sources)
        self._uses_git = mentions.are_outside(_GIT, layer)
        self._unwanted_at_the_top = {name for name, said in _SAID.items() if not mentions.are_outside(said, layer)}
        self._unwanted = names.unwanted
        self._known: dict[str, _Ignorable | None] = {}
        """By folder: the outermost unnecessary folder around it."""
        marks = names.cache_marks
        caches = {folder for folder, numbers in folders if not marks.isdisjoint(numbers)} if marks else set()
        self._caches = caches - {self._prefix.rstrip("/")}

    def ignorable_files(self) -> Iterator[tuple[_Ignorable, int]]:
        """The unnecessary files by number, each with the outermost file or folder that contains it."""
        names = self._names
        for folder, numbers in self._folders:
            if not f"{folder}/".startswith(self._prefix):
                continue
            around = self._ignorable_folder(folder)
            is_in_modules = folder.endswith("/node_modules")
            for number in numbers if around is not None else sorted(self._unwanted.intersection(numbers)):
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
        if len(path) < len(self._prefix):
            return None
        if path not in self._known:
            above, _, name = path.rpartition("/")
            self._known[path] = self._ignorable_folder(above) or self._own_reason(path, above, name)
        return self._known[path]

    def _own_reason(self, path: str, above: str, name: str) -> _Ignorable | None:
        """A folder that is unnecessary itself, named `name` in the folder `above`."""
        is_at_the_top = len(above) < len(self._prefix)
        around = "" if is_at_the_top else above.rpartition("/")[2]
        if name in _ANYWHERE or (name.startswith(".env.") and _LOCAL_SETTINGS.fullmatch(name)):
            return self._named(path, name)
        if path in self._caches or (name == ".cache" and around == "node_modules"):
            return _Ignorable(place=path, ignore_line=f"**/{around}/{name}" if around else f"**/{name}")
        if is_at_the_top and name in self._unwanted_at_the_top:
            return _Ignorable(place=path, ignore_line=self._in_context(name))
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
