"""Parses the JSON documents of images: config, manifest, index, and the ``manifest.json`` of a saved image.

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
from weighbridge.errors import ImageError
from weighbridge.json_problems import json_problem
from weighbridge.sources.platforms import Platform

MAX_DOCUMENT_BYTES = 8 << 20
"""Maximum size of a manifest, index or config. Registries refuse manifests over 4 MiB."""
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
SCHEMA_1_TYPE = "application/vnd.docker.distribution.manifest.v1+json"
"""The manifests of registries before 2016, without a config and diff IDs."""
CONFIG_TYPES = frozenset(
    {
        "application/vnd.oci.image.config.v1+json",
        "application/vnd.docker.container.image.v1+json",
    }
)
LAYER_TYPES = ("application/vnd.oci.image.layer.v1.tar", "application/vnd.docker.image.rootfs.diff.tar")
"""Media types of layers, or their prefixes before the compression suffix."""
_GENERIC_LAYER_TYPES = frozenset(
    {
        "",
        "application/gzip",
        "application/octet-stream",
        "application/tar",
        "application/tar+gzip",
        "application/x-gzip",
        "application/x-tar",
        "application/zstd",
    }
)
"""What small tools and generic registries write in place of a layer's media type. The content decides if it is one."""
FOREIGN_LAYER_MARKS = ("foreign", "nondistributable")
ATTESTATION_ANNOTATION = "vnd.docker.reference.type"

_Document = TypeVar("_Document")


class Descriptor(msgspec.Struct, frozen=True, rename="camel"):
    """An OCI content descriptor: media type of a blob, its digest, and its size in bytes."""

    digest: str
    size: int
    media_type: str = ""
    platform: Platform | None = None
    annotations: dict[str, str] | None = None
    artifact_type: str = ""

    @property
    def is_attestation(self) -> bool:
        """True for BuildKit's attestation manifests, which hold no image."""
        return bool(self.annotations and ATTESTATION_ANNOTATION in self.annotations)


class Manifest(msgspec.Struct, frozen=True, rename="camel"):
    """An image manifest (OCI or Docker schema 2)."""

    config: Descriptor
    layers: list[Descriptor] = msgspec.field(default_factory=list)
    media_type: str = ""
    artifact_type: str = ""
    subject: Descriptor | None = None
    annotations: dict[str, str] | None = None


class Index(msgspec.Struct, frozen=True, rename="camel"):
    """An image index (OCI) or manifest list (Docker)."""

    manifests: list[Descriptor] = msgspec.field(default_factory=list)
    media_type: str = ""
    artifact_type: str = ""


class SavedImage(msgspec.Struct, frozen=True, rename="pascal"):
    """One item of ``manifest.json`` in what ``docker save`` writes."""

    config: str
    layers: list[str] = msgspec.field(default_factory=list)
    repo_tags: list[str] | None = None


class _HealthcheckDocument(msgspec.Struct, frozen=True, rename="pascal"):
    test: list[str] | None = None
    interval: int | None = None
    timeout: int | None = None
    start_period: int | None = None
    start_interval: int | None = None
    retries: int | None = None


class _ConfigDocument(msgspec.Struct, frozen=True, rename="pascal"):
    entrypoint: list[str] | str | None = None
    """A string is a command of one word, as Docker Engine's ``StrSlice`` reads it."""
    cmd: list[str] | str | None = None
    shell: list[str] | None = None
    env: list[str] | None = None
    user: str | None = None
    working_dir: str | None = None
    healthcheck: _HealthcheckDocument | None = None
    volumes: dict[str, object] | None = None
    labels: dict[str, str] | None = None
    exposed_ports: dict[str, object] | None = None
    stop_signal: str | None = None
    on_build: list[str] | None = None


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
class ImageDescription:
    """The content of an image config. `image_id` is the digest of the config itself.

    `diff_ids` are its layers, lowest first. `history` has one entry for each of them, or none at all. `notes` name what
    is unknown, with the reason.
    """

    image_id: str
    config: ImageConfig
    diff_ids: tuple[str, ...]
    history: tuple[HistoryEntry, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def created_by(self) -> tuple[str | None, ...]:
        """The text of each layer in the history, ``None`` without one."""
        if not self.history:  # optional in the spec; imported images and those of some tools have none
            return (None,) * len(self.diff_ids)
        return tuple(entry.created_by for entry in self.history if not entry.empty_layer)


def digest_of(content: bytes) -> str:
    """``sha256:`` and the SHA-256 of `content`."""
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def checked_digest(digest: str) -> str:
    """`digest`, if it is a SHA-256 in the OCI spec's form; raises `ImageError` otherwise."""
    if not _DIGEST.match(digest):
        raise ImageError(f"{digest[:100]!r} is an unsupported digest (expected: sha256 and 64 hexadecimal digits)")
    return digest


def decode(content: bytes, kind: type[_Document], what: str) -> _Document:
    """Decode `content` as a document of type `kind`; raises `ImageError` naming `what` if it is invalid.

    ``null`` counts as absent everywhere: Go programs read it so, and some write it (``"layers": null``).
    """
    try:
        try:
            return msgspec.json.decode(content, type=kind)
        except msgspec.ValidationError as error:
            if b"null" not in content:
                raise
            try:
                return msgspec.convert(_without_nulls(msgspec.json.decode(content)), type=kind)
            except msgspec.ValidationError:
                raise error from None  # its path is that of the document as stored
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ImageError(f"{what} is not valid: {json_problem(error)}") from error


def _without_nulls(value: object) -> object:
    """`value` without the members that are ``null``. A list keeps its length: an object or text there is empty."""
    if isinstance(value, dict):
        return {key: _without_nulls(member) for key, member in value.items() if member is not None}
    if isinstance(value, list):
        empty: object = {} if any(isinstance(member, dict) for member in value) else ""
        return [empty if member is None else _without_nulls(member) for member in value]
    return value


def image_description(content: bytes, *, image_id: str | None = None) -> ImageDescription:
    """Parse the image config `content`; with `image_id`, verify that its digest is `image_id`.

    Drops a history that does not match the layers (rules_oci, nix, jib and umoci write such configs), and adds a note.
    Raises `ImageError` if the config is invalid or has another digest.
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
    history = document.history or []
    with_layer = [step for step in history if not step.empty_layer]
    notes: tuple[str, ...] = ()
    if history and len(with_layer) != len(diff_ids):
        notes = (
            f"its history has {len(with_layer)} entries for {len(diff_ids)} layers: which instruction made a layer is "
            "not known",
        )
        history = []
    return ImageDescription(
        image_id=digest,
        config=_image_config(document),
        diff_ids=tuple(diff_ids),
        history=tuple(
            HistoryEntry(created_by=step.created_by or step.comment or None, empty_layer=step.empty_layer)
            for step in history
        ),
        notes=notes,
    )


def config_platform(content: bytes) -> Platform:
    """The platform that an image config names; raises `ImageError` if the config is invalid."""
    document = decode(content, _ImageDocument, f"image config {digest_of(content)}")
    return Platform(os=document.os or "linux", architecture=document.architecture, variant=document.variant or "")


def media_type_of(content: bytes, what: str) -> str:
    """The media type in the document itself, for descriptors without one."""
    document = decode(content, dict[str, object], what)
    stated = document.get("mediaType")
    if isinstance(stated, str) and stated:
        return stated
    if "fsLayers" in document:  # schema 1 has no media type of its own
        return SCHEMA_1_TYPE
    return "application/vnd.oci.image." + ("index.v1+json" if "manifests" in document else "manifest.v1+json")


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
        healthcheck=_healthcheck(config.healthcheck) if config.healthcheck else None,
        volumes=tuple(config.volumes or ()),
        labels=dict(config.labels or {}),
        exposed_ports=tuple(sorted(config.exposed_ports or ())),
        stop_signal=config.stop_signal or "",
        on_build=tuple(config.on_build or ()),
    )


def _healthcheck(document: _HealthcheckDocument) -> Healthcheck:
    return Healthcheck(
        test=tuple(document.test or ()),
        interval_ns=document.interval or 0,
        timeout_ns=document.timeout or 0,
        start_period_ns=document.start_period or 0,
        start_interval_ns=document.start_interval or 0,
        retries=document.retries or 0,
    )


def _argv(words: list[str] | str | None) -> tuple[str, ...] | None:
    if isinstance(words, str):
        return (words,)
    return None if words is None else tuple(words)


def _environment(pairs: list[str]) -> Mapping[str, str]:
    environment = {}
    for pair in pairs:
        name, _, value = pair.partition("=")
        environment[name] = value
    return environment


def is_layer_type(media_type: str) -> bool:
    """True for the layers of images, including foreign (stored elsewhere) and encrypted layers.

    Upper and lower case are equal in media types (RFC 6838, section 4.2).
    """
    kind = re.split(r"[.+](?:gzip|zstd|xz|bzip2|encrypted)\b", media_type.lower())[0]
    return kind in LAYER_TYPES or media_type.lower() in _GENERIC_LAYER_TYPES or is_foreign(media_type)


def is_foreign(media_type: str) -> bool:
    """True for layers that registries need not store: those of Windows base images."""
    return any(mark in media_type.lower() for mark in FOREIGN_LAYER_MARKS)


def checked_layer(descriptor: Descriptor, *, is_stored: bool) -> Descriptor:
    """`descriptor`, if it is a layer that can be read; raises `ImageError` for any other kind.

    `is_stored` matters for foreign layers: some registries and layouts have them nevertheless.
    """
    checked_digest(descriptor.digest)
    if is_foreign(descriptor.media_type) and not is_stored:
        raise ImageError(
            f"layer {descriptor.digest} is a foreign layer ({descriptor.media_type}): it is not stored with the image, "
            "and foreign layers are not downloaded"
        )
    if descriptor.media_type.endswith("+encrypted"):
        raise ImageError(
            f"layer {descriptor.digest} is encrypted ({descriptor.media_type}); encrypted layers are unsupported"
        )
    if not is_layer_type(descriptor.media_type):
        raise ImageError(f"layer {descriptor.digest} has the unknown media type {descriptor.media_type!r}")
    return descriptor
