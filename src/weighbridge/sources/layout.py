"""Finds an image's config and layers in OCI layouts and in old and new archives of ``docker save``.

Docker's saved images changed over time: the legacy layout (a folder a layer, ``manifest.json``), since engine 25 an
OCI layout with ``manifest.json`` beside it, and from the containerd store with nested indexes, attestation manifests
and compressed blobs.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from weighbridge.errors import ImageError, UsageError
from weighbridge.sources.blob_stores import Documents
from weighbridge.sources.manifest import (
    INDEX_TYPES,
    MANIFEST_TYPES,
    Descriptor,
    ImageDescription,
    Index,
    LayerStep,
    Manifest,
    Platform,
    SavedImage,
    checked_digest,
    checked_layer,
    decode,
    digest_of,
    image_description,
    select_manifest,
)
from weighbridge.sources.reference import full_tag

MAX_INDEX_DEPTH = 8
"""How deep indexes may nest; containerd writes 2, the spec sets no bound."""

REFERENCE_NAME = "org.opencontainers.image.ref.name"
CONTAINERD_NAME = "io.containerd.image.name"


@dataclass(frozen=True, kw_only=True, slots=True)
class StoredLayer:
    """A layer and the file that holds it. `digest` and `size` are what a manifest says of the file, if there is one."""

    step: LayerStep
    name: str
    digest: str | None = None
    size: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class StoredImage:
    """An image whose documents were read; its layers are still where they were. `config` is the config as stored."""

    description: ImageDescription
    config: bytes
    layers: tuple[StoredLayer, ...]

    @property
    def blob_names(self) -> dict[str, str]:
        """The file that holds each layer, by diff ID."""
        return {layer.step.diff_id: layer.name for layer in self.layers}


def docker_image(documents: Documents, name: str | None, platform: Platform | None) -> StoredImage:
    """The image `name` (or the only one) of a saved archive.

    Raises `UsageError` if the name is not there or needed, `ImageError` where the archive is no saved image.
    """
    content = documents.document("manifest.json")
    if content is None:
        if documents.document("index.json") is not None:
            return oci_image(documents, name, platform)
        raise ImageError(f"{documents.what}: no manifest.json and no index.json; this is not a saved image")
    saved = decode(content, list[SavedImage], f"{documents.what}: manifest.json")
    fitting = [item for item in saved if name is None or full_tag(name) in _short_names(item.repo_tags or [])]
    if name is not None and not fitting:
        fitting = [item for item in saved if name.removeprefix("sha256:") in item.config]
    if len({item.config for item in fitting}) != 1:
        tags = ", ".join(sorted({tag for item in saved for tag in item.repo_tags or [item.config]}))
        if not saved:
            raise ImageError(f"{documents.what}: manifest.json names no image")
        problem = "holds several images" if fitting else f"holds no {name}"
        raise UsageError(f"{documents.what} {problem}; it holds: {tags}. Name one as docker-archive:FILE:REFERENCE")
    return saved_image(documents, fitting[0])


def saved_image(documents: Documents, item: SavedImage) -> StoredImage:
    """The image that `item` of ``manifest.json`` names."""
    content = documents.document(item.config)
    if content is None:
        raise ImageError(f"{documents.what}: manifest.json names the config {item.config}, which is not there")
    hexadecimal = item.config.removesuffix(".json").rpartition("/")[2]
    is_named_by_digest = len(hexadecimal) == 64 and all(digit in "0123456789abcdef" for digit in hexadecimal)
    description = image_description(content, image_id=f"sha256:{hexadecimal}" if is_named_by_digest else None)
    if len(item.layers) != len(description.steps):
        raise ImageError(
            f"{documents.what}: manifest.json names {len(item.layers)} layers for {item.config}, "
            f"the config {len(description.steps)} diff IDs"
        )
    return StoredImage(
        description=description,
        config=content,
        layers=tuple(
            StoredLayer(step=step, name=layer) for step, layer in zip(description.steps, item.layers, strict=True)
        ),
    )


def oci_image(documents: Documents, tag: str | None, platform: Platform | None) -> StoredImage:
    """The image `tag` (or the only one) of an OCI layout; nested indexes are followed to `platform`'s image."""
    content = documents.document("index.json")
    if content is None:
        raise ImageError(f"{documents.what}: no index.json; this is not an OCI layout")
    index = decode(content, Index, f"{documents.what}: index.json")
    if tag is not None:
        tagged = [item for item in index.manifests if tag in _names(item)]
        if not tagged:
            names = sorted({name for item in index.manifests for name in _names(item)})
            raise UsageError(f"{documents.what} holds no {tag}; it holds: {', '.join(names) or 'no named image'}")
        index = Index(manifests=tagged)
    # umoci and BuildKit append: of several entries with one name, the last one written is meant.
    if len({name for item in index.manifests for name in _names(item)}) == 1 and platform is None:
        index = Index(manifests=index.manifests[-1:])
    return oci_manifest(documents, select_manifest(index, platform, documents.what), platform)


def _names(descriptor: Descriptor) -> set[str]:
    annotations = descriptor.annotations or {}
    return _short_names(annotations[key] for key in (REFERENCE_NAME, CONTAINERD_NAME) if key in annotations)


def _short_names(names: Iterable[str]) -> set[str]:
    """`names`, and each without what docker leaves out (skopeo and containerd write it)."""
    names = set(names)
    return names | {name.removeprefix("docker.io/").removeprefix("library/") for name in names}


def oci_manifest(documents: Documents, descriptor: Descriptor, platform: Platform | None) -> StoredImage:
    """The image that `descriptor` leads to, through any indexes in between."""
    for _ in range(MAX_INDEX_DEPTH):
        content = blob_document(documents, descriptor)
        media_type = descriptor.media_type or media_type_of(content, documents.what)
        if media_type in MANIFEST_TYPES:
            return _manifest_image(documents, content)
        if media_type not in INDEX_TYPES:
            raise ImageError(f"{documents.what}: {descriptor.digest} has the unknown media type {media_type!r}")
        what = f"{documents.what}: index {descriptor.digest}"
        descriptor = select_manifest(decode(content, Index, what), platform, what)
    raise ImageError(f"{documents.what}: its indexes nest more than {MAX_INDEX_DEPTH} deep")


def media_type_of(content: bytes, what: str) -> str:
    """The media type that the document says of itself, for descriptors that say none."""
    document = decode(content, dict[str, object], what)
    stated = document.get("mediaType")
    if isinstance(stated, str) and stated:
        return stated
    return "application/vnd.oci.image." + ("index.v1+json" if "manifests" in document else "manifest.v1+json")


def _manifest_image(documents: Documents, content: bytes) -> StoredImage:
    manifest = decode(content, Manifest, f"{documents.what}: image manifest {digest_of(content)}")
    config = blob_document(documents, manifest.config)
    description = image_description(config, image_id=manifest.config.digest)
    return StoredImage(
        description=description, config=config, layers=manifest_layers(manifest, description, documents.what)
    )


def manifest_layers(manifest: Manifest, description: ImageDescription, what: str) -> tuple[StoredLayer, ...]:
    """The layers of `manifest` beside the steps of its config. Raises `ImageError` if they do not match."""
    if len(manifest.layers) != len(description.steps):
        raise ImageError(
            f"{what}: the manifest names {len(manifest.layers)} layers, the config {len(description.steps)} diff IDs"
        )
    return tuple(
        StoredLayer(step=step, name=blob_name(checked_layer(layer).digest), digest=layer.digest, size=layer.size)
        for step, layer in zip(description.steps, manifest.layers, strict=True)
    )


def blob_name(digest: str) -> str:
    """The file that holds the blob `digest` in an OCI layout."""
    return f"blobs/{checked_digest(digest).replace(':', '/')}"


def blob_document(documents: Documents, descriptor: Descriptor) -> bytes:
    """The document that `descriptor` names, its digest verified."""
    content = documents.document(blob_name(descriptor.digest))
    if content is None:
        raise ImageError(f"{documents.what}: the blob {descriptor.digest} is not there")
    if digest_of(content) != descriptor.digest:
        raise ImageError(f"{documents.what}: the blob {descriptor.digest} has another digest; it was damaged")
    return content
