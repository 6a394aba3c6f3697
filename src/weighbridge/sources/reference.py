"""Parses image references of the command line: an engine reference, or a transport and a place, as in skopeo."""

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
_DIGEST_AT_END = re.compile(r"@(sha256:[0-9a-f]{64})\Z")
_INDEX = re.compile(r"@([0-9]{1,9})")
_MAX_REFERENCE = 512
_OTHER_TRANSPORTS = {
    "containers-storage": "podman save or skopeo copy writes it to an archive: docker-archive:FILE",
    "dir": "skopeo copy dir:DIR oci:OTHER writes a layout: oci:OTHER",
    "tarball": "name a saved image: docker-archive:FILE or oci-archive:FILE",
    "atomic": "name the registry: registry:REF",
    "ostree": "skopeo copy writes it to a layout: oci:DIR",
    "sif": "skopeo copy writes it to a layout: oci:DIR",
    "podman": "set DOCKER_HOST to podman's socket, and name the image without a transport",
    "remote": "name the registry: registry:REF",
    "http": "name the registry: registry:HOST/NAME:TAG",
    "https": "name the registry: registry:HOST/NAME:TAG",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class ImageReference:
    """One image to read.

    `place` is the engine's or registry's reference, or the file or folder. `name` is the tag, reference or digest
    within an archive or OCI layout, `index` the number of an entry there (0 for the first); ``None`` if not given.
    """

    transport: Transport
    place: str
    name: str | None = None
    index: int | None = None

    @property
    def entry(self) -> str | int | None:
        """The entry of an archive or OCI layout, ``None`` for the only image."""
        return self.name if self.index is None else self.index

    def __str__(self) -> str:
        prefix = "" if self.transport is Transport.ENGINE else f"{self.transport.value}:"
        if self.index is not None:
            return f"{prefix}{self.place}:@{self.index}"
        if self.name is None:
            return f"{prefix}{self.place}"
        return f"{prefix}{self.place}{'@' if self.name.startswith('sha256:') else ':'}{self.name}"


@dataclass(frozen=True, kw_only=True, slots=True)
class RegistryName:
    """A registry reference, split into its parts. `version` is a tag or a digest."""

    host: str
    repository: str
    version: str


def parse_image_reference(text: str) -> ImageReference:
    """Parse `text` from the command line; raises `UsageError` with the problem and the right form.

    ``NAME[:TAG]``, an image ID, or ``docker-daemon:`` one of these (the engine); ``docker-archive:FILE[:REF]``,
    ``oci:DIR[:TAG]``, ``oci-archive:FILE[:TAG]``, ``registry:REF``. In files and folders ``:@INDEX`` names an entry of
    their index, and ``@sha256:…`` a digest, as skopeo and crane write them (containers-transports(5)).
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
    place, name = _place_and_name(rest)
    if not place or name == "":
        raise UsageError(f"{text!r} is not complete: write {head}:{_EXPECTED[transport]}")
    index = _INDEX.fullmatch(name or "")
    if index is not None:
        return ImageReference(transport=transport, place=place, index=int(index[1]))
    return ImageReference(transport=transport, place=place, name=name)


def _place_and_name(rest: str) -> tuple[str, str | None]:
    """The file or folder, and the entry in it; the first colon separates them, as in skopeo."""
    digest = _DIGEST_AT_END.search(rest)
    if digest is not None:
        return rest[: digest.start()].partition(":")[0], digest[1]
    place, colon, name = rest.partition(":")
    return place, name if colon else None


_EXPECTED = {
    Transport.ENGINE: "NAME[:TAG]",
    Transport.DOCKER_ARCHIVE: "FILE[:REFERENCE]",
    Transport.OCI: "DIR[:TAG]",
    Transport.OCI_ARCHIVE: "FILE[:TAG]",
    Transport.REGISTRY: "HOST/NAME[:TAG][@DIGEST]",
}


def _engine_reference(reference: str, text: str) -> ImageReference:
    head, colon, rest = reference.partition(":")
    if colon and head in _OTHER_TRANSPORTS and (head not in ("dir", "podman", "remote") or "/" in rest):
        raise UsageError(f"{text!r}: the transport {head}: is not supported; {_OTHER_TRANSPORTS[head]}")
    if len(reference) > _MAX_REFERENCE or not (_IMAGE_ID.match(reference) or _REFERENCE.match(reference)):
        hint = ""
        if "/" in reference and (reference.startswith((".", "/")) or _is_archive_name(reference)):
            hint = f" (for a file write docker-archive:{reference} or oci-archive:{reference}, for a folder oci:…)"
        elif reference != reference.lower():
            hint = " (repository names are in lower case)"
        raise UsageError(f"{text!r} is not an image reference{hint}")
    return ImageReference(transport=Transport.ENGINE, place=reference)


def _is_archive_name(reference: str) -> bool:
    return reference.endswith((".tar", ".tar.gz", ".tgz", ".tar.xz", ".tar.bz2", ".tar.zst"))


def split_registry_name(reference: str) -> RegistryName:
    """Host, repository and version of `reference`, with Docker Hub's defaults; raises `UsageError`."""
    match = _REFERENCE.match(reference) if len(reference) <= _MAX_REFERENCE else None
    if match is None:
        hint = "HOST/NAME[:TAG][@DIGEST]"
        if reference.startswith((".", "/")) or _is_archive_name(reference):
            hint = f"{hint}; for a file docker-archive:{reference}, for a folder oci:{reference}"
        raise UsageError(f"{reference!r} is not a registry reference: write {hint}")
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
