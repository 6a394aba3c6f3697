"""Build caches that live elsewhere: ``--cache-from`` and ``--cache-to``, as buildx takes them.

Two words in braces stand for what is being built, so that images do not overwrite each other's cache: ``{image}`` is
the image's name, made fit for a tag, and ``{side}`` is ``base`` or ``head``. A place without ``{side}`` is written
by base only: base is what the next run builds on too, and it is code that was already merged.
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
_USER_PASSWORD = re.compile(r"//[^/@\s]*:([^/@\s]+)@")
_NOT_IN_A_TAG = re.compile(r"[^A-Za-z0-9_.-]+")
_TAG_CHARACTERS = 64
_MAXIMUM_CHARACTERS = 2000


@dataclass(frozen=True, kw_only=True, slots=True)
class CachePlace:
    """One place of a cache. `attributes` may hold credentials and stay out of the representation."""

    type: str
    attributes: Mapping[str, str] = field(repr=False)

    @property
    def secrets(self) -> tuple[str, ...]:
        """What of it must not be shown."""
        values = [value for name, value in self.attributes.items() if _SECRET_ATTRIBUTE.search(name)]
        return (*values, *(found for value in self.attributes.values() for found in _USER_PASSWORD.findall(value)))

    @property
    def tells_images_apart(self) -> bool:
        """True where each image has a place of its own."""
        return self.type == "inline" or any("{image}" in value for value in self.attributes.values())

    def for_build(self, image: str, side: Side) -> str:
        """The option's value for one build, as buildx reads it: comma-separated, quoted where needed."""
        filled = {
            name: value.replace("{image}", _fit_for_tag(image)).replace("{side}", side)
            for name, value in self.attributes.items()
        }
        return ",".join(_quoted(f"{name}={value}") for name, value in ({"type": self.type} | filled).items())

    @property
    def tells_sides_apart(self) -> bool:
        """True where base and head have a place each."""
        return any("{side}" in value for value in self.attributes.values())


@dataclass(frozen=True, kw_only=True, slots=True)
class BuildCaches:
    """Where builds take a cache from, and where they leave one."""

    sources: tuple[CachePlace, ...] = ()
    targets: tuple[CachePlace, ...] = ()

    @property
    def secrets(self) -> tuple[str, ...]:
        """What of all places must not be shown, longest first."""
        found = {secret for place in (*self.sources, *self.targets) for secret in place.secrets if secret}
        return tuple(sorted(found, key=len, reverse=True))

    @property
    def shared_targets(self) -> tuple[CachePlace, ...]:
        """Targets that each image would overwrite."""
        return tuple(place for place in self.targets if not place.tells_images_apart)

    def options(self, image: str, side: Side) -> Iterator[str]:
        """The options of one build."""
        for place in self.sources:
            for each in SIDES if place.tells_sides_apart else (side,):
                yield from ("--cache-from", place.for_build(image, each))
        for place in self.targets:
            if side == "base" or place.tells_sides_apart:
                # A cache that cannot be written makes the next run slower; it does not make this one wrong.
                lenient = CachePlace(type=place.type, attributes={"ignore-error": "true", **place.attributes})
                yield from ("--cache-to", (place if place.type == "inline" else lenient).for_build(image, side))


def parse_cache_source(text: str) -> CachePlace:
    """A value of ``--cache-from``. Raises UsageError saying what is wrong with it; no value stands in the text."""
    return _parse(text, "cache-from", _READ_TYPES)


def parse_cache_target(text: str) -> CachePlace:
    """A value of ``--cache-to``. Raises UsageError saying what is wrong with it; no value stands in the text."""
    return _parse(text, "cache-to", _WRITE_TYPES)


def unavailable(place: CachePlace, environment: Mapping[str, str]) -> str | None:
    """Why `place` is of no use here; ``None`` where it may be. buildx passes over GitHub's cache without a word."""
    if place.type != "gha":
        return None
    token = place.attributes.get("token") or environment.get("ACTIONS_RUNTIME_TOKEN")
    url = any(place.attributes.get(name) for name in ("url", "url_v2")) or any(
        environment.get(name) for name in ("ACTIONS_CACHE_URL", "ACTIONS_RESULTS_URL")
    )
    return None if token and url else "the cache type=gha is left out: there is no GitHub Actions cache here"


def _parse(text: str, option: str, types: frozenset[str]) -> CachePlace:
    text = text.strip()
    if not text or len(text) > _MAXIMUM_CHARACTERS or not text.isprintable():
        raise UsageError(f"{option}: write type=registry,ref=HOST/NAME:TAG or another type of buildx's.")
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
    """`image` as part of a tag. Two names never become one: what was changed carries a piece of its hash."""
    fit = _NOT_IN_A_TAG.sub("-", image).strip("-.")[:_TAG_CHARACTERS] or "image"
    return fit if fit == image else f"{fit}-{hashlib.sha256(image.encode()).hexdigest()[:8]}"


def _quoted(pair: str) -> str:
    return '"' + pair.replace('"', '""') + '"' if "," in pair or '"' in pair else pair
