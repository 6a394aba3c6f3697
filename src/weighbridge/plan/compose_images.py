"""The Compose files of two commits: what each builds, and which image of one is which of the other."""

from __future__ import annotations

import posixpath
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from weighbridge.errors import ConfigError
from weighbridge.plan.compose import COMPOSE_NAMES, MAXIMUM_COMPOSE_BYTES, ComposeImage, parse_compose
from weighbridge.plan.git import EntryType, Repository, read_blobs
from weighbridge.plan.globs import match_path
from weighbridge.plan.tree import ROOT, Tree, join

_MAXIMUM_FILES = 1_000


@dataclass(frozen=True, kw_only=True, slots=True)
class ComposePair:
    """One image of a Compose file: what is built (`image`, as head says it), and its Dockerfile on each side."""

    name: str
    image: ComposeImage
    base_path: str | None
    head_path: str | None
    is_redefined: bool


def pair_compose_images(
    repository: Repository,
    trees: Mapping[str, Tree],
    *,
    exclude: Sequence[str],
    taken_paths: Collection[str | None],
    taken_names: Collection[str],
) -> tuple[ComposePair, ...]:
    """The images that Compose files of ``base`` and ``head`` build, each once, with a name that none of the taken is.

    No change of a Compose file alone takes an image off the scale or makes it a new one, to which no limit on growth
    applies: a service that has another name stays the image; one that is gone stays it as long as its Dockerfile is
    there; and one that is new for a Dockerfile that base has is not reported in place of it. Raises GitError.
    """
    sides = {
        side: {
            (one.file, one.service): one
            for one in read_compose_images(repository, trees[side], exclude=exclude)
            if one.dockerfile in trees[side].entries
            and one.dockerfile not in taken_paths
            and not any(match_path(glob, one.dockerfile) for glob in exclude)
        }
        for side in ("base", "head")
    }
    base, head = sides["base"], sides["head"]
    built_by_base = {one.dockerfile for one in base.values()}
    built_by_head = {one.dockerfile for one in head.values()}
    gone = {key: one for key, one in base.items() if key not in head}
    names = set(taken_names)
    seen: set[tuple[object, ...]] = set()
    pairs = []
    for key, now in head.items():
        was = base.get(key) or _renamed(now, gone)
        is_plain = now.target is None and not now.build_args
        is_base_bare = now.dockerfile in trees["base"].entries and now.dockerfile not in built_by_base
        if now.what in seen or (was is None and is_base_bare and is_plain):
            continue
        seen.add(now.what)
        base_path = was.dockerfile if was else None
        changed = was is not None and was.what != now.what
        name = _free_name(now, names)
        pairs.append(
            ComposePair(name=name, image=now, base_path=base_path, head_path=now.dockerfile, is_redefined=changed)
        )
    for was in gone.values():
        stays = was.dockerfile in trees["head"].entries and was.dockerfile not in built_by_head
        if was.what not in seen:
            seen.add(was.what)
            head_path = was.dockerfile if stays else None
            name = _free_name(was, names)
            pairs.append(
                ComposePair(name=name, image=was, base_path=was.dockerfile, head_path=head_path, is_redefined=False)
            )
    return tuple(pairs)


def _renamed(now: ComposeImage, gone: dict[tuple[str, str], ComposeImage]) -> ComposeImage | None:
    """The service of base that is gone and built the same stage of the same Dockerfile; it is then accounted for."""
    for key, was in gone.items():
        if (was.dockerfile, was.target) == (now.dockerfile, now.target):
            return gone.pop(key)
    return None


def _free_name(image: ComposeImage, names: set[str]) -> str:
    """The service's name behind the folder of its Compose file, or behind that file's path; then it is taken."""
    folder = posixpath.dirname(image.file) or ROOT
    name = join(folder, image.service)
    if name in names:
        name = f"{image.file}/{image.service}"
    while name in names:
        name += "+"
    names.add(name)
    return name


def read_compose_images(repository: Repository, tree: Tree, *, exclude: Sequence[str]) -> tuple[ComposeImage, ...]:
    """The images that the Compose files of a tree build, the files nearest to the root first.

    A file that is not one, whatever its name, defines nothing: its Dockerfiles are found as such. Raises GitError.
    """
    paths = sorted(_chosen(tree, exclude), key=lambda path: (path.count("/"), path))[:_MAXIMUM_FILES]
    if not paths:
        return ()
    shas = [tree.entries[path].sha for path in paths]
    blobs = read_blobs(repository, shas, maximum_bytes=MAXIMUM_COMPOSE_BYTES)
    return tuple(image for path, (_, data) in zip(paths, blobs, strict=True) for image in _images(data, path))


def _chosen(tree: Tree, exclude: Sequence[str]) -> Iterator[str]:
    """Of each folder the file that Compose would take."""
    files = {
        path
        for path, entry in tree.entries.items()
        if posixpath.basename(path) in COMPOSE_NAMES and entry.type in {EntryType.FILE, EntryType.EXECUTABLE}
    }
    for path in files:
        folder, _, name = path.rpartition("/")
        prefix = f"{folder}/" if folder else ""
        is_first = not any(f"{prefix}{other}" in files for other in COMPOSE_NAMES[: COMPOSE_NAMES.index(name)])
        if is_first and not any(match_path(glob, path) for glob in exclude):
            yield path


def _images(data: bytes, path: str) -> tuple[ComposeImage, ...]:
    try:
        return parse_compose(data, path=path)
    except ConfigError:
        return ()
