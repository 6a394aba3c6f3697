"""The verdict from figures alone: what is not checked is not passed, and the larger of two builds is judged."""

from __future__ import annotations

from dataclasses import replace

from weighbridge.domain.gate.limits import parse_limit, parse_size_limit
from weighbridge.domain.gate.scale import AsBaseDefines, OnTheScale, Rule
from weighbridge.domain.gate.settings import FailOn, Limits, OnUnknown, TipLimit
from weighbridge.domain.gate.verdict import judge

LIMITS = Limits(max_increase=parse_limit("+1MB"))
IMAGE = OnTheScale(name="api", base_bytes=1_000_000, head_bytes=1_000_001, limits=LIMITS)


def rules(image: OnTheScale) -> list[Rule]:
    return [breach.rule for breach in judge([image], fail_on=FailOn.REGRESSION)]


def test_growth_that_is_not_known_closes_the_gate_where_a_limit_needs_it():
    unknown = replace(IMAGE, base_bytes=None, growth_unknown_because="base could not be built")
    (breach,) = judge([unknown], fail_on=FailOn.REGRESSION)
    assert (breach.rule, breach.limit) == (Rule.NOT_CHECKED, "+1MB")
    assert breach.message == "max-increase +1MB was not checked: base could not be built"


def test_growth_that_is_not_known_passes_where_the_configuration_warns_or_nothing_is_limited():
    unknown = replace(IMAGE, base_bytes=None, growth_unknown_because="base could not be built")
    assert rules(replace(unknown, limits=replace(LIMITS, on_unknown=OnUnknown.WARN))) == []
    assert rules(replace(unknown, limits=Limits())) == []


def test_head_as_base_defines_it_closes_the_gate_where_it_is_the_larger_one():
    larger = replace(IMAGE, as_base_defines=AsBaseDefines(change="its target changed", head_bytes=6_000_000))
    (breach,) = judge([larger], fail_on=FailOn.REGRESSION)
    assert (breach.rule, breach.actual_bytes) == (Rule.MAX_INCREASE, 5_000_000)
    assert "as base defines it" in breach.message


def test_head_as_base_defines_it_changes_nothing_where_it_is_smaller_or_no_longer_builds():
    assert rules(replace(IMAGE, as_base_defines=AsBaseDefines(change="its target changed", head_bytes=5))) == []
    assert rules(replace(IMAGE, as_base_defines=AsBaseDefines(change="its target changed", head_bytes=None))) == []


def test_limit_for_new_images_concerns_new_images_only():
    limits = Limits(max_new_size=parse_size_limit("10B"))
    new = OnTheScale(name="api", base_bytes=None, head_bytes=11, limits=limits, is_new=True)
    assert rules(new) == [Rule.MAX_NEW_SIZE]
    assert rules(replace(new, head_bytes=10)) == []
    assert rules(replace(new, is_new=False, base_bytes=11)) == []


def test_growth_from_nothing_breaks_a_limit_in_percent():
    assert rules(replace(IMAGE, base_bytes=0, head_bytes=5, limits=Limits(max_increase=parse_limit("+10%")))) == [
        Rule.MAX_INCREASE
    ]


def test_tip_that_change_introduces_above_limit_fails_only_if_asked():
    image = replace(IMAGE, tip_growth={"package-cache": 6_000_000, "duplicate-files": 5_000_000})
    assert judge([image], fail_on=FailOn.NEVER) == ()
    (breach,) = judge([image], fail_on=FailOn.NEVER, tip_limit=TipLimit(above=parse_size_limit("5MB")))
    assert (breach.rule, breach.actual_bytes, breach.limit) == (Rule.TIP, 6_000_000, "5MB")
    assert breach.message == "adds 6000000 bytes that the tip package-cache saves; the limit is 5MB"
