"""Interfaces of a run's clients. The entry point constructs the real ones; tests pass fakes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from weighbridge.domain.image.image import Image
from weighbridge.domain.image.rootfs import ContentReader
from weighbridge.errors import WeighbridgeError
from weighbridge.progress.lines import Progress
from weighbridge.sources.measurement_cache import Measurement, Measurements
from weighbridge.sources.reference import ImageReference

if TYPE_CHECKING:
    import docker

    from weighbridge.build.builder import BuildRequest, BuildSettings
    from weighbridge.build.client import BuildClient
    from weighbridge.build.driver import BuilderDriver


class ImageBuilder(Protocol):
    """Builds images. The real one is `build.builder.Builder`, whose docstrings are the contract."""

    @property
    def client(self) -> BuildClient:
        """The program that builds."""

    @property
    def driver(self) -> BuilderDriver:
        """The builder and its driver."""

    def machine(self) -> tuple[str, str]:
        """Operating system and architecture of the builder; an unknown architecture is empty."""

    def build(self, request: BuildRequest) -> ImageReference:
        """Build an image, and return its reference. Raises BuildError and EngineError."""

    def in_engine(self, reference: ImageReference) -> str:
        """The engine's name of a built image. Raises EngineError."""

    def stop(self) -> None:
        """End the running builds and start no more."""

    def keep(self) -> tuple[str, ...]:
        """Make `clean_up` keep everything; returns a description of each kept image."""

    def clean_up(self) -> None:
        """Remove all built images."""


class ImageReader(Protocol):
    """Reads images. The real one is `sources.reader.LayerReader`, whose docstrings are the contract."""

    def reads_alone(self, reference: ImageReference) -> bool:
        """True if reading this image alone costs no more than reading it together with others."""

    def read(
        self,
        references: Sequence[ImageReference],
        *,
        titles: Mapping[ImageReference, str] | None = None,
        estimate_sizes: bool = True,
        base_images: Mapping[ImageReference, str] = ...,
    ) -> dict[ImageReference, Image | WeighbridgeError]:
        """Each image, or the reason why it cannot be read."""

    def diff_ids(self, reference: ImageReference) -> tuple[str, ...]:
        """The diff IDs of an image, lowest layer first. Raises WeighbridgeError."""

    def contents(self, reference: ImageReference) -> ContentReader:
        """The files of an image that was read. Raises ImageError."""

    def measurement(self, reference: ImageReference) -> Measurement | None:
        """The record from which `recall` restores this image."""

    def recall(self, reference: ImageReference, measurement: Measurement) -> bool:
        """Restore `reference` from a measurement; false if a part of it is missing."""

    def lost_files(self, reference: ImageReference) -> bool:
        """True if a requested file of a recalled image was missing."""

    def release(self) -> None:
        """Close the images' files, so that the images can be removed."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Tools:
    """The clients of a run. The engine and the build client are connected when they are first needed.

    `measurements` are those of earlier runs; all other data that outlives a run is in `cache_folder`.
    """

    progress: Progress
    reader: ImageReader
    engine: Callable[[], docker.DockerClient]
    find_build_client: Callable[[], BuildClient]
    make_builder: Callable[[BuildClient, BuildSettings], ImageBuilder]
    environment: Mapping[str, str]
    measurements: Measurements
    cache_folder: Path
