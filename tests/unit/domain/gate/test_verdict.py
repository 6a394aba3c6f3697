"""The verdict: unknown figures fail limits, and the larger of two builds counts."""

from __future__ import annotations

from dataclasses import replace

import pytest

from weighbridge.domain.gate.limits import parse_limit, parse_size_limit
from weighbridge.domain.gate.scale import AsBaseDefines, ErrorFinding, GateInput, Rule
from weighbridge.domain.gate.settings import FailOn, Limits, OnUnknown, Ratchet, TipLimit
from weighbridge.domain.gate.verdict import Breach, judge

LIMITS = Limits(max_increase=parse_limit("+1MB"))
IMAGE = GateInput(name="api", base_bytes=1_000_000, head_bytes=1_000_001, limits=LIMITS)


def rules(image: GateInput) -> list[Rule]:
    return [breach.rule for breach in judge([image], fail_on=FailOn.REGRESSION)]


def test_unknown_growth_with_growth_limit_fails():
    unknown = replace(IMAGE, base_bytes=None, growth_unknown_because="base could not be built")
    (breach,) = judge([unknown], fail_on=FailOn.REGRESSION)
    assert (breach.rule, breach.limit) == (Rule.NOT_CHECKED, "+1MB")
    assert breach.message == "max-increase +1MB was not checked: base could not be built"


def test_unknown_growth_passes_without_limit_or_with_warning_only():
    unknown = replace(IMAGE, base_bytes=None, growth_unknown_because="base could not be built")
    assert rules(replace(unknown, limits=replace(LIMITS, on_unknown=OnUnknown.WARN))) == []
    assert rules(replace(unknown, limits=Limits())) == []


def test_larger_build_by_base_definition_fails():
    larger = replace(IMAGE, as_base_defines=AsBaseDefines(change="its target changed", head_bytes=6_000_000))
    (breach,) = judge([larger], fail_on=FailOn.REGRESSION)
    assert (breach.rule, breach.actual_bytes) == (Rule.MAX_INCREASE, 5_000_000)
    assert "as base defines it" in breach.message


def test_smaller_or_failed_build_by_base_definition_passes():
    assert rules(replace(IMAGE, as_base_defines=AsBaseDefines(change="its target changed", head_bytes=5))) == []
    assert rules(replace(IMAGE, as_base_defines=AsBaseDefines(change="its target changed", head_bytes=None))) == []


def test_limit_for_new_images_applies_to_new_images_only():
    limits = Limits(max_new_size=parse_size_limit("10B"))
    new = GateInput(name="api", base_bytes=None, head_bytes=11, limits=limits, is_new=True)
    assert rules(new) == [Rule.MAX_NEW_SIZE]
    assert rules(replace(new, head_bytes=10)) == []
    assert rules(replace(new, is_new=False, base_bytes=11)) == []


def test_growth_from_zero_exceeds_limit_in_percent():
    assert rules(replace(IMAGE, base_bytes=0, head_bytes=5, limits=Limits(max_increase=parse_limit("+10%")))) == [
        Rule.MAX_INCREASE
    ]


def test_tip_introduced_above_limit_fails_only_if_configured():
    image = replace(IMAGE, tip_growth={"package-cache": 6_000_000, "duplicate-files": 5_000_000})
    assert judge([image], fail_on=FailOn.NEVER) == ()
    (breach,) = judge([image], fail_on=FailOn.NEVER, tip_limit=TipLimit(above=parse_size_limit("5MB")))
    assert (breach.rule, breach.actual_bytes, breach.limit) == (Rule.TIP, 6_000_000, "5MB")
    assert breach.message == "adds 6000000 bytes that the tip package-cache saves; the limit is 5MB"


@pytest.mark.parametrize(("noise_bytes", "closes"), [(0, True), (5_999_999, True), (6_000_000, False)])
def test_tip_introduced_within_noise_passes(noise_bytes, closes):
    image = replace(IMAGE, tip_growth={"package-cache": 6_000_000}, noise_bytes=noise_bytes)
    found = judge([image], fail_on=FailOn.NEVER, tip_limit=TipLimit(above=parse_size_limit("5MB")))
    assert [one.rule for one in found] == ([Rule.TIP] if closes else [])


def limited(**limits: object) -> GateInput:
    """An image with own limits that grew by 100 bytes."""
    return GateInput(name="api", base_bytes=1_000, head_bytes=1_100, limits=Limits(**limits))


@pytest.mark.parametrize(
    ("fail_on", "introduced", "closes"),
    [
        (FailOn.ERROR, True, True),
        (FailOn.ERROR, False, True),
        (FailOn.REGRESSION, True, True),
        (FailOn.REGRESSION, False, False),
        (FailOn.NEVER, True, False),
        (FailOn.NEVER, False, False),
    ],
)
def test_error_of_check_fails_according_to_fail_on(fail_on, introduced, closes):
    error = ErrorFinding(code="loader-missing", message="will not start", introduced=introduced)
    found = judge([replace(IMAGE, errors=(error,))], fail_on=fail_on)
    expected = Breach(image="api", rule=Rule.CHECK, message="will not start", code="loader-missing")
    assert found == ((expected,) if closes else ())


def test_reasons_follow_order_of_images():
    images = [replace(IMAGE, name="b", head_failure=(Rule.BUILD, "RUN failed")), replace(IMAGE, head_bytes=9_000_000)]
    found = judge(images, fail_on=FailOn.REGRESSION)
    assert [(one.image, one.rule, one.message) for one in found] == [
        ("b", Rule.BUILD, "RUN failed"),
        ("api", Rule.MAX_INCREASE, "grew by 8000000 bytes; the limit is +1MB"),
    ]


def test_failed_head_with_unknown_growth_is_one_reason():
    failed = replace(
        IMAGE, head_bytes=None, head_failure=(Rule.UNAVAILABLE, "gone"), growth_unknown_because="base failed too"
    )
    assert rules(failed) == [Rule.UNAVAILABLE]


@pytest.mark.parametrize(
    ("head_bytes", "noise_bytes", "expected"),
    [(1_100, 0, [Rule.MAX_INCREASE]), (1_099, 0, []), (1_100, 100, []), (1_101, 100, [Rule.MAX_INCREASE])],
)
def test_growth_within_noise_passes(head_bytes, noise_bytes, expected):
    image = replace(limited(max_increase=parse_limit("+99B")), head_bytes=head_bytes, noise_bytes=noise_bytes)
    assert rules(image) == expected


def test_growth_with_unknown_base_image_passes():
    assert rules(replace(limited(max_increase=parse_limit("+1B")), base_bytes=None)) == []
    assert rules(replace(limited(max_increase=parse_limit("+1B")), head_bytes=None)) == []


@pytest.mark.parametrize(("maximum", "closes"), [("1099B", True), ("1.1kB", False), ("0B", True)])
def test_size_limit_plus_one_byte_fails(maximum, closes):
    found = judge([limited(max_size=parse_size_limit(maximum))], fail_on=FailOn.NEVER)
    assert [(one.rule, one.limit, one.actual_bytes) for one in found] == (
        [(Rule.MAX_SIZE, maximum, 1_100)] if closes else []
    )


def test_size_limit_applies_to_larger_of_two_builds():
    image = replace(
        limited(max_size=parse_size_limit("1200B")),
        as_base_defines=AsBaseDefines(change="its target changed", head_bytes=1_201),
    )
    (breach,) = judge([image], fail_on=FailOn.NEVER)
    assert breach.message == "is 1201 bytes when it is built as base defines it; the limit is 1200 bytes"


@pytest.mark.parametrize(
    ("base_bytes", "head_bytes", "ratchet_bytes", "noise_bytes", "closes"),
    [
        (1_000, 1_100, 900, 0, True),  # 200 more than where it began
        (1_000, 1_000, 900, 0, False),  # it adds nothing
        (1_100, 1_050, 900, 0, False),  # it takes away
        (1_000, 1_100, 1_000, 0, False),  # 100 more: the limit itself
        (1_000, 1_100, 900, 100, False),  # within the noise
        (None, 1_100, 900, 0, True),
        (1_000, 1_100, None, 0, False),  # where it began is not known
    ],
)
def test_ratchet_exceeded_by_growth_fails(base_bytes, head_bytes, ratchet_bytes, noise_bytes, closes):
    ratchet = Ratchet(since="v1", max_increase=parse_limit("+100B"))
    image = GateInput(
        name="api",
        base_bytes=base_bytes,
        head_bytes=head_bytes,
        limits=Limits(ratchet=ratchet),
        ratchet_bytes=ratchet_bytes,
        noise_bytes=noise_bytes,
    )
    found = judge([image], fail_on=FailOn.NEVER)
    expected = Breach(
        image="api",
        rule=Rule.RATCHET,
        limit="+100B since v1",
        actual_bytes=200,
        message="grew by 200 bytes since v1; the limit is +100B",
    )
    assert found == ((expected,) if closes else ())


@pytest.mark.parametrize(
    ("limits", "are_any"),
    [
        (Limits(), False),
        (Limits(max_increase=parse_limit("+1B")), True),
        (Limits(max_size=parse_size_limit("0B")), True),
        (Limits(ratchet=Ratchet(since="v1", max_increase=parse_limit("+1B"))), True),
        (Limits(max_new_size=parse_size_limit("1B")), False),
    ],
)
def test_limits_apply_to_existing_image(limits, are_any):
    assert limits.are_any is are_any
