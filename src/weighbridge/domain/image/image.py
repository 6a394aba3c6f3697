"""An image as it is read: config, layers and their sizes. No engine, no registry, only values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from weighbridge.domain.image.layer import Changeset


@dataclass(frozen=True, kw_only=True, slots=True)
class Healthcheck:
    """``config.Healthcheck``: `test` begins with ``NONE``, ``CMD`` or ``CMD-SHELL``; empty means inherited."""

    test: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class ImageConfig:
    """What of the image config (OCI image spec, "Image Configuration") says how a container starts.

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

    @property
    def platform(self) -> str:
        """``os/architecture`` with the variant where there is one, as ``--platform`` takes it."""
        return "/".join(part for part in (self.os, self.architecture, self.variant) if part)


@dataclass(frozen=True, kw_only=True, slots=True)
class HistoryEntry:
    """One entry of the image config's ``history``. An entry with `empty_layer` made no layer."""

    created_by: str | None
    empty_layer: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Layer:
    """One layer in its place in an image.

    `created_by` is the history's text for it, ``None`` if the image has no history. `download_bytes` is the size of
    the compressed blob, or ``None`` if no compressed blob is known; `download_estimated` says that it was
    recompressed here. `changeset` holds the layer's entries.
    """

    diff_id: str
    created_by: str | None
    download_bytes: int | None
    download_estimated: bool = False
    changeset: Changeset

    @property
    def unpacked_bytes(self) -> int:
        """See `Changeset.unpacked_bytes`."""
        return self.changeset.unpacked_bytes


@dataclass(frozen=True, kw_only=True, slots=True)
class Image:
    """An image with all its layers, lowest first. `image_id` is the digest of its config.

    `history` has one entry for each layer, in order, and the empty ones between them; ``()`` where the image has none.
    """

    image_id: str
    config: ImageConfig
    layers: tuple[Layer, ...]
    history: tuple[HistoryEntry, ...] = ()

    @property
    def unpacked_bytes(self) -> int:
        """The size of the image on a node: Σ over its layers."""
        return sum(layer.unpacked_bytes for layer in self.layers)

    @property
    def download_bytes(self) -> int | None:
        """The size of a cold pull: Σ of the compressed blobs, each once; ``None`` if one is unknown."""
        by_diff_id = {layer.diff_id: layer.download_bytes for layer in self.layers}
        known = [size for size in by_diff_id.values() if size is not None]
        return sum(known) if len(known) == len(by_diff_id) else None

    @property
    def download_estimated(self) -> bool:
        """True if any layer's `download_bytes` was computed here and not stored by the builder."""
        return any(layer.download_estimated for layer in self.layers)
