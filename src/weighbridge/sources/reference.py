"""The reference of an image: a transport and a place, as in skopeo. Has the syntax of names in engines and registries.

`transports.py` lists the transports, and parses what users write.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from weighbridge.domain.nearest import nearest
from weighbridge.errors import UsageError

if TYPE_CHECKING:
    from weighbridge.sources.source import ImageSource, SourceSetup


class ImageLocation(enum.Enum):
    """Where an image is."""

    ENGINE = "engine"
    FILE = "file"
    FOLDER = "folder"
    REGISTRY = "registry"


@dataclass(frozen=True, kw_only=True, slots=True)
class Transport:
    """One way to name images, and the source that reads them. Equal if the names are equal.

    `name` precedes the colon in a reference, as do its `aliases`; `form` describes what follows it. `split` returns
    the place and the entry of what follows, and raises `UsageError` if it is invalid. A reference without a transport
    has the one transport that `is_default`.
    """

    name: str
    form: str = field(compare=False)
    location: ImageLocation = field(compare=False)
    split: Callable[[str], tuple[str, str | None]] = field(compare=False)
    source: Callable[[SourceSetup], ImageSource] = field(compare=False)
    aliases: tuple[str, ...] = field(default=(), compare=False)
    is_default: bool = field(default=False, compare=False)

    @property
    def is_path(self) -> bool:
        """True if the place is a path of this machine."""
        return self.location in (ImageLocation.FILE, ImageLocation.FOLDER)


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
_WRONG_DIGEST_AT_END = re.compile(r"@([A-Za-z][A-Za-z0-9+._-]*:[0-9A-Fa-f]+)\Z")
_DIGEST_FORM = "rite sha256: and 64 hexadecimal digits in lower case"
_MAX_REFERENCE = 512
TRANSPORT_NAMES = ("docker-archive", "docker-daemon", "oci", "oci-archive", "dir", "registry")
"""The names of `transports.TRANSPORTS`, for hints. A test compares the two."""
_OTHER_TRANSPORTS = {  # of skopeo, podman and browsers, with what to write instead
    "containers-storage": "podman save or skopeo copy writes it to an archive: docker-archive:FILE",
    "file": "name the format: docker-archive:FILE, oci-archive:FILE, or oci:DIR",
    "oras": "name the registry: registry:HOST/NAME:TAG",
    "tarball": "name a saved image: docker-archive:FILE or oci-archive:FILE",
    "atomic": "name the registry: registry:HOST/NAME:TAG",
    "ostree": "skopeo copy writes it to a layout: oci:DIR",
    "sif": "skopeo copy writes it to a layout: oci:DIR",
    "podman": "set DOCKER_HOST to podman's socket, and name the image without a transport",
    "remote": "name the registry: registry:HOST/NAME:TAG",
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
    def is_in_engine(self) -> bool:
        """True if the engine has the image, so that it can also be started."""
        return self.transport.location is ImageLocation.ENGINE

    @property
    def entry(self) -> str | int | None:
        """The entry of an archive or OCI layout, ``None`` for the only image."""
        return self.name if self.index is None else self.index

    def __str__(self) -> str:
        prefix = "" if self.transport.is_default else f"{self.transport.name}:"
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


def split_path(rest: str) -> tuple[str, str | None]:
    """The file or folder, and the entry in it; the first colon separates them, as in skopeo."""
    digest = _DIGEST_AT_END.search(rest)
    if digest is not None:
        return rest[: digest.start()].partition(":")[0], digest[1]
    wrong = _WRONG_DIGEST_AT_END.search(rest)
    if wrong is not None:
        raise UsageError(f"{wrong[1][:100]!r} is an unsupported digest. W{_DIGEST_FORM}")
    place, colon, name = rest.partition(":")
    return place, name if colon else None


def split_skopeo_folder(rest: str) -> tuple[str, None]:
    """The folder. It holds one image, and its name may have colons."""
    return rest, None


def split_engine_name(reference: str) -> tuple[str, None]:
    """A name or an image ID in the engine, without an entry. Raises `UsageError` with the right form."""
    head, colon, rest = reference.partition(":")
    if colon and head in _OTHER_TRANSPORTS and (head not in ("podman", "remote", "file") or "/" in rest):
        raise UsageError(f"{reference!r}: the transport {head}: is not supported; {_OTHER_TRANSPORTS[head]}")
    if _is_archive_name(reference) and Path(reference).is_file():
        raise UsageError(f"{reference!r} is a file: write docker-archive:{reference} or oci-archive:{reference}")
    if len(reference) > _MAX_REFERENCE or not (_IMAGE_ID.match(reference) or _REFERENCE.match(reference)):
        raise UsageError(f"{reference!r} is not an image reference{_hint(reference)}")
    return reference, None


def _hint(reference: str) -> str:
    """The probable intention of an invalid reference, in brackets."""
    head, colon, rest = reference.partition(":")
    if colon and head.lower() != head and head.lower() in TRANSPORT_NAMES:
        return f" (transports are in lower case: {head.lower()}:{rest})"
    if "/" in reference and (reference.startswith((".", "/")) or _is_archive_name(reference)):
        return f" (for a file write docker-archive:{reference} or oci-archive:{reference}, for a folder oci:…)"
    if reference.endswith("/"):
        return f" (for a folder write oci:{reference})"
    name, at, digest = reference.rpartition("@")
    if at and ":" in digest:
        return f" (w{_DIGEST_FORM} behind the @)"
    if at and not name.endswith(":"):
        return f" (a tag follows a colon: {name}:{digest})"
    if "Dockerfile" in reference.rpartition("/")[2]:
        return f" (to check a Dockerfile without building it: weighbridge lint {reference})"
    if reference != reference.lower():
        return " (repository names are in lower case)"
    return " (write NAME:TAG, or NAME@sha256: and 64 digits)"


def advice_on_missing(reference: str) -> str:
    """What to do about an image that the engine does not have.

    It may be a file or folder without its transport, or have a misspelt transport.
    """
    path = Path(reference)
    if path.is_dir():
        return f"For the folder of this name write oci:{reference}, or dir:{reference} if skopeo wrote it as dir:"
    if path.is_file():
        return f"For the file of this name write docker-archive:{reference} or oci-archive:{reference}"
    head, colon, rest = reference.partition(":")
    if colon and head in _OTHER_TRANSPORTS:
        return f"Is {head}: meant as a transport? It is not supported; {_OTHER_TRANSPORTS[head]}"
    meant = nearest(head.replace("_", "-"), TRANSPORT_NAMES, likeness=0.75) if colon else None
    if meant is not None and meant != head:
        return f"Did you mean {meant}:{rest}?"
    return "Build or pull it first"


def split_registry_reference(reference: str) -> tuple[str, None]:
    """A reference in a registry, without an entry. Raises `UsageError` with the right form."""
    split_registry_name(reference)
    return reference, None


def _is_archive_name(reference: str) -> bool:
    return reference.endswith((".tar", ".tar.gz", ".tgz", ".tar.xz", ".tar.bz2", ".tar.zst"))


def split_registry_name(reference: str) -> RegistryName:
    """Host, repository and version of `reference`, with Docker Hub's defaults; raises `UsageError`."""
    match = _REFERENCE.match(reference) if len(reference) <= _MAX_REFERENCE else None
    if match is None:
        hint = "HOST/NAME[:TAG][@DIGEST]"
        if reference.startswith((".", "/")) or _is_archive_name(reference):
            hint = f"{hint}; for a file docker-archive:{reference}, for a folder oci:{reference}"
        elif "://" in reference:
            hint = f"{hint}, without {reference.partition('://')[0]}://"
        elif reference.partition("@")[0] != reference.partition("@")[0].lower():
            hint = f"{hint}; repository names are in lower case"
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
