"""The differences between the two sides of an image, within the limits of a report."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from weighbridge.domain.causes import Explanation, RepositoryChanges, SizeCause, explain_difference
from weighbridge.domain.checks.finding import Finding
from weighbridge.domain.gate.ignores import Ignore, ignored_because
from weighbridge.domain.image.attribution import Cause, FolderDelta, SourceChange, find_causes
from weighbridge.domain.image.diff import LayerDiff
from weighbridge.domain.image.file_map import map_files
from weighbridge.domain.image.files import FileDelta
from weighbridge.domain.image.packed_file_map import pack
from weighbridge.domain.image.storage_changes import StorageChange
from weighbridge.domain.image.text_changes import TextChange, text_changes
from weighbridge.domain.image.weighed import WeighedImage, compare
from weighbridge.domain.packages.diff import PackageChange
from weighbridge.domain.result.extras import NO_EXTRAS, Extras
from weighbridge.domain.tips.introduced import tip_growth

MAXIMUM_FILES = 500
"""Maximum number of changed files in a report: further files are only counted; the largest come first."""
MAXIMUM_PACKAGES = 1000
"""Maximum number of packages in a report."""


@dataclass(frozen=True, kw_only=True, slots=True)
class JudgedFinding:
    """A finding of head. `introduced`: base does not have it. `ignored_because`: the reason of the ignore, if any."""

    finding: Finding
    introduced: bool
    ignored_because: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class ImageComparison:
    """The comparison of base and head; a side that does not exist is empty.

    `noise_bytes` is the difference between two builds of base; ``None`` if base was built once. The bytes of
    `size_causes` add up to the difference in unpacked bytes, if both sides exist; `cause_notes` name data that was not
    searched for causes. `tip_growth` is the additional saving of each computed tip over base, by its code. `storage`
    are changes in the storage of equal content. `file_map` has all files of both sides, packed: see
    `weighbridge.domain.image.packed_file_map`. `text_changes` are diffs of small text files, on request.
    """

    layers: LayerDiff
    files: tuple[FileDelta, ...]
    files_omitted: int
    folders: tuple[FolderDelta, ...]
    packages: tuple[PackageChange, ...]
    packages_omitted: int
    findings: tuple[JudgedFinding, ...]
    causes: tuple[Cause, ...]
    size_causes: tuple[SizeCause, ...]
    cause_notes: tuple[str, ...]
    tip_growth: Mapping[str, int]
    storage: tuple[StorageChange, ...]
    noise_bytes: int | None
    file_map: bytes = b""
    text_changes: tuple[TextChange, ...] = ()


def compare_sides(
    base: WeighedImage | None,
    head: WeighedImage | None,
    *,
    ignores: Sequence[Ignore] = (),
    source: SourceChange | None = None,
    noise_bytes: int | None = None,
    repository: Callable[[], RepositoryChanges] = RepositoryChanges,
    extras: Extras = NO_EXTRAS,
) -> ImageComparison:
    """Compare two weighed sides. Without `source` (the repository's changes), no cause is named.

    `repository` returns the repository's data for the search for causes; called only if the images differ.
    `extras` are further parts of the comparison.
    """
    found = compare(base, head)
    explained = Explanation(causes=())
    is_changed = base and head and [one.diff_id for one in base.layers] != [one.diff_id for one in head.layers]
    if base and head and found.files is not None and is_changed:
        explained = explain_difference(base, head, found.files, repository())
    causes = find_causes(base.layers, head.layers, source, noise_bytes=noise_bytes) if base and head and source else ()
    return ImageComparison(
        layers=found.layers,
        files=found.files[:MAXIMUM_FILES] if found.files is not None else (),
        files_omitted=max(0, len(found.files or ()) - MAXIMUM_FILES),
        folders=found.folders,
        packages=found.packages[:MAXIMUM_PACKAGES],
        packages_omitted=max(0, len(found.packages) - MAXIMUM_PACKAGES),
        findings=tuple(
            JudgedFinding(
                finding=finding,
                introduced=finding in found.introduced,
                ignored_because=ignored_because(finding, ignores),
            )
            for finding in (head.findings if head else ())
        ),
        causes=causes,
        size_causes=explained.causes,
        cause_notes=explained.notes,
        tip_growth=tip_growth(base, head) if base and head and is_changed and extras.tip_growth else {},
        storage=found.storage,
        noise_bytes=noise_bytes,
        file_map=pack(map_files(base, head, found.files, maximum_nodes=extras.file_map_nodes))
        if extras.file_map_nodes
        else b"",
        text_changes=text_changes(base.rootfs, head.rootfs, found.files)
        if base and head and found.files is not None and extras.text_changes
        else (),
    )
