"""The settings of the gate: hard and soft limits, of one image or of several together."""

from __future__ import annotations

import enum
from dataclasses import dataclass, fields
from typing import Any

from weighbridge.domain.gate.limits import Limit, SizeLimit
from weighbridge.domain.globs import match_path


class FailOn(enum.StrEnum):
    """The error findings that fail the job: all of head, those that base does not have, or none."""

    ERROR = "error"
    REGRESSION = "regression"
    NEVER = "never"


class OnUnknown(enum.StrEnum):
    """The effect of a limit that cannot be checked: it fails the job, or the report says so."""

    FAIL = "fail"
    WARN = "warn"


@dataclass(frozen=True, kw_only=True, slots=True)
class Ratchet:
    """The maximum growth of an image since `since`: a revision, or a day such as ``2026-01-31``."""

    since: str
    max_increase: Limit

    def __str__(self) -> str:
        return f"{self.max_increase} since {self.since}"


@dataclass(frozen=True, kw_only=True, slots=True)
class WasteLimit:
    """The maximum of hidden bytes that the Dockerfile causes. Files that match a glob of `ignore` do not count."""

    maximum: SizeLimit
    ignore: tuple[str, ...] = ()

    def __str__(self) -> str:
        return str(self.maximum)


@dataclass(frozen=True, kw_only=True, slots=True)
class Limits:
    """The limits of an image; ``None`` means no limit.

    `max_increase`, `max_size` and `max_new_size` limit unpacked bytes; `max_new_size` applies to images that base does
    not have. `max_own_increase`, `max_dependency_increase` and `max_base_image_increase` limit a part of the growth.
    `warn` are soft limits: they warn and never fail the job. `on_unknown` ``None`` is `OnUnknown.FAIL`.
    """

    max_increase: Limit | None = None
    max_size: SizeLimit | None = None
    max_new_size: SizeLimit | None = None
    max_own_increase: Limit | None = None
    max_dependency_increase: Limit | None = None
    max_base_image_increase: Limit | None = None
    max_download_size: SizeLimit | None = None
    max_download_increase: Limit | None = None
    max_wasted: WasteLimit | None = None
    max_layers: int | None = None
    ratchet: Ratchet | None = None
    on_unknown: OnUnknown | None = None
    warn: Limits | None = None

    @property
    def need_base(self) -> bool:
        """True if a hard limit can only be checked with the sizes of base."""
        return any(
            (
                self.max_increase,
                self.max_download_increase,
                self.max_own_increase,
                self.max_dependency_increase,
                self.max_base_image_increase,
            )
        )

    @property
    def are_any(self) -> bool:
        """True if a hard limit applies to an image that base has too."""
        return self.need_base or any(
            one is not None
            for one in (self.max_size, self.max_download_size, self.max_wasted, self.max_layers, self.ratchet)
        )

    def over(self, lower: Limits) -> Limits:
        """These limits, with unset ones from `lower`."""
        values: dict[str, Any] = {}
        for one in fields(Limits):
            upper_value, lower_value = getattr(self, one.name), getattr(lower, one.name)
            if isinstance(upper_value, Limits) and isinstance(lower_value, Limits):
                values[one.name] = upper_value.over(lower_value)
            else:
                values[one.name] = lower_value if upper_value is None else upper_value
        return Limits(**values)


@dataclass(frozen=True, kw_only=True, slots=True)
class TipLimit:
    """Maximum bytes that a change may add and a computed tip would save."""

    above: SizeLimit


@dataclass(frozen=True, kw_only=True, slots=True)
class Budget:
    """A limit on several images together: those that match a glob of `images` by name. Each image counts completely."""

    name: str
    images: tuple[str, ...]
    max_size: SizeLimit | None = None
    max_increase: Limit | None = None

    def covers(self, image: str) -> bool:
        """True if a glob matches the name of an image, or that name without one of its platforms (after ``@``)."""
        names = (image, image.rpartition("@")[0])
        return any(match_path(glob, name) for glob in self.images for name in names if name)
