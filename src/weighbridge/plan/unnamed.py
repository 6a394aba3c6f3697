"""Finds images that a change removes by name only: their Dockerfile has another name, or is behind a link.

Discovery finds Dockerfiles by name. A build accepts any file (``docker build --file build.txt``), so an image with a
limit on growth is also searched for by content among the files that the change writes.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from weighbridge.domain.dockerfile import MAXIMUM_DOCKERFILE_BYTES, parse_dockerfile
from weighbridge.domain.dockerfile.template import template_syntax
from weighbridge.domain.lines import lines_of
from weighbridge.domain.nearest import share_in_common
from weighbridge.errors import DockerfileError
from weighbridge.plan.affected import Changes
from weighbridge.plan.git import REGULAR_FILES, EntryType, Repository
from weighbridge.plan.git_blobs import blob_sizes, read_blobs
from weighbridge.plan.images import FoundImage
from weighbridge.plan.sides import SideDefinition
from weighbridge.plan.tree import Tree

_MAXIMUM_FILES = 20_000
_MAXIMUM_TOTAL_BYTES = 268_435_456
_MAXIMUM_TEXTS = 200
_MAXIMUM_COMPARED_CHARACTERS = 4_000
_PAIRS_COMPARED_AS_A_WHOLE = 10_000
"""Of more pairs of texts, less of each is compared."""
_SYNTAX = re.compile(r"(?:#|//)[ \t]*syntax[ \t]*=", re.IGNORECASE)
_JSON_SYNTAX = re.compile(r'\s*\{[^{}\[\]]{0,1000}"syntax"\s*:')
"""BuildKit's other forms for a file with its own frontend (``DetectSyntax``)."""
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
    symlink or a submodule is a failure, because its content is not weighed; so is one whose Dockerfile may be among
    more files than are read. Raises GitError.
    """
    removed = [one for one in images if one.head is None and one.base is not None and is_limited(one.name_in_base)]
    if not removed:
        return list(images)
    found: dict[str, FoundImage] = {}
    for one in removed:
        why = _behind_link(head, one.base.dockerfile) if one.base is not None else None
        if one.base is not None and why is not None:
            found[one.name] = replace(one, head=replace(one.base, failure=f"{one.base.dockerfile}: {why}"))
    left = [one for one in removed if one.name not in found]
    known = {side.dockerfile for one in images for side in (one.base, one.head) if side is not None}
    search = _by_content(repository, head, [path for path in changes.paths if path not in known])
    was = _by_content(repository, base, [path for path in search.texts if path in base.entries])
    texts = {path: text for path, text in search.texts.items() if path not in was.texts}
    before = dict(_texts(repository, base, [one.base.dockerfile for one in left if one.base is not None]))
    chosen = _chosen(before, texts, {old: new for new, old in changes.origins.items() if new not in known})
    for one in left:
        path = chosen.get(one.base.dockerfile) if one.base is not None else None
        if one.base is not None and path is not None:
            now = _as_base(one.base, path, head)
            if path not in texts:
                failure = f"{path}: not read as a Dockerfile, and git says that it was {one.base.dockerfile}"
                now = replace(now, failure=f"{failure}. Configure the Dockerfile that is built.")
            found[one.name] = replace(one, head=now)
        elif one.base is not None and search.unread is not None:
            failure = f"{one.base.dockerfile} was removed, and {search.unread}. Configure the Dockerfile that is built."
            found[one.name] = replace(one, head=replace(one.base, failure=failure))
    return [found.get(one.name, one) for one in images]


def _chosen(before: Mapping[str, str], texts: Mapping[str, str], renamed: Mapping[str, str]) -> dict[str, str]:
    """The new path of each Dockerfile in `before`, by its old path: git's rename, otherwise the file most alike."""
    chosen = {path: renamed[path] for path in before if path in renamed}
    taken = set(chosen.values())
    characters = _MAXIMUM_COMPARED_CHARACTERS // max(1, len(before) * len(texts) // _PAIRS_COMPARED_AS_A_WHOLE)
    left = {path: _words(text, characters) for path, text in texts.items() if path not in taken}
    for path, text in before.items():
        new = None if path in chosen else _likest(_words(text, characters), left)
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


_COMMENT = re.compile(r"^[ \t]*#[^\n]*(?:\n|\Z)", re.MULTILINE)
_CONTINUED = re.compile(r"[\\`][ \t\r]*\n\s*")
"""The end of a line that the next one continues, and the empty lines in between."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Search:
    """The `texts` of Dockerfiles by path. `unread` says which files were not read; ``None`` if all were."""

    texts: Mapping[str, str]
    unread: str | None = None


def _by_content(repository: Repository, tree: Tree, paths: Iterable[str]) -> _Search:
    """The files among `paths` that begin as a Dockerfile does.

    Of a file that is larger than a Dockerfile may be, the first bytes decide: the plan then says why it is not read.
    """
    entries = (tree.entries.get(path) for path in paths)
    regular = [entry for entry in entries if entry is not None and entry.type in REGULAR_FILES]
    if len(regular) > _MAXIMUM_FILES:
        return _Search(texts={}, unread=f"{len(regular)} changed files are too many to search for it")
    sizes = blob_sizes(repository, [entry.sha for entry in regular])
    if any(entry.sha not in sizes for entry in regular):
        return _Search(texts={}, unread="git lacks changed files: this is a partial clone")
    if sum(min(sizes.get(entry.sha, 0), MAXIMUM_DOCKERFILE_BYTES) for entry in regular) > _MAXIMUM_TOTAL_BYTES:
        return _Search(texts={}, unread="the changed files are too large to search for it")
    found: dict[str, str] = {}
    for path, text in _texts(repository, tree, [entry.path for entry in regular]):
        if not _is_dockerfile(text):
            continue
        if len(found) == _MAXIMUM_TEXTS:
            return _Search(texts=found, unread=f"more than {_MAXIMUM_TEXTS} changed files are Dockerfiles")
        found[path] = text
    return _Search(texts=found)


def _texts(repository: Repository, tree: Tree, paths: Sequence[str]) -> Iterator[tuple[str, str]]:
    """The text of each regular file among `paths`, cut after the size that a Dockerfile may have."""
    by_sha: dict[str, list[str]] = {}
    for path in paths:
        entry = tree.entries.get(path)
        if entry is not None and entry.type in REGULAR_FILES:
            by_sha.setdefault(entry.sha, []).append(path)
    for sha, data in read_blobs(repository, by_sha, maximum_bytes=MAXIMUM_DOCKERFILE_BYTES) if by_sha else ():
        yield from ((path, data.decode("utf-8", "replace")) for path in by_sha[sha])


def _is_dockerfile(text: str) -> bool:
    """True for a text whose first instruction is ``FROM``, or ``ARG`` before one, or that names its own syntax."""
    lines = [line.strip() for line in lines_of(text.removeprefix("\ufeff"))]
    first_line = lines[1] if len(lines) > 1 and lines[0].startswith("#!") else lines[0] if lines else ""
    if _SYNTAX.match(first_line) or _JSON_SYNTAX.match(text.removeprefix("\ufeff")):
        return template_syntax(text) is None
    first = _first_words(text)
    if not first or first[0].upper() not in {"FROM", "ARG"}:
        return len(text) > MAXIMUM_DOCKERFILE_BYTES and not first and bool(lines) and lines[0].startswith("#")
    try:
        if len(text) <= MAXIMUM_DOCKERFILE_BYTES:
            return bool(parse_dockerfile(text, path="").stages) and template_syntax(text) is None
    except DockerfileError:
        if template_syntax(text) is not None:
            return False
    return len(first) == 2 or (len(first) == 4 and first[2].upper() == "AS")


def _first_words(text: str) -> list[str]:
    """The words of the first instruction, without the comments in it."""
    joined = _CONTINUED.sub("", _COMMENT.sub("", text.removeprefix("\ufeff")))
    return next((words for line in lines_of(joined) if (words := line.split())), [])


def _words(text: str, characters: int) -> Counter[str]:
    return Counter(text[:characters].split())


def _likest(words: Counter[str], texts: Mapping[str, Counter[str]]) -> str | None:
    """The path of the text that has most words in common with `words`; ``None`` without any text."""
    return max(texts, key=lambda path: (share_in_common(words, texts[path]), path), default=None)
