"""Which image another one was built on, as its annotations or labels say it.

Rules: OCI image spec, "Annotations" (``org.opencontainers.image.base.name`` and ``.digest``). They are written by who
built the image, so that only public registries are asked for what they name.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping

from weighbridge.errors import UsageError
from weighbridge.sources.reference import ImageReference, Transport, split_registry_name

BASE_NAME = "org.opencontainers.image.base.name"
BASE_DIGEST = "org.opencontainers.image.base.digest"
_PRIVATE_SUFFIXES = (".local", ".localhost", ".internal", ".lan", ".home", ".intranet", ".corp")


def named_base_image(annotations: Mapping[str, str]) -> ImageReference | None:
    """The base image that `annotations` (or labels) name; ``None`` where they name none that may be asked for."""
    name, digest = annotations.get(BASE_NAME, ""), annotations.get(BASE_DIGEST, "")
    if not name:
        return None
    repository = name.partition("@")[0]
    text = f"{repository}@{digest}" if digest else name
    try:
        host = split_registry_name(text).host
    except UsageError:
        return None
    return ImageReference(transport=Transport.REGISTRY, place=text) if _is_public(host) else None


def _is_public(host: str) -> bool:
    """False for addresses and names of private networks: an image must not choose what this machine connects to."""
    name = host.partition(":")[0].lower()
    try:
        ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return ":" not in host and "." in name and not name.endswith(_PRIVATE_SUFFIXES)
    return False
