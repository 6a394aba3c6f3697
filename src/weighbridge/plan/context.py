"""Finds the build context of an image: from the repository's files, otherwise from the sources that are copied.

Never returns a guess: an image with an unknown context is skipped, with a message on how to configure it.
"""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby

from weighbridge.config import DEFAULT_CONFIG
from weighbridge.domain.dockerfile import Dockerfile, Source
from weighbridge.domain.globs import has_wildcards, plain_prefix
from weighbridge.plan.build_problem import BuildProblem
from weighbridge.plan.context_hints import (
    files_of_commands,
    holds_only_dockerfiles,
    is_folder_of_dockerfiles,
    is_started,
)
from weighbridge.plan.dockerfile_name import name_parts
from weighbridge.plan.evidence.model import BuildEvidence, EvidenceKind
from weighbridge.plan.ignore_file import IgnoreFile
from weighbridge.plan.tree import ROOT, Tree, clean_source, folders_from, is_below, join

_MAXIMUM_SOURCES = 1_000
_MAXIMUM_SHOWN = 3
_PACKAGES = (
    ".deb",
    ".rpm",
    ".apk",
    ".jar",
    ".war",
    ".ear",
    ".whl",
    ".tgz",
    ".gem",
    ".nupkg",
    ".tar",
    ".zip",
    ".gz",
    ".xz",
    ".bz2",
    ".zst",
)
_WHOLE = frozenset({ROOT, "*", "**"})

IgnoreIn = Callable[[str], IgnoreFile | None]
"""Returns the ignore file that applies to a context."""


@dataclass(frozen=True, kw_only=True, slots=True)
class FoundContext:
    """The context of an image, and `because`: the evidence in words. `context` is ``None`` if it is unknown.

    If `problem` is set, `message` says what is wrong and what to do; the context may still be known.
    """

    context: str | None
    because: str
    problem: BuildProblem | None = None
    message: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class ContextSearch:
    """The inputs of the search for the context of one image. `name` is the image's name in the configuration."""

    dockerfile: Dockerfile
    tree: Tree
    name: str
    ignore_of: IgnoreIn
    target: str | None = None
    evidence: Sequence[BuildEvidence] = ()

    def find(self) -> FoundContext:
        """The context, from the best kind of evidence that agrees; without evidence, from the Dockerfile's sources."""
        sources = deciding_sources(self.dockerfile, self.target)
        stated: list[BuildEvidence] = []
        for _, group in groupby(self.evidence, key=lambda one: one.kind):
            by_context: dict[str, BuildEvidence] = {}
            for one in group:
                if self.tree.is_folder(one.context):
                    by_context.setdefault(one.context, one)
            fitting = {folder: one for folder, one in by_context.items() if not self._missing(folder, sources)}
            if len(fitting) == 1:
                ((folder, one),) = fitting.items()
                return FoundContext(context=folder, because=one.place)
            if fitting:
                return self._disagreeing(list(fitting.values()), sources)
            stated += by_context.values()
        return self._by_sources(sources, stated)

    def check(self, context: str) -> FoundContext:
        """`context` as defined, with a problem if git lacks files that the build copies from it."""
        sources = deciding_sources(self.dockerfile, self.target)
        # The builder reports sources that an ignore file excludes: the definition itself is not in doubt.
        missing = [
            one
            for one in sources
            if self._must_exist(context, one) and not self.tree.has_source(context, one.path, None)
        ]
        if not missing:
            return FoundContext(context=context, because="")
        return self._lacks(context, "", missing)

    def _missing(self, folder: str, sources: Sequence[Source]) -> list[Source]:
        """The sources that are missing in `folder`, and without which the build fails."""
        ignore = self.ignore_of(folder)
        return [one for one in sources if self._must_exist(folder, one) and not self._has(folder, one, ignore)]

    def _must_exist(self, folder: str, source: Source) -> bool:
        """False for a pattern, which may match nothing: only the folder before its first wildcard must exist.

        Source: BuildKit fails with "lstat …/target: no such file or directory" for ``COPY target/*.jar`` without it.
        """
        if not has_wildcards(source.path):
            return True
        plain, _, _ = plain_prefix(clean_source(source.path)).rpartition("/")
        return plain != "" and not self.tree.has_source(folder, plain, None)

    def _has(self, folder: str, source: Source, ignore: IgnoreFile | None) -> bool:
        """True if `folder` has the source: not only Dockerfiles, and no folder where the container runs a program."""
        if not self.tree.has_source(folder, source.path, ignore):
            return False
        path = join(folder, clean_source(source.path))
        if not self.tree.is_folder(path):
            return True
        return not self._is_only_for_dockerfile(path) and not is_started(self.dockerfile, source, self.target)

    def _is_only_for_dockerfile(self, folder: str) -> bool:
        """True for the Dockerfile's own folder, if it holds nothing else: no image copies it."""
        own = posixpath.dirname(self.dockerfile.path) or ROOT
        return folder == own != ROOT and holds_only_dockerfiles(self.tree, own)

    def _disagreeing(self, evidence: Sequence[BuildEvidence], sources: Sequence[Source]) -> FoundContext:
        if not any(source.path for source in sources):
            return FoundContext(context=evidence[0].context, because=f"{evidence[0].place}; nothing is copied from it")
        said = " and ".join(f"{one.context} ({one.place})" for one in evidence[:_MAXIMUM_SHOWN])
        return self._unknown(f"the files of the repository disagree: {said}")

    def _by_sources(self, sources: Sequence[Source], stated: Sequence[BuildEvidence]) -> FoundContext:
        own = posixpath.dirname(self.dockerfile.path) or ROOT
        folders = list(folders_from(own))
        if not self.dockerfile.context_sources(self.target):
            folder = stated[0].context if stated else own
            return FoundContext(context=folder, because="nothing is copied from it")
        made = next((one for one in self.evidence if one.kind is EvidenceKind.RELEASE), None)
        if made is not None:
            return self._unknown(f"{made.place} makes the context before the build")
        if not sources and own != ROOT:
            first = self.dockerfile.context_sources(self.target)[0]
            names = ", ".join(first.unknown_variables)
            return self._unknown(f"line {first.line} copies {_shown(first)}, and {names} has no value")
        missing = {folder: self._missing(folder, sources) for folder in folders}
        fitting = [folder for folder in folders if not missing[folder]]
        built = [one for one in stated if one.kind <= EvidenceKind.SCRIPT]
        made_before = self._made_context(sources)
        if made_before is not None and not stated:
            return made_before
        if built or not fitting:
            # A folder that has something of the same name never overrides a build file.
            return self._nowhere(folders, missing, built or stated)
        return self._among(own, fitting, sources)

    def _made_context(self, sources: Sequence[Source]) -> FoundContext | None:
        """The result if an earlier step makes the context, or the only files that are copied."""
        if any(_is_plain(one) and clean_source(one.path) not in _WHOLE for one in sources):
            return None
        nowhere = [
            one for one in self.evidence if one.kind <= EvidenceKind.SCRIPT and not self.tree.is_folder(one.context)
        ]
        if nowhere:
            return self._not_in_git(None, nowhere[0].place, f"its context `{nowhere[0].context}`", nowhere[0].place)
        own = posixpath.dirname(self.dockerfile.path) or ROOT
        is_anywhere = any(
            self.tree.has_source(folder, one.path, None) for folder in folders_from(own) for one in sources
        )
        if sources and not is_anywhere and all(one.path.endswith(_PACKAGES) for one in sources):
            return self._lacks(None, "", sources)
        return None

    def _among(self, own: str, fitting: Sequence[str], sources: Sequence[Source]) -> FoundContext:
        """The best of the `fitting` folders: it holds most of the named files; the nearest folder wins a tie."""
        if own == ROOT:
            return FoundContext(context=ROOT, because="its folder is the root")
        named = [one for one in sources if clean_source(one.path) not in _WHOLE]
        copies_all = len(named) < len(sources)
        if copies_all:
            fitting = [one for one in fitting if not holds_only_dockerfiles(self.tree, one)]
            if not fitting:
                return self._unknown("it copies its whole context, and no folder above it holds other files")
        empty = {folder: self._empty_globs(folder, sources) for folder in fitting}
        used = files_of_commands(self.dockerfile, self.target) if copies_all else ()
        found = {folder: self._number_used(folder, used, own) for folder in fitting}
        best = max(fitting, key=lambda folder: (found[folder], -empty[folder]))  # the nearest wins a tie
        has_plain = any(_is_plain(one) for one in named)
        is_own_likely = best == own and not is_folder_of_dockerfiles(own) and not used
        if copies_all and not (found[best] or has_plain or is_own_likely):
            missing_files = ", ".join(f"`{path}`" for path in used[:_MAXIMUM_SHOWN])
            if len(fitting) == 1 and used:
                return self._unknown(f"it copies its whole context and uses {missing_files}, which {best} lacks")
            may_be = [*fitting, *self._namesakes(best)]
            if len(may_be) > 1:
                return self._unknown(
                    f"it copies its whole context, which may be {' or '.join(may_be[:_MAXIMUM_SHOWN])}"
                )
        place = "its own folder, which holds" if best == own else "the nearest folder above it that holds"
        return FoundContext(context=best, because=f"{place} what it copies")

    def _number_used(self, folder: str, used: Sequence[str], own: str) -> int:
        """How many `used` files `folder` has. A Makefile alone does not lead away from `own`: many folders have one."""
        held = [path for path in used if self.tree.has_source(folder, path, None)]
        return 0 if held == ["Makefile"] and folder != own else len(held)

    def _namesakes(self, folder: str) -> list[str]:
        """The folders below `folder` that are named as the image: ``apps/worker`` for ``docker/Dockerfile.worker``."""
        own, _, file = self.dockerfile.path.rpartition("/")
        name = name_parts(file)[1] or posixpath.basename(own)
        found = (one for one in self.tree.folders_named(name) if is_below(one, folder) and not is_below(own, one))
        return [one for one in found if not holds_only_dockerfiles(self.tree, one)]

    def _empty_globs(self, folder: str, sources: Sequence[Source]) -> int:
        ignore = self.ignore_of(folder)
        return sum(has_wildcards(one.path) and not self.tree.has_source(folder, one.path, ignore) for one in sources)

    def _nowhere(
        self, folders: Sequence[str], missing: dict[str, list[Source]], stated: Sequence[BuildEvidence]
    ) -> FoundContext:
        """The result if no folder holds all sources: a step before the build makes one, or the context is elsewhere."""
        contexts = list(dict.fromkeys(one.context for one in stated))
        if len(contexts) == 1:
            lost = self._missing(contexts[0], deciding_sources(self.dockerfile, self.target))
            return self._lacks(contexts[0], stated[0].place, lost)
        if contexts:
            said = " and ".join(f"{one.context} ({one.place})" for one in stated[:_MAXIMUM_SHOWN])
            return self._unknown(f"the files of the repository disagree: {said}")
        if len(folders) == 1:
            return self._lacks(ROOT, "its folder is the root", missing[ROOT])
        everywhere = [one for one in missing[folders[0]] if all(one in missing[folder] for folder in folders)]
        if not everywhere:
            first = missing[folders[0]][0]
            return self._unknown(
                f"line {first.line} copies {_shown(first)}, and no folder above holds all that it copies"
            )
        most = min(len(found) for found in missing.values())
        best = [folder for folder in folders if len(missing[folder]) == most]
        context = best[0] if len(best) == 1 else None
        return self._lacks(context, "the folder that holds most of what it copies", everywhere)

    def _lacks(self, context: str | None, because: str, missing: Sequence[Source]) -> FoundContext:
        first = missing[0]
        others = f" (and {len(missing) - 1} more)" if len(missing) > 1 else ""
        place = f"{self.dockerfile.path}:{first.line}"
        if all(_is_git_data(one) for one in missing):
            return self._copies_git_data(context, because, _shown(first), place)
        return self._not_in_git(context, because, _shown(first), place, f" in {_place(context)}{others}")

    def _not_in_git(
        self, context: str | None, because: str, missing: str, place: str, where: str = " in it"
    ) -> FoundContext:
        unknown = "" if context is not None else f" Its context is unknown: set images.{self.name}.context."
        message = (
            f"{place}: cannot be built from git alone: {missing} is not{where}. If an earlier step makes it,"
            f" set its command (images.{self.name}.prepare, with --prepare), weigh the finished images"
            f" (weighbridge compare OLD NEW, mode: compare), or leave this one out: discover.exclude in"
            f" {DEFAULT_CONFIG}. If the context is another folder, set images.{self.name}.context there.{unknown}"
        )
        return FoundContext(context=context, because=because, problem=BuildProblem.NOT_IN_GIT, message=message)

    def _copies_git_data(self, context: str | None, because: str, copied: str, place: str) -> FoundContext:
        message = (
            f"{place}: copies {copied}, which every checkout has with other contents: base and head cannot be compared."
            f" Give the build what it needs as a build argument (the commit), or leave the image out: discover.exclude"
            f" in {DEFAULT_CONFIG}"
        )
        return FoundContext(context=context, because=because, problem=BuildProblem.NOT_IN_GIT, message=message)

    def _unknown(self, reason: str) -> FoundContext:
        message = (
            f"{self.dockerfile.path}: context unknown: {reason}. Set it in {DEFAULT_CONFIG}:"
            f" images: {{ {self.name}: {{ dockerfile: {self.dockerfile.path}, context: FOLDER }} }}"
        )
        return FoundContext(context=None, because=reason, problem=BuildProblem.CONTEXT_UNKNOWN, message=message)


def deciding_sources(dockerfile: Dockerfile, target: str | None) -> Sequence[Source]:
    """The sources with known names that are copied from the context, without duplicates."""
    found = {source.path: source for source in dockerfile.context_sources(target) if not source.unknown_variables}
    return list(found.values())[:_MAXIMUM_SOURCES]


def _is_git_data(source: Source) -> bool:
    """True for git's own folder, which no commit has."""
    return ".git" in source.path.split("/")


def _is_plain(source: Source) -> bool:
    return not has_wildcards(source.path)


def _place(context: str | None) -> str:
    return "it" if context is None else "the root" if context == ROOT else context


def _shown(source: Source) -> str:
    return f"`{source.path[:200]}`"
