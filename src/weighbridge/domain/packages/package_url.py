"""Package URLs: the names of packages in SBOMs and provenance.

Rules: the purl specification (``pkg:type/namespace/name@version?qualifiers#subpath``), and its types.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, unquote

from weighbridge.domain.packages.ecosystem import PackageEcosystem
from weighbridge.domain.packages.model import Ecosystem

MAX_URL_CHARACTERS = 2048
_URL = re.compile(r"pkg:/{0,2}([A-Za-z][A-Za-z0-9.+-]*)/([^?#]+)(?:\?([^#]*))?(?:#.*)?", re.DOTALL)


@functools.cache
def _ecosystems_by_type() -> Mapping[str, PackageEcosystem]:
    from weighbridge.domain.packages.find import ECOSYSTEMS  # noqa: PLC0415 - an image without a list starts without it

    return {one.url_type: one for one in ECOSYSTEMS}


@dataclass(frozen=True, kw_only=True, slots=True)
class PackageUrl:
    """A package URL in its parts. `type` is in lower case; `namespace` is ``""`` where there is none."""

    type: str
    namespace: str
    name: str
    version: str | None
    qualifiers: Mapping[str, str] = field(default_factory=dict)

    @property
    def full_name(self) -> str:
        """The name with its namespace."""
        return f"{self.namespace}/{self.name}" if self.namespace else self.name

    @property
    def ecosystem(self) -> Ecosystem | None:
        """The ecosystem as the report calls it; ``None`` for a type that no database of an image has."""
        known = _ecosystems_by_type().get(self.type)
        return None if known is None else known.name

    @property
    def package_name(self) -> str:
        """The name as the package databases of an image write it."""
        known = _ecosystems_by_type().get(self.type)
        return self.full_name if known is not None and known.has_namespaces else self.name


def parse_package_url(text: str) -> PackageUrl | None:
    """The parts of a package URL; ``None`` for a text that is none."""
    match = _URL.fullmatch(text.strip()) if len(text) <= MAX_URL_CHARACTERS else None
    if match is None:
        return None
    path, at, version = match[2].rpartition("@")
    if not at or "/" in version:
        path, version = match[2], ""
    namespace, _, name = path.strip("/").rpartition("/")
    if not name:
        return None
    return PackageUrl(
        type=match[1].lower(),
        namespace=unquote(namespace),
        name=unquote(name),
        version=unquote(version) or None,
        qualifiers=dict(parse_qsl(match[3] or "")),
    )
