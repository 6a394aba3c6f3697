"""Lists the transports of references, and parses what users write. A new transport is one line of `TRANSPORTS`."""

from __future__ import annotations

import re

from weighbridge.errors import UsageError
from weighbridge.sources import from_files
from weighbridge.sources.reference import (
    ImageLocation,
    ImageReference,
    Transport,
    split_engine_name,
    split_registry_reference,
)
from weighbridge.sources.source import ImageSource, SourceSetup


def _images_in_engine(setup: SourceSetup) -> ImageSource:
    from weighbridge.sources.known_in_engine import KnownInEngine  # noqa: PLC0415 - images in files need no engine

    return KnownInEngine(setup)


def _images_in_registries(setup: SourceSetup) -> ImageSource:
    from weighbridge.sources.from_registry import ImagesInRegistries  # noqa: PLC0415 - requests is slow to load

    return ImagesInRegistries(setup)


REGISTRY = Transport(
    name="registry",
    aliases=("docker",),
    form="HOST/NAME[:TAG][@DIGEST]",
    location=ImageLocation.REGISTRY,
    split=split_registry_reference,
    source=_images_in_registries,
)
ENGINE = Transport(
    name="docker-daemon",
    form="NAME[:TAG]",
    location=ImageLocation.ENGINE,
    split=split_engine_name,
    source=_images_in_engine,
    is_default=True,
)

TRANSPORTS: tuple[Transport, ...] = (
    from_files.DOCKER_ARCHIVE,
    from_files.OCI,
    from_files.OCI_ARCHIVE,
    from_files.SKOPEO_FOLDER,
    REGISTRY,
    ENGINE,
)
"""In the order in which a run reads. The engine is last: its layers may be known from the other sources by then."""

_INDEX = re.compile(r"@([0-9]{1,9})")
_VERSION = re.compile(r"(?:latest|[0-9][\w.-]{0,127})\Z", re.ASCII)
"""The tags of Docker Hub's image ``registry``. No image there has a number as its name."""


def parse_image_reference(text: str) -> ImageReference:
    """Parse `text` of a user; raises `UsageError` with the problem and the right form.

    ``TRANSPORT:PLACE``, or the place alone for the default transport: an image of the engine. In files and folders
    ``:@INDEX`` names an entry of their index, and ``@sha256:…`` a digest, as skopeo and crane write them
    (containers-transports(5)).
    """
    if not text or any(ord(character) < 32 for character in text):
        raise UsageError(f"{text!r} is not an image reference (write NAME:TAG, or NAME@sha256: and 64 digits)")
    head, colon, rest = text.partition(":")
    transport = _find(head) if colon and not _is_image_of_the_hub(head, rest) else None
    if transport is None:
        transport, rest = _default(), text
    elif not transport.is_path:
        rest = rest.removeprefix("//")
    if not rest:
        raise UsageError(f"{text!r} names no image: write {head}:{transport.form}")
    place, name = transport.split(rest)
    if not place or name == "":
        raise UsageError(f"{text!r} is not complete: write {head}:{transport.form}")
    index = _INDEX.fullmatch(name or "")
    if index is not None:
        return ImageReference(transport=transport, place=place, index=int(index[1]))
    return ImageReference(transport=transport, place=place, name=name)


def image_forms() -> str:
    """How to name an image, in one sentence part for help texts."""
    named = (f"{one.name}:{one.form.partition('[')[0]}" for one in TRANSPORTS if one.location != ImageLocation.ENGINE)
    return f"a name or ID in the engine, or {', '.join(named)}"


def _is_image_of_the_hub(head: str, rest: str) -> bool:
    """True for ``docker:dind`` and ``registry:2``: as a transport, ``docker`` has ``//`` and ``registry`` a name."""
    return (head == "docker" and not rest.startswith("//")) or (head == "registry" and bool(_VERSION.match(rest)))


def _find(name: str) -> Transport | None:
    return next((one for one in TRANSPORTS if name == one.name or name in one.aliases), None)


def _default() -> Transport:
    return next(one for one in TRANSPORTS if one.is_default)
