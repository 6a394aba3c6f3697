"""The base image and the Dockerfile lines of a ready image: from the record of its build, or named by the image."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from weighbridge.domain.image.attached import Attached, BuildMaterial, BuildRecord
from weighbridge.domain.image.image import Image, ImageConfig, Layer
from weighbridge.domain.image.layer import Changeset
from weighbridge.errors import RegistryError
from weighbridge.run.base_image import base_layers
from weighbridge.run.recorded_instructions import recorded_instructions
from weighbridge.sources.base_image import BASE_DIGEST, BASE_NAME
from weighbridge.sources.transports import parse_image_reference

DOCKERFILE = "ARG V=x\nFROM $V\nRUN a \\\n  b\nCOPY c /c\n"
DIGEST = f"sha256:{'1' * 64}"
RECORD = BuildRecord(predicate="SLSA provenance v1", dockerfile=DOCKERFILE, layer_lines=(2, 3, 5))


def image(build: BuildRecord, *diff_ids: str) -> Image:
    layers = (
        Layer(diff_id=one, created_by=None, download_bytes=1, changeset=Changeset(diff_id=one, entries=()))
        for one in diff_ids
    )
    return Image(image_id="sha256:0", config=ImageConfig(), layers=tuple(layers), attached=Attached(build=build))


class Reader:
    """Knows the layers of some images; every other one is out of reach."""

    def __init__(self, **diff_ids: tuple[str, ...]) -> None:
        self.diff_ids_by_name = diff_ids
        self.asked: list[str] = []

    def diff_ids(self, reference: Any) -> tuple[str, ...]:
        name = str(reference).removeprefix("registry:").partition("@")[0]
        self.asked.append(name)
        if name not in self.diff_ids_by_name:
            raise RegistryError("out of reach")
        return self.diff_ids_by_name[name]


class Tools:
    def __init__(self, reader: Reader) -> None:
        self.reader = reader


def test_recorded_lines_name_instructions_of_layers_without_history() -> None:
    found = recorded_instructions(image(RECORD, "a", "b", "c"))
    assert [one and (one.line, one.text) for one in found.instructions] == [None, (3, "RUN a b"), (5, "COPY c /c")]
    assert found.notes == ("the Dockerfile lines of 2 of 3 layers are known (SLSA provenance v1)",)


def test_recorded_build_arguments_are_used() -> None:
    record = replace(RECORD, dockerfile="ARG V\nFROM $V\nRUN a\n", build_args={"V": "debian"}, layer_lines=(None, 3))
    assert recorded_instructions(image(record, "a", "b")).instructions[1] is not None


@pytest.mark.parametrize("dockerfile", ["RUN before FROM\n", "FROM x\nNOTHING\n", ""])
def test_recorded_dockerfile_invalid_gives_note(dockerfile: str) -> None:
    found = recorded_instructions(image(replace(RECORD, dockerfile=dockerfile), "a", "b", "c"))
    assert found.instructions == (None, None, None)
    assert found.notes[0].startswith("the Dockerfile in the provenance is not used")


def test_recorded_lines_without_layer_are_cut() -> None:
    assert len(recorded_instructions(image(RECORD, "a")).instructions) == 1


def test_recorded_base_image_needs_no_registry() -> None:
    reader = Reader()
    record = replace(RECORD, base_image=f"docker.io/library/debian:12@{DIGEST}", base_image_layers=2)
    found = base_layers(Tools(reader), image(record, "a", "b", "c"), None)  # type: ignore[arg-type]
    assert found.count == 2
    assert "(recorded by the builder, SLSA provenance v1): provides the lowest 2 of 3 layers" in (found.note or "")
    assert reader.asked == []


def test_material_with_shared_layers_is_base_image() -> None:
    reader = Reader(gcc=("x", "y"), debian=("a",))
    materials = (
        BuildMaterial(reference=f"debian@{DIGEST}"),
        BuildMaterial(reference=f"gcc@{DIGEST}"),
        BuildMaterial(reference=f"arm@{DIGEST}", platform="linux/arm64"),
        BuildMaterial(reference=f"10.0.0.1/private@{DIGEST}"),
    )
    record = BuildRecord(predicate="SLSA provenance v0.2", materials=materials)
    found = base_layers(Tools(reader), image(record, "a", "b"), None)  # type: ignore[arg-type]
    assert found.count == 1
    assert reader.asked == ["gcc", "debian"]


def test_materials_out_of_reach_are_named_and_bounded() -> None:
    reader = Reader()
    materials = tuple(BuildMaterial(reference=f"image{number}@{DIGEST}") for number in range(20))
    record = BuildRecord(predicate="SLSA provenance v0.2", materials=materials)
    found = base_layers(Tools(reader), image(record, "a"), None)  # type: ignore[arg-type]
    assert found.count == 0
    assert len(reader.asked) == 8
    assert (found.note or "").startswith("base image unknown: none of image19, image18, ")


def test_material_of_engine_image_is_searched_in_engine_first() -> None:
    reader = Reader(debian=("a",))
    record = BuildRecord(predicate="SLSA provenance v1", materials=(BuildMaterial(reference=f"debian@{DIGEST}"),))
    found = base_layers(Tools(reader), image(record, "a"), None, is_in_engine=True)  # type: ignore[arg-type]
    assert (found.note or "").startswith(f"base image debian@{DIGEST} (recorded by the builder, SLSA provenance v1)")


NAMED = {BASE_NAME: "quay.io/org/debian:12", BASE_DIGEST: DIGEST}


def named(*, annotations: dict[str, str] | None = None, labels: dict[str, str] | None = None) -> Image:
    """An image of three layers that names its base image."""
    plain = image(RECORD, "a", "b", "c")
    config = replace(plain.config, labels=labels or {})
    return replace(plain, attached=Attached(), annotations=annotations or {}, config=config)


@pytest.mark.parametrize(
    ("one", "how"),
    [
        (named(annotations=NAMED), "named by the manifest's annotations"),
        (named(labels=NAMED), "named by the image's labels"),
        (named(annotations=NAMED, labels={BASE_NAME: "other.example.org/x"}), "named by the manifest's annotations"),
    ],
)
def test_base_image_named_by_the_image_gives_its_layers_and_the_way(one: Image, how: str) -> None:
    reader = Reader(**{"quay.io/org/debian:12": ("a", "b")})
    found = base_layers(Tools(reader), one, None)  # type: ignore[arg-type]
    assert found.count == 2
    assert found.note == (
        f"base image registry:quay.io/org/debian:12@{DIGEST} ({how}): provides the lowest 2 of 3 layers"
    )


def test_base_image_declared_overrides_what_the_image_names() -> None:
    reader = Reader(**{"quay.io/org/other": ("a",), "quay.io/org/debian:12": ("a", "b")})
    declared = parse_image_reference("registry:quay.io/org/other")
    found = base_layers(Tools(reader), named(annotations=NAMED), declared)  # type: ignore[arg-type]
    assert (found.count, reader.asked) == (1, ["quay.io/org/other"])
    assert "(declared): provides the lowest 1 of 3 layers" in (found.note or "")


def test_base_image_rebuilt_since_shares_the_common_prefix() -> None:
    reader = Reader(**{"quay.io/org/debian:12": ("a", "x")})
    found = base_layers(Tools(reader), named(labels=NAMED), None)  # type: ignore[arg-type]
    assert found.count == 1
    assert (found.note or "").endswith("the base image has 2 layers, so it is another version now")
