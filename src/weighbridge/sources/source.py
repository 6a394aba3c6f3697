"""The protocol of all sources of images. `transports.py` lists the sources by transport."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from weighbridge.errors import WeighbridgeError, contain_defects
from weighbridge.sources.credentials import RegistryCredentials
from weighbridge.sources.file_digests import DigestsInPlace
from weighbridge.sources.known_layers import KnownLayers
from weighbridge.sources.layer_cache import LayerCache
from weighbridge.sources.platforms import Platform
from weighbridge.sources.progress import ReadingProgress
from weighbridge.sources.read_image import ReadImage
from weighbridge.sources.reference import ImageReference

if TYPE_CHECKING:
    import docker

    from weighbridge.sources.storage_helper import StorageHelper

ReadOutcomes = Mapping[ImageReference, ReadImage | WeighbridgeError]
"""Each requested image, or the reason why it cannot be read."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SourceSetup:
    """What all sources of a run share. Each source takes from it what it needs.

    `platform` selects among the images of an index. `connect` makes the engine's client; ``None`` if there is no
    engine. `engine_socket` returns its Unix socket as long as no client is connected. `in_place` allows direct reading
    of the engine's storage folder; `helper` makes the storage helper, if one is possible. `credentials` returns the
    credentials for a registry. `say` gets one line if a faster way failed.
    """

    cache: LayerCache
    known_layers: KnownLayers
    digests: DigestsInPlace
    progress: ReadingProgress
    platform: Platform | None
    connect: Callable[[], docker.DockerClient] | None
    engine_socket: Callable[[], str | None] | None
    in_place: bool
    helper: Callable[[docker.DockerClient], StorageHelper | None] | None
    credentials: Callable[[str], RegistryCredentials | None]
    say: Callable[[str], None]


class ImageSource(Protocol):
    """A source of images. It indexes the layers that `SourceSetup.known_layers` does not have."""

    def read(self, titles: Mapping[ImageReference, str], *, estimate_sizes: bool) -> ReadOutcomes:
        """All images of `titles`, which are their names in progress output. One failure affects one image."""

    def diff_ids(self, reference: ImageReference) -> tuple[str, ...]:
        """The diff IDs of an image, lowest layer first. Raises `WeighbridgeError`."""

    def reads_alone(self) -> bool:
        """True if reading each image alone costs no more than reading them together."""

    def close(self) -> None:
        """Close all connections. Files of the images cannot be read afterwards."""


def read_each(
    titles: Mapping[ImageReference, str], read: Callable[[ImageReference, str], ReadImage]
) -> dict[ImageReference, ReadImage | WeighbridgeError]:
    """The outcomes of a source that reads one image after the other. An internal error affects one image only."""
    outcomes: dict[ImageReference, ReadImage | WeighbridgeError] = {}
    for reference, title in titles.items():
        try:
            with contain_defects():
                outcomes[reference] = read(reference, title)
        except WeighbridgeError as error:
            outcomes[reference] = error
    return outcomes
