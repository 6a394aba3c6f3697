"""Uses bake targets that are not built by default: they still define how a Dockerfile is built."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from weighbridge.plan.definition import DefinitionKind, ImageDefinition
from weighbridge.plan.evidence.model import BuildEvidence, EvidenceKind
from weighbridge.plan.image_plan import ContextKind
from weighbridge.plan.images import FoundImage
from weighbridge.plan.sides import SideDefinition

_KINDS = {DefinitionKind.BAKE: EvidenceKind.BAKE, DefinitionKind.COMPOSE: EvidenceKind.COMPOSE}


def bake_evidence(definitions: Iterable[ImageDefinition]) -> Iterator[BuildEvidence]:
    """The contexts that the definitions give to their Dockerfiles."""
    for one in definitions:
        yield BuildEvidence(
            kind=_KINDS[one.kind],
            dockerfile=one.dockerfile,
            context=one.context,
            file=one.file,
            what=f"{one.kind} {one.name}",
        )


def adopt_bake_target(image: FoundImage, others: Mapping[str, Sequence[ImageDefinition]]) -> FoundImage:
    """`image` with the arguments of the bake targets that build its Dockerfile, if no file defines the image.

    A single such target also provides the stage and the additional contexts; several provide the arguments on which
    all of them agree. Base uses base's targets. Head uses them too, and its own only if base has none.
    """
    if image.is_configured or image.pair is not None:
        return image
    base = image.base and (_adopted(image.base, others.get("base", ())) or image.base)
    head = image.head and (
        _adopted(image.head, others.get("base", ())) or _adopted(image.head, others.get("head", ())) or image.head
    )
    return replace(image, base=base, head=head)


def _adopted(side: SideDefinition, others: Sequence[ImageDefinition]) -> SideDefinition | None:
    same = [one for one in others if one.dockerfile == side.dockerfile and one.kind is DefinitionKind.BAKE]
    if not same:
        return None
    first = same[0]
    arguments = {
        name: value
        for name, value in first.build_args.items()
        if all(one.build_args.get(name) == value for one in same)
    }
    if len({one.what for one in same}) > 1:
        return replace(side, build_args=arguments)
    contexts = {name: one for name, one in first.contexts.items() if one.kind is not ContextKind.IMAGE}
    return replace(side, build_args=arguments, target=first.target, contexts=contexts)
