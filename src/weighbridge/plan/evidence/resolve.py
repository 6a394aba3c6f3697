"""Resolves build commands in their tree: finds the Dockerfile and the folder of each one."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Iterator, Sequence

from weighbridge.plan.evidence.model import FILE_FOLDER_MARK, HOLE, ROOT_MARK, BuildCommand, BuildEvidence
from weighbridge.plan.tree import ROOT, Tree

_HOLE = re.compile(f"{HOLE}([^{HOLE}]*){HOLE}")
_MAXIMUM_PATTERNS = 300
_MAXIMUM_FOUND = 20_000


def resolve_commands(commands: Iterable[BuildCommand], tree: Tree, dockerfiles: Sequence[str]) -> list[BuildEvidence]:
    """The evidence of `commands` for `dockerfiles`. A command with a missing Dockerfile gives none.

    The context of a command may be missing in the tree, if a step before the build makes it.
    """
    known = set(dockerfiles)
    found: list[BuildEvidence] = []
    patterns = 0
    for command in commands:
        if len(found) > _MAXIMUM_FOUND:
            break
        has_holes = HOLE in command.context or HOLE in (command.dockerfile or "")
        patterns += has_holes
        if has_holes and patterns > _MAXIMUM_PATTERNS:
            continue
        nowhere: list[BuildEvidence] = []
        for folder in command.folders:
            candidates = list(_resolved(command, folder, known))
            present = [one for one in candidates if tree.is_folder(one.context)]
            if present:
                found += present
                break
            nowhere += candidates
        else:
            found += nowhere
    return found


def _resolved(command: BuildCommand, folder: str, known: set[str]) -> Iterator[BuildEvidence]:
    where = _path(ROOT, folder, command.file)
    context = None if where is None else _path(where, command.context, command.file)
    if where is None or context is None:
        return
    start = context if command.dockerfile_is_in_context or command.dockerfile is None else where
    dockerfile = _path(start, command.dockerfile or "Dockerfile", command.file)
    if dockerfile is None:
        return
    if HOLE not in dockerfile and HOLE not in context:
        names = (dockerfile, posixpath.join(posixpath.dirname(dockerfile), "dockerfile"))
        for name in names[: 1 if command.dockerfile else 2]:
            if name in known:
                yield _evidence(command, name, context)
                return
        return
    if HOLE not in dockerfile or not _is_specific(command.dockerfile or context, dockerfile, context):
        return
    for path in known:
        holes = _match(dockerfile, path)
        if holes is None:
            continue
        filled = _HOLE.sub(lambda match, holes=holes: holes.get(match[1], match[0]), context)  # type: ignore[misc]
        if HOLE not in filled:
            yield _evidence(command, path, filled)


def _evidence(command: BuildCommand, dockerfile: str, context: str) -> BuildEvidence:
    return BuildEvidence(
        kind=command.kind, dockerfile=dockerfile, context=context, file=command.file, line=command.line
    )


def _path(start: str, written: str, file: str) -> str | None:
    """`written`, relative to `start`, as a path from the root; ``None`` if it leads out of the repository."""
    if ROOT_MARK in written:
        start, written = ROOT, written.rpartition(ROOT_MARK)[2].lstrip("/")
    elif FILE_FOLDER_MARK in written:
        start, written = posixpath.dirname(file) or ROOT, written.rpartition(FILE_FOLDER_MARK)[2].lstrip("/")
    elif written.startswith("/"):
        return None
    whole = posixpath.normpath(posixpath.join(start, written))
    return None if whole == ".." or whole.startswith("../") else whole


def _is_specific(written: str, dockerfile: str, context: str) -> bool:
    """True if a pattern names a folder, or shares its hole with the context: ``X/Dockerfile`` alone is too vague.

    A path `written` as a hole alone says nothing, whatever folder its command runs in.
    """
    has_folder = any(HOLE not in one for one in dockerfile.split("/")[:-1]) and bool(_HOLE.sub("", written).strip("./"))
    return has_folder or bool(set(_HOLE.findall(dockerfile)) & set(_HOLE.findall(context)))


def _match(pattern: str, path: str) -> dict[str, str] | None:
    """The texts of the holes that make `pattern` equal `path`, one hole per segment; ``None`` without a match."""
    wanted, segments = pattern.split("/"), path.split("/")
    if len(wanted) != len(segments):
        return None
    holes: dict[str, str] = {}
    for piece, segment in zip(wanted, segments, strict=True):
        if HOLE not in piece:
            if piece != segment:
                return None
            continue
        parts = piece.split(HOLE)
        if len(parts) != 3:
            return None
        before, name, after = parts
        if not (segment.startswith(before) and segment.endswith(after) and len(segment) > len(before) + len(after)):
            return None
        value = segment[len(before) : len(segment) - len(after)]
        if holes.setdefault(name, value) != value:
            return None
    return holes
