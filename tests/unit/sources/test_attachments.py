"""Provenance and SBOMs that are attached to an image: found, bounded, and never believed about another image.

The statements of tests/data/attestations are those of real builds, with the layers of the images they are about.
"""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from weighbridge.domain.image.attached import BuildMaterial
from weighbridge.domain.packages.listed import ListedPackage
from weighbridge.domain.packages.model import Ecosystem
from weighbridge.errors import ImageError
from weighbridge.sources import attachments
from weighbridge.sources.manifest import digest_of
from weighbridge.sources.provenance import build_record
from weighbridge.sources.reader import LayerReader
from weighbridge.sources.sbom import cyclonedx_packages, spdx_packages
from weighbridge.sources.statements import read_statement
from weighbridge.sources.transports import parse_image_reference

DATA = Path(__file__).parents[2] / "data/attestations"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
PROVENANCE = "https://slsa.dev/provenance/v0.2"
SPDX = "https://spdx.dev/Document"

LIBZ = ListedPackage(ecosystem=Ecosystem.DEB, name="libz", version="1.2-3")


def spdx(*urls: str) -> dict[str, Any]:
    references = [[{"referenceType": "purl", "referenceLocator": url}] for url in urls]
    return {"spdxVersion": "SPDX-2.3", "packages": [{"name": "n", "externalRefs": one} for one in references]}


def statement(predicate: dict[str, Any], kind: str = SPDX, *, subject: str | None = None) -> dict[str, Any]:
    subjects = [] if subject is None else [{"name": "_", "digest": {"sha256": subject.removeprefix("sha256:")}}]
    return {"predicateType": kind, "subject": subjects, "predicate": predicate}


class Attaching:
    """Writes an image into a layout, with what is attached to it."""

    def __init__(self, folder: Path, image: Any) -> None:
        self.folder = folder
        self.image = image.write_oci(folder)

    def put(self, content: bytes | dict[str, Any], media_type: str, **more: Any) -> dict[str, Any]:
        content = content if isinstance(content, bytes) else json.dumps(content).encode()
        digest = digest_of(content)
        (self.folder / "blobs" / digest.replace(":", "/")).write_bytes(content)
        return {"mediaType": media_type, "digest": digest, "size": len(content), **more}

    def manifest(self, *layers: dict[str, Any], **more: Any) -> bytes:
        config = self.put(b"{}", "application/vnd.oci.empty.v1+json")
        return json.dumps({"config": config, "layers": layers, "mediaType": MANIFEST, **more}).encode()

    def by_buildkit(self, *statements: dict[str, Any], of: str | None = None) -> None:
        """An index of the image and an attestation manifest, as BuildKit writes it."""
        layers = [
            self.put(
                one, "application/vnd.in-toto+json", annotations={"in-toto.io/predicate-type": one["predicateType"]}
            )
            for one in statements
        ]
        annotations = {
            "vnd.docker.reference.type": "attestation-manifest",
            "vnd.docker.reference.digest": of or self.image["digest"],
        }
        platform = {"architecture": "unknown", "os": "unknown"}
        attestation = self.put(self.manifest(*layers), MANIFEST, annotations=annotations, platform=platform)
        image = {**self.image, "platform": {"architecture": "amd64", "os": "linux"}}
        self.write(self.put({"manifests": [image, attestation]}, INDEX))

    def as_referrer(self, document: dict[str, Any], media_type: str, *, subject: str | None = None) -> None:
        """A manifest of the layout with the image as its subject, as oras writes it."""
        digest = subject or self.image["digest"]
        layer = self.put(document, media_type)
        manifest = self.manifest(
            layer, artifactType=media_type, subject={"mediaType": MANIFEST, "digest": digest, "size": 1}
        )
        self.write(self.image, self.put(manifest, MANIFEST, artifactType=media_type))

    def write(self, *descriptors: dict[str, Any]) -> None:
        (self.folder / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": descriptors}))

    def read(self, reader: Any) -> Any:
        reference = parse_image_reference(f"oci:{self.folder}")
        image = reader.read([reference])[reference]
        if isinstance(image, Exception):
            raise image
        return image.attached


@pytest.fixture
def attaching(tmp_path: Path, small_image: Any) -> Attaching:
    return Attaching(tmp_path / "out", small_image)


def recorded(name: str) -> Any:
    data = json.loads((DATA / f"{name}.json").read_text())
    content = json.dumps(data["statement"]).encode()
    read = read_statement(content, "statement")
    return build_record(read.predicate, read.predicate_type, data["layers"], "statement")


@pytest.mark.parametrize(
    ("name", "predicate"),
    [("buildkit-0.13-max", "SLSA provenance v0.2"), ("buildkit-0.25-max-v1", "SLSA provenance v1")],
)
def test_provenance_of_mode_max_has_base_image_and_lines(name: str, predicate: str) -> None:
    found = recorded(name)
    assert found.predicate == predicate
    assert found.base_image.startswith("docker.io/library/debian:bookworm@sha256:d2fc4198")
    assert found.base_image_layers == 1
    assert found.layer_lines == (3, 5, 6, 8)
    assert found.dockerfile.splitlines()[4] == "COPY --from=build /o /o"


def test_provenance_of_mode_min_has_only_read_images() -> None:
    found = recorded("buildkit-0.13-min")
    assert [one.reference.partition("@")[0] for one in found.materials] == ["busybox", "debian", "wbscan"]
    assert found.materials[1].platform == "linux/amd64"
    assert (found.base_image, found.dockerfile, set(found.layer_lines)) == (None, None, {None})


def test_provenance_of_another_compression_has_no_lines() -> None:
    data = json.loads((DATA / "buildkit-0.13-max.json").read_text())
    predicate = json.dumps(data["statement"]["predicate"]).encode()
    found = build_record(predicate, PROVENANCE, [f"sha256:{'1' * 64}"] * 4, "statement")
    assert found.base_image is None
    assert found.layer_lines == (None,) * 4


def test_images_of_buildkit_are_no_materials() -> None:
    digest = {"sha256": "1" * 64}
    uris = (
        "pkg:docker/docker/dockerfile@1",
        "pkg:docker/docker/buildkit-syft-scanner@stable-1",
        "pkg:docker/ghcr.io/o/b@2",
    )
    predicate = {
        "materials": [{"uri": uri, "digest": digest} for uri in (*uris, "https://example.com/x", "pkg:docker/x")]
    }
    found = build_record(json.dumps(predicate).encode(), PROVENANCE, (), "statement")
    assert [one.reference for one in found.materials] == [f"ghcr.io/o/b@sha256:{'1' * 64}", f"x@sha256:{'1' * 64}"]
    assert isinstance(found.materials[0], BuildMaterial)


def test_attestations_of_buildkit_are_read(attaching: Attaching, reader: Any) -> None:
    materials = [{"uri": "pkg:docker/debian@12", "digest": {"sha256": "1" * 64}}]
    sbom = statement(spdx("pkg:deb/debian/libz@1.2-3?arch=amd64"))
    attaching.by_buildkit(sbom, statement({"materials": materials}, PROVENANCE, subject=attaching.image["digest"]))
    found = attaching.read(reader)
    assert found.packages == (LIBZ,)
    assert found.build.materials == (BuildMaterial(reference=f"debian@sha256:{'1' * 64}"),)
    assert found.notes == ("an SBOM is attached (SPDX, BuildKit attestation): it lists 1 packages",)


def test_attestation_of_another_image_is_not_read(attaching: Attaching, reader: Any) -> None:
    attaching.by_buildkit(statement(spdx("pkg:deb/debian/libz@1")), of=f"sha256:{'1' * 64}")
    assert attaching.read(reader).packages is None


def test_statement_about_another_image_is_ignored_with_note(attaching: Attaching, reader: Any) -> None:
    attaching.by_buildkit(statement(spdx("pkg:deb/debian/libz@1"), subject="1" * 64))
    found = attaching.read(reader)
    assert found.packages is None
    assert "is about another image" in found.notes[0]


def enveloped(document: dict[str, Any]) -> dict[str, Any]:
    return {"payload": base64.b64encode(json.dumps(document).encode()).decode()}


OF_LIBZ = spdx("pkg:deb/debian/libz@1.2-3")
CYCLONEDX = {"bomFormat": "CycloneDX", "components": [{"purl": "pkg:deb/debian/libz@1.2-3"}]}


@pytest.mark.parametrize(
    ("media_type", "document"),
    [
        ("application/spdx+json", OF_LIBZ),
        ("application/vnd.cyclonedx+json", CYCLONEDX),
        ("application/vnd.in-toto+json", statement(OF_LIBZ)),
        ("application/vnd.dsse.envelope.v1+json", enveloped(statement(OF_LIBZ))),
        ("application/vnd.dev.sigstore.bundle.v0.3+json", {"dsseEnvelope": enveloped(statement(OF_LIBZ))}),
    ],
)
def test_referrer_of_each_form_is_read(
    attaching: Attaching, reader: Any, media_type: str, document: dict[str, Any]
) -> None:
    attaching.as_referrer(document, media_type)
    assert attaching.read(reader).packages == (LIBZ,)


def test_referrer_of_another_image_is_not_read(attaching: Attaching, reader: Any) -> None:
    attaching.as_referrer(spdx("pkg:deb/debian/libz@1"), "application/spdx+json", subject=f"sha256:{'1' * 64}")
    assert attaching.read(reader).packages is None


def test_sbom_in_unsupported_format_is_named(attaching: Attaching, reader: Any) -> None:
    attaching.as_referrer({}, "application/vnd.syft+json")
    (note,) = attaching.read(reader).notes
    assert note == "an attached SBOM of type 'application/vnd.syft+json' is not read: unsupported format"


@pytest.mark.parametrize(
    "content", [b"", b"[", b"[]", b'{"predicateType": 1}', b'{"payload": "%%"}', b"[" * 100_000, b"\xff"]
)
def test_damaged_document_gives_note_and_image_is_read(attaching: Attaching, reader: Any, content: bytes) -> None:
    layer = attaching.put(content, "application/vnd.in-toto+json")
    subject = {"mediaType": MANIFEST, "digest": attaching.image["digest"], "size": 1}
    manifest = attaching.manifest(layer, artifactType="application/vnd.in-toto+json", subject=subject)
    attaching.write(attaching.image, attaching.put(manifest, MANIFEST))
    (note,) = attaching.read(reader).notes
    assert note.startswith("an attached document cannot be read: ")


@pytest.mark.parametrize(("content", "reason"), [(b"{}", "another digest"), (None, "is missing")])
def test_document_missing_or_with_false_digest_gives_note(
    attaching: Attaching, reader: Any, content: bytes | None, reason: str
) -> None:
    document = statement(spdx("pkg:deb/debian/libz@1"))
    attaching.by_buildkit(document)
    path = attaching.folder / "blobs" / digest_of(json.dumps(document).encode()).replace(":", "/")
    path.unlink() if content is None else path.write_bytes(content)
    assert reason in attaching.read(reader).notes[0]


def test_documents_above_limit_are_not_read(attaching: Attaching, reader: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attachments, "MAX_ATTACHED_BYTES", 250)
    attaching.by_buildkit(statement(spdx("pkg:deb/debian/a@1")), statement(spdx("pkg:deb/debian/b@1")))
    found = attaching.read(reader)
    assert [one.name for one in found.packages] == ["a"]
    assert "is not read: all of them may have 250 bytes together" in found.notes[1]


def test_spdx_packages_without_url_are_skipped() -> None:
    urls = ("pkg:deb/debian/a@1%2Bb", "pkg:npm/%40s/n@2", "pkg:golang/example.com/m/v2@v2.0.1", "pkg:maven/g/a@3")
    left_out = ("pkg:github/o/r@1", "not a url", f"pkg:npm/{'n' * 300}@1", "pkg:npm/")
    found = spdx_packages(json.dumps(spdx(*urls, *left_out)).encode(), "sbom")
    assert [(one.ecosystem.value, one.name, one.version) for one in found] == [
        ("deb", "a", "1+b"),
        ("npm", "@s/n", "2"),
        ("go", "example.com/m/v2", "v2.0.1"),
        ("jar", "a", "3"),
    ]


def test_nested_components_of_cyclonedx_are_read() -> None:
    inner = {"purl": "pkg:npm/b@1"}
    document = {
        "components": [
            {"purl": "pkg:npm/a@1", "components": [{"components": [inner]}]},
            {"purl": "pkg:npm/c@1", "scope": "excluded"},
        ]
    }
    assert [one.name for one in cyclonedx_packages(json.dumps(document).encode(), "sbom")] == ["a", "b"]


def test_endlessly_nested_components_are_error() -> None:
    depth = 100_000
    content = b'{"components": [' + b'{"components": [' * depth + b"]}" * depth + b"]}"
    with pytest.raises(ImageError, match="not valid"):
        cyclonedx_packages(content, "sbom")


def test_platform_of_index_is_used_if_config_lacks_variant(tmp_path: Path, small_image: Any, cache: Any) -> None:
    small_image.architecture = "arm"
    layout = Attaching(tmp_path / "arm", small_image)
    layout.write({**layout.image, "platform": {"architecture": "arm", "os": "linux", "variant": "v6"}})
    reference = parse_image_reference(f"oci:{layout.folder}")
    with LayerReader(cache=cache, platform="linux/arm/v6") as reader:
        assert reader.read([reference])[reference].unpacked_bytes == 3130
