"""Computes the content key: one digest of all build inputs that are known before the build.

Equal keys mean: the same Dockerfile, the same files of the context under the same names, the same arguments, built in
the same way. The key excludes what is unknown before a build: the image that a base image's tag points to, and the
answers of package mirrors and URLs. `weighbridge.run.build_cache` compares or reports those separately.
"""

from __future__ import annotations

import hashlib
import posixpath
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from weighbridge.domain.dockerfile import MAXIMUM_DOCKERFILE_BYTES
from weighbridge.errors import GitError
from weighbridge.plan.affected import (
    all_covered,
    are_too_many,
    copied_sources,
    images_with_unknown_onbuild,
    tree_has_link,
)
from weighbridge.plan.git import EntryType, Repository, TreeEntry, call_git, list_tree
from weighbridge.plan.git_blobs import read_present_blobs
from weighbridge.plan.ignore_lookup import IgnoreFiles, ignore_blobs
from weighbridge.plan.image_plan import ContextKind, PlannedSide
from weighbridge.plan.tree import ROOT, Tree, is_below, relative

_FORMAT = "weighbridge content key 1"
_CHECKOUT_SETTINGS = (
    r"^(filter\..*|core\.(autocrlf|eol|symlinks|filemode|ignorecase|precomposeunicode|attributesfile))$"
)
_MAXIMUM_ATTRIBUTES_BYTES = 1_048_576


@dataclass(frozen=True, kw_only=True, slots=True)
class BuildInputs:
    """The build inputs of one side of an image, in addition to its tree.

    `side` has an existing Dockerfile and context. `upstream` are the content keys of the images of the plan that its
    additional contexts name. `circumstances` are other inputs, such as the builder and the secrets; their order does
    not matter.
    """

    side: PlannedSide
    platform: str | None = None
    upstream: Mapping[str, str] = field(default_factory=dict)
    circumstances: frozenset[str] = frozenset()


class KeyedTree:
    """Computes the content keys of one commit's images, with a constant number of git processes."""

    def __init__(self, tree: Tree, ignore_files: IgnoreFiles, checkout: str) -> None:
        """`ignore_files` are those of `tree`; `checkout` is the result of `checkout_settings` for the repository."""
        self._tree = tree
        self._ignore_files = ignore_files
        self._checkout = checkout
        self._attributes = [path for path in tree.entries if posixpath.basename(path) == ".gitattributes"]

    def key(self, inputs: BuildInputs) -> str:
        """The content key, 64 hexadecimal digits."""
        digest = hashlib.sha256()
        for part in self._parts(inputs):
            text = part.encode("utf-8", "surrogateescape")
            digest.update(b"%d:" % len(text))  # keeps different lists of parts from giving the same bytes
            digest.update(text)
        return digest.hexdigest()

    def _parts(self, inputs: BuildInputs) -> Iterator[str]:
        side = inputs.side
        context = side.context or ROOT
        yield _FORMAT
        yield self._checkout
        yield from _listed("circumstances", sorted(inputs.circumstances))
        yield from _listed("platform", [] if inputs.platform is None else [inputs.platform])
        yield from _listed("target", [] if side.target is None else [side.target])
        yield from _listed("arguments", (part for pair in sorted(side.build_args.items()) for part in pair))
        dockerfile = self._tree.entries[side.link_target or side.dockerfile]
        yield from _listed("Dockerfile", _described(dockerfile, ""))
        ignore_file = self._ignore_files.entry(side.dockerfile, context)
        yield from _listed("ignore file", [] if ignore_file is None else _described(ignore_file, ""))
        if ignore_file is not None and ignore_file.type is EntryType.SYMLINK:
            # A build follows the link within the folder of the ignore file.
            folder = posixpath.dirname(ignore_file.path) or ROOT
            yield from self._files("behind the ignore file", folder, self._tree.paths_below(folder))
        yield from self._files("context", context, self._context_paths(side, context))
        for name, named in sorted(side.contexts.items()):
            yield from _listed("additional context", [name, named.kind.value])
            if named.kind is ContextKind.FOLDER:
                # Without its ignore file: `Judge` also considers all of the folder.
                yield from self._files("folder", named.value, self._tree.paths_below(named.value))
            else:
                yield inputs.upstream[named.value] if named.kind is ContextKind.IMAGE else named.value

    def _files(self, title: str, folder: str, paths: Iterable[str]) -> Iterator[str]:
        """Files below a folder with their relative names, and the attributes that affect their checkout."""
        yield from _listed("attributes", self._attributes_of(folder))
        described = (_described(self._tree.entries[path], relative(path, folder)) for path in paths)
        yield from _listed(title, (part for one in described for part in one))

    def _attributes_of(self, context: str) -> Iterator[str]:
        """The ``.gitattributes`` files that affect the checkout of the folder."""
        for path in sorted(self._attributes):
            folder = posixpath.dirname(path) or ROOT
            if folder == context or is_below(context, folder) or is_below(folder, context):
                yield from _described(self._tree.entries[path], path)

    def _context_paths(self, side: PlannedSide, context: str) -> Iterable[str]:
        """The files of the context that the build can read; `weighbridge.plan.affected` uses the same rules."""
        tree = self._tree
        ignore = self._ignore_files.in_force(side.dockerfile, context)
        paths = [
            path for path in tree.paths_below(context) if ignore is None or not ignore.ignores(relative(path, context))
        ]
        sources = None if side.parsed is None else copied_sources(side.parsed, side.target)
        # ``ONBUILD`` of a base image may copy files that the Dockerfile does not name.
        if sources is None or images_with_unknown_onbuild(side) or tree_has_link(tree, context, sources):
            return paths
        if are_too_many(sources, paths):
            return paths
        return sorted({path for source in sources for path in all_covered(paths, context, source)})


def keyed_tree(repository: Repository, commit: str, sides: Iterable[PlannedSide]) -> KeyedTree:
    """The `KeyedTree` of `commit`, for images among `sides`. Raises GitError."""
    tree = Tree(list_tree(repository, commit))
    wanted = {sha: None for side in sides for sha in ignore_blobs(tree, side.dockerfile, side.context or ROOT)}
    found = read_present_blobs(repository, wanted, maximum_bytes=MAXIMUM_DOCKERFILE_BYTES) if wanted else ()
    blobs = {sha: data for sha, data in found if data is not None}
    return KeyedTree(tree, IgnoreFiles(tree, blobs), checkout_settings(repository))


def checkout_settings(repository: Repository) -> str:
    """The settings of this machine that affect a checkout, besides the tree: filters (LFS), line ends, attributes."""
    try:
        settings = call_git(repository, ["config", "--null", "--get-regexp", _CHECKOUT_SETTINGS])
    except GitError:  # none is set
        settings = ""
    path = Path(call_git(repository, ["rev-parse", "--path-format=absolute", "--git-path", "info/attributes"]))
    try:
        with path.open("rb") as file:
            attributes = file.read(_MAXIMUM_ATTRIBUTES_BYTES)
    except OSError:
        attributes = b""
    return hashlib.sha256(settings.encode("utf-8", "surrogateescape") + b"\0\0" + attributes).hexdigest()


def _described(entry: TreeEntry, name: str) -> tuple[str, str, str]:
    return name, entry.type.value, entry.sha


def _listed(title: str, parts: Iterable[str]) -> Iterator[str]:
    """`parts` with a title before and their number after them, so that no part can move from one list to the next."""
    yield title
    count = 0
    for part in parts:
        count += 1
        yield part
    yield str(count)
