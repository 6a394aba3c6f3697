"""The JSON documents around layers: image config, image manifest, index, and the ``manifest.json`` of a saved image.

Rules: OCI image spec ("Image Manifest", "Image Index", "Image Configuration"), and for Docker's own documents
"Image Manifest V 2, Schema 2" and the Docker Image Specification v1.2.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar

import msgspec

from weighbridge.domain.image.image import Healthcheck, HistoryEntry, ImageConfig
from weighbridge.errors import ImageError, UsageError

MAX_DOCUMENT_BYTES = 8 << 20
"""The largest manifest, index or config that is read. Registries refuse manifests over 4 MiB."""
MAX_LAYERS = 4096

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}\Z")

INDEX_TYPES = frozenset(
    {
        "application/vnd.oci.image.index.v1+json",
        "application/vnd.docker.distribution.manifest.list.v2+json",
    }
)
MANIFEST_TYPES = frozenset(
    {
        "application/vnd.oci.image.manifest.v1+json",
        "application/vnd.docker.distribution.manifest.v2+json",
    }
)
CONFIG_TYPES = frozenset(
    {
        "application/vnd.oci.image.config.v1+json",
        "application/vnd.docker.container.image.v1+json",
    }
)
LAYER_TYPES = frozenset(
    {
        "application/vnd.oci.image.layer.v1.tar",
        "application/vnd.oci.image.layer.v1.tar+gzip",
        "application/vnd.oci.image.layer.v1.tar+zstd",
        "application/vnd.docker.image.rootfs.diff.tar",
        "application/vnd.docker.image.rootfs.diff.tar.gzip",
        "application/vnd.docker.image.rootfs.diff.tar.zstd",
    }
)
FOREIGN_LAYER_MARKS = ("foreign", "nondistributable")
ATTESTATION_ANNOTATION = "vnd.docker.reference.type"

_Document = TypeVar("_Document")


class Platform(msgspec.Struct, frozen=True):
    """The platform of a manifest within an index."""

    os: str = ""
    architecture: str = ""
    variant: str = ""

    def __str__(self) -> str:
        return "/".join(part for part in (self.os, self.architecture, self.variant) if part)


class Descriptor(msgspec.Struct, frozen=True, rename="camel"):
    """An OCI content descriptor: what a blob is, its digest, and its size in bytes."""

    digest: str
    size: int
    media_type: str = ""
    platform: Platform | None = None
    annotations: dict[str, str] | None = None
    urls: list[str] | None = None

    @property
    def is_attestation(self) -> bool:
        """True for BuildKit's attestation manifests, which hold no image."""
        return bool(self.annotations and ATTESTATION_ANNOTATION in self.annotations)


class Manifest(msgspec.Struct, frozen=True, rename="camel"):
    """An image manifest (OCI or Docker schema 2)."""

    config: Descriptor
    layers: list[Descriptor]
    media_type: str = ""


class Index(msgspec.Struct, frozen=True, rename="camel"):
    """An image index (OCI) or manifest list (Docker)."""

    manifests: list[Descriptor]
    media_type: str = ""


class SavedImage(msgspec.Struct, frozen=True, rename="pascal"):
    """One item of ``manifest.json`` in what ``docker save`` writes."""

    config: str
    layers: list[str]
    repo_tags: list[str] | None = None


class _HealthcheckDocument(msgspec.Struct, frozen=True):
    test: list[str] | None = msgspec.field(default=None, name="Test")


class _ConfigDocument(msgspec.Struct, frozen=True, rename="pascal"):
    entrypoint: list[str] | None = None
    cmd: list[str] | None = None
    shell: list[str] | None = None
    env: list[str] | None = None
    user: str | None = None
    working_dir: str | None = None
    healthcheck: _HealthcheckDocument | None = None
    volumes: dict[str, object] | None = None
    labels: dict[str, str] | None = None
    exposed_ports: dict[str, object] | None = None
    stop_signal: str | None = None


class _History(msgspec.Struct, frozen=True):
    created_by: str = ""
    comment: str = ""
    empty_layer: bool = False


class _RootFs(msgspec.Struct, frozen=True):
    diff_ids: list[str] | None = None
    type: str = "layers"


class _ImageDocument(msgspec.Struct, frozen=True):
    architecture: str = ""
    os: str = "linux"
    variant: str | None = None
    config: _ConfigDocument | None = None
    history: list[_History] | None = None
    rootfs: _RootFs | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class LayerStep:
    """A layer as the image config names it. `created_by` is ``None`` if the image has no history."""

    diff_id: str
    created_by: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class ImageDescription:
    """What an image config says. `image_id` is the digest of the config itself; `history` may be empty."""

    image_id: str
    config: ImageConfig
    steps: tuple[LayerStep, ...]
    history: tuple[HistoryEntry, ...] = ()


def digest_of(content: bytes) -> str:
    """``sha256:`` and the SHA-256 of `content`."""
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def checked_digest(digest: str) -> str:
    """`digest`, where it is a SHA-256 as the OCI spec writes it; raises `ImageError` for anything else."""
    if not _DIGEST.match(digest):
        raise ImageError(f"{digest[:100]!r} is not a digest that is understood (sha256 and 64 hexadecimal digits)")
    return digest


def decode(content: bytes, kind: type[_Document], what: str) -> _Document:
    """`content` as a document of type `kind`; raises `ImageError` naming `what` where it is none."""
    try:
        return msgspec.json.decode(content, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ImageError(f"{what} is not valid: {error}") from error


def image_description(content: bytes, *, image_id: str | None = None) -> ImageDescription:
    """What the image config `content` says; with `image_id`, its digest is verified to be that.

    Raises `ImageError` if it is not valid, has another digest, or where history and diff IDs do not match.
    """
    digest = digest_of(content)
    if image_id is not None and digest != image_id:
        raise ImageError(f"image config {image_id}: its content has the digest {digest}; it was damaged or replaced")
    document = decode(content, _ImageDocument, f"image config {digest}")
    diff_ids = (document.rootfs.diff_ids if document.rootfs else None) or []
    if len(diff_ids) > MAX_LAYERS:
        raise ImageError(f"image config {digest}: it names {len(diff_ids)} layers, more than {MAX_LAYERS}")
    for diff_id in diff_ids:
        checked_digest(diff_id)
    return ImageDescription(
        image_id=digest,
        config=_image_config(document),
        steps=_steps(document.history or [], diff_ids, digest),
        history=tuple(
            HistoryEntry(created_by=step.created_by or step.comment or None, empty_layer=step.empty_layer)
            for step in document.history or []
        ),
    )


def _steps(history: list[_History], diff_ids: list[str], image_id: str) -> tuple[LayerStep, ...]:
    if not history:  # optional in the spec; images that were imported or put together by some tools have none
        return tuple(LayerStep(diff_id=diff_id, created_by=None) for diff_id in diff_ids)
    with_layer = [step.created_by or step.comment for step in history if not step.empty_layer]
    if len(with_layer) != len(diff_ids):
        raise ImageError(
            f"image config {image_id}: its history has {len(with_layer)} steps with a layer, "
            f"but it names {len(diff_ids)} diff IDs"
        )
    return tuple(
        LayerStep(diff_id=diff_id, created_by=created_by)
        for diff_id, created_by in zip(diff_ids, with_layer, strict=True)
    )


def _image_config(document: _ImageDocument) -> ImageConfig:
    config = document.config or _ConfigDocument()
    return ImageConfig(
        os=document.os or "linux",
        architecture=document.architecture,
        variant=document.variant or None,
        entrypoint=_argv(config.entrypoint),
        cmd=_argv(config.cmd),
        shell=_argv(config.shell) or None,
        env=_environment(config.env or []),
        user=config.user or "",
        workdir=config.working_dir or "",
        healthcheck=Healthcheck(test=tuple(config.healthcheck.test or ())) if config.healthcheck else None,
        volumes=tuple(config.volumes or ()),
        labels=dict(config.labels or {}),
        exposed_ports=tuple(sorted(config.exposed_ports or ())),
        stop_signal=config.stop_signal or "",
    )


def _argv(words: list[str] | None) -> tuple[str, ...] | None:
    return None if words is None else tuple(words)


def _environment(pairs: list[str]) -> Mapping[str, str]:
    environment = {}
    for pair in pairs:
        name, _, value = pair.partition("=")
        environment[name] = value
    return environment


def checked_layer(descriptor: Descriptor) -> Descriptor:
    """`descriptor`, where it is a layer that is stored with the image; raises `ImageError` for any other kind."""
    checked_digest(descriptor.digest)
    if any(mark in descriptor.media_type for mark in FOREIGN_LAYER_MARKS):
        raise ImageError(
            f"layer {descriptor.digest} is a foreign layer ({descriptor.media_type}): it is not stored with the image, "
            "and is not read from elsewhere"
        )
    if descriptor.media_type not in LAYER_TYPES:
        raise ImageError(f"layer {descriptor.digest} has the unknown media type {descriptor.media_type!r}")
    return descriptor


def parse_platform(text: str) -> Platform:
    """``os/architecture[/variant]`` as ``--platform`` takes it; raises `UsageError` for anything else."""
    parts = text.split("/")
    if len(parts) not in (2, 3) or not all(parts):
        raise UsageError(f"{text!r} is not a platform; write for example linux/amd64 or linux/arm/v7")
    return Platform(os=parts[0], architecture=parts[1], variant=parts[2] if len(parts) == 3 else "")


def select_manifest(index: Index, platform: Platform | None, what: str) -> Descriptor:
    """The one manifest (or nested index) of `index` for `platform`, attestations left aside.

    Without `platform` an index of one image is unambiguous; of several, the one for this machine is taken by the
    caller passing its platform. Raises `ImageError` naming the platforms there are where none fits.
    """
    images = [descriptor for descriptor in index.manifests if not descriptor.is_attestation]
    images = [d for d in images if not (d.platform and d.platform.os == "unknown")]
    if not images:
        raise ImageError(f"{what} holds no image")
    if platform is not None:
        fitting = [d for d in images if d.platform is None or _fits(d.platform, platform)]
        exact = [d for d in fitting if d.platform == platform]
        images_for_platform = exact or fitting
        if images_for_platform:
            return images_for_platform[0]
        found = ", ".join(sorted({str(d.platform) for d in images}))
        raise ImageError(f"{what} holds no image for {platform}; it holds: {found}")
    if len({d.digest for d in images}) > 1:
        found = ", ".join(sorted({str(d.platform or d.digest) for d in images}))
        raise ImageError(f"{what} holds several images ({found}); name one with --platform or by its tag")
    return images[0]


def _fits(offered: Platform, wanted: Platform) -> bool:
    if (offered.os, offered.architecture) != (wanted.os, wanted.architecture):
        return False
    default = {"arm64": "v8", "arm": "v7"}.get(wanted.architecture, "")
    return (offered.variant or default) == (wanted.variant or default)
