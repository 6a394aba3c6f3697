"""Budgets: limits on several images together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from weighbridge.domain.gate.checked import Outcome
from weighbridge.domain.gate.limits import parse_limit, parse_size
from weighbridge.domain.gate.scale import Rule
from weighbridge.domain.gate.settings import Budget, OnUnknown
from weighbridge.domain.gate.verdict import Breach

_NAMED = 3


@dataclass(frozen=True, kw_only=True, slots=True)
class Share:
    """One image of a budget. A size is 0 for a side that does not exist, and ``None`` if it is unknown.

    `base_name` is its name in base, if it differs: a new name takes no image out of a budget. `grown_bytes` may be
    known without the sizes: an image that the change does not affect has grown by 0.
    """

    image: str
    base_name: str | None = None
    base_bytes: int | None
    head_bytes: int | None
    grown_bytes: int | None


@dataclass(frozen=True, kw_only=True, slots=True)
class CheckedBudget:
    """One limit of a budget. `percent` is of base for a growth, and of the limit for a size."""

    name: str
    rule: Rule
    limit: str
    outcome: Outcome
    message: str
    shares: tuple[Share, ...]
    on_unknown: OnUnknown = OnUnknown.FAIL
    actual_bytes: int | None = None
    percent: float | None = None


def check_budgets(
    budgets: Sequence[Budget], shares: Sequence[Share], *, on_unknown: OnUnknown = OnUnknown.FAIL
) -> tuple[CheckedBudget, ...]:
    """Each limit of each budget, over the images that the budget names."""
    found = []
    for budget in budgets:
        of = tuple(one for one in shares if any(budget.covers(name) for name in (one.image, one.base_name) if name))
        if budget.max_size is not None:
            found.append(check_budget(budget.name, Rule.MAX_SIZE, str(budget.max_size), of, on_unknown))
        if budget.max_increase is not None:
            found.append(check_budget(budget.name, Rule.MAX_INCREASE, str(budget.max_increase), of, on_unknown))
    return tuple(found)


def check_budget(
    name: str, rule: Rule, limit: str, shares: tuple[Share, ...], on_unknown: OnUnknown = OnUnknown.FAIL
) -> CheckedBudget:
    """One limit, `rule` being `MAX_SIZE` or `MAX_INCREASE`. Raises ValueError for a `limit` that cannot be parsed."""
    if rule is Rule.MAX_SIZE:
        return replace(_check_size(name, limit, shares), on_unknown=on_unknown)
    return replace(_check_growth(name, limit, shares), on_unknown=on_unknown)


def _check_size(name: str, limit: str, shares: tuple[Share, ...]) -> CheckedBudget:
    unknown = [one.image for one in shares if one.head_bytes is None]
    if unknown:
        return _unknown(name, Rule.MAX_SIZE, limit, shares, f"{_names(unknown)} not weighed in this run")
    maximum, total = parse_size(limit), sum(one.head_bytes or 0 for one in shares)
    return CheckedBudget(
        name=name,
        rule=Rule.MAX_SIZE,
        limit=limit,
        outcome=Outcome.FAILED if total > maximum else Outcome.PASSED,
        message=f"{_count(shares)} have {total} bytes in all; the budget is {limit}",
        shares=shares,
        actual_bytes=total,
        percent=round(100 * total / maximum, 2) if maximum else None,
    )


def _check_growth(name: str, limit: str, shares: tuple[Share, ...]) -> CheckedBudget:
    unknown = [one.image for one in shares if one.grown_bytes is None]
    if unknown:
        return _unknown(name, Rule.MAX_INCREASE, limit, shares, f"the growth of {_names(unknown)} is unknown")
    parsed = parse_limit(limit)
    grown = sum(one.grown_bytes or 0 for one in shares)
    unweighed = [one.image for one in shares if one.base_bytes is None]
    if unweighed and "%" in limit and grown > 0:
        reason = f"its percentage needs the sizes of {_names(unweighed)}, not weighed in this run"
        return _unknown(name, Rule.MAX_INCREASE, limit, shares, reason)
    before = sum(one.base_bytes or 0 for one in shares)
    return CheckedBudget(
        name=name,
        rule=Rule.MAX_INCREASE,
        limit=limit,
        outcome=Outcome.FAILED if grown > 0 and parsed.broken_by(before, before + grown) else Outcome.PASSED,
        message=f"{_count(shares)} grew by {grown} bytes in all; the budget is {limit}",
        shares=shares,
        actual_bytes=grown,
        percent=round(100 * grown / before, 2) if before and not unweighed else None,
    )


def _unknown(name: str, rule: Rule, limit: str, shares: tuple[Share, ...], why: str) -> CheckedBudget:
    message = f"{rule} {limit} was not checked: {why}"
    return CheckedBudget(name=name, rule=rule, limit=limit, outcome=Outcome.NOT_CHECKED, message=message, shares=shares)


def budget_breaches(checked: Sequence[CheckedBudget]) -> tuple[Breach, ...]:
    """The reasons of the verdict; the name of the budget replaces that of an image."""
    return tuple(
        Breach(
            image=one.name,
            rule=Rule.BUDGET,
            limit=one.limit,
            actual_bytes=one.actual_bytes,
            message=one.message,
        )
        for one in checked
        if one.outcome is Outcome.FAILED or (one.outcome is Outcome.NOT_CHECKED and one.on_unknown is OnUnknown.FAIL)
    )


def _names(names: Sequence[str]) -> str:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return f"{', '.join(names[:_NAMED])}{more}"


def _count(shares: Sequence[Share]) -> str:
    return "1 image" if len(shares) == 1 else f"{len(shares)} images"
