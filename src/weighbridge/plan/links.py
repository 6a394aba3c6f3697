"""Resolves Dockerfiles and contexts behind symlinks to files and folders of the same tree.

BuildKit follows a link only inside of the folder that it gets. A link out of the repository is never followed.
"""

from __future__ import annotations

import os
import posixpath
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from weighbridge.plan.definition import ImageDefinition
from weighbridge.plan.git import REGULAR_FILES, EntryType, Repository
from weighbridge.plan.git_blobs import read_present_blobs
from weighbridge.plan.image_plan import ContextKind
from weighbridge.plan.tree import Tree, join

_MAXIMUM_PATHS = 1_000
_MAXIMUM_PATH_BYTES = 4_096
_MAXIMUM_STEPS = 20


@dataclass(frozen=True, kw_only=True, slots=True)
class LinkedFile:
    """The `file` or folder that a path leads to, and the `links` on the way, folders that are symlinks among them."""

    file: str
    links: tuple[str, ...]


def linked_files(
    repository: Repository, trees: Mapping[str, Tree], paths: Mapping[str, Iterable[str]]
) -> dict[str, dict[str, LinkedFile]]:
    """The regular file that each of `paths` resolves to through symlinks, by side and path.

    A path without a symlink is left out, and one that leads to no file of the tree. Raises GitError.
    """
    return {
        side: {path: end for path, end in ends.items() if _type_of(trees[side], end.file) in REGULAR_FILES}
        for side, ends in _ends(repository, trees, paths).items()
    }


def with_linked_contexts(
    repository: Repository, trees: Mapping[str, Tree], definitions: Mapping[str, Sequence[ImageDefinition]]
) -> dict[str, tuple[ImageDefinition, ...]]:
    """The definitions by side, with the folders that contexts behind symlinks lead to. Raises GitError.

    Docker follows a symlink to a context: the image has the files of its target, and stays the same image if the link
    gets another one.
    """
    paths = {side: [path for one in found for path in _folders(one)] for side, found in definitions.items()}
    ends = {
        side: {path: end.file for path, end in found.items() if trees[side].is_folder(end.file)}
        for side, found in _ends(repository, trees, paths).items()
    }
    return {side: tuple(_with_folders(one, ends[side]) for one in found) for side, found in definitions.items()}


def _folders(one: ImageDefinition) -> Iterator[str]:
    yield one.context
    yield from (named.value for named in one.contexts.values() if named.kind is ContextKind.FOLDER)


def _with_folders(one: ImageDefinition, ends: Mapping[str, str]) -> ImageDefinition:
    """The definition with the ends of its folders. The Dockerfile moves with the context that it is in."""
    if not any(path in ends for path in _folders(one)):
        return one
    context = ends.get(one.context, one.context)
    inside = one.dockerfile.removeprefix(f"{one.context}/")
    return replace(
        one,
        context=context,
        dockerfile=one.dockerfile if inside == one.dockerfile else join(context, inside),
        contexts={
            name: replace(named, value=ends.get(named.value, named.value))
            if named.kind is ContextKind.FOLDER
            else named
            for name, named in one.contexts.items()
        },
    )


def _ends(
    repository: Repository, trees: Mapping[str, Tree], paths: Mapping[str, Iterable[str]]
) -> dict[str, dict[str, LinkedFile]]:
    """What each of `paths` with a symlink on its way leads to, by side and path; it may not exist."""
    ends: dict[tuple[str, str], LinkedFile] = {}
    for side in paths:
        tree = trees[side]
        behind = [path for path in dict.fromkeys(paths[side]) if _first_link(tree, path) is not None]
        ends |= {(side, path): LinkedFile(file=path, links=()) for path in behind[:_MAXIMUM_PATHS]}
    for _ in range(_MAXIMUM_STEPS):  # one git call for each step of the longest chain
        links = {
            (side, path): link
            for (side, path), end in ends.items()
            if (link := _first_link(trees[side], end.file)) is not None
        }
        if not links:
            break
        shas = {key: trees[key[0]].entries[link].sha for key, link in links.items()}
        texts = dict(read_present_blobs(repository, dict.fromkeys(shas.values()), maximum_bytes=_MAXIMUM_PATH_BYTES))
        for key, link in links.items():
            end = ends[key]
            rest = end.file[len(link) :].lstrip("/")
            ends[key] = LinkedFile(file=_target(link, texts[shas[key]] or b"", rest), links=(*end.links, link))
    return {side: {path: end for (of, path), end in ends.items() if of == side} for side in trees}


def _first_link(tree: Tree, path: str) -> str | None:
    """The first symlink on the way to `path`, or `path` itself if it is one."""
    parts = path.split("/")
    for depth in range(1, len(parts) + 1):
        above = "/".join(parts[:depth])
        if _type_of(tree, above) is EntryType.SYMLINK:
            return above
    return None


def _type_of(tree: Tree, path: str) -> EntryType | None:
    entry = tree.entries.get(path)
    return None if entry is None else entry.type


def _target(link: str, text: bytes, rest: str) -> str:
    """The target of `rest` behind a link, from the root; ``""`` if it is outside of the repository."""
    written = os.fsdecode(text)
    if not written or written.startswith("/") or len(text) > _MAXIMUM_PATH_BYTES:
        return ""
    path = posixpath.normpath(posixpath.join(posixpath.dirname(link), written, rest))
    return "" if path.startswith("../") else path
