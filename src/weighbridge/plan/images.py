"""Finds the images of a range before their Dockerfiles are read.

Precedence: configuration file, bake files, Compose files, plain Dockerfiles.
"""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from weighbridge.config import Config, Discover, ImageSettings
from weighbridge.domain.nearest import nearest, share_in_common
from weighbridge.errors import ConfigError
from weighbridge.plan.affected import Changes
from weighbridge.plan.definition import ImageDefinition
from weighbridge.plan.dockerfiles import all_dockerfiles, counted_dockerfiles, is_wanted
from weighbridge.plan.image_name import name_dockerfiles
from weighbridge.plan.left_out import is_left_out, left_out
from weighbridge.plan.pairing import DefinedPair, pair_definitions
from weighbridge.plan.sides import SideDefinition
from weighbridge.plan.tree import Tree, join

_MAXIMUM_LEFTOVER_PAIRS = 10_000
_MAXIMUM_SHOWN_DEFINITIONS = 5
_MAXIMUM_SUGGESTED_FROM = 2_000
_MAXIMUM_COMPARED_CHARACTERS = 200


@dataclass(frozen=True, kw_only=True, slots=True)
class FoundImage:
    """An image before its Dockerfiles are read: how to build it on each side where it exists.

    `pair` are its definitions in bake or Compose files, if any. `platforms` are its platforms by side; `required` those
    that must be possible to build. `head_as_base` is base's definition in head's tree (`with_base_definition`),
    `replaces` the name of the removed image that provides its base side. `base_name` is the image's name in base.
    """

    name: str
    base: SideDefinition | None
    head: SideDefinition | None
    defined_in: str
    platforms: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    required: frozenset[str] = frozenset()
    is_configured: bool = False
    pair: DefinedPair | None = None
    head_as_base: SideDefinition | None = None
    replaces: str | None = None
    base_name: str | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """All its names: in base, in head, and those of its further definitions."""
        others = self.pair.others if self.pair is not None else ()
        known = (self.name, self.base_name, *(join(one.folder, one.name) for one in others))
        return tuple(name for name in known if name is not None)

    @property
    def name_in_base(self) -> str:
        """The name that limits of base refer to."""
        return self.base_name or self.name

    def side(self, name: str) -> SideDefinition | None:
        """How to build it in ``base`` or ``head``; ``None`` if it does not exist there."""
        return self.base if name == "base" else self.head


@dataclass(frozen=True, kw_only=True, slots=True)
class FoundImages:
    """The images of a range. `notes` name images that were found and are not weighed."""

    images: tuple[FoundImage, ...]
    notes: tuple[str, ...] = ()


def find_images(
    repository_name: str,
    config: Config,
    base_config: Config,
    trees: Mapping[str, Tree],
    changes: Changes,
    *,
    definitions: Mapping[str, Sequence[ImageDefinition]],
) -> FoundImages:
    """All images of ``base`` and ``head``. `definitions` are those of bake and Compose files on each side.

    `base_config` is base's configuration. Raises ConfigError for a configured image whose Dockerfile is in neither
    commit.
    """
    configs = {"base": base_config, "head": config}
    names_in_base = _names_in_base(base_config, config.discover, trees["base"], definitions["base"], repository_name)
    images = _configured(configs, trees, changes, definitions["base"], names_in_base)
    images += [_of_pair(pair) for pair in _defined(config, trees, images, definitions)]
    images += _bare(repository_name, config, trees, changes, images, names_in_base=names_in_base)
    images = pair_leftovers(images, are_compared=functools.partial(_are_compared, config))
    inline = [one for one in images if one.base is None and one.head is not None and one.head.is_inline]
    inline += [
        one
        for one in images
        if one.base is not None and one.base.is_inline and (one.head is None or one.head.is_inline)
    ]
    sides = [(one.name, side) for one in inline for side in (one.head or one.base,) if side is not None]
    notes = {f"{name}: not weighed: {side.failure}": None for name, side in sides}
    return FoundImages(images=tuple(one for one in images if one not in inline), notes=tuple(notes))


def with_base_definition(one: FoundImage, trees: Mapping[str, Tree], changes: Changes) -> FoundImage:
    """`one` with base's definition applied to head's tree, if its Dockerfile still exists there or was moved.

    An image that replaces a removed one has another Dockerfile, unless head keeps that of the removed one.
    """
    if one.base is None or one.head is None or one.base.failure is not None:
        return one
    path = trees["head"].dockerfile(one.base.dockerfile)
    if path is None and one.replaces is not None:
        return one
    if path is None and one.head.failure is not None:
        return one
    if path is None:
        before = one.base.dockerfile
        moved = (new for new, old in changes.origins.items() if old == before)
        path = next(moved, one.head.dockerfile)
    return replace(one, head_as_base=replace(one.base, dockerfile=path))


def _are_compared(config: Config, was: str, now: str) -> bool:
    """True if an image that a change removes and one that it adds must be compared.

    One of them has a limit on growth, or the removed one has limits that the added one would escape.
    """
    if config.limits_growth(was) or config.limits_growth(now):
        return True
    return config.has_limits(was) and config.limits_of(was) != config.limits_of(now)


def pair_leftovers(images: Sequence[FoundImage], *, are_compared: Callable[[str, str], bool]) -> list[FoundImage]:
    """`images`, with a removed and an added image joined into one, the most similar pairs first.

    Only for images whose limits need it: otherwise an image whose Dockerfile is moved and rewritten would count as new,
    and the limits would not apply to it.
    """
    removed = [one for one in images if one.head is None and one.base is not None]
    added = [one for one in images if one.base is None and one.head is not None]
    before, after = ({one.name: _letters(one) for one in found} for found in (removed, added))
    candidates = sorted(
        (
            (share_in_common(before[was.name], after[now.name]), was.name, now.name, was, now)
            for was in removed
            for now in added
        )
        if len(removed) * len(added) <= _MAXIMUM_LEFTOVER_PAIRS
        else ((0.0, was.name, now.name, was, now) for was, now in zip(removed, added, strict=False)),
        key=lambda one: (-one[0], one[1], one[2]),
    )
    partner: dict[str, FoundImage] = {}
    gone: set[str] = set()
    for _, _, _, was, now in candidates:
        if was.name not in gone and now.name not in partner and are_compared(was.name_in_base, now.name):
            partner[now.name] = was
            gone.add(was.name)
    return [_joined(one, partner[one.name]) if one.name in partner else one for one in images if one.name not in gone]


def _joined(now: FoundImage, was: FoundImage) -> FoundImage:
    """`now` with the base of `was`; a configured name stays, because limits refer to it."""
    return replace(
        now,
        name=was.name if was.is_configured and not now.is_configured else now.name,
        base=was.base,
        platforms={**now.platforms, "base": was.platforms.get("base", ())},
        required=now.required | was.required,
        replaces=was.name_in_base,
        base_name=was.name_in_base,
    )


def _letters(one: FoundImage) -> Counter[str]:
    """The pairs of letters in the name and path of an image, which decide how similar it is to another one."""
    side = one.head or one.base
    text = f"{one.name} {side.dockerfile if side else ''}"[:_MAXIMUM_COMPARED_CHARACTERS]
    return Counter(text[at : at + 2] for at in range(len(text) - 1))


def _configured(
    configs: Mapping[str, Config],
    trees: Mapping[str, Tree],
    changes: Changes,
    base_definitions: Sequence[ImageDefinition],
    names_in_base: Mapping[str, str],
) -> list[FoundImage]:
    config = configs["head"]
    images = []
    for entry in config.images.values():
        was = configs["base"].images.get(entry.name)
        # An entry whose Dockerfile head removes stays subject to the gate.
        settings = was if entry.dockerfile is None and was is not None else entry
        path = settings.dockerfile
        if path is None:  # an image that is built elsewhere
            continue
        head_path = trees["head"].dockerfile(path)
        is_defined_by_base = was is not None and was.dockerfile is not None
        base = (
            _configured_side(was, trees["base"], changes)
            if was is not None and is_defined_by_base
            else _side_before_entry(path, settings.target, trees["base"], changes, base_definitions)
        )
        if base is None and head_path is None:
            problem = _why_no_dockerfile(path, trees)
            raise ConfigError(f"{config.path}:{settings.line}: images.{settings.name}.dockerfile: {path} {problem}")
        images.append(
            FoundImage(
                name=settings.name,
                base=base,
                head=_side_of_settings(settings, head_path) if head_path is not None else None,
                defined_in=f"the configuration {config.path}",
                platforms={"head": settings.platforms, "base": was.platforms if was is not None else ()},
                required=settings.required_platforms,
                is_configured=True,
                base_name=names_in_base.get(base.dockerfile) if base is not None and not is_defined_by_base else None,
            )
        )
    return images


def _why_no_dockerfile(path: str, trees: Mapping[str, Tree]) -> str:
    """Why a configured path leads to no Dockerfile, and which path the user may mean."""
    if any(tree.is_folder(path) for tree in trees.values()):
        return f"is a folder: write {path}/Dockerfile"
    candidates = [one for one in trees["head"].entries if "dockerfile" in one.lower()][:_MAXIMUM_SUGGESTED_FROM]
    meant = nearest(path, candidates)
    return "is neither in base nor in head" + (f' (did you mean "{meant}"?)' if meant else "")


def _names_in_base(
    config: Config, discover: Discover, tree: Tree, definitions: Sequence[ImageDefinition], repository_name: str
) -> dict[str, str]:
    """The names that base alone gives to the images of Dockerfiles, by path.

    A name that head uses for another image does not change them: limits refer to names.
    """
    configured = {one.dockerfile: one.name for one in config.images.values() if one.dockerfile is not None}
    defined = {one.dockerfile: join(one.folder, one.name) for one in reversed(definitions)} | configured
    bare = counted_dockerfiles(tree, discover, {}) - defined.keys()
    return defined | name_dockerfiles(bare, repository_name=repository_name, taken=defined.values())


def _side_of_settings(settings: ImageSettings, dockerfile: str) -> SideDefinition:
    return SideDefinition(
        dockerfile=dockerfile, context=settings.context, target=settings.target, build_args=settings.build_args
    )


def _configured_side(settings: ImageSettings, tree: Tree, changes: Changes) -> SideDefinition | None:
    if settings.dockerfile is None:
        return None
    path = tree.dockerfile(settings.dockerfile) or changes.origins.get(settings.dockerfile)
    return None if path is None else _side_of_settings(settings, path)


def _side_before_entry(
    dockerfile: str,
    target: str | None,
    tree: Tree,
    changes: Changes,
    definitions: Sequence[ImageDefinition],
) -> SideDefinition | None:
    """Base's side of an image that only head's configuration names: from a definition file, or the Dockerfile."""
    path = tree.dockerfile(dockerfile) or changes.origins.get(dockerfile)
    if path is None:
        return None
    defined = [one for one in definitions if one.dockerfile == path]
    chosen = next((one for one in defined if one.target == target), defined[0] if defined else None)
    return SideDefinition(dockerfile=path) if chosen is None else _side_of_definition(chosen)


def _side_of_definition(one: ImageDefinition) -> SideDefinition:
    return SideDefinition(
        dockerfile=one.dockerfile,
        context=one.context,
        target=one.target,
        build_args=one.build_args,
        contexts=one.contexts,
        failure=one.failure,
        is_inline=one.is_inline or one.is_remote,
        starts=one.starts,
    )


def _defined(
    config: Config,
    trees: Mapping[str, Tree],
    configured: Sequence[FoundImage],
    sides: Mapping[str, Sequence[ImageDefinition]],
) -> tuple[DefinedPair, ...]:
    """The images that bake and Compose files define in addition to the configuration."""
    taken: dict[str, set[str | None]] = {}
    for one in configured:
        for side in (one.base, one.head):
            if side is not None:
                taken.setdefault(side.dockerfile, set()).add(side.target)
    base = [one for one in sides["base"] if is_wanted(config.discover, one.dockerfile)]
    known = {one.key for one in base}
    # What base weighs stays on the scale, also where head defines it with a Dockerfile that is left out.
    head = [one for one in sides["head"] if one.key in known or is_wanted(config.discover, one.dockerfile)]
    wanted = {"base": base, "head": head}
    return pair_definitions(wanted, trees, is_taken=taken, taken_names={one.name for one in configured})


def _of_pair(pair: DefinedPair) -> FoundImage:
    base, head = (_side_of_definition(one) if one is not None else None for one in (pair.base, pair.head))
    platforms = {name: one.platforms for name, one in (("base", pair.base), ("head", pair.head)) if one is not None}
    return FoundImage(
        name=pair.name,
        base=base,
        head=head,
        defined_in=" and ".join(str(one) for one in (pair.definition, *pair.others[:_MAXIMUM_SHOWN_DEFINITIONS])),
        platforms=platforms,
        pair=pair,
        base_name=pair.base_name,
    )


def _bare(
    repository_name: str,
    config: Config,
    trees: Mapping[str, Tree],
    changes: Changes,
    defined: Sequence[FoundImage],
    *,
    names_in_base: Mapping[str, str],
) -> list[FoundImage]:
    """The Dockerfiles without a definition, paired by path or by git's rename detection."""
    # A Dockerfile of base that head no longer defines is still a separate image.
    claimed = {one.base.dockerfile: one.base for one in defined if one.base}
    # An image that a file defines only in head may still be a separate image in base: see `pair_definitions`.
    taken_head = {
        one.head.dockerfile
        for one in defined
        if one.head and (one.pair is None or one.base is not None or one.head.dockerfile not in trees["base"].entries)
    }
    in_base = counted_dockerfiles(trees["base"], config.discover, {}) - claimed.keys()
    in_head = counted_dockerfiles(trees["head"], config.discover, changes.origins) - taken_head
    names = name_dockerfiles(in_base | in_head, repository_name=repository_name, taken={one.name for one in defined})
    found: list[tuple[str, SideDefinition | None, str | None]] = []
    base_names: dict[str, str] = {}
    paired: set[str] = set()
    by_lower_case = {path.lower(): path for path in sorted(in_base - in_head)}
    for path in sorted(in_head):
        others = (path, changes.origins.get(path), by_lower_case.get(path.lower()))
        base_path = next((one for one in others if one in in_base and (one == path or one not in in_head)), None)
        base = None if base_path is None else SideDefinition(dockerfile=base_path)
        if base_path is not None:
            paired.add(base_path)
            base_names[path] = names_in_base[base_path]
        is_recased = base_path is not None and base_path != path and base_path.lower() == path.lower()
        name = names[base_path] if is_recased and base_path is not None else names[path]
        found.append((name, base or claimed.get(path), path))
    found += [(names[path], SideDefinition(dockerfile=path), None) for path in sorted(in_base - paired)]
    return [
        FoundImage(
            name=name,
            base=base,
            head=SideDefinition(dockerfile=head_path) if head_path is not None else None,
            defined_in="its file name",
            base_name=base_names.get(head_path or "") or (names_in_base[base.dockerfile] if base else None),
        )
        for name, base, head_path in found
    ]


def left_out_dockerfiles(trees: Mapping[str, Tree], discover: Discover, images: Iterable[FoundImage]) -> dict[str, str]:
    """The excluded Dockerfiles by path, with the reason."""
    counted = {side.dockerfile for one in images for side in (one.base, one.head) if side is not None}
    paths = {path for tree in trees.values() for path in all_dockerfiles(tree, discover)} - counted
    return {path: str(left_out(path)) for path in sorted(paths) if is_left_out(discover, path)}
