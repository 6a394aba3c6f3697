"""Limits of an image with their figures: hard and soft, growth by kind, waste, download and layers."""

from __future__ import annotations

from dataclasses import replace

import pytest

from weighbridge.domain.gate.checked import CheckedLimit, Outcome, checked_limits
from weighbridge.domain.gate.limits import parse_limit, parse_size_limit
from weighbridge.domain.gate.scale import AsBaseDefines, GateInput, GrowthKind, Rule, SideFigures
from weighbridge.domain.gate.settings import FailOn, Limits, OnUnknown, Ratchet, WasteLimit
from weighbridge.domain.gate.verdict import judge, warnings_of

IMAGE = GateInput(
    name="api",
    base_bytes=100_000_000,
    head_bytes=112_000_000,
    limits=Limits(),
    base=SideFigures(download_bytes=40_000_000, layers=4, hidden_files=[]),
    head=SideFigures(
        download_bytes=50_000_000,
        layers=6,
        hidden_files=[("var/lib/dpkg/status", 3_000_000), ("app/data.bin", 4_000_000)],
    ),
    growth_bytes={GrowthKind.OWN: 2_000_000, GrowthKind.DEPENDENCIES: 9_000_000, GrowthKind.BASE_IMAGE: 1_000_000},
)


def checked(limits: Limits, image: GateInput = IMAGE) -> list[CheckedLimit]:
    return list(checked_limits(replace(image, limits=limits)))


@pytest.mark.parametrize(
    ("limits", "actual_bytes", "percent"),
    [
        (Limits(max_increase=parse_limit("+10%")), 12_000_000, 12.0),
        (Limits(max_own_increase=parse_limit("+1MB")), 2_000_000, 2.0),
        (Limits(max_dependency_increase=parse_limit("+5%")), 9_000_000, 9.0),
        (Limits(max_base_image_increase=parse_limit("+0.5MB")), 1_000_000, 1.0),
        (Limits(max_download_increase=parse_limit("+20%")), 10_000_000, 25.0),
        (Limits(max_download_size=parse_size_limit("40MB")), 50_000_000, 125.0),
        (Limits(max_size=parse_size_limit("100MB")), 112_000_000, 112.0),
        (Limits(max_wasted=WasteLimit(maximum=parse_size_limit("5MB"))), 7_000_000, 140.0),
    ],
)
def test_limit_exceeded_is_row_with_bytes_and_percent_and_fails(limits, actual_bytes, percent):
    (row,) = checked(limits)
    assert (row.outcome, row.actual_bytes, row.percent) == (Outcome.FAILED, actual_bytes, percent)
    (breach,) = judge([replace(IMAGE, limits=limits)], fail_on=FailOn.NEVER)
    assert (breach.rule, breach.limit, breach.actual_bytes) == (row.rule, row.limit, actual_bytes)


def test_growth_by_kind_within_limit_passes_if_other_kinds_grew():
    (row,) = checked(Limits(max_own_increase=parse_limit("+3MB")))
    assert row.outcome is Outcome.PASSED


def test_waste_of_ignored_paths_does_not_count():
    limit = WasteLimit(maximum=parse_size_limit("5MB"), ignore=("/var/lib/dpkg/**",))
    (row,) = checked(Limits(max_wasted=limit))
    assert (row.outcome, row.actual_bytes) == (Outcome.PASSED, 4_000_000)


def test_layers_over_limit_fail_with_their_number():
    (row,) = checked(Limits(max_layers=5))
    assert (row.outcome, row.actual_count, row.message) == (Outcome.FAILED, 6, "has 6 layers; the limit is 5")


def test_soft_limit_exceeded_warns_and_does_not_fail():
    limits = Limits(max_increase=parse_limit("+50%"), warn=Limits(max_increase=parse_limit("+5%")))
    hard, soft = checked(limits)
    assert (hard.outcome, soft.outcome, soft.is_soft) == (Outcome.PASSED, Outcome.WARNED, True)
    assert judge([replace(IMAGE, limits=limits)], fail_on=FailOn.NEVER) == ()
    (warning,) = warnings_of([replace(IMAGE, limits=limits)])
    assert (warning.rule, warning.limit) == (Rule.MAX_INCREASE, "+5%")


def test_soft_limit_below_exceeded_hard_limit_is_omitted():
    limits = Limits(max_increase=parse_limit("+10%"), warn=Limits(max_increase=parse_limit("+5%")))
    assert warnings_of([replace(IMAGE, limits=limits)]) == ()


def test_new_image_has_no_row_for_limits_on_growth():
    limits = Limits(
        max_increase=parse_limit("+1%"),
        max_dependency_increase=parse_limit("+1B"),
        max_download_increase=parse_limit("+1B"),
        max_new_size=parse_size_limit("500MB"),
        ratchet=Ratchet(since="v1", max_increase=parse_limit("+1%")),
    )
    new = replace(IMAGE, base_bytes=None, base=SideFigures(), growth_bytes=None, is_new=True)
    assert [row.rule for row in checked(limits, new)] == [Rule.MAX_NEW_SIZE]


def test_existing_image_shows_no_limit_for_new_images():
    assert checked(Limits(max_new_size=parse_size_limit("1B"))) == []


@pytest.mark.parametrize("side", ["base", "head"])
def test_growth_of_download_unknown_on_one_side_is_not_checked(side):
    unknown = replace(IMAGE.base if side == "base" else IMAGE.head, download_bytes=None)
    image = replace(IMAGE, limits=Limits(max_download_increase=parse_limit("+1B")), **{side: unknown})
    (one,) = checked_limits(image)
    assert (one.outcome, one.actual_bytes) == (Outcome.NOT_CHECKED, None)
    assert "the download size is unknown" in one.message


def test_download_unknown_is_not_checked_and_fails_by_default():
    limits = Limits(max_download_size=parse_size_limit("1GB"))
    unknown = replace(IMAGE, head=SideFigures(layers=1), limits=limits)
    (breach,) = judge([unknown], fail_on=FailOn.NEVER)
    assert breach.rule is Rule.NOT_CHECKED
    assert breach.message == "max-download-size 1GB was not checked: the download size is unknown"
    warned = replace(unknown, limits=replace(limits, on_unknown=OnUnknown.WARN))
    assert judge([warned], fail_on=FailOn.NEVER) == ()


DOWNLOAD = Limits(max_download_size=parse_size_limit("1GB"))
WASTE = Limits(max_wasted=WasteLimit(maximum=parse_size_limit("9MB")))


@pytest.mark.parametrize(
    ("limits", "figures", "why"),
    [
        pytest.param(WASTE, SideFigures(layers=1), "the files of the image are unknown", id="waste"),
        pytest.param(Limits(max_layers=9), SideFigures(), "the layers of the image are unknown", id="layers"),
        pytest.param(
            Limits(max_download_size=parse_size_limit("1GB")),
            SideFigures(),
            "the download size is unknown",
            id="download",
        ),
    ],
)
def test_figure_unknown_in_one_build_of_head_is_not_checked(limits, figures, why):
    as_base = AsBaseDefines(change="its target changed", head_bytes=1, figures=figures)
    for image in (replace(IMAGE, head=figures), replace(IMAGE, as_base_defines=as_base)):
        (row,) = checked(limits, image)
        assert (row.outcome, row.message) == (Outcome.NOT_CHECKED, f"{row.rule} {row.limit} was not checked: {why}")


def test_larger_waste_of_two_builds_of_head_counts():
    figures = SideFigures(hidden_files=[("a", 9_500_000)])
    (row,) = checked(WASTE, replace(IMAGE, as_base_defines=AsBaseDefines(change="x", head_bytes=1, figures=figures)))
    assert (row.outcome, row.actual_bytes) == (Outcome.FAILED, 9_500_000)


def test_growth_by_kind_of_unknown_files_is_not_checked():
    (row,) = checked(Limits(max_own_increase=parse_limit("+1B")), replace(IMAGE, growth_bytes=None))
    assert row.outcome is Outcome.NOT_CHECKED
    assert "the files of both sides are unknown" in row.message


def test_growth_by_kind_with_larger_base_definition_is_not_checked():
    redefined = AsBaseDefines(change="its target changed", head_bytes=200_000_000, figures=SideFigures(layers=9))
    limits = Limits(max_dependency_increase=parse_limit("+1GB"), max_layers=8)
    kind, layers = checked(limits, replace(IMAGE, as_base_defines=redefined))
    assert kind.outcome is Outcome.NOT_CHECKED
    assert "its target changed" in kind.message
    assert (layers.outcome, layers.actual_count) == (Outcome.FAILED, 9)


def test_growth_of_unknown_base_image_is_not_checked():
    (row,) = checked(Limits(max_base_image_increase=parse_limit("+1B")), replace(IMAGE, is_base_image_known=False))
    assert row.outcome is Outcome.NOT_CHECKED
    assert "--base-image" in row.message


def test_limits_of_image_override_repository_limits_per_key():
    image = Limits(max_layers=3, warn=Limits(max_layers=2))
    repository = Limits(max_layers=9, max_size=parse_size_limit("1GB"), warn=Limits(max_size=parse_size_limit("1MB")))
    merged = image.over(repository)
    assert (merged.max_layers, str(merged.max_size)) == (3, "1GB")
    assert merged.warn is not None
    assert (merged.warn.max_layers, str(merged.warn.max_size)) == (2, "1MB")


@pytest.mark.parametrize(("layers", "outcome"), [(4, Outcome.PASSED), (5, Outcome.PASSED), (6, Outcome.FAILED)])
def test_limit_of_layers_plus_one_layer_fails(layers, outcome):
    (row,) = checked(Limits(max_layers=5), replace(IMAGE, head=SideFigures(layers=layers)))
    assert (row.outcome, row.actual_count) == (outcome, layers)
