"""Size causes of two made images, with their sum checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from weighbridge.domain.causes import ChangedFile, RepositoryChanges, RepositorySide, SizeCause, explain_difference
from weighbridge.domain.causes.repository_paths import RepositoryPaths
from weighbridge.domain.declarations import Declarations, declared_by_commands, read_declarations
from weighbridge.domain.image.weighed import WeighedImage, compare
from weighbridge.domain.tips.tip import DockerfileSource

Side = tuple[WeighedImage, DockerfileSource]
Files = Mapping[str, bytes]


def side(source: DockerfileSource, tree: Files) -> RepositorySide:
    """A side of the repository whose tree has these files."""
    commands = declared_by_commands(source.text, source.dockerfile)
    view = RepositorySide(dockerfile=source.dockerfile, paths=RepositoryPaths({"Dockerfile", *tree}))
    manifests = read_declarations(view.manifests(), dict(tree).get, view.named_files).found
    return replace(view, declarations=Declarations(found=(*commands, *manifests)))


def causes(base: Side, head: Side, old: Files | None = None, new: Files | None = None) -> list[SizeCause]:
    """The causes, with their sum checked; `old` and `new` are the files of the build context."""
    old, new = old or {}, new or {}
    changed = {
        path: ChangedFile(
            path=path,
            base_bytes=len(old[path]) if path in old else None,
            head_bytes=len(new[path]) if path in new else None,
        )
        for path in old.keys() | new.keys()
        if old.get(path) != new.get(path)
    }
    repository = RepositoryChanges(
        base=side(base[1], old), head=side(head[1], new), changed=changed, dockerfile_path="Dockerfile"
    )
    found = explain_difference(base[0], head[0], compare(base[0], head[0]).files, repository).causes
    assert sum(one.bytes for one in found) == head[0].image.unpacked_bytes - base[0].image.unpacked_bytes
    return list(found)


def summary(found: list[SizeCause]) -> list[tuple[str, str, str, int]]:
    """Kind, subject, place and bytes of each cause."""
    return [(one.kind.value, one.what, str(one.place), one.bytes) for one in found]
