"""Finds images that a change removes by name only: their Dockerfile has another name, or is behind a link.

Discovery finds Dockerfiles by name. A build accepts any file (``docker build --file build.txt``), so an image with a
limit on growth is also searched for by content among the files that the change writes.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace

from weighbridge.domain.dockerfile import parse_dockerfile
from weighbridge.domain.dockerfile.template import template_syntax
from weighbridge.domain.lines import lines_of
from weighbridge.errors import DockerfileError
from weighbridge.plan.affected import Changes
from weighbridge.plan.git import EntryType, Repository, blob_sizes, read_blobs
from weighbridge.plan.images import FoundImage
from weighbridge.plan.sides import SideDefinition
from weighbridge.plan.tree import Tree

_MAXIMUM_FILES = 2_000
_MAXIMUM_BYTES = 65_536
_MAXIMUM_TEXTS = 200
_MAXIMUM_COMPARED_CHARACTERS = 4_000
_REGULAR = frozenset({EntryType.FILE, EntryType.EXECUTABLE})
_LINKS = {EntryType.SYMLINK: "a symlink", EntryType.SUBMODULE: "a submodule"}


def with_unnamed_dockerfiles(
    images: Sequence[FoundImage],
    repository: Repository,
    base: Tree,
    head: Tree,
    changes: Changes,
    *,
    is_limited: Callable[[str], bool],
) -> list[FoundImage]:
    """`images`, with removed ones that have a limit matched to Dockerfiles that the change writes under another name.

    Skips files that are Dockerfiles in base: they belong to another image. A removed image whose folder is now a
    symlink or a submodule is a failure, because its content is not weighed. Raises GitError.
    """
    removed = [one for one in images if one.head is None and one.base is not None and is_limited(one.name)]
    if not removed:
        return list(images)
    found: dict[str, FoundImage] = {}
    for one in removed:
        why = _behind_link(head, one.base.dockerfile) if one.base is not None else None
        if one.base is not None and why is not None:
            found[one.name] = replace(one, head=replace(one.base, failure=f"{one.base.dockerfile}: {why}"))
    left = [one for one in removed if one.name not in found]
    known = {side.dockerfile for one in images for side in (one.base, one.head) if side is not None}
    texts = _dockerfiles_by_content(repository, head, [path for path in changes.paths if path not in known])
    was = _dockerfiles_by_content(repository, base, [path for path in texts if path in base.entries])
    texts = {path: text for path, text in texts.items() if path not in was}
    before = _texts(repository, base, [one.base.dockerfile for one in left if one.base is not None])
    chosen = _chosen(before, texts, {old: new for new, old in changes.origins.items() if new not in known})
    for one in left:
        path = chosen.get(one.base.dockerfile) if one.base is not None else None
        if one.base is not None and path is not None:
            now = _as_base(one.base, path, head)
            if path not in texts:
                failure = f"{path}: not read as a Dockerfile, and git says that it was {one.base.dockerfile}"
                now = replace(now, failure=f"{failure}. Configure the Dockerfile that is built.")
            found[one.name] = replace(one, head=now)
    return [found.get(one.name, one) for one in images]


def _chosen(before: Mapping[str, str], texts: Mapping[str, str], renamed: Mapping[str, str]) -> dict[str, str]:
    """The new path of each Dockerfile in `before`, by its old path: git's rename, otherwise the file most alike."""
    chosen = {path: renamed[path] for path in before if path in renamed}
    left = {path: text for path, text in texts.items() if path not in chosen.values()}
    for path, text in before.items():
        new = None if path in chosen else _likest(text, left)
        if new is not None:
            chosen[path] = new
            del left[new]
    return chosen


def _as_base(definition: SideDefinition, path: str, tree: Tree) -> SideDefinition:
    """Base's definition with the Dockerfile `path`; the context is searched for if base's is no longer a folder."""
    context = definition.context
    if context is not None and not tree.is_folder(context):
        context = None
    return replace(definition, dockerfile=path, context=context)


def _behind_link(tree: Tree, path: str) -> str | None:
    """Why a file of base is unknown in head: a folder above it is now a symlink or a submodule."""
    parts = path.split("/")
    for depth in range(1, len(parts)):
        entry = tree.entries.get("/".join(parts[:depth]))
        if entry is not None and entry.type in _LINKS:
            return f"{entry.path} is {_LINKS[entry.type]} now. Configure the Dockerfile that is built."
    return None


def _dockerfiles_by_content(repository: Repository, tree: Tree, paths: Iterable[str]) -> dict[str, str]:
    """The files among `paths` that parse as a Dockerfile with a ``FROM``, and their texts."""
    entries = (tree.entries.get(path) for path in paths)
    regular = [entry for entry in entries if entry is not None and entry.type in _REGULAR][:_MAXIMUM_FILES]
    sizes = blob_sizes(repository, [entry.sha for entry in regular])
    small = [entry for entry in regular if sizes.get(entry.sha, _MAXIMUM_BYTES + 1) <= _MAXIMUM_BYTES]
    found = {}
    texts = _texts(repository, tree, [entry.path for entry in small])
    for path, text in texts.items():
        if _is_dockerfile(text):
            found[path] = text
        if len(found) >= _MAXIMUM_TEXTS:
            break
    return found


def _texts(repository: Repository, tree: Tree, paths: Sequence[str]) -> dict[str, str]:
    entries = [entry for path in paths if (entry := tree.entries.get(path)) is not None and entry.type in _REGULAR]
    shas = dict.fromkeys(entry.sha for entry in entries)
    data = dict(read_blobs(repository, shas, maximum_bytes=_MAXIMUM_BYTES)) if shas else {}
    return {entry.path: data[entry.sha].decode("utf-8", "replace") for entry in entries}


def _is_dockerfile(text: str) -> bool:
    """True for a text whose first instruction is ``FROM``, or ``ARG`` before one."""
    lines = (line.strip() for line in lines_of(text.removeprefix("\ufeff")))
    first = next((line for line in lines if line and not line.startswith("#")), "")
    if first.split(maxsplit=1)[:1] == [] or first.split(maxsplit=1)[0].upper() not in {"FROM", "ARG"}:
        return False
    try:
        return bool(parse_dockerfile(text, path="").stages) and template_syntax(text) is None
    except DockerfileError:
        return False


def _likest(text: str, texts: Mapping[str, str]) -> str | None:
    """The path of the text that is most similar to `text`; ``None`` without any."""

    def likeness(path: str) -> tuple[float, str]:
        one, other = (part[:_MAXIMUM_COMPARED_CHARACTERS].split() for part in (text, texts[path]))
        return difflib.SequenceMatcher(None, one, other, autojunk=False).ratio(), path

    return max(texts, key=likeness, default=None)
