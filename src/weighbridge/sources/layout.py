"""Finds an image's config and layers in OCI layouts and in old and new archives of ``docker save``.

Docker's saved images changed over time: the legacy layout (a folder per layer, ``manifest.json``); since engine 25 an
OCI layout with an additional ``manifest.json``; with the containerd store nested indexes, attestation manifests and
compressed blobs.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from weighbridge.domain.image.attached import NOTHING_ATTACHED, Attached
from weighbridge.errors import ImageError, UsageError
from weighbridge.sources.attachments import read_attached
from weighbridge.sources.blob_stores import Documents
from weighbridge.sources.image_choice import ChosenImage, ImageChoice
from weighbridge.sources.manifest import (
    MAX_DOCUMENT_BYTES,
    Descriptor,
    ImageDescription,
    Index,
    Manifest,
    SavedImage,
    checked_digest,
    checked_layer,
    config_platform,
    decode,
    digest_of,
    image_description,
    is_foreign,
)
from weighbridge.sources.platforms import Platform
from weighbridge.sources.reference import full_tag
from weighbridge.sources.source_layer import SourceLayer

DIGEST_PREFIX = "sha256:"
_IMAGE_ID = re.compile(r"(?:sha256:)?([0-9a-f]{12,64})\Z")
REFERENCE_NAME = "org.opencontainers.image.ref.name"
CONTAINERD_NAME = "io.containerd.image.name"


@dataclass(frozen=True, kw_only=True, slots=True)
class StoredImage:
    """An image as a source has it: its documents are read. `config` is the config as stored.

    `layers`, lowest first, are as the documents say, and as found once they are read. `names` are those of their files
    in the store.
    `notes` explain the choice among several images, and name what is unknown. `annotations` are the manifest's.
    `attached` is the content of its provenance and SBOMs.
    """

    description: ImageDescription
    config: bytes
    layers: tuple[SourceLayer, ...]
    names: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    annotations: Mapping[str, str] = field(default_factory=dict)
    attached: Attached = NOTHING_ATTACHED

    @property
    def diff_ids(self) -> tuple[str, ...]:
        """The layers, lowest first."""
        return self.description.diff_ids

    @property
    def blob_names(self) -> dict[str, str]:
        """The file that holds each layer, by diff ID."""
        return dict(zip(self.diff_ids, self.names, strict=True))


def docker_image(documents: Documents, entry: str | int | None, platform: Platform | None) -> StoredImage:
    """The image `entry` (or the only one) of a saved archive: a reference, an image ID, or an index (0 for the first).

    Raises `UsageError` if the entry is missing, `ImageError` if it has to be named, or if this is not a saved image.
    """
    content = documents.document("manifest.json")
    if content is None:
        if documents.document("index.json") is not None:
            return oci_image(documents, entry, platform, is_checked=True)
        raise ImageError(
            f"{documents.what}: no manifest.json and no index.json; this is not a saved image. "
            "The files of a container (docker export) become an image with: docker import"
        )
    saved = decode(content, list[SavedImage], f"{documents.what}: manifest.json")
    if not saved:
        raise ImageError(f"{documents.what}: manifest.json names no image")
    fitting = _saved_entries(documents, saved, entry)
    if len({item.config for item in fitting}) != 1:
        tags = ", ".join(sorted({tag for item in saved for tag in item.repo_tags or [item.config]}))
        problem = "holds several images" if fitting else f"holds no {entry}"
        error = ImageError if fitting else UsageError
        raise error(
            f"{documents.what} {problem}; it holds: {tags}. Name one as docker-archive:FILE:REFERENCE or "
            "docker-archive:FILE:@INDEX"
        )
    return saved_image(documents, fitting[0])


def _saved_entries(documents: Documents, saved: list[SavedImage], entry: str | int | None) -> list[SavedImage]:
    if entry is None:
        return saved
    if isinstance(entry, int):
        if entry >= len(saved):
            raise UsageError(f"{documents.what} holds no entry @{entry}; it holds {len(saved)}, from @0")
        return [saved[entry]]
    asked = _short_names([full_tag(entry)])
    named = [item for item in saved if asked & _short_names(item.repo_tags or [])]
    image_id = _IMAGE_ID.match(entry)
    if named or image_id is None:
        return named
    configs = {name for name in {item.config for item in saved} if _has_id(documents, name, image_id[1])}
    return [item for item in saved if item.config in configs]


def _has_id(documents: Documents, config: str, digits: str) -> bool:
    """True if the image ID, the digest of the config, begins with `digits`. bazel names no config by its digest."""
    content = documents.document(config)
    return content is not None and digest_of(content).removeprefix(DIGEST_PREFIX).startswith(digits)


def is_docker_archive(documents: Documents) -> bool:
    """True for an archive that an engine saved: the engine compresses uncompressed layers before it pushes them."""
    return documents.size("manifest.json") is not None


def saved_image(documents: Documents, item: SavedImage) -> StoredImage:
    """The image that `item` of ``manifest.json`` names."""
    content = documents.document(item.config)
    if content is None:
        raise ImageError(f"{documents.what}: manifest.json names the config {item.config}, which is missing")
    hexadecimal = item.config.removesuffix(".json").rpartition("/")[2]
    is_named_by_digest = len(hexadecimal) == 64 and all(digit in "0123456789abcdef" for digit in hexadecimal)
    description = image_description(content, image_id=f"sha256:{hexadecimal}" if is_named_by_digest else None)
    if len(item.layers) != len(description.diff_ids):
        raise ImageError(
            f"{documents.what}: manifest.json names {len(item.layers)} layers for {item.config}, "
            f"the config {len(description.diff_ids)} diff IDs"
        )
    return StoredImage(
        description=description,
        config=content,
        layers=tuple(SourceLayer(diff_id=diff_id) for diff_id in description.diff_ids),
        names=tuple(item.layers),
        notes=description.notes,
    )


def oci_image(
    documents: Documents, entry: str | int | None, platform: Platform | None, *, is_checked: bool = False
) -> StoredImage:
    """The image `entry` (or the only one) of an OCI layout. Follows nested indexes to the image for `platform`.

    `entry` is a tag, a digest, or the index of an entry of ``index.json`` (0 for the first). With `is_checked`, refuses
    an image of another platform than `platform`. Raises `UsageError` if the entry is missing, and `ImageError`.
    """
    content = documents.document("index.json")
    if content is None:
        raise ImageError(f"{documents.what}: no index.json; this is not an OCI layout")
    index = decode(content, Index, f"{documents.what}: index.json")
    descriptors = index.manifests if entry is None else _entries(documents, index, entry)
    return _chosen(documents, descriptors, platform, is_checked=is_checked, referrers=index.manifests)


def _entries(documents: Documents, index: Index, entry: str | int) -> list[Descriptor]:
    if isinstance(entry, int):
        if entry >= len(index.manifests):
            raise UsageError(f"{documents.what} holds no entry @{entry}; it holds {len(index.manifests)}, from @0")
        return [index.manifests[entry]]
    if entry.startswith(DIGEST_PREFIX):
        named = [item for item in index.manifests if item.digest == entry]
        # For an image of several platforms, a digest may name an image that only the nested index lists.
        if not named and documents.size(blob_name(entry)) is None:
            known = ", ".join(item.digest for item in index.manifests)
            raise UsageError(f"{documents.what} holds no {entry}; it holds: {known}")
        return named[:1] or [Descriptor(digest=entry, size=0)]
    asked = _short_names([entry])
    tagged = [item for item in index.manifests if entry in _names(item)]
    tagged = tagged or [item for item in index.manifests if asked & _names(item)]
    if not tagged:
        raise UsageError(f"{documents.what} holds no {entry}; {_contents(index)}")
    return tagged


def _contents(index: Index) -> str:
    """What a layout holds, and how to name it."""
    if not index.manifests:
        return "its index.json lists no image"
    names = sorted({name for item in index.manifests for name in _names(item)})
    return f"it holds: {', '.join(names)}" if names else f"its {len(index.manifests)} images have no name: write @0"


def _names(descriptor: Descriptor) -> set[str]:
    annotations = descriptor.annotations or {}
    return _short_names(annotations[key] for key in (REFERENCE_NAME, CONTAINERD_NAME) if key in annotations)


def _title(descriptor: Descriptor) -> str:
    """The name of an entry in the message about an ambiguity: tag and digest, because two entries may share a tag."""
    annotations = descriptor.annotations or {}
    name = annotations.get(REFERENCE_NAME) or annotations.get(CONTAINERD_NAME)
    return f"{name} {descriptor.digest}" if name else descriptor.digest


def _short_names(names: Iterable[str]) -> set[str]:
    """`names`, plus each in docker's short form (skopeo and containerd write the long form)."""
    names = set(names)
    return names | {name.removeprefix("docker.io/").removeprefix("library/") for name in names}


def oci_manifest(documents: Documents, descriptor: Descriptor, platform: Platform | None) -> StoredImage:
    """The image that `descriptor` leads to, through any indexes in between."""
    return _chosen(documents, [descriptor], platform, is_checked=False)


class _LayoutDocuments:
    """A `weighbridge.sources.image_choice.DocumentSource` over the blobs of a layout."""

    def __init__(self, documents: Documents) -> None:
        self._documents = documents

    @property
    def what(self) -> str:
        return self._documents.what

    def manifest_document(self, descriptor: Descriptor) -> bytes:
        return blob_document(self._documents, descriptor)

    def config_document(self, descriptor: Descriptor) -> bytes:
        return blob_document(self._documents, descriptor)

    def attached_document(self, descriptor: Descriptor, *, limit_bytes: int) -> bytes:
        return blob_document(self._documents, descriptor, limit_bytes=limit_bytes)


def _chosen(
    documents: Documents,
    descriptors: Sequence[Descriptor],
    platform: Platform | None,
    *,
    is_checked: bool,
    referrers: Sequence[Descriptor] = (),
) -> StoredImage:
    source = _LayoutDocuments(documents)
    chosen = ImageChoice(source, platform, name_of=_title).choose(descriptors)
    config = blob_document(documents, chosen.manifest.config)
    attached = read_attached(source, chosen, referrers)
    return stored_image(
        chosen,
        config,
        what=documents.what,
        platform=platform if is_checked else None,
        attached=attached,
        has_blob=lambda digest: documents.size(blob_name(digest)) is not None,
    )


def stored_image(
    chosen: ChosenImage,
    config: bytes,
    *,
    what: str,
    platform: Platform | None,
    attached: Attached = NOTHING_ATTACHED,
    has_blob: Callable[[str], bool],
) -> StoredImage:
    """The image of a manifest and its config, with what is `attached` to it.

    `has_blob` is true if a digest is stored; it is called for foreign layers only.
    Raises `ImageError` if they do not match each other, or if the image does not run on `platform` (if given).
    """
    description = image_description(config, image_id=chosen.manifest.config.digest)
    # The entry of an index has precedence, as in engines: many configs lack the variant that the index has.
    in_index = chosen.platform
    found = in_index if in_index is not None and in_index.architecture else config_platform(config)
    if platform is not None and found.architecture and platform.best_of([found]) is None:
        raise ImageError(f"{what} holds no image for {platform}; it holds: {found.normalised()}")
    layers = manifest_layers(chosen.manifest, description, what, has_blob)
    return StoredImage(
        description=description,
        config=config,
        layers=layers,
        names=tuple(blob_name(layer.digest) for layer in chosen.manifest.layers),
        notes=(*description.notes, *chosen.notes),
        annotations=chosen.manifest.annotations or {},
        attached=attached,
    )


def manifest_layers(
    manifest: Manifest, description: ImageDescription, what: str, has_blob: Callable[[str], bool]
) -> tuple[SourceLayer, ...]:
    """Pair the layers of `manifest` with the diff IDs of its config. Raises `ImageError` if they do not match."""
    if len(manifest.layers) != len(description.diff_ids):
        raise ImageError(
            f"{what}: the manifest names {len(manifest.layers)} layers, the config {len(description.diff_ids)} diff IDs"
        )
    layers = [
        checked_layer(layer, is_stored=is_foreign(layer.media_type) and has_blob(layer.digest))
        for layer in manifest.layers
    ]
    return tuple(
        SourceLayer(diff_id=diff_id, digest=layer.digest, size_bytes=layer.size)
        for diff_id, layer in zip(description.diff_ids, layers, strict=True)
    )


def blob_name(digest: str) -> str:
    """The file that holds the blob `digest` in an OCI layout."""
    return f"blobs/{checked_digest(digest).replace(':', '/')}"


def blob_document(documents: Documents, descriptor: Descriptor, *, limit_bytes: int = MAX_DOCUMENT_BYTES) -> bytes:
    """The document that `descriptor` names, its digest verified."""
    content = documents.document(blob_name(descriptor.digest), limit_bytes=limit_bytes)
    if content is None:
        raise ImageError(f"{documents.what}: the blob {descriptor.digest} is missing")
    if digest_of(content) != descriptor.digest:
        raise ImageError(f"{documents.what}: the blob {descriptor.digest} has another digest; it was damaged")
    return content
