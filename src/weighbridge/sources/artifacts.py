"""Recognises artifacts that are stored like images but are not images: charts, SBOMs, signatures, attestations, caches.

Rules: OCI image spec 1.1, "Guidelines for Artifact Usage". ``artifactType`` names the kind, otherwise the config's
media type does. Older tools (cosign) set only the media types of the layers.
"""

from __future__ import annotations

from collections.abc import Sequence

from weighbridge.sources.manifest import CONFIG_TYPES, Descriptor, Manifest, is_layer_type

_LEGACY_CONFIG_TYPES = frozenset({"", "application/octet-stream", "application/json", "text/html"})
"""The config's media type as early registries and clients wrote it; docker still accepts it (distribution#1622)."""

_MAX_TYPE_LENGTH = 100
_UNNAMED = "an artifact of type"
_ONLY_A_LAYER = "a layer without its image"

_KINDS = (
    ("helm", "a Helm chart"),
    ("simplesigning", "a cosign signature"),
    ("cosign", "a cosign signature"),
    ("sigstore", "a Sigstore bundle"),
    ("notary", "a Notation signature"),
    ("spdx", "an SBOM (SPDX)"),
    ("cyclonedx", "an SBOM (CycloneDX)"),
    ("syft", "an SBOM (Syft)"),
    ("in-toto", "an attestation"),
    ("attestation", "an attestation"),
    ("cacheconfig", "a BuildKit cache"),
    ("docker.plugin", "a plugin of Docker Engine"),
    ("wasm", "a WebAssembly module"),
    ("flux", "a Flux artifact"),
    ("devcontainer", "a development container feature"),
    ("docker.compose", "a Compose project"),
    ("docker.ai", "an AI model"),
    ("cncf.model", "an AI model"),
    ("sylabs.sif", "a Singularity image (SIF)"),
    ("cnab", "a CNAB bundle"),
    ("openpolicyagent", "an Open Policy Agent bundle"),
    ("nydus", "an image in Nydus form"),
    ("squashfs", "an image of SquashFS layers"),
    ("distribution.manifest.v1", "an image manifest of schema 1, which docker no longer pulls"),
    ("oci.artifact.manifest", "an OCI artifact"),
    ("image.layer.v1", _ONLY_A_LAYER),
    ("rootfs.diff", _ONLY_A_LAYER),
)
_NO_CONFIG = "application/vnd.oci.empty.v1+json"


def artifact_in_index(descriptor: Descriptor) -> str | None:
    """The kind of artifact if the entry of an index already names one; ``None`` if the entry may be an image."""
    if descriptor.is_attestation:
        return "an attestation"
    if descriptor.platform is not None and descriptor.platform.os == "unknown":
        return "an attestation"
    if descriptor.artifact_type and descriptor.artifact_type not in CONFIG_TYPES:
        return artifact_kind(descriptor.artifact_type)
    return None


def artifact(manifest: Manifest) -> str | None:
    """The kind of artifact that `manifest` describes; ``None`` for an image."""
    config_type = manifest.config.media_type
    layer_types = [layer.media_type for layer in manifest.layers]
    if manifest.artifact_type and manifest.artifact_type not in CONFIG_TYPES:
        return artifact_kind(manifest.artifact_type)
    if config_type not in CONFIG_TYPES and config_type not in _LEGACY_CONFIG_TYPES:
        return artifact_kind(layer_types[0] if config_type == _NO_CONFIG and layer_types else config_type)
    if layer_types and not any(map(is_layer_type, layer_types)):
        return artifact_kind(layer_types[0])
    return None


def best_known(kinds: Sequence[str]) -> str:
    """The first of `kinds` that is more than a media type, or the first."""
    return next((kind for kind in kinds if not kind.startswith((_UNNAMED, _ONLY_A_LAYER))), kinds[0])


def artifact_kind(media_type: str) -> str:
    """Describes a media type in words."""
    for mark, kind in _KINDS:
        if mark in media_type.lower():
            return kind
    return f"{_UNNAMED} {media_type[:_MAX_TYPE_LENGTH]!r}"
