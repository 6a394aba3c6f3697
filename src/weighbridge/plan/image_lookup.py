"""Maps a bake target, a Compose service or a tag to an image of the plan."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from weighbridge.domain.side import SIDES
from weighbridge.plan.definition import ImageDefinition
from weighbridge.plan.dependencies import normal_reference
from weighbridge.plan.image_plan import ContextKind, NamedContext
from weighbridge.plan.images import FoundImage
from weighbridge.plan.sides import SideDefinition


class Names:
    """The image of the plan for a bake target, a Compose service or a tag, on each side."""

    def __init__(
        self,
        images: Sequence[FoundImage],
        definitions: Mapping[str, Sequence[ImageDefinition]],
    ) -> None:
        self._by_key: dict[tuple[str, str, str], str] = {}
        self._by_tag: dict[tuple[str, str], str] = {}
        self._folders: dict[tuple[str, str], str] = {}
        by_path = {
            (name, side.dockerfile): one.name
            for one in reversed(list(images))
            for name in SIDES
            if (side := one.side(name))
        }
        for name in SIDES:
            by_what = {}
            for found in images:
                one = found.pair.side(name) if found.pair else None
                if one is not None:
                    by_what[one.what] = found.name
                    by_what.setdefault(replace(one, platforms=()).what, found.name)
                    self._folders[name, found.name] = one.folder
                    # Also if only the other side still defines it: see `pair_definitions`.
                    self._by_key[(name, *one.key)] = found.name
            for one in definitions[name]:
                image = by_what.get(one.what) or by_path.get((name, one.dockerfile))
                if image is not None:
                    self._by_key.setdefault((name, *one.key), image)
                    for tag in one.tags:
                        self._by_tag.setdefault((name, normal_reference(tag)), image)
        base, head = ({tag: image for (one, tag), image in self._by_tag.items() if one == name} for name in SIDES)
        self.tags_differ = base != head
        """True if head gives a tag to another image than base does."""

    def of_tag(self, side: str, reference: str) -> str | None:
        """The image of the plan that gets this tag."""
        return self._by_tag.get((side, normal_reference(reference))) if self._by_tag else None

    def resolve(self, image: FoundImage) -> FoundImage:
        """`image` with the targets and services in its contexts replaced by images of the plan."""
        base, head = (
            self._resolved(side, name, image.name) if side is not None else None
            for name, side in (("base", image.base), ("head", image.head))
        )
        return replace(image, base=base, head=head)

    def _resolved(self, side: SideDefinition, name: str, image: str) -> SideDefinition:
        contexts = {}
        failure = side.failure
        folder = self._folders.get((name, image), "")
        for key, one in side.contexts.items():
            value = self._by_key.get((name, folder, one.value)) if one.kind is ContextKind.IMAGE else one.value
            if value is None:
                failure = failure or (
                    f"{side.dockerfile}: the additional context {key} is {one.value}, which is not built from a"
                    " Dockerfile of this repository"
                )
            else:
                contexts[key] = NamedContext(kind=one.kind, value=value)
        return replace(side, contexts=contexts, failure=failure)
