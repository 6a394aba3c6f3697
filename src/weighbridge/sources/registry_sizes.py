"""Asks registries for the compressed sizes of a base image's layers, without downloading a layer.

overlay2 keeps no compressed layers, so their download size is an estimate. The manifest of the base image has the exact
sizes of the lower layers. The figures are optional: whatever fails, the estimates stay.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

from weighbridge.errors import WeighbridgeError, contain_defects
from weighbridge.sources.credentials import RegistryCredentials
from weighbridge.sources.platforms import Platform
from weighbridge.sources.reference import split_registry_name

MAX_SIZES_SECONDS = 5
"""Time limit for one base image."""


def layer_sizes_in_registry(
    name: str, platform: Platform, *, credentials: Callable[[str], RegistryCredentials | None]
) -> dict[str, int]:
    """The sizes in bytes of the compressed layers of the image `name`, by diff ID, as its registry stores them.

    Makes one chain of small requests: token, index, manifest, config. Empty if the registry does not answer all of them
    within `MAX_SIZES_SECONDS`. Raises nothing.
    """
    found: dict[str, int] = {}

    def ask() -> None:
        found.update(_layer_sizes(name, platform, credentials))

    # A daemon, not joined to its end: a registry that sends byte by byte must not delay the run.
    thread = threading.Thread(target=ask, name="weighbridge-registry-sizes", daemon=True)
    thread.start()
    thread.join(MAX_SIZES_SECONDS)
    return dict(found)


def _layer_sizes(
    name: str, platform: Platform, credentials: Callable[[str], RegistryCredentials | None]
) -> dict[str, int]:
    try:
        with contain_defects():
            from weighbridge.sources.registry import Registry  # noqa: PLC0415 - most runs ask no registry

            registry = Registry(
                split_registry_name(name),
                credentials=credentials,
                timeout_seconds=MAX_SIZES_SECONDS,
                retry_after_seconds=(),
            )
            try:
                layers = registry.image(platform).layers
            finally:
                registry.close()
    except WeighbridgeError:
        return {}
    return {layer.diff_id: layer.size_bytes for layer in layers if layer.size_bytes}
