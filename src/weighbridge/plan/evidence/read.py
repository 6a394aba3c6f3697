"""Reads the evidence of a tree: finds the files that may contain some, and reads each within limits.

Runs nothing, and calls git once. The size of a file, the number of files and their total size are limited; workflows
come first.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field

from weighbridge.domain.lines import lines_of
from weighbridge.errors import ConfigError
from weighbridge.plan.compose import parse_compose
from weighbridge.plan.dockerfile_name import is_dockerfile
from weighbridge.plan.evidence.bake_hcl import bake_commands
from weighbridge.plan.evidence.ci_yaml import ci_file_commands
from weighbridge.plan.evidence.commands import TextPlace, build_commands, may_hold_commands
from weighbridge.plan.evidence.model import BuildCommand, BuildEvidence, EvidenceKind
from weighbridge.plan.evidence.pipelines import (
    cloud_build_commands,
    package_commands,
    release_evidence,
    skaffold_commands,
)
from weighbridge.plan.evidence.resolve import resolve_commands
from weighbridge.plan.evidence.tilt import tilt_commands
from weighbridge.plan.evidence.workflows import workflow_commands
from weighbridge.plan.git import EntryType, Repository
from weighbridge.plan.git_blobs import read_present_blobs
from weighbridge.plan.left_out import left_out
from weighbridge.plan.tree import ROOT, Tree, folders_from

_MAXIMUM_FILE_BYTES = 262_144
_MAXIMUM_FILES = 3_000
_MAXIMUM_TOTAL_BYTES = 33_554_432
_MAXIMUM_COMMANDS = 20_000

_WORKFLOW = re.compile(r"\.github/workflows/[^/]+\.ya?ml$")
_ACTION = re.compile(r"(?:^|/)action\.ya?ml$")
_COMPOSE = re.compile(r"(?:^|[.-])(?:docker-)?compose(?:[._-][\w.-]+)?\.ya?ml$|^[\w.-]*\.compose\.ya?ml$")
_PIPELINE = re.compile(
    r"^(?:\.gitlab-ci|\.travis|\.drone|\.woodpecker|azure-pipelines?|bitbucket-pipelines|Taskfile|taskfile|appveyor"
    r"|buildspec|pipeline|\.cirrus)[\w.-]*\.ya?ml$|^Jenkinsfile[\w.-]*$"
)
_SERVICES = re.compile(rb"^services:\s*(?:#.*)?$", re.MULTILINE)
_TILT = re.compile(r"(?:^|[._-])Tiltfile(?:[._-][\w.-]+)?$|\.tiltfile$|\.star$|\.starlark$")
_RELEASE = re.compile(r"^\.?goreleaser[\w.-]*\.ya?ml$")
_SCRIPT = re.compile(r"^(?:GNUmakefile|[Mm]akefile[\w.-]*|[.]?[Jj]ustfile|[\w.-]+\.(?:mk|mak|make|just|sh|bash|ps1))$")
_README = re.compile(
    r"(?i)^(?:readme|contributing|building|build|development|docker|install|hacking)[\w.-]*\.(?:md|rst|txt|adoc)$|^readme$"
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Evidence:
    """The evidence in the files of one tree, by Dockerfile, best first."""

    by_dockerfile: Mapping[str, Sequence[BuildEvidence]] = field(default_factory=dict)

    def of(self, dockerfile: str) -> Sequence[BuildEvidence]:
        """The statements about one Dockerfile."""
        return self.by_dockerfile.get(dockerfile, ())


class EvidenceReader:
    """Reads trees of one repository. Files that two trees share are read and parsed once."""

    def __init__(self, repository: Repository, trees: Mapping[str, Tree], dockerfiles: Iterable[str]) -> None:
        """`dockerfiles` are those whose context is unknown, on either side. Raises GitError."""
        self._trees = trees
        self._dockerfiles = sorted(set(dockerfiles))
        near = {folder for path in self._dockerfiles for folder in folders_from(posixpath.dirname(path) or ROOT)}
        self._files = {side: _files(tree, near) for side, tree in trees.items()}
        wanted = {
            tree.entries[path].sha: None
            for side, tree in trees.items()
            for path in (*self._files[side], *self._dockerfiles)
            if path in tree.entries and tree.entries[path].type in {EntryType.FILE, EntryType.EXECUTABLE}
        }
        self._data: dict[str, bytes] = {}
        total_bytes = 0
        for sha, data in read_present_blobs(repository, wanted, maximum_bytes=_MAXIMUM_FILE_BYTES) if wanted else ():
            if data is None:
                continue  # what a partial clone lacks says nothing
            total_bytes += len(data)
            if total_bytes > _MAXIMUM_TOTAL_BYTES:
                break
            if len(data) <= _MAXIMUM_FILE_BYTES:
                self._data[sha] = data
        self._understood: dict[tuple[str, str], tuple[BuildCommand, ...]] = {}

    def read(self, side: str, given: Iterable[BuildEvidence] = ()) -> Evidence:
        """The evidence in the tree `side` for the Dockerfiles, plus `given`."""
        tree = self._trees[side]
        dockerfiles = {
            path: self._data.get(tree.entries[path].sha, b"").decode("utf-8", "replace")
            for path in self._dockerfiles
            if path in tree.entries
        }
        commands: list[BuildCommand] = []
        for path in self._files[side]:
            commands += self._commands(side, path)
            if len(commands) > _MAXIMUM_COMMANDS:
                break
        found = resolve_commands(commands, tree, tuple(dockerfiles))
        found += self._of_compose(side, dockerfiles)
        found += self._of_releases(side)
        for path, text in dockerfiles.items():
            if "build" in text:
                found += [one for one in _of_comments(path, text, tree) if one.dockerfile == path]
        found += given
        by_dockerfile: dict[str, list[BuildEvidence]] = {}
        for one in sorted(found, key=lambda one: (one.kind, one.file, one.line)):
            by_dockerfile.setdefault(one.dockerfile, []).append(one)
        return Evidence(by_dockerfile=by_dockerfile)

    def _commands(self, side: str, path: str) -> Sequence[BuildCommand]:
        sha = self._trees[side].entries[path].sha
        data = self._data.get(sha)
        name = posixpath.basename(path)
        if data is None or _is_part(path, name) or not (may_hold_commands(data) or name.endswith(".hcl")):
            return ()
        if _WORKFLOW.search(path):
            # A workflow may call others: its own content is not sufficient as a cache key.
            return tuple(workflow_commands(path, self._workflow_files(side)))
        key = (path, sha)
        if key not in self._understood:
            self._understood[key] = tuple(_commands_of(path, data.decode("utf-8", "replace")))
        return self._understood[key]

    def _workflow_files(self, side: str) -> dict[str, bytes]:
        tree = self._trees[side]
        return {
            path: self._data[tree.entries[path].sha]
            for path in self._files[side]
            if (_WORKFLOW.search(path) or _ACTION.search(path)) and tree.entries[path].sha in self._data
        }

    def _of_releases(self, side: str) -> Iterator[BuildEvidence]:
        for path in self._files[side]:
            data = self._data.get(self._trees[side].entries[path].sha)
            if data is not None and _RELEASE.match(posixpath.basename(path)):
                yield from release_evidence(data.decode("utf-8", "replace"), path)

    def _of_compose(self, side: str, dockerfiles: Mapping[str, str]) -> Iterator[BuildEvidence]:
        tree = self._trees[side]
        for path in self._files[side]:
            data = self._data.get(tree.entries[path].sha)
            if data is None or b"build" not in data or not _is_compose(path, data):
                continue
            try:
                images = parse_compose(data, path=path)
            except ConfigError:
                continue
            for one in images:
                if one.dockerfile in dockerfiles and tree.is_folder(one.context):
                    yield BuildEvidence(
                        kind=EvidenceKind.COMPOSE,
                        dockerfile=one.dockerfile,
                        context=one.context,
                        file=path,
                        what=f"service {one.name}",
                    )


def _is_compose(path: str, data: bytes) -> bool:
    """True for a Compose file, by its name. Only its contents identify a file that `include` or `extends` names."""
    name = posixpath.basename(path)
    return _COMPOSE.search(name) is not None or (_is_part(path, name) and _SERVICES.search(data) is not None)


def _is_part(path: str, name: str) -> bool:
    """True for a YAML file whose name says nothing."""
    return name.endswith((".yml", ".yaml")) and _rank(path, name) is None


def _files(tree: Tree, near: Set[str]) -> tuple[str, ...]:
    """The files of a tree that may say how something is built, the best first.

    Any YAML file in one of the folders `near` may be a part of a Compose file.
    """
    found: list[tuple[int, int, str]] = []
    for path, entry in tree.entries.items():
        name = path[path.rfind("/") + 1 :]
        if entry.type not in {EntryType.FILE, EntryType.EXECUTABLE}:
            continue
        rank = _rank(path, name)
        if rank is None and entry.type is EntryType.EXECUTABLE and "." not in name and not is_dockerfile(path):
            rank = _RANK_OF_SCRIPTS
        if rank is None and (path[: path.rfind("/")] if "/" in path else ROOT) in near and _is_part(path, name):
            rank = _RANK_OF_PARTS
        if rank is not None:
            found.append((rank, path.count("/"), path))
    return tuple(
        path for _, _, path in sorted(found)[:_MAXIMUM_FILES] if left_out(path) is None or path.startswith(".github/")
    )


_RANK_OF_SCRIPTS = 3
_RANK_OF_PARTS = 4


def _rank(path: str, name: str) -> int | None:
    if name.endswith((".yml", ".yaml")):
        if _WORKFLOW.search(path) or _ACTION.search(path):
            return 0
        if _COMPOSE.search(name):
            return 1
        if (
            name.startswith(("skaffold", "cloudbuild"))
            or _RELEASE.match(name)
            or _PIPELINE.match(name)
            or path.startswith(".circleci/")
        ):
            return 2
        return None
    if name.endswith(".hcl"):
        return 1 if "bake" in name else None
    if name == "package.json" or _TILT.search(name):
        return 3
    if _SCRIPT.match(name) or _PIPELINE.match(name):
        return _RANK_OF_SCRIPTS
    return 4 if _README.match(name) else None


def _commands_of(path: str, text: str) -> Iterator[BuildCommand]:
    name = posixpath.basename(path)
    for is_of, read in _SPECIAL:
        if is_of(name):
            yield from read(text, path)
            return
    own = posixpath.dirname(path) or ROOT
    if _README.match(name):
        yield from build_commands(text, TextPlace(kind=EvidenceKind.README, file=path, folders=_folders(own)))
    elif _SCRIPT.match(name) or ("." not in name and not _PIPELINE.match(name)):
        is_shell = not re.match(r"(?i).*makefile|.*justfile|.*\.(?:mk|mak|make|just)$", name)
        # A part of a Makefile runs in the folder of the Makefile that includes it.
        is_part = name.endswith((".mk", ".mak", ".make"))
        folders = tuple(dict.fromkeys((ROOT, own))) if is_shell or is_part else tuple(dict.fromkeys((own, ROOT)))
        yield from build_commands(
            text, TextPlace(kind=EvidenceKind.SCRIPT, file=path, folders=folders, keeps_folder=is_shell)
        )
    elif not _COMPOSE.search(name) and not _ACTION.search(path):
        if name.endswith((".yml", ".yaml")):
            yield from ci_file_commands(text, path)
        yield from build_commands(text, TextPlace(kind=EvidenceKind.PIPELINE, file=path, folders=_folders(own)))


def _folders(own: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys((own, ROOT)))


_SPECIAL: tuple[tuple[Callable[[str], bool], Callable[[str, str], Iterator[BuildCommand]]], ...] = (
    (lambda name: name.startswith("skaffold"), skaffold_commands),
    (lambda name: name.startswith("cloudbuild"), cloud_build_commands),
    (lambda name: _TILT.search(name) is not None, tilt_commands),
    (lambda name: name.endswith(".hcl"), bake_commands),
    (lambda name: name == "package.json", package_commands),
)


def _of_comments(path: str, text: str, tree: Tree) -> Iterator[BuildEvidence]:
    """The evidence in the comments of a Dockerfile about itself. Their commands may run in any folder above it."""
    own = posixpath.dirname(path) or ROOT
    comments = "\n".join(line.lstrip("# \t") if line.lstrip().startswith("#") else "" for line in lines_of(text))
    place = TextPlace(kind=EvidenceKind.COMMENT, file=path, folders=(ROOT, own))
    yield from resolve_commands(build_commands(comments, place), tree, (path,))
