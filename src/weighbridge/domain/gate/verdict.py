"""The gate: decides from figures and findings whether an image exceeds a limit, is broken, or was not weighed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from weighbridge.domain.gate.checked import CheckedLimit, Outcome, checked_limits
from weighbridge.domain.gate.scale import GateInput, Rule
from weighbridge.domain.gate.settings import FailOn, OnUnknown, TipLimit


@dataclass(frozen=True, kw_only=True, slots=True)
class Breach:
    """One reason why the gate fails, or why it warns. `actual_bytes` is the growth or the size of the rule.

    `limit` is the limit as configured, `code` the code of the finding; each is ``None`` for rules without one.
    """

    image: str
    rule: Rule
    message: str
    limit: str | None = None
    code: str | None = None
    actual_bytes: int | None = None


def judge(images: Sequence[GateInput], *, fail_on: FailOn, tip_limit: TipLimit | None = None) -> tuple[Breach, ...]:
    """All reasons why the gate fails, in the order of the images; empty if it passes."""
    return tuple(
        breach for image in images for breach in (*_breaches(image, fail_on), *_introduced_tips(image, tip_limit))
    )


def _introduced_tips(image: GateInput, limit: TipLimit | None) -> Iterator[Breach]:
    if limit is None:
        return
    for code, grown_bytes in sorted(image.tip_growth.items()):
        if grown_bytes > max(limit.above.maximum_bytes, image.noise_bytes):
            message = f"adds {grown_bytes} bytes that the tip {code} saves; the limit is {limit.above}"
            yield Breach(
                image=image.name, rule=Rule.TIP, limit=str(limit.above), actual_bytes=grown_bytes, message=message
            )


def warnings_of(images: Sequence[GateInput]) -> tuple[Breach, ...]:
    """All exceeded soft limits, in the order of the images. They do not fail the gate.

    Omits a soft limit if the hard limit is exceeded too.
    """
    return tuple(breach for image in images for breach in _warnings(image))


def _warnings(image: GateInput) -> Iterator[Breach]:
    checked = checked_limits(image)
    failed = {one.rule for one in checked if one.outcome is Outcome.FAILED}
    for one in checked:
        if one.outcome is Outcome.WARNED and one.rule not in failed:
            yield _breach(image, one)


def _breaches(image: GateInput, fail_on: FailOn) -> Iterator[Breach]:
    if image.head_failure is not None:
        rule, message = image.head_failure
        yield Breach(image=image.name, rule=rule, message=message)
    hard = [one for one in checked_limits(image) if not one.is_soft]
    fails = image.head_failure is None and image.limits.on_unknown is not OnUnknown.WARN
    for one in hard:
        # A ratchet without its earlier size is a note: a new history has none for any image.
        if one.outcome is Outcome.NOT_CHECKED and one.rule is not Rule.RATCHET and fails:
            yield Breach(image=image.name, rule=Rule.NOT_CHECKED, limit=one.limit, message=one.message)
    for one in hard:
        if one.outcome is Outcome.FAILED:
            yield _breach(image, one)
    for error in image.errors:
        if fail_on is FailOn.ERROR or (fail_on is FailOn.REGRESSION and error.introduced):
            yield Breach(image=image.name, rule=Rule.CHECK, code=error.code, message=error.message)


def _breach(image: GateInput, one: CheckedLimit) -> Breach:
    return Breach(image=image.name, rule=one.rule, limit=one.limit, actual_bytes=one.actual_bytes, message=one.message)
