"""Pairs the images that the definition files of two commits build."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from weighbridge.plan.definition import ImageDefinition
from weighbridge.plan.tree import Tree, join

_Key = tuple[str, str]


@dataclass(frozen=True, kw_only=True, slots=True)
class DefinedPair:
    """One image: its definition on each side. A side where it does not exist is ``None``.

    `base_name` is its name in base. `others` are further definitions of the image on head's side, with other names.
    """

    name: str
    base_name: str | None = None
    others: tuple[ImageDefinition, ...] = ()
    base: ImageDefinition | None
    head: ImageDefinition | None

    def side(self, name: str) -> ImageDefinition | None:
        """The definition in ``base`` or ``head``."""
        return self.base if name == "base" else self.head

    @property
    def definition(self) -> ImageDefinition:
        """Head's definition, or base's if the image was removed."""
        one = self.head or self.base
        assert one is not None
        return one


def pair_definitions(
    sides: Mapping[str, Sequence[ImageDefinition]],
    trees: Mapping[str, Tree],
    *,
    is_taken: Mapping[str, Collection[str | None]],
    taken_names: Collection[str],
) -> tuple[DefinedPair, ...]:
    """The images that the definition files of ``base`` and ``head`` build, without duplicates, with unused names.

    `is_taken` maps a Dockerfile to the stages that the configuration defines; ``None`` among them means all stages. A
    change of only a definition file neither removes an image nor makes it a new one, to which no limit on growth would
    apply. An image that is renamed, or moves from Compose to bake, stays the same image. One whose definition is
    removed stays as long as its Dockerfile exists. One that is still defined without a Dockerfile here is a failure. A
    new definition for a Dockerfile of base does not replace the image of base.
    """
    base, head = (
        {
            key: replace(names, dockerfile=path)
            for key, names in _by_name(sides[side])
            if (path := trees[side].dockerfile(names.dockerfile)) is not None and not _is_configured(names, is_taken)
        }
        for side in ("base", "head")
    )
    base = {key: one for key, one in base.items() if not one.is_remote}
    head = {key: one for key, one in head.items() if not one.is_remote or key in base}
    head |= {
        key: _without_dockerfile(one)
        for key, one in _by_name(sides["head"])
        if key in base and trees["head"].dockerfile(one.dockerfile) is None
    }
    built_by_base = {one.dockerfile for one in base.values()}
    built_by_head = {one.dockerfile for one in head.values()}
    gone = {key: one for key, one in base.items() if key not in head}
    names = set(taken_names)
    seen: set[tuple[object, ...]] = set()
    pairs = []
    for now, keys in _each_once(head):
        was = next((base[key] for key in keys if key in base), None) or _renamed(now, gone)
        is_base_bare = now.dockerfile in trees["base"].entries and now.dockerfile not in built_by_base
        if was is None and is_base_bare and now.is_plain:
            continue
        seen |= {now.what, replace(now, platforms=()).what}
        base_name = None if was is None else join(was.folder, was.name)
        others = tuple(head[key] for key in keys if head[key] is not now)
        pairs.append(DefinedPair(name=_free_name(now, names), base_name=base_name, others=others, base=was, head=now))
    for was in gone.values():
        stays = was.dockerfile in trees["head"].entries and was.dockerfile not in built_by_head
        if was.what not in seen:
            seen.add(was.what)
            pairs.append(DefinedPair(name=_free_name(was, names), base=was, head=was if stays else None))
    return tuple(pairs)


def _by_name(definitions: Sequence[ImageDefinition]) -> Iterator[tuple[_Key, ImageDefinition]]:
    """The definitions by folder and name. If bake and Compose define one name, bake (which reads both) counts."""
    found: dict[_Key, ImageDefinition] = {}
    for one in definitions:
        found.setdefault(one.key, one)
    return iter(found.items())


def _without_dockerfile(one: ImageDefinition) -> ImageDefinition:
    """An image that a file still defines although its Dockerfile is gone: a build of it fails."""
    return replace(one, failure=one.failure or f"{one}: {one.dockerfile} is not a file of the repository")


def _is_configured(one: ImageDefinition, is_taken: Mapping[str, Collection[str | None]]) -> bool:
    stages = is_taken.get(one.dockerfile, ())
    return None in stages or (one.target is not None and one.target in stages)


def _each_once(definitions: Mapping[_Key, ImageDefinition]) -> Iterator[tuple[ImageDefinition, list[_Key]]]:
    """Each image under its first name, with all its names.

    A definition without platforms, as most Compose services are, is the image of one with platforms.
    """
    keys: dict[tuple[object, ...], dict[tuple[str, ...], list[_Key]]] = {}
    for key, one in definitions.items():
        keys.setdefault(replace(one, platforms=()).what, {}).setdefault(one.platforms, []).append(key)
    for by_platforms in keys.values():
        without = by_platforms.pop((), [])
        first, *more = by_platforms.values() or ([],)
        for same in ([*first, *without], *more):
            yield definitions[same[0]], same


def _renamed(now: ImageDefinition, gone: dict[_Key, ImageDefinition]) -> ImageDefinition | None:
    """The definition removed from base that built the same stage of the same Dockerfile; removes it from `gone`."""
    for key, was in gone.items():
        if (was.dockerfile, was.target) == (now.dockerfile, now.target):
            return gone.pop(key)
    return None


def _free_name(image: ImageDefinition, names: set[str]) -> str:
    """The definition's name, prefixed with its folder or, if that is in use, its file; adds it to `names`."""
    name = join(image.folder, image.name)
    if name in names:
        name = f"{image.file}/{image.name}"
    while name in names:
        name += "+"
    names.add(name)
    return name
