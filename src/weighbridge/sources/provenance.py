"""BuildKit's provenance: the images a build read, and in ``mode=max`` the Dockerfile line of each layer.

Rules: SLSA provenance v0.2 and v1, and BuildKit's ``docs/attestations/slsa-definitions.md`` for ``buildConfig``,
``layers`` and ``source`` (the source map). The source map numbers build steps; ``layers`` has the blobs of each step.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping, Sequence

import msgspec

from weighbridge.domain.image.attached import BuildMaterial, BuildRecord
from weighbridge.domain.packages.package_url import parse_package_url
from weighbridge.errors import ImageError
from weighbridge.sources.manifest import Descriptor, decode

MAX_MATERIALS = 64
MAX_STEPS = 10_000
MAX_DOCKERFILE_BYTES = 1 << 20
_BUILDKIT_IMAGES = re.compile(r"(?:docker\.io/)?docker/(?:dockerfile|dockerfile-upstream|buildkit-syft-scanner)\Z")
_BUILD_ARGUMENT = "build-arg:"
_IMAGE_SOURCE = "docker-image://"
_DIGEST = re.compile(r"[0-9a-f]{64}")


class _Material(msgspec.Struct, frozen=True):
    uri: str = ""
    digest: dict[str, str] | None = None


class _Source(msgspec.Struct, frozen=True):
    identifier: str = ""


class _Operation(msgspec.Struct, frozen=True):
    source: _Source | None = None


class _OperationBox(msgspec.Struct, frozen=True):
    operation: _Operation | None = msgspec.field(default=None, name="Op")


class _Step(msgspec.Struct, frozen=True):
    id: str = ""
    op: _OperationBox | None = None


class _BuildConfig(msgspec.Struct, frozen=True):
    steps: list[_Step] | None = msgspec.field(default=None, name="llbDefinition")


class _Position(msgspec.Struct, frozen=True):
    line: int = 0


class _Range(msgspec.Struct, frozen=True):
    start: _Position | None = None


class _Location(msgspec.Struct, frozen=True):
    ranges: list[_Range] | None = None
    source_index: int = msgspec.field(default=0, name="sourceIndex")


class _StepLocations(msgspec.Struct, frozen=True):
    locations: list[_Location] | None = None


class _SourceInfo(msgspec.Struct, frozen=True):
    filename: str = ""
    data: str = ""


class _SourceMap(msgspec.Struct, frozen=True):
    locations: dict[str, _StepLocations] | None = None
    infos: list[_SourceInfo] | None = None


class _BuildKitMetadata(msgspec.Struct, frozen=True):
    source: _SourceMap | None = None
    layers: dict[str, list[list[Descriptor]]] | None = None


class _Metadata(msgspec.Struct, frozen=True):
    v02: _BuildKitMetadata | None = msgspec.field(default=None, name="https://mobyproject.org/buildkit@v1#metadata")
    v1: _BuildKitMetadata | None = msgspec.field(default=None, name="buildkit_metadata")


class _Parameters(msgspec.Struct, frozen=True):
    args: dict[str, str] | None = None


class _Invocation(msgspec.Struct, frozen=True):
    parameters: _Parameters | None = None


class _ExternalParameters(msgspec.Struct, frozen=True):
    request: _Parameters | None = None


class _InternalParameters(msgspec.Struct, frozen=True):
    build_config: _BuildConfig | None = msgspec.field(default=None, name="buildConfig")


class _BuildDefinition(msgspec.Struct, frozen=True, rename="camel"):
    external_parameters: _ExternalParameters | None = None
    internal_parameters: _InternalParameters | None = None
    resolved_dependencies: list[_Material] | None = None


class _RunDetails(msgspec.Struct, frozen=True):
    metadata: _Metadata | None = None


class _Predicate(msgspec.Struct, frozen=True, rename="camel"):
    """The fields of both versions: v0.2 has the first four, v1 the others."""

    materials: list[_Material] | None = None
    invocation: _Invocation | None = None
    build_config: _BuildConfig | None = None
    metadata: _Metadata | None = None
    build_definition: _BuildDefinition | None = None
    run_details: _RunDetails | None = None


def build_record(predicate: bytes, predicate_type: str, layer_digests: Sequence[str], what: str) -> BuildRecord:
    """Parse the provenance `predicate` of an image with the layers `layer_digests`, lowest first.

    Raises `ImageError` if it is invalid.
    """
    document = decode(predicate, _Predicate, what)
    definition = document.build_definition or _BuildDefinition()
    external, internal = definition.external_parameters, definition.internal_parameters
    parameters = (document.invocation and document.invocation.parameters) or (external and external.request)
    metadata = document.metadata or (document.run_details and document.run_details.metadata) or _Metadata()
    buildkit = metadata.v02 or metadata.v1 or _BuildKitMetadata()
    arguments = (parameters and parameters.args) or {}
    config = document.build_config or (internal and internal.build_config) or _BuildConfig()
    source_map = buildkit.source or _SourceMap()
    steps_by_layers = _steps_by_layers(buildkit.layers or {}, layer_digests)
    base_image, base_layers = _base_image(config.steps or [], steps_by_layers)
    name, text, index = _dockerfile(source_map.infos or [])
    return BuildRecord(
        predicate=f"SLSA provenance {predicate_type.rpartition('/')[2]}",
        materials=_materials(document.materials or definition.resolved_dependencies or []),
        base_image=base_image,
        base_image_layers=base_layers,
        dockerfile=text,
        dockerfile_name=name,
        build_args={
            name.removeprefix(_BUILD_ARGUMENT): value
            for name, value in arguments.items()
            if name.startswith(_BUILD_ARGUMENT)
        },
        layer_lines=_layer_lines(source_map.locations or {}, steps_by_layers, len(layer_digests), index),
    )


def _materials(materials: Sequence[_Material]) -> tuple[BuildMaterial, ...]:
    """The images among `materials`, without those that BuildKit itself runs."""
    found = []
    for one in materials[:MAX_MATERIALS]:
        url = parse_package_url(one.uri)
        if url is None or url.type != "docker" or _BUILDKIT_IMAGES.match(url.full_name):
            continue
        digest = (one.digest or {}).get("sha256", "")
        if _DIGEST.fullmatch(digest):
            reference = f"{url.full_name}@sha256:{digest}"
            found.append(BuildMaterial(reference=reference, platform=url.qualifiers.get("platform")))
    return tuple(dict.fromkeys(found))


def _steps_by_layers(
    recorded: Mapping[str, list[list[Descriptor]]], layer_digests: Sequence[str]
) -> dict[int, list[str]]:
    """The steps that produce the lowest layers of the image, by the number of these layers."""
    found: dict[int, list[str]] = {}
    for output, chains in list(recorded.items())[:MAX_STEPS]:
        for chain in chains[:8]:  # one for each compression
            count = len(chain)
            if count and [layer.digest for layer in chain] == list(layer_digests[:count]):
                found.setdefault(count, []).append(output.partition(":")[0])
                break
    return found


def _base_image(steps: Sequence[_Step], steps_by_layers: Mapping[int, Sequence[str]]) -> tuple[str | None, int | None]:
    """The image that has the most of the lowest layers, with their number."""
    sources: dict[str, str] = {}
    for step in steps[:MAX_STEPS]:
        source = step.op.operation.source if step.op and step.op.operation else None
        if source is not None and source.identifier.startswith(_IMAGE_SOURCE):
            sources[step.id] = source.identifier.removeprefix(_IMAGE_SOURCE)
    for count in sorted(steps_by_layers, reverse=True):
        for step_id in steps_by_layers[count]:
            if step_id in sources:
                return sources[step_id], count
    return None, None


def _dockerfile(infos: Sequence[_SourceInfo]) -> tuple[str, str | None, int]:
    """Name, text and index of the Dockerfile in the source map; no text if it is missing or too large."""
    for index, info in enumerate(infos[:8]):
        if not info.data or len(info.data) > MAX_DOCKERFILE_BYTES * 4 // 3 + 4:
            continue
        try:
            return info.filename or "Dockerfile", base64.b64decode(info.data).decode("utf-8"), index
        except (binascii.Error, UnicodeDecodeError, ValueError) as error:
            raise ImageError("the Dockerfile in the provenance is not valid") from error
    return "Dockerfile", None, 0


def _layer_lines(
    locations: Mapping[str, _StepLocations],
    steps_by_layers: Mapping[int, Sequence[str]],
    layers: int,
    source_index: int,
) -> tuple[int | None, ...]:
    """The first line of the instruction that made each layer. A line of ``FROM`` counts for no layer of its own."""
    found: list[int | None] = []
    for count in range(1, layers + 1):
        lines = [
            place.start.line
            for step_id in steps_by_layers.get(count, ())
            for location in (getattr(locations.get(step_id), "locations", None) or [])[:16]
            if location.source_index == source_index
            for place in (location.ranges or [])[:256]
            if place.start is not None and place.start.line > 0
        ]
        found.append(min(lines, default=None))
    return tuple(found)
