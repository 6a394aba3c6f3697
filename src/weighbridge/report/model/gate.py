"""The gate in the report: limits with their figures, and the verdict."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, kw_only=True, slots=True)
class Reason:
    """Why the job fails: the image, the rule (a limit or a check), and the `limit` as configured.

    `code` is the finding's code for the rule ``check``; `limit` repeats it there for older readers.
    """

    image: str
    rule: str
    limit: str | None
    actual_bytes: int | None
    message: str
    code: str | None = None


LimitOutcome = Literal["passed", "warned", "failed", "not checked"]


@dataclass(frozen=True, kw_only=True, slots=True)
class LimitRow:
    """One limit that applies to an image, with the figure that it is about. `limit` is the limit as configured.

    `rule` is the key of the configuration, as ``max-increase``; `soft` limits warn and never fail the job.
    `actual_bytes` is the growth or the size, `actual_count` the number of layers. `percent` is of base for a growth,
    and of the limit for a size or a number. `message` is a sentence without its subject.
    """

    rule: str
    limit: str
    outcome: LimitOutcome
    message: str
    soft: bool = False
    actual_bytes: int | None = None
    actual_count: int | None = None
    percent: float | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class BudgetShare:
    """One image of a budget: 0 for a side that does not exist, null for what is unknown."""

    image: str
    base_bytes: int | None
    head_bytes: int | None
    grown_bytes: int | None


@dataclass(frozen=True, kw_only=True, slots=True)
class BudgetRow:
    """A limit on several images together. Each image counts as a whole, also if it shares layers with another."""

    name: str
    rule: str
    limit: str
    outcome: LimitOutcome
    message: str
    shares: tuple[BudgetShare, ...]
    on_unknown: Literal["fail", "warn"] = "fail"
    actual_bytes: int | None = None
    percent: float | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Override:
    """The person who overrode a failed gate, the time, the label, and the reason given."""

    actor: str
    label: str
    at: str
    reason: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Verdict:
    """Passed or failed, with every reason. An override keeps the reasons.

    `warnings` are the exceeded soft limits; they never fail the job.
    """

    passed: bool
    reasons: tuple[Reason, ...] = ()
    override: Override | None = None
    warnings: tuple[Reason, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class RatchetReport:
    """The limit on total growth since `since` (a revision or a day), and the size at that point.

    `commit` is the commit in the size history with that size. If the size is unknown, `reason` says why, and the limit
    was not checked.
    """

    since: str
    limit: str
    commit: str | None = None
    baseline_bytes: int | None = None
    reason: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class AsBaseDefinesReport:
    """Head, built as base defines the image, for the gate: `change` names the difference in head's definition.

    `unpacked_bytes` is ``None`` if that build failed; `reason` then says why.
    """

    change: str
    unpacked_bytes: int | None = None
    reason: str | None = None
