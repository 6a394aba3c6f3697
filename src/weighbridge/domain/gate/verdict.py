"""The gate: decides from sizes and findings whether an image exceeds a limit or failed a check."""

from __future__ import annotations

import enum
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from weighbridge.domain.gate.limits import Limit


class Rule(enum.StrEnum):
    """The rule that fails the gate; the names are those of the report."""

    MAX_INCREASE = "max-increase"
    MAX_SIZE = "max-size"
    MAX_NEW_SIZE = "max-new-size"
    NOT_CHECKED = "not-checked"
    RATCHET = "ratchet"
    CHECK = "check"
    BUILD = "build"
    UNREADABLE = "unreadable"
    UNAVAILABLE = "unavailable"
    DEFECT = "defect"


class FailOn(enum.StrEnum):
    """Which error findings fail the gate: all of head, only those that base did not have, or none."""

    ERROR = "error"
    REGRESSION = "regression"
    NEVER = "never"


class OnUnknown(enum.StrEnum):
    """What happens if a limit on growth cannot be checked: the gate fails, or the report warns."""

    FAIL = "fail"
    WARN = "warn"


@dataclass(frozen=True, kw_only=True, slots=True)
class Ratchet:
    """The maximum total growth of an image since `since`: a revision, or a day such as ``2026-01-31``."""

    since: str
    max_increase: Limit

    def __str__(self) -> str:
        return f"{self.max_increase} since {self.since}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Limits:
    """The limits of an image; ``None`` means no limit. A `_text` is the size as written.

    `max_new_size_bytes` applies to images that base does not have. `on_unknown` ``None`` means `OnUnknown.FAIL`.
    """

    max_increase: Limit | None = None
    max_size_bytes: int | None = None
    max_size_text: str | None = None
    max_new_size_bytes: int | None = None
    max_new_size_text: str | None = None
    ratchet: Ratchet | None = None
    on_unknown: OnUnknown | None = None

    @property
    def are_any(self) -> bool:
        """True if a limit applies to the size of an image that base has too."""
        return self.max_increase is not None or self.max_size_bytes is not None or self.ratchet is not None


@dataclass(frozen=True, kw_only=True, slots=True)
class ErrorFinding:
    """An error that a check found in head, and whether base had it too."""

    code: str
    message: str
    introduced: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class AsBaseDefines:
    """Head, built as base defines the image: `change` names the difference in head's definition.

    `head_bytes` is ``None`` if that build failed; `failure` then says why.
    """

    change: str
    head_bytes: int | None = None
    failure: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class OnTheScale:
    """One image for the gate to judge. A size is ``None`` if that side does not exist or is unknown.

    Growth up to `noise_bytes`, the difference between two builds of base, exceeds no limit on growth. `ratchet_bytes`
    is the size at the start of the ratchet. `growth_unknown_because` says why the growth is unknown although base has
    the image. `as_base_defines` is head built with base's definition, if head changes the definition: the larger size
    counts.
    """

    name: str
    base_bytes: int | None
    head_bytes: int | None
    limits: Limits
    errors: Sequence[ErrorFinding] = ()
    head_failure: tuple[Rule, str] | None = None
    noise_bytes: int = 0
    ratchet_bytes: int | None = None
    is_new: bool = False
    growth_unknown_because: str | None = None
    as_base_defines: AsBaseDefines | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Breach:
    """One reason why the gate fails. `actual_bytes` is the growth or the size that the rule limits.

    `limit` is the limit as configured, `code` the code of the finding; each is ``None`` for rules without one.
    """

    image: str
    rule: Rule
    message: str
    limit: str | None = None
    code: str | None = None
    actual_bytes: int | None = None


def judge(images: Sequence[OnTheScale], *, fail_on: FailOn) -> tuple[Breach, ...]:
    """All reasons why the gate fails, in the order of the images; empty if it passes."""
    return tuple(breach for image in images for breach in _breaches(image, fail_on))


def _breaches(image: OnTheScale, fail_on: FailOn) -> Iterator[Breach]:
    if image.head_failure is not None:
        rule, message = image.head_failure
        yield Breach(image=image.name, rule=rule, message=message)
    yield from _not_checked(image)
    if image.head_bytes is not None:
        yield from _size_breaches(image, image.head_bytes)
    for error in image.errors:
        if fail_on is FailOn.ERROR or (fail_on is FailOn.REGRESSION and error.introduced):
            yield Breach(image=image.name, rule=Rule.CHECK, code=error.code, message=error.message)


def _not_checked(image: OnTheScale) -> Iterator[Breach]:
    """A growth limit that cannot be checked fails, unless the configuration chooses `OnUnknown.WARN`."""
    increase, why = image.limits.max_increase, image.growth_unknown_because
    if increase is None or why is None or image.head_failure is not None:
        return
    if image.limits.on_unknown is not OnUnknown.WARN:
        message = f"max-increase {increase} was not checked: {why}"
        yield Breach(image=image.name, rule=Rule.NOT_CHECKED, limit=str(increase), message=message)


def _size_breaches(image: OnTheScale, shown_bytes: int) -> Iterator[Breach]:
    limits = image.limits
    increase = limits.max_increase
    as_base = image.as_base_defines.head_bytes if image.as_base_defines is not None else None
    head_bytes = max(shown_bytes, as_base or 0)
    how = " when it is built as base defines it" if head_bytes > shown_bytes else ""
    if (
        increase is not None
        and image.base_bytes is not None
        and head_bytes - image.base_bytes > image.noise_bytes
        and increase.broken_by(image.base_bytes, head_bytes)
    ):
        grown_bytes = head_bytes - image.base_bytes
        yield Breach(
            image=image.name,
            rule=Rule.MAX_INCREASE,
            limit=str(increase),
            actual_bytes=grown_bytes,
            message=f"grew by {grown_bytes} bytes{how}; the limit is {increase}",
        )
    if limits.max_size_bytes is not None and head_bytes > limits.max_size_bytes:
        yield Breach(
            image=image.name,
            rule=Rule.MAX_SIZE,
            limit=limits.max_size_text or f"{limits.max_size_bytes}B",
            actual_bytes=head_bytes,
            message=f"is {head_bytes} bytes{how}; the limit is {limits.max_size_bytes} bytes",
        )
    if image.is_new and limits.max_new_size_bytes is not None and head_bytes > limits.max_new_size_bytes:
        yield Breach(
            image=image.name,
            rule=Rule.MAX_NEW_SIZE,
            limit=limits.max_new_size_text or f"{limits.max_new_size_bytes}B",
            actual_bytes=head_bytes,
            message=f"is new and {head_bytes} bytes; the limit for new images is {limits.max_new_size_bytes} bytes",
        )
    yield from _ratchet_breaches(image, head_bytes)


def _ratchet_breaches(image: OnTheScale, head_bytes: int) -> Iterator[Breach]:
    """A ratchet that earlier changes exceeded fails only changes that grow the image, not those that shrink it."""
    ratchet = image.limits.ratchet
    grows = image.base_bytes is None or head_bytes - image.base_bytes > image.noise_bytes
    if ratchet is None or not grows or not ratchet.max_increase.broken_by(image.ratchet_bytes, head_bytes):
        return
    grown_bytes = head_bytes - (image.ratchet_bytes or 0)
    yield Breach(
        image=image.name,
        rule=Rule.RATCHET,
        limit=str(ratchet),
        actual_bytes=grown_bytes,
        message=f"grew by {grown_bytes} bytes since {ratchet.since}; the limit is {ratchet.max_increase}",
    )
