"""Finds and reads the attachments of an image: BuildKit's attestations, and referrers of OCI 1.1.

Rules: BuildKit's ``docs/attestations/attestation-storage.md`` (an entry of the image's own index names the image by an
annotation), OCI image spec 1.1 (``subject``), and the distribution spec ("Listing Referrers"). Attachments are
unverified claims, and are read within limits. An unreadable one gives a note: it never makes an image unreadable.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from weighbridge.domain.image.attached import NOTHING_ATTACHED, Attached, BuildRecord
from weighbridge.domain.packages.listed import ListedPackage
from weighbridge.errors import ImageError
from weighbridge.sources.image_choice import ChosenImage
from weighbridge.sources.manifest import MANIFEST_TYPES, MAX_DOCUMENT_BYTES, Descriptor, Manifest, decode
from weighbridge.sources.provenance import build_record
from weighbridge.sources.sbom import cyclonedx_packages, spdx_packages
from weighbridge.sources.statements import InTotoStatement, read_statement

MAX_CANDIDATES = 100
"""Maximum manifests to check for a reference to the image: a layout may hold many images."""
MAX_ATTACHED_DOCUMENTS = 16
MAX_ATTACHED_BYTES = 4 * MAX_DOCUMENT_BYTES
"""Maximum size of all attached documents together. An SBOM with a list of files may have several MB."""
_REFERENCE_DIGEST = "vnd.docker.reference.digest"
_PREDICATE_TYPE = "in-toto.io/predicate-type"
_IN_TOTO_TYPES = (
    "application/vnd.in-toto+json",
    "application/vnd.dsse.envelope.v1+json",
    "application/vnd.dev.sigstore.bundle",
)
_SBOM_TYPES = ("application/spdx+json", "text/spdx+json", "application/vnd.cyclonedx+json")
_OTHER_SBOM_MARKS = ("spdx", "cyclonedx", "vnd.syft")
_READ_PREDICATES = ("https://slsa.dev/provenance/", "https://spdx.dev/Document", "https://cyclonedx.org/bom")


class AttachmentSource(Protocol):
    """A source of attached manifests and documents. It verifies each against its digest."""

    @property
    def what(self) -> str:
        """The name of this source in messages."""

    def manifest_document(self, descriptor: Descriptor) -> bytes:
        """The manifest; raises `ImageError` if it is missing or damaged."""

    def attached_document(self, descriptor: Descriptor, *, limit_bytes: int) -> bytes:
        """An attached document; raises `ImageError` if it is missing, damaged or larger than `limit_bytes`."""


def read_attached(source: AttachmentSource, chosen: ChosenImage, referrers: Sequence[Descriptor]) -> Attached:
    """The attachments of the image `chosen`.

    `referrers` are further manifests that may have the image as their subject; those of other images are skipped.
    """
    image = chosen.descriptor.digest
    candidates = [one for one in chosen.beside if (one.annotations or {}).get(_REFERENCE_DIGEST) == image]
    candidates += [one for one in referrers if _may_refer(one)]
    unique = list({one.digest: one for one in candidates if one.digest not in chosen.names}.values())
    if not unique:
        return NOTHING_ATTACHED
    reader = _Reader(source, chosen)
    unique.sort(key=lambda one: not (one.is_attestation or one.artifact_type))
    for descriptor in unique[:MAX_CANDIDATES]:
        reader.read(descriptor)
    return reader.result()


def _may_refer(descriptor: Descriptor) -> bool:
    """False for a manifest that an index already calls an image, a signature or an attestation of another image."""
    annotations = descriptor.annotations or {}
    if descriptor.media_type not in MANIFEST_TYPES or _REFERENCE_DIGEST in annotations:
        return False
    return not descriptor.artifact_type or _is_wanted(descriptor.artifact_type)


def _is_wanted(media_type: str) -> bool:
    return media_type.startswith(_IN_TOTO_TYPES) or any(mark in media_type for mark in _OTHER_SBOM_MARKS)


@dataclass(slots=True)
class _Reader:
    """Collects the documents of one image."""

    source: AttachmentSource
    chosen: ChosenImage
    builds: list[BuildRecord] = field(default_factory=list)
    packages: dict[ListedPackage, None] | None = None
    notes: list[str] = field(default_factory=list)
    documents: int = 0
    read_bytes: int = 0

    def read(self, descriptor: Descriptor) -> None:
        """Read an attached manifest and its documents; an unreadable one gives a note."""
        try:
            what = f"{self.source.what}: attached manifest {descriptor.digest}"
            manifest = decode(self.source.manifest_document(descriptor), Manifest, what)
        except ImageError as error:
            if descriptor.is_attestation or descriptor.artifact_type:
                self.notes.append(f"an attached manifest cannot be read: {error}")
            return
        is_of_builder = descriptor.is_attestation
        if not is_of_builder and (manifest.subject is None or manifest.subject.digest not in self.chosen.names):
            return
        for layer in manifest.layers:
            if self.documents >= MAX_ATTACHED_DOCUMENTS:
                self.notes.append(f"only {MAX_ATTACHED_DOCUMENTS} attached documents were read")
                return
            try:
                self._read_document(layer, "BuildKit attestation" if is_of_builder else "OCI referrer")
            except ImageError as error:
                self.notes.append(f"an attached document cannot be read: {error}")

    def _read_document(self, layer: Descriptor, how: str) -> None:
        predicate_type = (layer.annotations or {}).get(_PREDICATE_TYPE, "")
        if predicate_type and not predicate_type.startswith(_READ_PREDICATES):
            return
        if not layer.media_type.startswith((*_IN_TOTO_TYPES, *_SBOM_TYPES)):
            if any(mark in layer.media_type for mark in _OTHER_SBOM_MARKS):
                self.notes.append(
                    f"an attached SBOM of type {layer.media_type[:100]!r} is not read: unsupported format"
                )
            return
        self.documents += 1
        if layer.size > MAX_ATTACHED_BYTES - self.read_bytes:
            self.notes.append(
                f"an attached document of {layer.size} bytes is not read: "
                f"all of them may have {MAX_ATTACHED_BYTES} bytes together"
            )
            return
        content = self.source.attached_document(layer, limit_bytes=MAX_ATTACHED_BYTES - self.read_bytes)
        self.read_bytes += len(content)
        what = f"attached document {layer.digest}"
        self._take(read_statement(content, what), what, how)

    def _take(self, statement: InTotoStatement, what: str, how: str) -> None:
        if statement.subjects and not statement.subjects & self.chosen.names:
            self.notes.append(f"{what} is not used: it is about another image")
        elif statement.is_provenance:
            digests = [layer.digest for layer in self.chosen.manifest.layers]
            self.builds.append(build_record(statement.predicate, statement.predicate_type, digests, what))
        elif statement.is_spdx:
            self._add(spdx_packages(statement.predicate, what), f"SPDX, {how}")
        elif statement.is_cyclonedx:
            self._add(cyclonedx_packages(statement.predicate, what), f"CycloneDX, {how}")

    def _add(self, packages: Sequence[ListedPackage], named: str) -> None:
        self.notes.append(f"an SBOM is attached ({named}): it lists {len(packages)} packages")
        self.packages = {**(self.packages or {}), **dict.fromkeys(packages)}

    def result(self) -> Attached:
        """All documents that were read. Of several build records, the most complete one counts."""
        build = max(self.builds, key=lambda one: (one.dockerfile is not None, len(one.materials)), default=None)
        packages = None if self.packages is None else tuple(self.packages)
        return Attached(build=build, packages=packages, notes=tuple(dict.fromkeys(self.notes)))
