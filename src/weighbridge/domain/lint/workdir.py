"""Which folder an instruction works in, and with it where a file that a stage made really is."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from typing import NamedTuple

from weighbridge.domain.dockerfile import Dockerfile, Instruction, Origin, Source, Stage
from weighbridge.domain.late_pattern import late_pattern
from weighbridge.domain.lint.official import WORKING_DIRECTORIES, official_name

_FOLDERS = "bin boot dev etc home lib lib32 lib64 libx32 media mnt opt proc root run sbin srv sys tmp usr var"
_ROOT_FOLDERS = frozenset(_FOLDERS.split())
"""Folders at the root of every distribution (FHS 3.0, 3.2): a path that begins with one is meant from the root."""

_MAXIMUM_PATH = 300


class Misplaced(NamedTuple):
    """A source of a ``COPY --from`` that is looked for at `path`, at the root, but was made in `folder`.

    `absolute_path` is where it is, as far as known. `is_certain` says that the stage names the file while it
    works in `folder`.
    """

    path: str
    folder: str
    absolute_path: str
    stage: Stage
    is_certain: bool


def working_directories(dockerfile: Dockerfile, stage: Stage) -> Iterator[tuple[Instruction, str | None]]:
    """Each instruction of `stage` and of the stages below it with its working directory; ``None`` if not known."""
    chain = dockerfile.chain(stage)
    current = _first(dockerfile, stage)
    for one in chain:
        for instruction in (*one.triggers, *one.instructions):
            if instruction.name == "WORKDIR":
                current = _joined(current, instruction)
            yield instruction, current


def working_directory(dockerfile: Dockerfile, stage: Stage) -> str | None:
    """Where `stage` works at its end; ``None`` if that is unknown."""
    folders = [folder for _, folder in working_directories(dockerfile, stage)]
    return folders[-1] if folders else _first(dockerfile, stage)


def misplaced(dockerfile: Dockerfile, source: Source) -> Misplaced | None:
    """Whether a source of ``COPY --from=STAGE`` is relative to the working directory in its author's mind only.

    BuildKit reads the path from the root of the stage. ``None`` if that may well be meant: the path begins with a
    folder of the root, or the stage names it from the root.
    """
    written = source.path
    if source.origin is not Origin.STAGE or source.stage is None or source.unknown_variables:
        return None
    if written.startswith("/") or len(written) > _MAXIMUM_PATH:
        return None
    path = posixpath.normpath(written)
    if path.startswith("..") or (path == "." and source.is_mount):
        return None
    stage = dockerfile.stages[source.stage]
    final = working_directory(dockerfile, stage)
    if path == ".":
        is_elsewhere = final not in {None, "/"}
        found = Misplaced(path="/", folder=str(final), absolute_path=str(final), stage=stage, is_certain=False)
        return found if is_elsewhere else None
    first = path.partition("/")[0]
    if first in _ROOT_FOLDERS:
        return None
    from_root = late_pattern(rf"(?<![\w.$}}/*-])/{re.escape(first)}(?![\w-])")
    name = posixpath.basename(path)
    mention = late_pattern(rf"(?<![\w/.-])(?:\./)?(?:{re.escape(path)}|{re.escape(name)})(?![\w-])")
    makers: set[str | None] = set()
    moves = False
    for instruction, folder in working_directories(dockerfile, stage):
        if instruction.name not in {"RUN", "COPY", "ADD", "WORKDIR"}:
            continue
        if _leads_through(folder, first) or _leads_through(_destination(instruction, folder), first):
            return None  # /src of COPY --from=build ./src/web is where a WORKDIR or a COPY put it.
        if _makes_at_root(instruction, folder) or from_root.search(_text(instruction)):
            return None
        if instruction.name != "WORKDIR" and not _has_wildcard(name) and mention.search(_text(instruction)):
            makers.add(folder)
            moves |= bool(re.search(r"(?<![\w-])(?:cd|pushd)\s", _text(instruction)))
    if "/" in makers or final in {None, "/"}:
        return None
    only = next(iter(makers)) if len(makers) == 1 else None
    folder = str(only or final)
    return Misplaced(
        path=f"/{path}",
        folder=folder,
        absolute_path=posixpath.join(folder, path),
        stage=stage,
        is_certain=only is not None and not moves,
    )


def _first(dockerfile: Dockerfile, stage: Stage) -> str | None:
    """Where the lowest stage of a chain begins to work."""
    root = dockerfile.chain(stage)[0]
    return "/" if root.is_from_scratch else WORKING_DIRECTORIES.get(official_name(root.base) or "")


def _joined(current: str | None, instruction: Instruction) -> str | None:
    written = instruction.expanded[0]
    if instruction.unknown_variables or (current is None and not written.startswith("/")):
        return None
    return posixpath.normpath(posixpath.join(current or "/", written))


def _makes_at_root(instruction: Instruction, folder: str | None) -> bool:
    """True for a ``COPY`` or ``ADD`` whose destination is the root itself: anything may be there then."""
    if instruction.name not in {"COPY", "ADD"} or not instruction.expanded:
        return False
    return posixpath.normpath(posixpath.join(folder or "/unknown", instruction.expanded[-1])) == "/"


def _leads_through(folder: str | None, first: str) -> bool:
    """True if `folder` is below the folder `first` of the root."""
    return folder is not None and folder.split("/")[1:2] == [first]


def _destination(instruction: Instruction, folder: str | None) -> str | None:
    if instruction.name not in {"COPY", "ADD"} or not instruction.expanded:
        return None
    return posixpath.normpath(posixpath.join(folder or "/", instruction.expanded[-1]))


def _has_wildcard(name: str) -> bool:
    return any(character in name for character in "*?[")


def _text(instruction: Instruction) -> str:
    documents = (document.content for document in instruction.heredocs)
    return "\n".join([instruction.original, *instruction.expanded, *documents])
