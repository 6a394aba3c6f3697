"""An image as read: config, layers and their sizes. No engine, no registry, only values."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from weighbridge.domain.image.attached import NOTHING_ATTACHED, Attached
from weighbridge.domain.image.layer import Changeset

BASE_NAME = "org.opencontainers.image.base.name"
"""The annotation or label with the name of the base image (OCI image spec, "Annotations")."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Healthcheck:
    """``config.Healthcheck``: `test` begins with ``NONE``, ``CMD`` or ``CMD-SHELL``; empty means inherited.

    Times are in nanoseconds; 0 means the engine's default.
    """

    test: tuple[str, ...] = ()
    interval_ns: int = 0
    timeout_ns: int = 0
    start_period_ns: int = 0
    start_interval_ns: int = 0
    retries: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class ImageConfig:
    """The parts of the image config (OCI image spec, "Image Configuration") that decide how a container starts.

    `entrypoint` and `cmd` are ``None`` if the config has none. `shell` is the ``SHELL`` instruction's argv or
    ``None`` (then the engine's ``/bin/sh -c``). `env` maps names to values, in order.
    """

    os: str = "linux"
    architecture: str = "amd64"
    variant: str | None = None
    entrypoint: tuple[str, ...] | None = None
    cmd: tuple[str, ...] | None = None
    shell: tuple[str, ...] | None = None
    env: Mapping[str, str] = field(default_factory=dict)
    user: str = ""
    workdir: str = ""
    healthcheck: Healthcheck | None = None
    volumes: tuple[str, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    exposed_ports: tuple[str, ...] = ()
    stop_signal: str = ""
    on_build: tuple[str, ...] = ()

    @property
    def platform(self) -> str:
        """``os/architecture``, with the variant if there is one, in the form of ``--platform``."""
        return "/".join(part for part in (self.os, self.architecture, self.variant) if part)


@dataclass(frozen=True, kw_only=True, slots=True)
class HistoryEntry:
    """One entry of the image config's ``history``. An entry with `empty_layer` has no layer."""

    created_by: str | None
    empty_layer: bool = False


def sum_of_blobs(sizes: Iterable[tuple[str, int | None]]) -> int | None:
    """Σ of the sizes of blobs in bytes. Each digest counts once, as in a pull. `sizes` are by blob digest.

    ``None`` if one size is unknown. One diff ID may have two blobs, of different compression.
    """
    by_blob = dict(sizes)
    known = [size for size in by_blob.values() if size is not None]
    return sum(known) if len(known) == len(by_blob) else None


@dataclass(frozen=True, kw_only=True, slots=True)
class Layer:
    """One layer of an image.

    `created_by` is its text in the history, ``None`` without one. `download_bytes` is the size of the
    blob that a pull transfers, or ``None`` if unknown; `download_estimated` means that it was recompressed here.
    `blob_digest` and `compression` (``none``, ``gzip``, ``zstd``, …) describe that blob, ``None`` without a blob.
    `changeset` holds the layer's entries.
    """

    diff_id: str
    created_by: str | None
    download_bytes: int | None
    download_estimated: bool = False
    blob_digest: str | None = None
    compression: str | None = None
    changeset: Changeset

    @property
    def unpacked_bytes(self) -> int:
        """See `Changeset.unpacked_bytes`."""
        return self.changeset.unpacked_bytes


@dataclass(frozen=True, kw_only=True, slots=True)
class Image:
    """An image with all its layers, lowest first. `image_id` is the digest of its config.

    `history` has one entry for each layer, in order, and the empty ones between them; ``()`` without a history. `notes`
    explain the choice among several images, and name unknown facts. `annotations` are those of the manifest, if there
    is one. `attached` is the content of its provenance and SBOMs.
    """

    image_id: str
    config: ImageConfig
    layers: tuple[Layer, ...]
    history: tuple[HistoryEntry, ...] = ()
    notes: tuple[str, ...] = ()
    annotations: Mapping[str, str] = field(default_factory=dict)
    attached: Attached = NOTHING_ATTACHED

    @property
    def unpacked_bytes(self) -> int:
        """The size of the image on a node: Σ over its layers."""
        return sum(layer.unpacked_bytes for layer in self.layers)

    @property
    def download_bytes(self) -> int | None:
        """The size of a cold pull: Σ of the blobs, each once; ``None`` if one size is unknown."""
        return sum_of_blobs((layer.blob_digest or layer.diff_id, layer.download_bytes) for layer in self.layers)

    @property
    def download_estimated(self) -> bool:
        """True if any layer's `download_bytes` was computed here and not stored by the builder."""
        return any(layer.download_estimated for layer in self.layers)
