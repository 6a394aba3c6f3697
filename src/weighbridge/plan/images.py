"""The images of a range before their Dockerfiles are read.

An image that the configuration defines stands before one of a bake file, that before one of a Compose file, and that
before a Dockerfile which nothing names.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from weighbridge.config import DEFAULT_CONFIG, Config, Discover
from weighbridge.errors import ConfigError
from weighbridge.plan.affected import Changes
from weighbridge.plan.definition import ImageDefinition
from weighbridge.plan.dockerfile_name import is_dockerfile
from weighbridge.plan.git import EntryType
from weighbridge.plan.globs import match_path
from weighbridge.plan.image_name import name_dockerfiles
from weighbridge.plan.left_out import is_left_out, left_out
from weighbridge.plan.pairing import DefinedPair, pair_definitions
from weighbridge.plan.sides import SideDefinition
from weighbridge.plan.tree import Tree

SIDES = ("base", "head")

_MAXIMUM_DOCKERFILES = 10_000


@dataclass(frozen=True, kw_only=True, slots=True)
class FoundImage:
    """An image before its Dockerfiles are read: how it is built on each side where it exists.

    `pair` is what bake or Compose files say, where they define it. `platforms` are those that it is built for, by side;
    `required` those that must be possible.
    """

    name: str
    base: SideDefinition | None
    head: SideDefinition | None
    defined_in: str
    platforms: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    required: frozenset[str] = frozenset()
    is_configured: bool = False
    pair: DefinedPair | None = None

    def side(self, name: str) -> SideDefinition | None:
        """How it is built in ``base`` or ``head``; ``None`` where it does not exist there."""
        return self.base if name == "base" else self.head


def find_images(
    repository_name: str,
    config: Config,
    trees: Mapping[str, Tree],
    changes: Changes,
    definitions: Mapping[str, Sequence[ImageDefinition]],
) -> list[FoundImage]:
    """All images of ``base`` and ``head``. `definitions` are those of bake and Compose files on each side.

    Raises ConfigError for an image of the configuration whose Dockerfile is in neither.
    """
    images = _configured(config, trees, changes)
    images += [_of_pair(pair) for pair in _defined(config, trees, images, definitions)]
    return images + _bare(repository_name, config, trees, changes, images)


def _configured(config: Config, trees: Mapping[str, Tree], changes: Changes) -> list[FoundImage]:
    images = []
    for settings in config.images.values():
        path = settings.dockerfile
        head_path = path if path in trees["head"].entries else None
        base_path = path if path in trees["base"].entries else changes.origins.get(path)
        if base_path is None and head_path is None:
            raise ConfigError(
                f"{config.path}:{settings.line}: images.{settings.name}.dockerfile: {path} is neither in base nor in"
                " head"
            )
        base, head = (
            SideDefinition(
                dockerfile=one, context=settings.context, target=settings.target, build_args=settings.build_args
            )
            if one is not None
            else None
            for one in (base_path, head_path)
        )
        images.append(
            FoundImage(
                name=settings.name,
                base=base,
                head=head,
                defined_in=f"the configuration {config.path}",
                platforms=dict.fromkeys(SIDES, settings.platforms),
                required=settings.required_platforms,
                is_configured=True,
            )
        )
    return images


def _defined(
    config: Config,
    trees: Mapping[str, Tree],
    configured: Sequence[FoundImage],
    sides: Mapping[str, Sequence[ImageDefinition]],
) -> tuple[DefinedPair, ...]:
    """What bake and Compose files define beyond the configuration."""
    taken: dict[str, set[str | None]] = {}
    for one in configured:
        for side in (one.base, one.head):
            if side is not None:
                taken.setdefault(side.dockerfile, set()).add(side.target)
    wanted = {
        name: [one for one in found if _is_wanted(config.discover, one.dockerfile)] for name, found in sides.items()
    }
    return pair_definitions(wanted, trees, is_taken=taken, taken_names={one.name for one in configured})


def _of_pair(pair: DefinedPair) -> FoundImage:
    base, head = (
        SideDefinition(
            dockerfile=one.dockerfile,
            context=one.context,
            target=one.target,
            build_args=one.build_args,
            contexts=one.contexts,
            failure=one.failure,
        )
        if one is not None
        else None
        for one in (pair.base, pair.head)
    )
    platforms = {name: one.platforms for name, one in (("base", pair.base), ("head", pair.head)) if one is not None}
    return FoundImage(
        name=pair.name, base=base, head=head, defined_in=str(pair.definition), platforms=platforms, pair=pair
    )


def _bare(
    repository_name: str,
    config: Config,
    trees: Mapping[str, Tree],
    changes: Changes,
    defined: Sequence[FoundImage],
) -> list[FoundImage]:
    """The Dockerfiles that no image is defined by, paired by path or by git's rename detection."""
    taken_base = {one.base.dockerfile for one in defined if one.base}
    # What a file defines in head alone may still be an image of its own in base: see `pair_definitions`.
    taken_head = {
        one.head.dockerfile
        for one in defined
        if one.head and (one.pair is None or one.base is not None or one.head.dockerfile not in trees["base"].entries)
    }
    in_base = _dockerfiles(trees["base"], config.discover, {}) - taken_base
    in_head = _dockerfiles(trees["head"], config.discover, changes.origins) - taken_head
    names = name_dockerfiles(in_base | in_head, repository_name=repository_name, taken={one.name for one in defined})
    found: list[tuple[str, str | None, str | None]] = []
    paired: set[str] = set()
    for path in sorted(in_head):
        base_path = path if path in in_base else changes.origins.get(path)
        if base_path not in in_base or (base_path != path and base_path in in_head):
            base_path = None
        if base_path is not None:
            paired.add(base_path)
        found.append((names[path], base_path, path))
    found += [(names[path], path, None) for path in sorted(in_base - paired)]
    return [
        FoundImage(
            name=name,
            base=SideDefinition(dockerfile=base_path) if base_path is not None else None,
            head=SideDefinition(dockerfile=head_path) if head_path is not None else None,
            defined_in="its file name",
        )
        for name, base_path, head_path in found
    ]


def _dockerfiles(tree: Tree, discover: Discover, origins: Mapping[str, str]) -> set[str]:
    """The Dockerfiles of a tree that count. One that moves into a folder that is left out stays (`origins`)."""
    found = {
        path
        for path in _all_dockerfiles(tree, discover)
        if not is_left_out(discover, path) or not is_left_out(discover, origins.get(path, path))
    }
    if len(found) > _MAXIMUM_DOCKERFILES:
        raise ConfigError(
            f"{len(found)} Dockerfiles are more than the {_MAXIMUM_DOCKERFILES} that one run weighs."
            f" Exclude some: discover.exclude in {DEFAULT_CONFIG}."
        )
    return found


def _all_dockerfiles(tree: Tree, discover: Discover) -> list[str]:
    return [
        path
        for path, entry in tree.entries.items()
        if is_dockerfile(path) and entry.type in {EntryType.FILE, EntryType.EXECUTABLE} and _is_wanted(discover, path)
    ]


def left_out_dockerfiles(trees: Mapping[str, Tree], discover: Discover, images: Iterable[FoundImage]) -> dict[str, str]:
    """The Dockerfiles that are left out, by path, and why."""
    counted = {side.dockerfile for one in images for side in (one.base, one.head) if side is not None}
    paths = {path for tree in trees.values() for path in _all_dockerfiles(tree, discover)} - counted
    return {path: str(left_out(path)) for path in sorted(paths) if is_left_out(discover, path)}


def _is_wanted(discover: Discover, path: str) -> bool:
    """True for the path of a Dockerfile that the globs of the configuration let through."""
    if discover.include and not any(match_path(glob, path) for glob in discover.include):
        return False
    return not any(match_path(glob, path) for glob in discover.exclude)
