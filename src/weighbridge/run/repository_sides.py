"""Reads trees, package manifests and changed files from git, to find the causes of growth."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import replace

from weighbridge.domain.causes import ChangedFile, RepositoryChanges, RepositorySide
from weighbridge.domain.causes.repository_paths import RepositoryPaths
from weighbridge.domain.declarations import MAX_FILE_BYTES, Declarations, declared_by_commands, read_declarations
from weighbridge.domain.side import SIDES, Side
from weighbridge.errors import GitError
from weighbridge.plan.git import EntryType, PathChange, PathStatus, diff_trees, list_tree
from weighbridge.plan.git_blobs import read_present_blobs
from weighbridge.plan.image_plan import ImagePlan
from weighbridge.run.plan import Planned

MAX_CHANGED_FILES = 2_000
"""Maximum number of changed files whose content is read."""
_MAX_CHANGED_BYTES = 1_000_000
_MAX_DOCKERFILE_BYTES = 1_000_000


class RepositorySides:
    """The two commits of a run. Reads trees and changed files once, for the first image."""

    def __init__(self, planned: Planned) -> None:
        self._planned = planned

    def of(self, plan: ImagePlan) -> RepositoryChanges:
        """The repository's data for one image; empty if git cannot be read."""
        try:
            sides = {side: self._side(plan, side) for side in SIDES}
            planned = plan.head or plan.base
            return RepositoryChanges(
                base=sides["base"],
                head=sides["head"],
                changed=self._changed,
                dockerfile_path=planned.dockerfile if planned else None,
            )
        except GitError:
            return RepositoryChanges()

    def _side(self, plan: ImagePlan, side: Side) -> RepositorySide | None:
        planned = plan.side(side)
        if planned is None or planned.parsed is None:
            return None
        tree = self._trees[side]
        view = RepositorySide(
            dockerfile=planned.parsed,
            target=planned.target,
            context=planned.context or ".",
            paths=self._paths[side],
            own_images=planned.own_images,
        )
        manifests = view.manifests()
        known = dict(self._contents({path: tree[path] for path in manifests}, maximum_bytes=MAX_FILE_BYTES))
        found = read_declarations(manifests, lambda path: self._content(path, tree, known), view.named_files)
        text = self._contents(
            {path: tree[path] for path in (planned.dockerfile,) if path in tree}, maximum_bytes=_MAX_DOCKERFILE_BYTES
        ).get(planned.dockerfile, b"")
        commands = declared_by_commands(text.decode("utf-8", "replace"), planned.parsed, target=planned.target)
        return replace(view, declarations=Declarations(found=(*commands, *found.found), notes=found.notes))

    def _content(self, path: str, tree: Mapping[str, str], known: Mapping[str, bytes]) -> bytes | None:
        if path in known:
            return known[path]
        return self._contents({path: tree[path]}, maximum_bytes=MAX_FILE_BYTES).get(path) if path in tree else None

    def _contents(self, files: Mapping[str, str], *, maximum_bytes: int) -> dict[str, bytes]:
        blobs = (
            read_present_blobs(self._planned.repository, files.values(), maximum_bytes=maximum_bytes) if files else ()
        )
        read = zip(files, blobs, strict=False)
        return {path: content for path, (_, content) in read if content is not None}

    @functools.cached_property
    def _paths(self) -> dict[Side, RepositoryPaths]:
        return {side: RepositoryPaths(tree) for side, tree in self._trees.items()}

    @functools.cached_property
    def _trees(self) -> dict[Side, dict[str, str]]:
        """The blobs of each side by path."""
        return {
            side: {
                entry.path: entry.sha
                for entry in list_tree(self._planned.repository, str(self._planned.revision(side).sha))
                if entry.type in {EntryType.FILE, EntryType.EXECUTABLE}
            }
            for side in SIDES
        }

    @functools.cached_property
    def _changed(self) -> dict[str, ChangedFile]:
        """The changed files with their first changed line. A renamed file is removed from its old path."""
        changes = diff_trees(self._planned.repository, str(self._planned.base.sha), str(self._planned.head.sha))
        paths = {path: None for change in changes for path in _paths(change)}
        read: dict[Side, dict[str, bytes]] = {}
        for side in SIDES:
            tree = self._trees[side]
            wanted = {path: tree[path] for path in list(paths)[:MAX_CHANGED_FILES] if path in tree}
            read[side] = self._contents(wanted, maximum_bytes=_MAX_CHANGED_BYTES)
        return {path: self._changed_file(path, read) for path in paths}

    def _changed_file(self, path: str, read: Mapping[Side, Mapping[str, bytes]]) -> ChangedFile:
        before, after = (read[side].get(path) for side in SIDES)
        is_there = [path in self._trees[side] for side in SIDES]
        return ChangedFile(
            path=path,
            base_bytes=len(before or b"") if is_there[0] else None,
            head_bytes=len(after or b"") if is_there[1] else None,
            line=_first_changed_line(before, after),
        )


def _paths(change: PathChange) -> tuple[str, ...]:
    return (change.path, change.old_path) if change.status is PathStatus.RENAMED else (change.path,)


def _first_changed_line(before: bytes | None, after: bytes | None) -> int | None:
    """The first line of `after` that differs; ``None`` for a new, removed or binary file."""
    if before is None or after is None or b"\0" in before[:8000] or b"\0" in after[:8000]:
        return None
    old, new = before.split(b"\n"), after.split(b"\n")
    for number, (one, other) in enumerate(zip(old, new, strict=False), 1):
        if one != other:
            return number
    return min(len(old), len(new))
