"""Finds the base image that an image names in its annotations or labels.

Rules: OCI image spec, "Annotations" (``org.opencontainers.image.base.name`` and ``.digest``). The author of the image
wrote them, so only public registries are contacted for them.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping

from weighbridge.domain.image.image import BASE_NAME
from weighbridge.errors import UsageError
from weighbridge.sources.reference import ImageReference, split_registry_name
from weighbridge.sources.transports import REGISTRY

BASE_DIGEST = "org.opencontainers.image.base.digest"
_PRIVATE_SUFFIXES = (".local", ".localhost", ".internal", ".lan", ".home", ".intranet", ".corp")


def named_base_image(annotations: Mapping[str, str]) -> ImageReference | None:
    """The base image that `annotations` (or labels) name; ``None`` if they name none on a public registry."""
    name, digest = annotations.get(BASE_NAME, ""), annotations.get(BASE_DIGEST, "")
    if not name:
        return None
    repository = name.partition("@")[0]
    text = f"{repository}@{digest}" if digest else name
    return public_image(text)


def public_image(text: str) -> ImageReference | None:
    """The image `text` of a public registry; ``None`` where it is no reference, or names a private host."""
    try:
        host = split_registry_name(text).host
    except UsageError:
        return None
    return ImageReference(transport=REGISTRY, place=text) if _is_public(host) else None


def _is_public(host: str) -> bool:
    """False for private addresses and names: an image must not choose the hosts that this machine contacts."""
    name = host.partition(":")[0].lower()
    try:
        ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return ":" not in host and "." in name and not name.endswith(_PRIVATE_SUFFIXES)
    return False
