"""The measurement cache: stores measurements of built images by content key, so that a build is not repeated.

A record names the image's layers; the layer cache holds the layers themselves. The folder may come from another run
(``actions/cache``), so every record is validated. An invalid record counts as missing, and the image is built.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated

import msgspec

from weighbridge.errors import ImageError
from weighbridge.sources.layer_cache import LayerCache
from weighbridge.sources.manifest import MAX_DOCUMENT_BYTES, MAX_LAYERS, image_description
from weighbridge.sources.source_layer import SourceLayer

MEASUREMENT_FORMAT = 2
"""Increased with any change to how an image is read or what a record holds; older records are then not found."""

_EARLIEST_SECONDS = 1_577_836_800  # 2020: an earlier record cannot be genuine
_CLOCK_SKEW_SECONDS = 86_400
_MAXIMUM_IMAGES = 200

_Identity = Annotated[str, msgspec.Meta(pattern=r"^(engine|registry) sha256:[0-9a-f]{64}\Z")]
_ImageName = Annotated[str, msgspec.Meta(min_length=1, max_length=512)]


@dataclass(frozen=True, kw_only=True, slots=True)
class Measurement:
    """An image as it was read: its config, and its layers as its source has them."""

    config: bytes
    layers: tuple[SourceLayer, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class CachedMeasurement:
    """A measurement of an earlier run. `measured_at` is in seconds of Unix time.

    `identities` maps the names of other images that the build uses to their identities at that time.
    """

    measurement: Measurement
    measured_at: int
    identities: Mapping[str, str] = field(default_factory=dict)


class _Record(msgspec.Struct, array_like=True, forbid_unknown_fields=True):
    format: int
    key: str
    measured_at: int
    config: bytes
    layers: Annotated[list[SourceLayer], msgspec.Meta(max_length=MAX_LAYERS)]
    identities: Annotated[dict[_ImageName, _Identity], msgspec.Meta(max_length=_MAXIMUM_IMAGES)]


_decoder = msgspec.msgpack.Decoder(_Record)


class Measurements:
    """The measurements in one cache folder."""

    def __init__(self, cache: LayerCache) -> None:
        self._cache = cache

    def find(self, key: str) -> CachedMeasurement | None:
        """The measurement under a content key; ``None`` if there is none or it is invalid."""
        content = self._cache.document(_name(key))
        if content is None or len(content) > 2 * MAX_DOCUMENT_BYTES:
            return None
        try:
            record = _decoder.decode(content)
            description = image_description(record.config)
        except (msgspec.MsgspecError, ImageError, RecursionError):
            return None
        is_sound = (
            record.format == MEASUREMENT_FORMAT
            and record.key == key
            and _EARLIEST_SECONDS <= record.measured_at <= time.time() + _CLOCK_SKEW_SECONDS
            and tuple(layer.diff_id for layer in record.layers) == description.diff_ids
        )
        if not is_sound:
            return None
        return CachedMeasurement(
            measurement=Measurement(config=record.config, layers=tuple(record.layers)),
            measured_at=record.measured_at,
            identities=record.identities,
        )

    def keep(self, key: str, measured: CachedMeasurement) -> None:
        """Store a measurement under a content key. Replaces an existing one."""
        identities = dict(list(measured.identities.items())[:_MAXIMUM_IMAGES])
        record = _Record(
            format=MEASUREMENT_FORMAT,
            key=key,
            measured_at=measured.measured_at,
            config=measured.measurement.config,
            layers=list(measured.measurement.layers),
            identities=identities,
        )
        self._cache.put_document(_name(key), msgspec.msgpack.encode(record))


def _name(key: str) -> str:
    return f"measured {MEASUREMENT_FORMAT} {key}"
