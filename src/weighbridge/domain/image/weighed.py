"""Weighs one image, and compares two images. Computes all figures of the report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from weighbridge.domain.checks.check import check
from weighbridge.domain.checks.finding import Finding
from weighbridge.domain.image.align import WeighedLayer
from weighbridge.domain.image.attribution import FolderDelta, pair_moved, roll_up
from weighbridge.domain.image.diff import LayerDiff, diff_layers
from weighbridge.domain.image.efficiency import dive_efficiency
from weighbridge.domain.image.files import FileDeltas, diff_files
from weighbridge.domain.image.image import Image
from weighbridge.domain.image.origins import LayerOrigin
from weighbridge.domain.image.rootfs import ContentReader, Node, Rootfs
from weighbridge.domain.image.storage_changes import StorageChange, compression_change, link_changes
from weighbridge.domain.image.waste import Waste, find_waste
from weighbridge.domain.packages.diff import PackageChange, diff_packages
from weighbridge.domain.packages.find import find_packages
from weighbridge.domain.packages.listed import comparable_packages, with_listed_packages
from weighbridge.domain.packages.model import PackageSet
from weighbridge.domain.start.predict import StartPrediction
from weighbridge.domain.start.service import ServiceStart
from weighbridge.domain.start.service_check import check_service


@dataclass(frozen=True, kw_only=True, slots=True)
class WeighedImage:
    """An image with all data computed from it. `layers` are its layers, lowest first."""

    image: Image
    layers: tuple[WeighedLayer, ...]
    rootfs: Rootfs
    waste: Waste
    efficiency: float
    start: StartPrediction
    findings: tuple[Finding, ...]
    packages: PackageSet


@dataclass(frozen=True, kw_only=True, slots=True)
class Comparison:
    """The comparison of base and head. `introduced` holds the findings of head that base does not have.

    A moved file is one of `files`, with another path in its `base`. If one side does not exist, `packages` are all
    packages of the other, `folders` are empty, and `files` is ``None``.
    """

    layers: LayerDiff
    files: FileDeltas | None
    folders: tuple[FolderDelta, ...]
    packages: tuple[PackageChange, ...]
    storage: tuple[StorageChange, ...]
    introduced: frozenset[Finding]


def weigh_image(
    image: Image,
    origins: Sequence[LayerOrigin],
    contents: ContentReader,
    *,
    instruction_lines: Mapping[str, int] | None = None,
) -> WeighedImage:
    """Weigh one image.

    `origins` has the origin of each layer. `instruction_lines` maps the names of instructions to the line of the last
    one in the image's stages (``{"CMD": 12}``), for findings about such an instruction.
    """
    layers = tuple(
        WeighedLayer(
            diff_id=layer.diff_id,
            instruction=origin.text,
            line=origin.line,
            unpacked_bytes=layer.unpacked_bytes,
            download_bytes=layer.download_bytes,
            from_base_image=origin.from_base_image,
            blob_digest=layer.blob_digest,
            compression=layer.compression,
            download_estimated=layer.download_estimated,
        )
        for layer, origin in zip(image.layers, origins, strict=True)
    )
    changesets = [layer.changeset for layer in image.layers]
    rootfs = Rootfs.from_changesets(changesets, contents)
    base_image_layers = sum(layer.from_base_image for layer in layers)
    own_diff_ids = frozenset(layer.diff_id for layer in layers if not layer.from_base_image)
    checked = check(
        image.config, rootfs, own_diff_ids=own_diff_ids if base_image_layers else None, history=tuple(image.history)
    )
    return WeighedImage(
        image=image,
        layers=layers,
        rootfs=rootfs,
        waste=find_waste(rootfs.tree, base_image_layers=base_image_layers),
        efficiency=dive_efficiency(changesets),
        start=checked.start,
        findings=tuple(_located(finding, rootfs, layers, instruction_lines or {}) for finding in checked.findings),
        packages=with_listed_packages(find_packages(rootfs), image.attached.packages),
    )


def with_services(weighed: WeighedImage, services: Sequence[ServiceStart]) -> WeighedImage:
    """The image with the results of its starts as Compose services. What the image itself has is not repeated."""
    for service in services:
        result = check_service(weighed.image.config, weighed.rootfs, service)
        known = {(each.code, each.path, each.predicts) for each in weighed.findings}
        new = tuple(each for each in result.findings if (each.code, each.path, each.predicts) not in known)
        start = weighed.start
        if result.chain is not None:
            start = replace(start, chain=(*start.chain, result.chain))
        if result.not_checked is not None:
            start = replace(start, not_checked=(*start.not_checked, result.not_checked))
        weighed = replace(weighed, start=start, findings=(*new, *weighed.findings))
    return weighed


def compare(base: WeighedImage | None, head: WeighedImage | None) -> Comparison:
    """Compare two sides. One of them may not exist (an added or a removed image)."""
    known = {identity(finding) for finding in base.findings} if base else set()
    files = pair_moved(diff_files(base.rootfs, head.rootfs)) if base and head else None
    return Comparison(
        layers=diff_layers(base.layers if base else (), head.layers if head else ()),
        files=files,
        folders=roll_up(files) if files is not None else (),
        packages=diff_packages(*comparable_packages(base.packages if base else None, head.packages if head else None)),
        storage=_storage_changes(base, head) if base and head else (),
        introduced=frozenset(finding for finding in (head.findings if head else ()) if identity(finding) not in known),
    )


def _storage_changes(base: WeighedImage, head: WeighedImage) -> tuple[StorageChange, ...]:
    compression = compression_change(base.layers, head.layers)
    return (*link_changes(base.rootfs, head.rootfs), *((compression,) if compression else ()))


def identity(finding: Finding) -> tuple[str, str, str | None]:
    """The identity of a finding, independent of its line."""
    return finding.code, finding.subject, finding.path


def _located(
    finding: Finding, rootfs: Rootfs, layers: Sequence[WeighedLayer], instruction_lines: Mapping[str, int]
) -> Finding:
    """`finding` with its Dockerfile line: of the layer with the file, otherwise of the instruction with the command."""
    if finding.line is not None:
        return finding
    node = rootfs.lookup(finding.path) if finding.path else None
    if isinstance(node, Node):
        for layer in layers:
            if layer.diff_id == node.diff_id and layer.line is not None:
                return replace(finding, line=layer.line)
    names = ("HEALTHCHECK",) if finding.subject == "healthcheck" else ("ENTRYPOINT", "CMD")
    for name in names:
        if name in instruction_lines:
            return replace(finding, line=instruction_lines[name])
    return finding
