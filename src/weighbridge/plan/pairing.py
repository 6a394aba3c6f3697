"""Which image that a definition file of one commit builds is which of the other commit's."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from weighbridge.plan.definition import ImageDefinition
from weighbridge.plan.tree import Tree, join

_Key = tuple[str, str]


@dataclass(frozen=True, kw_only=True, slots=True)
class DefinedPair:
    """One image: what each side's definition file says about it. A side where it does not exist is ``None``.

    `base_name` is what base calls it.
    """

    name: str
    base_name: str | None = None
    base: ImageDefinition | None
    head: ImageDefinition | None

    def side(self, name: str) -> ImageDefinition | None:
        """The definition in ``base`` or ``head``."""
        return self.base if name == "base" else self.head

    @property
    def definition(self) -> ImageDefinition:
        """Head's definition, or base's where the image is gone."""
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
    """The images that the definition files of ``base`` and ``head`` build, each once, with a name that is not taken.

    `is_taken` holds by Dockerfile the stages that the configuration has; with ``None`` among them all of it. No change
    of a definition file alone takes an image off the scale or makes it a new one, to which no limit on growth applies:
    one that has another name, or moves from Compose to bake, stays the image; one that is gone stays it as long as its
    Dockerfile is there; one that is still defined without a Dockerfile here is a failure; and one that is new for a
    Dockerfile that base has is not reported in place of it.
    """
    base, head = (
        {
            key: replace(names, dockerfile=path)
            for key, names in _by_name(sides[side])
            if (path := trees[side].dockerfile(names.dockerfile)) is not None and not _is_taken(names, is_taken)
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
        seen.add(now.what)
        base_name = None if was is None else join(was.folder, was.name)
        pairs.append(DefinedPair(name=_free_name(now, names), base_name=base_name, base=was, head=now))
    for was in gone.values():
        stays = was.dockerfile in trees["head"].entries and was.dockerfile not in built_by_head
        if was.what not in seen:
            seen.add(was.what)
            pairs.append(DefinedPair(name=_free_name(was, names), base=was, head=was if stays else None))
    return tuple(pairs)


def _by_name(definitions: Sequence[ImageDefinition]) -> Iterator[tuple[_Key, ImageDefinition]]:
    """The definitions by folder and name. Where bake and Compose define one name, bake (which reads both) counts."""
    found: dict[_Key, ImageDefinition] = {}
    for one in definitions:
        found.setdefault(one.key, one)
    return iter(found.items())


def _without_dockerfile(one: ImageDefinition) -> ImageDefinition:
    """An image that a file still defines although its Dockerfile is gone: a build of it fails."""
    return replace(one, failure=one.failure or f"{one}: {one.dockerfile} is not a file of the repository")


def _is_taken(one: ImageDefinition, is_taken: Mapping[str, Collection[str | None]]) -> bool:
    stages = is_taken.get(one.dockerfile, ())
    return None in stages or (one.target is not None and one.target in stages)


def _each_once(definitions: Mapping[_Key, ImageDefinition]) -> Iterator[tuple[ImageDefinition, list[_Key]]]:
    """Each image under its first name, with all names that it has."""
    keys: dict[tuple[object, ...], list[_Key]] = {}
    for key, one in definitions.items():
        keys.setdefault(one.what, []).append(key)
    for same in keys.values():
        yield definitions[same[0]], same


def _renamed(now: ImageDefinition, gone: dict[_Key, ImageDefinition]) -> ImageDefinition | None:
    """What is gone from base and built the same stage of the same Dockerfile; it is then accounted for."""
    for key, was in gone.items():
        if (was.dockerfile, was.target) == (now.dockerfile, now.target):
            return gone.pop(key)
    return None


def _free_name(image: ImageDefinition, names: set[str]) -> str:
    """The definition's name behind the folder of its file, or behind that file's path; then it is taken."""
    name = join(image.folder, image.name)
    if name in names:
        name = f"{image.file}/{image.name}"
    while name in names:
        name += "+"
    names.add(name)
    return name
