"""External build caches: ``--cache-from`` and ``--cache-to`` of buildx.

Two placeholders keep images from overwriting each other's cache. ``{image}`` is the image's name as a valid tag, and
``{side}`` is ``base`` or ``head``. Without ``{side}`` only base writes, because base is merged code that the next run
builds again.
"""

from __future__ import annotations

import csv
import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from weighbridge.domain.side import SIDES, Side
from weighbridge.errors import UsageError

_READ_TYPES = frozenset({"registry", "gha", "local", "s3", "azblob"})
_WRITE_TYPES = _READ_TYPES | {"inline"}
_SECRET_ATTRIBUTE = re.compile(r"secret|token|password|access_key|account_url", re.IGNORECASE)
_USER_PASSWORD = re.compile(r"//[^/@:\s]*:([^/@\s]+)@")
_NOT_IN_A_TAG = re.compile(r"[^A-Za-z0-9_.-]+")
_TAG_CHARACTERS = 64
_MAXIMUM_CHARACTERS = 2000


@dataclass(frozen=True, kw_only=True, slots=True)
class CachePlace:
    """One cache location. `attributes` may contain credentials, so the representation omits them."""

    type: str
    attributes: Mapping[str, str] = field(repr=False)

    @property
    def secrets(self) -> tuple[str, ...]:
        """The values that must be masked."""
        values = [value for name, value in self.attributes.items() if _SECRET_ATTRIBUTE.search(name)]
        return (*values, *(found for value in self.attributes.values() for found in _USER_PASSWORD.findall(value)))

    @property
    def separates_images(self) -> bool:
        """True if each image has a separate location."""
        return self.type == "inline" or any("{image}" in value for value in self.attributes.values())

    def for_build(self, image: str, side: Side) -> str:
        """The option's value for one build in buildx's syntax: comma-separated, quoted if necessary."""
        filled = {
            name: value.replace("{image}", _fit_for_tag(image)).replace("{side}", side)
            for name, value in self.attributes.items()
        }
        return ",".join(_quoted(f"{name}={value}") for name, value in ({"type": self.type} | filled).items())

    @property
    def separates_sides(self) -> bool:
        """True if base and head have separate locations."""
        return any("{side}" in value for value in self.attributes.values())


@dataclass(frozen=True, kw_only=True, slots=True)
class BuildCaches:
    """The cache sources and cache targets of builds."""

    sources: tuple[CachePlace, ...] = ()
    targets: tuple[CachePlace, ...] = ()

    @property
    def secrets(self) -> tuple[str, ...]:
        """The values of all locations that must be masked, longest first."""
        found = {secret for place in (*self.sources, *self.targets) for secret in place.secrets if secret}
        return tuple(sorted(found, key=len, reverse=True))

    @property
    def shared_targets(self) -> tuple[CachePlace, ...]:
        """The targets that every image overwrites."""
        return tuple(place for place in self.targets if not place.separates_images)

    def options(self, image: str, side: Side) -> Iterator[str]:
        """The options of one build."""
        for place in self.sources:
            for each in SIDES if place.separates_sides else (side,):
                yield from ("--cache-from", place.for_build(image, each))
        for place in self.targets:
            if side == "base" or place.separates_sides:
                # A failed cache export slows the next run, but must not fail this one.
                lenient = CachePlace(type=place.type, attributes={"ignore-error": "true", **place.attributes})
                yield from ("--cache-to", (place if place.type == "inline" else lenient).for_build(image, side))


def parse_cache_source(text: str) -> CachePlace:
    """Parse a value of ``--cache-from``. Raises UsageError without the value in its message."""
    return _parse(text, "cache-from", _READ_TYPES)


def parse_cache_target(text: str) -> CachePlace:
    """Parse a value of ``--cache-to``. Raises UsageError without the value in its message."""
    return _parse(text, "cache-to", _WRITE_TYPES)


def unavailable(place: CachePlace, environment: Mapping[str, str]) -> str | None:
    """The reason that `place` is unsupported; ``None`` if it may work. buildx skips GitHub's cache silently."""
    if place.type != "gha":
        return None
    token = place.attributes.get("token") or environment.get("ACTIONS_RUNTIME_TOKEN")
    url = any(place.attributes.get(name) for name in ("url", "url_v2")) or any(
        environment.get(name) for name in ("ACTIONS_CACHE_URL", "ACTIONS_RESULTS_URL")
    )
    return None if token and url else "skipped the cache type=gha: it works in GitHub Actions only"


def _parse(text: str, option: str, types: frozenset[str]) -> CachePlace:
    text = text.strip()
    if not text or len(text) > _MAXIMUM_CHARACTERS or not text.isprintable():
        raise UsageError(f"{option}: invalid value. Write type=registry,ref=HOST/NAME:TAG, or another type of buildx.")
    fields = next(csv.reader([text], strict=False))
    if len(fields) == 1 and "=" not in text:
        return CachePlace(type="registry", attributes={"ref": text})
    attributes: dict[str, str] = {}
    for number, one in enumerate(fields, start=1):
        name, equals, value = one.partition("=")
        name = name.strip().lower()
        if not equals or not name:
            raise UsageError(f"{option}: part {number} is not NAME=VALUE.")
        attributes[name] = value.strip()
    kind = attributes.pop("type", "")
    if kind not in types:
        raise UsageError(f"{option}: the type {kind[:40]!r} is not one of {', '.join(sorted(types))}.")
    return CachePlace(type=kind, attributes=attributes)


def _fit_for_tag(image: str) -> str:
    """`image` as part of a tag. Adds a part of its hash if characters change, so that names stay distinct."""
    fit = _NOT_IN_A_TAG.sub("-", image).strip("-.")[:_TAG_CHARACTERS] or "image"
    return fit if fit == image else f"{fit}-{hashlib.sha256(image.encode()).hexdigest()[:8]}"


def _quoted(pair: str) -> str:
    return '"' + pair.replace('"', '""') + '"' if "," in pair or '"' in pair else pair
