"""Provenance and SBOMs that builders and scanners attach to an image. They are claims, not verified facts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from weighbridge.domain.packages.listed import ListedPackage


@dataclass(frozen=True, kw_only=True, slots=True)
class BuildMaterial:
    """An image that a build read: its full reference with the digest, and its platform if recorded."""

    reference: str
    platform: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class BuildRecord:
    """The provenance of a build. `predicate` is its format, such as ``SLSA provenance v1``.

    `materials` are the images that the build read, without BuildKit's own. The rest is only in provenance of
    ``mode=max``: `base_image` with the number of its layers in the image, the text of the Dockerfile with its file
    name, the build arguments, and the Dockerfile line of each layer, lowest first (``None`` where it is not recorded).
    """

    predicate: str
    materials: tuple[BuildMaterial, ...] = ()
    base_image: str | None = None
    base_image_layers: int | None = None
    dockerfile: str | None = None
    dockerfile_name: str = "Dockerfile"
    build_args: Mapping[str, str] = field(default_factory=dict, repr=False)
    layer_lines: tuple[int | None, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Attached:
    """The provenance and the packages of the SBOMs that are attached to an image.

    `packages` is ``None`` if no SBOM was read. `notes` name the documents that were read, and those that were not, with
    the reason.
    """

    build: BuildRecord | None = None
    packages: tuple[ListedPackage, ...] | None = None
    notes: tuple[str, ...] = ()


NOTHING_ATTACHED = Attached()
