"""Budgets: limits on several images together."""

from __future__ import annotations

import pytest

from weighbridge.domain.gate.budget import Share, budget_breaches, check_budgets
from weighbridge.domain.gate.checked import Outcome
from weighbridge.domain.gate.limits import parse_limit, parse_size_limit
from weighbridge.domain.gate.scale import Rule
from weighbridge.domain.gate.settings import Budget, OnUnknown

SHARES = (
    Share(image="services/api", base_bytes=100, head_bytes=130, grown_bytes=30),
    Share(image="services/web", base_bytes=300, head_bytes=320, grown_bytes=20),
    Share(image="tools/cli", base_bytes=10, head_bytes=9_999, grown_bytes=9_989),
)
UNAFFECTED = Share(image="services/cron", base_bytes=None, head_bytes=None, grown_bytes=0)


def budget(**limits) -> Budget:
    return Budget(name="node", images=("services/*",), **limits)


def test_budget_for_growth_exceeded_fails_with_sum():
    (row,) = check_budgets([budget(max_increase=parse_limit("+10%"))], SHARES)
    assert (row.outcome, row.actual_bytes, row.percent) == (Outcome.FAILED, 50, 12.5)
    (breach,) = budget_breaches([row])
    assert (breach.image, breach.rule, breach.limit) == ("node", Rule.BUDGET, "+10%")
    assert breach.message == "2 images grew by 50 bytes in all; the budget is +10%"


def test_budget_for_size_within_passes():
    (row,) = check_budgets([budget(max_size=parse_size_limit("450B"))], SHARES)
    assert (row.outcome, row.actual_bytes, row.percent) == (Outcome.PASSED, 450, 100.0)
    assert budget_breaches([row]) == ()


def test_budget_in_bytes_counts_unaffected_image_as_zero():
    (row,) = check_budgets([budget(max_increase=parse_limit("+1kB"))], (*SHARES, UNAFFECTED))
    assert (row.outcome, row.actual_bytes) == (Outcome.PASSED, 50)


def test_budget_needing_unweighed_image_is_not_checked():
    budgets = [budget(max_size=parse_size_limit("1GB"), max_increase=parse_limit("+10%"))]
    rows = check_budgets(budgets, (*SHARES, UNAFFECTED))
    assert [row.outcome for row in rows] == [Outcome.NOT_CHECKED, Outcome.NOT_CHECKED]
    assert "services/cron not weighed in this run" in rows[0].message
    assert len(budget_breaches(rows)) == 2
    assert budget_breaches(check_budgets(budgets, (*SHARES, UNAFFECTED), on_unknown=OnUnknown.WARN)) == ()


def test_budget_for_unknown_growth_of_an_image_is_not_checked():
    unknown = Share(image="services/new", base_bytes=None, head_bytes=5, grown_bytes=None)
    (row,) = check_budgets([budget(max_increase=parse_limit("+1GB"))], (*SHARES, unknown))
    assert row.outcome is Outcome.NOT_CHECKED
    assert "the growth of services/new is unknown" in row.message


@pytest.mark.parametrize(
    "share",
    [
        Share(image="svc/api", base_name="services/api", base_bytes=0, head_bytes=99, grown_bytes=99),
        Share(image="services/api@linux/arm64", base_bytes=0, head_bytes=99, grown_bytes=99),
    ],
)
def test_image_with_a_new_name_or_platform_stays_in_its_budget(share):
    (found,) = check_budgets([Budget(name="b", images=("services/api",), max_size=parse_size_limit("50B"))], [share])
    assert (found.outcome, found.shares) == (Outcome.FAILED, (share,))
