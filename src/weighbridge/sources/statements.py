"""Attestations and SBOM documents as they are stored, down to the predicate.

Rules: in-toto attestation framework ("Statement", v0.1 and v1), DSSE ("Envelope"), the Sigstore bundle format, and for
standalone documents their media types. Signatures are not verified: a predicate is only a statement.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass

import msgspec

from weighbridge.errors import ImageError
from weighbridge.sources.manifest import decode

PROVENANCE_TYPES = ("https://slsa.dev/provenance/v0.2", "https://slsa.dev/provenance/v1")
_SPDX_TYPE = "https://spdx.dev/Document"
_CYCLONEDX_TYPE = "https://cyclonedx.org/bom"
_MAX_SUBJECTS = 10_000


class _Subject(msgspec.Struct, frozen=True):
    digest: dict[str, str] | None = None


class _Document(msgspec.Struct, frozen=True):
    """A statement, an envelope or a bundle: each has its own fields."""

    predicate_type: str = msgspec.field(default="", name="predicateType")
    subject: list[_Subject] | None = None
    predicate: msgspec.Raw = msgspec.Raw()
    payload: str = ""
    envelope: _Envelope | None = msgspec.field(default=None, name="dsseEnvelope")


class _Envelope(msgspec.Struct, frozen=True):
    payload: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class InTotoStatement:
    """A predicate with its type; the type of a standalone document follows from its content.

    `subjects` are the digests of its subjects, empty if it names none.
    """

    predicate_type: str
    predicate: bytes
    subjects: frozenset[str] = frozenset()

    @property
    def is_provenance(self) -> bool:
        """True for SLSA provenance of a known version."""
        return self.predicate_type in PROVENANCE_TYPES

    @property
    def is_spdx(self) -> bool:
        """True for an SBOM of SPDX."""
        return self.predicate_type.startswith(_SPDX_TYPE)

    @property
    def is_cyclonedx(self) -> bool:
        """True for an SBOM of CycloneDX."""
        return self.predicate_type.startswith(_CYCLONEDX_TYPE)


def read_statement(content: bytes, what: str) -> InTotoStatement:
    """The statement in `content`: plain, in an envelope, in a bundle, or a standalone SBOM.

    Raises `ImageError` for anything else.
    """
    document = decode(content, _Document, what)
    payload = document.envelope.payload if document.envelope is not None else document.payload
    if payload and not document.predicate_type:
        try:
            inner = base64.b64decode(payload + "=" * (-len(payload) % 4), altchars=b"-_" if "_" in payload else None)
        except (binascii.Error, ValueError) as error:
            raise ImageError(f"{what}: the payload of its envelope is not base64") from error
        document = decode(inner, _Document, what)
    if document.predicate_type:
        subjects = (document.subject or [])[:_MAX_SUBJECTS]
        return InTotoStatement(
            predicate_type=document.predicate_type,
            predicate=bytes(document.predicate),
            subjects=frozenset(f"sha256:{digest}" for one in subjects if (digest := (one.digest or {}).get("sha256"))),
        )
    return InTotoStatement(predicate_type=_type_of(content, what), predicate=content)


class _Marks(msgspec.Struct, frozen=True):
    spdx_version: str = msgspec.field(default="", name="spdxVersion")
    bom_format: str = msgspec.field(default="", name="bomFormat")


def _type_of(content: bytes, what: str) -> str:
    marks = decode(content, _Marks, what)
    if marks.spdx_version:
        return _SPDX_TYPE
    if marks.bom_format == "CycloneDX":
        return _CYCLONEDX_TYPE
    raise ImageError(f"{what}: neither an attestation nor an SBOM in SPDX 2 or CycloneDX JSON")
