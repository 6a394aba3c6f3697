"""Accepted findings: in the configuration, or in a comment of the Dockerfile.

An accepted finding stays in the report, with its reason. It does not fail the gate, provided that base accepts it too:
a change cannot accept its own findings.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from weighbridge.domain.late_pattern import late_pattern
from weighbridge.domain.lint.codes import TIP_CODES, LintCode
from weighbridge.domain.nearest import nearest

if TYPE_CHECKING:
    from weighbridge.domain.checks.finding import Finding

_INLINE = late_pattern(r"^[ \t]*#[ \t]*weighbridge:[ \t]*ignore=([^\s]{1,64})(?:[ \t]+([^\r\n]*))?\r?$", re.MULTILINE)
_CODE = late_pattern(r"[a-z0-9-]+")
_MAXIMUM_REASON = 300
_MAXIMUM_INLINE = 100


class Ignore(NamedTuple):
    """One decision to accept findings with this code, and its reason."""

    code: str
    reason: str


def known_codes() -> tuple[str, ...]:
    """Every code that an ignore may name."""
    from weighbridge.domain.checks.catalogue import CheckCode  # noqa: PLC0415 - most Dockerfiles ignore nothing

    return tuple(dict.fromkeys(str(code) for code in (*CheckCode, *LintCode, *sorted(TIP_CODES))))


def require_known_code(code: str) -> None:
    """Raises ValueError with the nearest code if no check or lint rule has this one."""
    known = known_codes()
    if code not in known:
        meant = nearest(code, known, likeness=0.4)
        hint = f'Did you mean "{meant}"?' if meant else "docs/checks/README.md lists the codes."
        raise ValueError(f'no check has the code "{code[:64]}". {hint}')


def inline_ignores(dockerfile_text: str) -> tuple[Ignore, ...]:
    """The comments ``# weighbridge: ignore=CODE reason`` of a Dockerfile. A comment without a reason has no effect.

    ``ignore=CODE@STAGE`` is for lint, which knows stages; an image's findings belong to the whole image.
    """
    found = (
        Ignore(code=code, reason=reason[:_MAXIMUM_REASON])
        for code, reason in _inline(dockerfile_text)
        if reason and _CODE.fullmatch(code)
    )
    return tuple(ignore for ignore, _ in zip(found, range(_MAXIMUM_INLINE), strict=False))


def inline_problems(dockerfile_text: str) -> tuple[str, ...]:
    """The errors in these comments: a missing reason, or an unknown code."""
    problems: dict[str, None] = {}
    for code, reason in _inline(dockerfile_text)[:_MAXIMUM_INLINE]:
        if not reason:
            problems[f"ignore={code[:64]} gives no reason and ignores nothing"] = None
        try:
            require_known_code(code.partition("@")[0])
        except ValueError as error:
            problems[f"ignore={code[:64]} ignores nothing: {error}"] = None
    return tuple(problems)


def accepted_by_base(head: Sequence[Ignore], base: Collection[Ignore]) -> tuple[tuple[Ignore, ...], tuple[Ignore, ...]]:
    """Split `head`: ignores with a code that base ignores too, and those that the change adds."""
    codes = {one.code for one in base}
    return (
        tuple(one for one in head if one.code in codes),
        tuple(one for one in head if one.code not in codes),
    )


def ignored_because(finding: Finding, ignores: Iterable[Ignore]) -> str | None:
    """The reason of the first ignore for `finding`; ``None`` if none applies."""
    return next((ignore.reason for ignore in ignores if ignore.code == finding.code), None)


def _inline(dockerfile_text: str) -> list[tuple[str, str]]:
    return [(match[1], (match[2] or "").strip()) for match in _INLINE.finditer(dockerfile_text)]
