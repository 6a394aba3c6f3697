"""Checks each limit of an image against its figure: a row of the report, and possibly a reason to fail."""

from __future__ import annotations

import enum
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from weighbridge.domain.gate.limits import Limit, SizeLimit
from weighbridge.domain.gate.scale import GateInput, GrowthKind, Rule, SideFigures
from weighbridge.domain.gate.settings import Limits, Ratchet, WasteLimit
from weighbridge.domain.globs import match_path


class Outcome(enum.StrEnum):
    """The result of one limit; the names are those of the report."""

    PASSED = "passed"
    WARNED = "warned"
    """A soft limit is exceeded."""
    FAILED = "failed"
    """A hard limit is exceeded."""
    NOT_CHECKED = "not checked"


@dataclass(frozen=True, kw_only=True, slots=True)
class CheckedLimit:
    """One limit that applies to an image. `message` is a sentence without its subject.

    `actual_bytes` is the growth or the size, `actual_count` the number of layers. `percent` is of base for a growth,
    and of the limit for a size or a number; ``None`` if that does not exist.
    """

    rule: Rule
    limit: str
    outcome: Outcome
    message: str
    is_soft: bool = False
    actual_bytes: int | None = None
    actual_count: int | None = None
    percent: float | None = None


def checked_limits(image: GateInput) -> tuple[CheckedLimit, ...]:
    """All limits that apply to `image`: first the hard ones, then the soft ones. Limits on growth skip new images."""
    hard = _checked(image, image.limits)
    soft = _checked(image, image.limits.warn) if image.limits.warn is not None else ()
    return (*hard, *map(_softened, soft))


def _softened(one: CheckedLimit) -> CheckedLimit:
    outcome = Outcome.WARNED if one.outcome is Outcome.FAILED else one.outcome
    return replace(one, is_soft=True, outcome=outcome)


def _checked(image: GateInput, limits: Limits) -> Iterator[CheckedLimit]:
    scale = _Scale(image)
    if scale.has_growth:
        yield from _growth_limits(scale, limits)
    if image.head_bytes is None:
        return
    yield from _size_limits(scale, limits, image.head_bytes)
    if limits.ratchet is not None:
        yield from _ratchet(scale, limits.ratchet, image.head_bytes)


class _Scale:
    """The figures of one image for its limits: the larger of two builds of head."""

    def __init__(self, image: GateInput) -> None:
        self.image = image
        other = image.as_base_defines
        self.as_base_bytes = (other.head_bytes if other is not None else None) or 0
        self.head_bytes = None if image.head_bytes is None else max(image.head_bytes, self.as_base_bytes)
        self.is_as_base = self.as_base_bytes > (image.head_bytes or 0)
        self._others = (image.head, *((other.figures,) if other is not None and other.head_bytes is not None else ()))

    @property
    def how(self) -> str:
        """The addition to a message if the build as base defines it counts."""
        return " when it is built as base defines it" if self.is_as_base else ""

    @property
    def has_growth(self) -> bool:
        """True unless the image is new or removed, so that no limit on growth applies."""
        if self.image.growth_unknown_because is not None:
            return True
        return self.image.base_bytes is not None and self.image.head_bytes is not None

    @property
    def download_bytes(self) -> int | None:
        """The larger download of head's builds; ``None`` if one is unknown."""
        return _largest([one.download_bytes for one in self._others])

    @property
    def layers(self) -> int | None:
        """The larger number of layers of head's builds; ``None`` if one is unknown."""
        return _largest([one.layers for one in self._others])

    def wasted_bytes(self, limit: WasteLimit) -> int | None:
        """The larger waste of head's builds, without the ignored paths; ``None`` if one is unknown."""
        return _largest([_wasted_bytes(one, limit.ignore) for one in self._others])

    def growth_of(self, kind: GrowthKind) -> tuple[int | None, str]:
        """A part of the growth in bytes; or ``None`` and the reason."""
        if self.is_as_base:
            change = self.image.as_base_defines.change if self.image.as_base_defines else ""
            return None, f"head defines the image in another way than base ({change})"
        if kind is not GrowthKind.DEPENDENCIES and not self.image.is_base_image_known:
            return None, "the base image is unknown. Name it with `from` in the configuration, or with --base-image"
        if self.image.growth_bytes is None:
            return None, "the files of both sides are unknown"
        return self.image.growth_bytes[kind], ""


def _largest(figures: Sequence[int | None]) -> int | None:
    """The largest figure; ``None`` if one is unknown, because that one may be the largest."""
    known = [one for one in figures if one is not None]
    return max(known) if len(known) == len(figures) else None


def _wasted_bytes(figures: SideFigures, ignored: tuple[str, ...]) -> int | None:
    if figures.hidden_files is None:
        return None
    patterns = [pattern.lstrip("/") for pattern in ignored]
    return sum(
        size_bytes
        for path, size_bytes in figures.hidden_files
        if not any(match_path(pattern, path) for pattern in patterns)
    )


# --- growth -------------------------------------------------------------------------------------------------------


def _growth_limits(scale: _Scale, limits: Limits) -> Iterator[CheckedLimit]:
    image = scale.image
    unknown = image.growth_unknown_because or ""
    if limits.max_increase is not None:
        total = None if unknown else (scale.head_bytes or 0) - (image.base_bytes or 0)
        yield _growth(scale, Rule.MAX_INCREASE, limits.max_increase, total, unknown)
    for rule, limit, kind in (
        (Rule.MAX_OWN_INCREASE, limits.max_own_increase, GrowthKind.OWN),
        (Rule.MAX_DEPENDENCY_INCREASE, limits.max_dependency_increase, GrowthKind.DEPENDENCIES),
        (Rule.MAX_BASE_IMAGE_INCREASE, limits.max_base_image_increase, GrowthKind.BASE_IMAGE),
    ):
        if limit is not None:
            grown, why = (None, unknown) if unknown else scale.growth_of(kind)
            yield _growth(scale, rule, limit, grown, why)
    if limits.max_download_increase is not None:
        before, after = image.base.download_bytes, scale.download_bytes
        known = before is not None and after is not None and not unknown
        yield _growth(
            scale,
            Rule.MAX_DOWNLOAD_INCREASE,
            limits.max_download_increase,
            (after or 0) - (before or 0) if known else None,
            unknown or "the download size is unknown",
            base_bytes=before,
        )


_GROWN = {
    Rule.MAX_INCREASE: "grew",
    Rule.MAX_OWN_INCREASE: "own files grew",
    Rule.MAX_DEPENDENCY_INCREASE: "dependencies grew",
    Rule.MAX_BASE_IMAGE_INCREASE: "base image grew",
    Rule.MAX_DOWNLOAD_INCREASE: "download grew",
}


def _growth(
    scale: _Scale, rule: Rule, limit: Limit, grown_bytes: int | None, unknown: str, *, base_bytes: int | None = None
) -> CheckedLimit:
    """One limit on growth; a percentage is of base as a whole (`base_bytes`, the unpacked ones by default)."""
    if grown_bytes is None:
        return _not_checked(rule, str(limit), unknown)
    before = (scale.image.base_bytes or 0) if base_bytes is None else base_bytes
    is_broken = grown_bytes > scale.image.noise_bytes and limit.broken_by(before, before + grown_bytes)
    return CheckedLimit(
        rule=rule,
        limit=str(limit),
        outcome=_outcome(is_broken=is_broken),
        actual_bytes=grown_bytes,
        percent=_percent(grown_bytes, before),
        message=f"{_GROWN[rule]} by {grown_bytes} bytes{scale.how}; the limit is {limit}",
    )


def _ratchet(scale: _Scale, ratchet: Ratchet, shown_bytes: int) -> Iterator[CheckedLimit]:
    """A ratchet that earlier changes exceeded fails only changes that grow the image."""
    image = scale.image
    if image.ratchet_bytes is None:
        if not image.is_new:
            yield _not_checked(Rule.RATCHET, str(ratchet), "the size history does not have the earlier size")
        return
    head_bytes = max(shown_bytes, scale.as_base_bytes)
    grows = image.base_bytes is None or head_bytes - image.base_bytes > image.noise_bytes
    grown_bytes = head_bytes - image.ratchet_bytes
    yield CheckedLimit(
        rule=Rule.RATCHET,
        limit=str(ratchet),
        outcome=_outcome(is_broken=grows and ratchet.max_increase.broken_by(image.ratchet_bytes, head_bytes)),
        actual_bytes=grown_bytes,
        percent=_percent(grown_bytes, image.ratchet_bytes),
        message=f"grew by {grown_bytes} bytes since {ratchet.since}; the limit is {ratchet.max_increase}",
    )


# --- sizes --------------------------------------------------------------------------------------------------------


def _size_limits(scale: _Scale, limits: Limits, shown_bytes: int) -> Iterator[CheckedLimit]:
    head_bytes = max(shown_bytes, scale.as_base_bytes)
    if limits.max_size is not None:
        message = f"is {head_bytes} bytes{scale.how}; the limit is {limits.max_size.maximum_bytes} bytes"
        yield _size(Rule.MAX_SIZE, limits.max_size, head_bytes, message)
    if limits.max_new_size is not None and scale.image.is_new:
        maximum = limits.max_new_size.maximum_bytes
        message = f"is new and {head_bytes} bytes; the limit for new images is {maximum} bytes"
        yield _size(Rule.MAX_NEW_SIZE, limits.max_new_size, head_bytes, message)
    if limits.max_download_size is not None:
        download = scale.download_bytes
        message = f"download is {download} bytes; the limit is {limits.max_download_size.maximum_bytes} bytes"
        yield (
            _not_checked(Rule.MAX_DOWNLOAD_SIZE, str(limits.max_download_size), "the download size is unknown")
            if download is None
            else _size(Rule.MAX_DOWNLOAD_SIZE, limits.max_download_size, download, message)
        )
    if limits.max_wasted is not None:
        yield _wasted(scale, limits.max_wasted)
    if limits.max_layers is not None:
        yield _layers(scale, limits.max_layers)


def _size(rule: Rule, limit: SizeLimit, actual_bytes: int, message: str) -> CheckedLimit:
    return CheckedLimit(
        rule=rule,
        limit=str(limit),
        outcome=_outcome(is_broken=actual_bytes > limit.maximum_bytes),
        actual_bytes=actual_bytes,
        percent=_percent(actual_bytes, limit.maximum_bytes),
        message=message,
    )


def _wasted(scale: _Scale, limit: WasteLimit) -> CheckedLimit:
    wasted = scale.wasted_bytes(limit)
    if wasted is None:
        return _not_checked(Rule.MAX_WASTED, str(limit), "the files of the image are unknown")
    message = (
        f"wastes {wasted} bytes in files that a later layer hides; the limit is {limit.maximum.maximum_bytes} bytes"
    )
    return _size(Rule.MAX_WASTED, limit.maximum, wasted, message)


def _layers(scale: _Scale, maximum: int) -> CheckedLimit:
    count = scale.layers
    if count is None:
        return _not_checked(Rule.MAX_LAYERS, str(maximum), "the layers of the image are unknown")
    return CheckedLimit(
        rule=Rule.MAX_LAYERS,
        limit=f"{maximum} layers",
        outcome=_outcome(is_broken=count > maximum),
        actual_count=count,
        percent=_percent(count, maximum),
        message=f"has {count} layers; the limit is {maximum}",
    )


def _not_checked(rule: Rule, limit: str, why: str) -> CheckedLimit:
    return CheckedLimit(
        rule=rule,
        limit=limit,
        outcome=Outcome.NOT_CHECKED,
        message=f"{rule} {limit} was not checked: {why}",
    )


def _outcome(*, is_broken: bool) -> Outcome:
    return Outcome.FAILED if is_broken else Outcome.PASSED


def _percent(part: int, whole: int) -> float | None:
    return round(100 * part / whole, 2) if whole else None
