"""The packages of SBOMs. Rules: SPDX 2.3 (JSON), "Package information"; CycloneDX 1.6 (JSON), "Components".

Only packages with a package URL count, because only the URL names the ecosystem.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from weighbridge.domain.packages.listed import ListedPackage
from weighbridge.domain.packages.package_url import parse_package_url
from weighbridge.sources.manifest import decode

MAX_PACKAGES = 50_000
"""Maximum entries of one SBOM. The largest real ones have some thousands."""
MAX_NAME_CHARACTERS = 256


class _Reference(msgspec.Struct, frozen=True):
    kind: str = msgspec.field(default="", name="referenceType")
    locator: str = msgspec.field(default="", name="referenceLocator")


class _SpdxPackage(msgspec.Struct, frozen=True):
    references: list[_Reference] | None = msgspec.field(default=None, name="externalRefs")


class _Spdx(msgspec.Struct, frozen=True):
    packages: list[_SpdxPackage] | None = None


class _Component(msgspec.Struct, frozen=True):
    purl: str | None = None
    scope: str | None = None
    components: list[_Component] | None = None


class _CycloneDx(msgspec.Struct, frozen=True):
    components: list[_Component] | None = None


def spdx_packages(content: bytes, what: str) -> tuple[ListedPackage, ...]:
    """The packages of an SPDX 2 document. Raises `ImageError` if it is invalid."""
    document = decode(content, _Spdx, what)
    urls = (
        reference.locator
        for package in (document.packages or [])[:MAX_PACKAGES]
        for reference in (package.references or [])[:MAX_NAME_CHARACTERS]
        if reference.kind == "purl"
    )
    return _listed(urls)


def cyclonedx_packages(content: bytes, what: str) -> tuple[ListedPackage, ...]:
    """The packages of a CycloneDX document. Raises `ImageError` if it is invalid."""
    document = decode(content, _CycloneDx, what)
    return _listed(one.purl for one in _components(document.components or []) if one.purl and one.scope != "excluded")


def _components(top: list[_Component]) -> Iterator[_Component]:
    """All components, nested ones too, in a bounded number."""
    waiting = list(reversed(top[:MAX_PACKAGES]))
    for _ in range(MAX_PACKAGES):
        if not waiting:
            return
        one = waiting.pop()
        yield one
        waiting.extend(reversed((one.components or [])[:MAX_PACKAGES]))


def _listed(urls: Iterable[str]) -> tuple[ListedPackage, ...]:
    found: dict[ListedPackage, None] = {}
    for text in urls:
        url = parse_package_url(text)
        if url is None or url.ecosystem is None:
            continue
        if max(len(url.package_name), len(url.version or "")) <= MAX_NAME_CHARACTERS:
            found[ListedPackage(ecosystem=url.ecosystem, name=url.package_name, version=url.version)] = None
    return tuple(found)
