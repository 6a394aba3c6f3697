"""Findings that somebody decided to live with: from the configuration, or from a comment in the Dockerfile.

An ignored finding stays in the report, with the reason that was given; it only never closes the gate.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from weighbridge.domain.checks.finding import Finding

_INLINE = re.compile(r"^[ \t]*#[ \t]*weighbridge:[ \t]*ignore=([a-z0-9-]{1,64})(?:[ \t]+(\S.*))?$", re.MULTILINE)
_MAXIMUM_REASON = 300
_MAXIMUM_INLINE = 100


@dataclass(frozen=True, kw_only=True, slots=True)
class Ignore:
    """One decision: findings of this code are accepted, and why."""

    code: str
    reason: str


def inline_ignores(dockerfile_text: str) -> tuple[Ignore, ...]:
    """The comments ``# weighbridge: ignore=CODE reason`` of a Dockerfile. One without a reason ignores nothing."""
    found = (
        Ignore(code=match[1], reason=match[2].strip()[:_MAXIMUM_REASON])
        for match in _INLINE.finditer(dockerfile_text)
        if match[2]
    )
    return tuple(ignore for ignore, _ in zip(found, range(_MAXIMUM_INLINE), strict=False))


def ignored_because(finding: Finding, ignores: Iterable[Ignore]) -> str | None:
    """The reason of the first decision about `finding`; ``None`` where it counts."""
    return next((ignore.reason for ignore in ignores if ignore.code == finding.code), None)
