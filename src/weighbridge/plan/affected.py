"""Decides whether a range can change an image. "Unaffected" requires that nothing in the repository it uses changed."""

from __future__ import annotations

import posixpath
import re
from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from weighbridge.domain.dockerfile import Dockerfile
from weighbridge.domain.dockerfile.model import Origin, Source
from weighbridge.domain.globs import has_wildcards, match_segment
from weighbridge.domain.lint.official import may_have_onbuild
from weighbridge.domain.start.service import ServiceStart
from weighbridge.plan.git import EntryType
from weighbridge.plan.ignore_file import IgnoreFile
from weighbridge.plan.image_plan import Change, ContextKind, ImagePlan, PlannedSide
from weighbridge.plan.other_builders import depends_on_builder
from weighbridge.plan.tree import ROOT, Tree, clean_source, is_below, join, paths_below, relative

_OFFICIAL_SYNTAX = re.compile(r"(?:docker\.io/)?docker/dockerfile(?:[:@]|$)")

_COPYING_LINE = re.compile(r"^\s*(?:(?:add|copy|onbuild)\s|run\s+--)", re.IGNORECASE | re.MULTILINE)
_CONTINUED = re.compile(r"[\\`][ \t\r]*\n")

_MAXIMUM_SOURCE = 1_000
MAXIMUM_PATTERNS = 100
"""Maximum patterns among the sources of a Dockerfile: each is compared with each path."""
MAXIMUM_COMPARISONS = 200_000
"""Maximum sources times links, or patterns times paths. Beyond it, the build may read all of the context."""
_MAXIMUM_SHOWN_NAMES = 5

IgnoreOf = Callable[[str, str, str], IgnoreFile | None]
"""Returns the ignore file that applies to a side, a Dockerfile and a context."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Changes:
    """The changes of a range: all paths that differ between the sides, sorted, and the old paths of renamed files.

    `attributes` are the ``.gitattributes`` files among the paths.
    """

    paths: Sequence[str]
    origins: Mapping[str, str]
    set_of_paths: frozenset[str]
    attributes: Sequence[str] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Judge:
    """Judges the images of one range. `trees` are those of ``base`` and ``head``.

    `configuration` is the path of the configuration file, `lfs_pointers` are changed files whose contents are in
    Git LFS. Results for a context are cached for the next image.
    """

    trees: Mapping[str, Tree]
    changes: Changes
    ignore_of: IgnoreOf
    configuration: str
    lfs_pointers: Sequence[str] = ()
    _changed: dict[tuple[str, int, int], list[str]] = field(default_factory=dict)

    def judge(self, plan: ImagePlan, *, is_configured: bool) -> tuple[Change, str]:
        """Whether and how the range affects the image, with the reason."""
        base, head = plan.base, plan.head
        if head is None:
            return Change.REMOVED, self._why_removed(plan)
        if base is None:
            return Change.ADDED, "its Dockerfile is new" if self._is_new(head.dockerfile) else f"new: {plan.defined_in}"
        if base.dockerfile != head.dockerfile:
            return Change.AFFECTED, f"its Dockerfile was {base.dockerfile}"
        changed = self.changes.set_of_paths
        for path in (*base.dockerfiles, *head.dockerfiles, f"{head.dockerfile}.dockerignore"):
            if path in changed:
                return Change.AFFECTED, f"{path} changed"
        behind = self._behind_ignore_link(base, head)
        if behind is not None:
            return Change.AFFECTED, f"{behind} changed, and the ignore file is a symlink"
        if plan.redefined is not None:
            return Change.AFFECTED, f"{plan.redefined} ({plan.defined_in})"
        redefined = _redefined(base, head)
        if redefined is not None:
            return Change.AFFECTED, f"{redefined} ({plan.defined_in})"
        if _starts_differ(base.starts, head.starts):
            return Change.AFFECTED, f"its start in the Compose file changed ({plan.defined_in})"
        if is_configured and self.configuration in changed:
            return Change.AFFECTED, "the configuration changed"
        if base.parsed is None and head.parsed is None:
            return Change.UNAFFECTED, "its Dockerfile cannot be read, as before"
        if plan.problem is not None:
            return Change.UNAFFECTED, f"{plan.problem}, as before"
        if base.context != head.context:
            return Change.AFFECTED, f"its context was {base.context or 'unknown'}"
        for name, one in head.contexts.items():
            if one.kind is ContextKind.FOLDER and (inside := self._first_changed_in(one.value)) is not None:
                return Change.AFFECTED, f"{inside} changed, in its additional context {name}"
        return self._judge_context(head)

    def _behind_ignore_link(self, base: PlannedSide, head: PlannedSide) -> str | None:
        """A change in the folder of an ignore file that is a symlink: the build follows the link within that folder."""
        for tree, side in ((self.trees["base"], base), (self.trees["head"], head)):
            entry = tree.entries.get(f"{side.dockerfile}.dockerignore")
            if entry is not None and entry.type is EntryType.SYMLINK:
                changed = next(paths_below(self.changes.paths, posixpath.dirname(entry.path) or ROOT), None)
                if changed is not None:
                    return changed
        return None

    def _why_removed(self, plan: ImagePlan) -> str:
        assert plan.base is not None
        if plan.base.dockerfile not in self.trees["head"].entries:
            return "its Dockerfile was removed"
        if plan.definition_file is not None and plan.definition_file not in self.trees["head"].entries:
            return f"{plan.definition_file}, which defined it, was removed"
        if plan.definition_file is None:
            return "no longer a separate image: another image is built from its Dockerfile, or it is excluded"
        return f"no longer defined: {plan.defined_in} was removed"

    def onbuild_decides(self, plan: ImagePlan) -> bool:
        """True if the only changes in the context are to files that only ``ONBUILD`` of a base image could copy.

        See `images_with_unknown_onbuild`.
        """
        head = plan.head
        if head is None or head.parsed is None or head.failure is not None or not images_with_unknown_onbuild(head):
            return False
        return bool(self._changed_in(head.context or ROOT, head.dockerfile))

    def builder_decides(self, plan: ImagePlan) -> bool:
        """True if a builder other than BuildKit may copy a changed file of the context. See `depends_on_builder`."""
        head = plan.head
        if head is None or head.failure is not None:
            return False
        is_changed = next(paths_below(self.changes.paths, head.context or ROOT), None) is not None
        return is_changed and depends_on_builder(head, self.trees.values())

    def submodules(self, plan: ImagePlan) -> tuple[tuple[str, ...], str | None]:
        """The submodules that the build of head uses, and the first one that the range changes."""
        found: dict[str, None] = {}
        changed = None
        for tree, side in ((self.trees["base"], plan.base), (self.trees["head"], plan.head)):
            if side is None or side.parsed is None or side.failure is not None:
                continue
            sources = copied_sources(side.parsed, side.target)
            for path in paths_below(tree.submodules, side.context or ROOT):
                if sources is None or tree_has_link(tree, side.context or ROOT, sources, links=[path]):
                    found[path] = None
                    if changed is None and path in self.changes.set_of_paths:
                        changed = path
        is_compared = plan.base is not None and plan.head is not None
        return tuple(found), changed if is_compared else None

    def lfs_pointer(self, plan: ImagePlan) -> str | None:
        """The first changed file of Git LFS that the build of head may copy; ``None`` without one."""
        head = plan.head
        if plan.base is None or head is None or head.parsed is None or head.failure is not None:
            return None
        context = head.context or ROOT
        folders = [one.value for one in head.contexts.values() if one.kind is ContextKind.FOLDER]
        named = (path for folder in folders for path in paths_below(self.lfs_pointers, folder))
        inside = list(paths_below(self.lfs_pointers, context))
        sources = copied_sources(head.parsed, head.target)
        if sources is None or any(tree_has_link(tree, context, sources) for tree in self.trees.values()):
            return next(iter(inside), None) or next(named, None)
        return next((path for one in sources for path in all_covered(inside, context, one)), None) or next(named, None)

    def _is_new(self, dockerfile: str) -> bool:
        return dockerfile not in self.trees["base"].entries

    def _first_changed_in(self, folder: str) -> str | None:
        """The first change in an additional context. No ignore file is applied, so all of the folder counts."""
        outside = self._replaced_context(folder) or self._attributes_of(folder)
        return outside or next(paths_below(self.changes.paths, folder), None)

    def _judge_context(self, head: PlannedSide) -> tuple[Change, str]:
        context = head.context or ROOT
        outside = self._replaced_context(context) or self._attributes_of(context)
        if outside is not None:
            return Change.AFFECTED, f"{outside} changed"
        changed = self._changed_in(context, head.dockerfile)
        if not changed:
            return Change.UNAFFECTED, f"nothing in its context {context} changed"
        ignore_file = join(context, ".dockerignore")
        sources = None if ignore_file in changed or head.parsed is None else copied_sources(head.parsed, head.target)
        if sources is None or any(tree_has_link(tree, context, sources) for tree in self.trees.values()):
            return Change.AFFECTED, f"{changed[0]} changed"
        if are_too_many(sources, changed):
            return Change.AFFECTED, f"{changed[0]} changed"
        for source in sources:
            path = first_covered(changed, context, source)
            if path is not None:
                return Change.AFFECTED, f"{path} changed"
        return Change.UNAFFECTED, f"nothing that it copies from its context {context} changed"

    def _changed_in(self, context: str, dockerfile: str) -> list[str]:
        """The changed paths of the context, sorted, without those that the ignore files exclude on both sides."""
        ignores = [self.ignore_of(side, dockerfile, context) for side in ("base", "head")]
        key = (context, id(ignores[0]), id(ignores[1]))
        if key not in self._changed:
            self._changed[key] = [
                path
                for path in paths_below(self.changes.paths, context)
                if (inside := relative(path, context)) == ".dockerignore"
                or not all(ignore is not None and ignore.ignores(inside) for ignore in ignores)
            ]
        return self._changed[key]

    def _attributes_of(self, context: str) -> str | None:
        """A changed ``.gitattributes`` above or in the context: git may then check out the same blobs differently."""
        for path in self.changes.attributes:
            folder = posixpath.dirname(path) or ROOT
            if folder == context or is_below(context, folder) or is_below(folder, context):
                return path
        return None

    def _replaced_context(self, context: str) -> str | None:
        """The context or a folder above it, if it is or was a submodule or a symlink on one side only."""
        folder = context
        while folder and folder != ROOT:
            if folder in self.changes.set_of_paths:
                return folder
            folder = posixpath.dirname(folder)
        return None


def redefinition(as_base: PlannedSide, head: PlannedSide) -> str | None:
    """What head defines differently from base, both seen in head's tree; ``None`` if they agree."""
    if as_base.dockerfile != head.dockerfile:
        return f"its definition named the Dockerfile {as_base.dockerfile}"
    if as_base.failure is None and head.failure is None and as_base.context != head.context:
        return f"its context was {as_base.context or 'unknown'}"
    return _redefined(as_base, head)


def images_with_unknown_onbuild(side: PlannedSide) -> list[str]:
    """The base images that may have ``ONBUILD COPY``."""
    return [name for name in side.external_images if may_have_onbuild(name)]


def _starts_differ(base: Sequence[ServiceStart], head: Sequence[ServiceStart]) -> bool:
    """True if a Compose service starts the image in another way; files and lines do not count."""
    one, other = ({replace(start, file="", line=0) for start in starts} for starts in (base, head))
    return one != other


def _redefined(base: PlannedSide, head: PlannedSide) -> str | None:
    """The first difference between the sides' build definitions; ``None`` if they agree."""
    if base.target != head.target:
        return f"its target was {base.target or 'the last stage'}"
    if base.build_args != head.build_args:
        return f"its build arguments changed: {_differing(base.build_args, head.build_args)}"
    if base.contexts != head.contexts:
        return f"its additional contexts changed: {_differing(base.contexts, head.contexts)}"
    return None


def _differing(base: Mapping[str, object], head: Mapping[str, object]) -> str:
    names = [name for name in sorted({*base, *head}) if base.get(name) != head.get(name)]
    return ", ".join(names[:_MAXIMUM_SHOWN_NAMES]) + (", …" if len(names) > _MAXIMUM_SHOWN_NAMES else "")


def copied_sources(dockerfile: Dockerfile, target: str | None) -> tuple[str, ...] | None:
    """The paths and globs of the context that a build of `target` can read; ``None`` if it may read all of it.

    It may read all of it with ``COPY .``, a bind mount, a source with an unknown (or machine-dependent) variable,
    ``**``, a custom syntax, a base image whose tag announces ``ONBUILD`` (``onbuild`` tags), and a here-document that
    has a copy as a line: older builders know no here-documents.
    """
    syntax = dockerfile.directives.get("syntax")
    if (syntax is not None and not _OFFICIAL_SYNTAX.match(syntax)) or dockerfile.varies_by_platform:
        return None
    if any("onbuild" in image for image in dockerfile.images(target)) or _has_copy_in_heredoc(dockerfile):
        return None
    found: dict[str, None] = {}
    for source in (*dockerfile.context_sources(target), *_repositories(dockerfile)):
        path = clean_source(source.path)
        if source.unknown_variables or source.is_mount or path == ROOT or "**" in path or len(path) > _MAXIMUM_SOURCE:
            return None
        found[path] = None
    return None if sum(map(_is_pattern, found)) > MAXIMUM_PATTERNS else tuple(found)


def are_too_many(sources: Sequence[str], paths: Sequence[str]) -> bool:
    """True if it takes too long to compare the patterns among `sources` with `paths`."""
    return sum(map(_is_pattern, sources)) * len(paths) > MAXIMUM_COMPARISONS


def _is_pattern(source: str) -> bool:
    return has_wildcards(source) or "\\" in source


def _repositories(dockerfile: Dockerfile) -> Iterator[Source]:
    """What ``ADD`` clones. Builders before BuildKit 0.12 clone nothing: they copy a file of this name."""
    for stage in dockerfile.stages:
        for one in stage.sources:
            if one.origin is Origin.REMOTE and not one.path.startswith(("http://", "https://")):
                yield one


def _has_copy_in_heredoc(dockerfile: Dockerfile) -> bool:
    return any(
        _COPYING_LINE.search(_CONTINUED.sub("", heredoc.content))
        for stage in dockerfile.stages
        for instruction in (*stage.triggers, *stage.instructions)
        for one in (instruction, instruction.trigger)
        for heredoc in (one.heredocs if one is not None else ())
    )


def tree_has_link(tree: Tree, context: str, sources: Sequence[str], *, links: Sequence[str] | None = None) -> bool:
    """True if a source is, or lies below, a symlink or a submodule: its content may then come from anywhere.

    `links` restricts the check to these links; ``None`` means all of the tree.
    """
    below = paths_below(tree.links if links is None else links, context)
    split_links = [relative(path, context).split("/") for path in below]
    if len(split_links) * len(sources) > MAXIMUM_COMPARISONS:
        return True
    return any(_matches(source.split("/")[: len(link)], link) for source in sources for link in split_links)


def first_covered(paths: list[str], context: str, source: str) -> str | None:
    """The first of the sorted `paths`, all below `context`, that `source` copies; ``None`` if there is none."""
    return next(all_covered(paths, context, source), None)


def all_covered(paths: list[str], context: str, source: str) -> Iterator[str]:
    """The sorted `paths`, all below `context`, that `source` copies."""
    pattern = source.split("/")
    plain = 0
    while plain < len(pattern) and not _is_pattern(pattern[plain]):
        plain += 1
    known = "/".join(pattern[:plain])
    folder = join(context, known) if known else context
    if plain == len(pattern):
        place = bisect_left(paths, folder)
        if paths[place : place + 1] == [folder]:
            yield folder
    for path in paths_below(paths, folder):
        inside = relative(path, context).split("/")
        if len(inside) >= len(pattern) and _matches(pattern, inside[: len(pattern)]):
            yield path


def _matches(pattern: Sequence[str], segments: Sequence[str]) -> bool:
    """True if each segment matches the corresponding segment of the pattern."""
    return len(pattern) == len(segments) and all(
        match_segment(wanted, segment) for wanted, segment in zip(pattern, segments, strict=True)
    )
