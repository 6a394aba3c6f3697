"""How an image is named on the command line: an engine reference, or a transport and a place, as skopeo writes it."""

from __future__ import annotations

import enum
import re
from dataclasses import dataclass

from weighbridge.errors import UsageError


class Transport(enum.StrEnum):
    """The transport of an image reference."""

    ENGINE = "docker-daemon"
    DOCKER_ARCHIVE = "docker-archive"
    OCI = "oci"
    OCI_ARCHIVE = "oci-archive"
    REGISTRY = "registry"


_TRANSPORTS = {transport.value: transport for transport in Transport} | {"docker": Transport.REGISTRY}

# distribution/reference: an optional host, path components in lower case, an optional tag, an optional digest.
_DOMAIN = r"(?:\[[0-9a-fA-F:.]+\]|[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?)(?::[0-9]+)?"
_COMPONENT = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_REFERENCE = re.compile(
    rf"(?:(?P<domain>{_DOMAIN})/)?(?P<path>{_COMPONENT}(?:/{_COMPONENT})*)"
    r"(?::(?P<tag>[\w][\w.-]{0,127}))?(?:@(?P<digest>sha256:[0-9a-f]{64}))?\Z",
    re.ASCII,
)
_IMAGE_ID = re.compile(r"(?:sha256:)?[0-9a-f]{12,64}\Z")
_MAX_REFERENCE = 512


@dataclass(frozen=True, kw_only=True, slots=True)
class ImageReference:
    """One image to read.

    `place` is the engine's or registry's reference, or the file or folder; `name` is the tag or reference within an
    archive or OCI layout, ``None`` if none was given.
    """

    transport: Transport
    place: str
    name: str | None = None

    def __str__(self) -> str:
        prefix = "" if self.transport is Transport.ENGINE else f"{self.transport.value}:"
        return f"{prefix}{self.place}" + (f":{self.name}" if self.name else "")


@dataclass(frozen=True, kw_only=True, slots=True)
class RegistryName:
    """A reference to an image in a registry, taken apart. `version` is a tag or a digest."""

    host: str
    repository: str
    version: str


def parse_image_reference(text: str) -> ImageReference:
    """`text` as the command line gives it; raises `UsageError` saying what is wrong with it.

    ``NAME[:TAG]``, an image ID, or ``docker-daemon:`` one of these (the engine); ``docker-archive:FILE[:REF]``,
    ``oci:DIR[:TAG]``, ``oci-archive:FILE[:TAG]``, ``registry:REF``.
    """
    if not text or any(ord(character) < 32 for character in text):
        raise UsageError(f"{text!r} is not an image reference")
    head, colon, rest = text.partition(":")
    transport = _TRANSPORTS.get(head) if colon else None
    if transport is None:
        return _engine_reference(text, text)
    rest = rest.removeprefix("//") if transport in (Transport.REGISTRY, Transport.ENGINE) else rest
    if not rest:
        raise UsageError(f"{text!r} names no image: write {head}:{_EXPECTED[transport]}")
    if transport is Transport.ENGINE:
        return _engine_reference(rest, text)
    if transport is Transport.REGISTRY:
        split_registry_name(rest)
        return ImageReference(transport=transport, place=rest)
    place, colon, name = rest.partition(":")
    if not place or (colon and not name):
        raise UsageError(f"{text!r} is not complete: write {head}:{_EXPECTED[transport]}")
    return ImageReference(transport=transport, place=place, name=name or None)


_EXPECTED = {
    Transport.ENGINE: "NAME[:TAG]",
    Transport.DOCKER_ARCHIVE: "FILE[:REFERENCE]",
    Transport.OCI: "DIR[:TAG]",
    Transport.OCI_ARCHIVE: "FILE[:TAG]",
    Transport.REGISTRY: "HOST/NAME[:TAG]",
}


def _engine_reference(reference: str, text: str) -> ImageReference:
    if len(reference) > _MAX_REFERENCE or not (_IMAGE_ID.match(reference) or _REFERENCE.match(reference)):
        hint = ""
        if "/" in reference and (reference.startswith((".", "/")) or reference.endswith((".tar", ".tar.gz"))):
            hint = f" (for a file write docker-archive:{reference} or oci-archive:{reference}, for a folder oci:…)"
        elif reference != reference.lower():
            hint = " (repository names are in lower case)"
        raise UsageError(f"{text!r} is not an image reference{hint}")
    return ImageReference(transport=Transport.ENGINE, place=reference)


def split_registry_name(reference: str) -> RegistryName:
    """Host, repository and version of `reference`, with Docker Hub's defaults; raises `UsageError`."""
    match = _REFERENCE.match(reference) if len(reference) <= _MAX_REFERENCE else None
    if match is None:
        raise UsageError(f"{reference!r} is not a registry reference: write HOST/NAME[:TAG]")
    domain, path = match["domain"], match["path"]
    if domain is None or not ("." in domain or ":" in domain or domain == "localhost" or domain != domain.lower()):
        path = f"{domain}/{path}" if domain else path
        domain = None
    if domain in (None, "docker.io", "index.docker.io"):
        domain = "registry-1.docker.io"
        path = path if "/" in path else f"library/{path}"
    return RegistryName(host=domain, repository=path, version=match["digest"] or match["tag"] or "latest")


def full_tag(name: str) -> str:
    """`name` with ``:latest`` where it has no tag, as saved images list it."""
    return name if ":" in name.rpartition("/")[2] or "@" in name else f"{name}:latest"
