"""Comments that accept findings: ``# weighbridge: ignore=CODE reason``; ``ignore=CODE@STAGE reason`` for one stage."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from weighbridge.domain.checks.finding import Severity
from weighbridge.domain.late_pattern import late_pattern
from weighbridge.domain.lint.codes import TIP_CODES, LintCode
from weighbridge.domain.lint.context import LintContext
from weighbridge.domain.lint.model import LintFinding
from weighbridge.domain.nearest import nearest

_COMMENT = late_pattern(
    r"^[ \t]*#[ \t]*weighbridge:[ \t]*ignore=(?P<code>[\w.-]{1,64})(?:@(?P<stage>[\w.-]{1,64}))?"
    r"(?:[ \t]+(?P<reason>\S.*))?$",
    re.MULTILINE,
)
_MAXIMUM_REASON = 300
_MAXIMUM_COMMENTS = 100


class Comment(NamedTuple):
    """One comment: the code, the stage that it is about (None: all), the reason (may be empty), and its line."""

    code: str
    stage: str | None
    reason: str
    line: int


def read_comments(context: LintContext) -> tuple[Comment, ...]:
    """The comments of a Dockerfile that accept findings, in order."""
    found: list[Comment] = []
    for match in _COMMENT.finditer(context.text):
        if len(found) >= _MAXIMUM_COMMENTS:
            break
        found.append(
            Comment(
                code=match["code"],
                stage=match["stage"].lower() if match["stage"] else None,
                reason=(match["reason"] or "").strip()[:_MAXIMUM_REASON],
                line=context.line_of(match.start() + len(match[0]) - len(match[0].lstrip("\n"))),
            )
        )
    return tuple(found)


def reason_for(context: LintContext, finding: LintFinding, comments: Sequence[Comment]) -> str | None:
    """The reason of the first comment that accepts `finding`; ``None`` if it counts."""
    for one in comments:
        if one.code != finding.code or not one.reason or finding.code is LintCode.IGNORE_COMMENT:
            continue
        if one.stage is None or one.stage in {_stage_of(context, finding), str(_index_of(context, finding))}:
            return one.reason
    return None


def ignore_comments(context: LintContext) -> Iterator[LintFinding]:
    """``ignore-comment``: a comment that ignores nothing: it has no reason, or names no code or stage that there is."""
    if "weighbridge:" not in context.text:
        return
    stages = {stage.label for stage in context.dockerfile.stages} | {
        str(one.index) for one in context.dockerfile.stages
    }
    from weighbridge.domain.checks.catalogue import CheckCode  # noqa: PLC0415 - most Dockerfiles ignore nothing

    known = {*LintCode, *CheckCode, *TIP_CODES}
    for one in read_comments(context):
        if one.code not in known:
            near = nearest(one.code, known)
            message, fix = f"unknown code {one.code}", f"Write ignore={near}" if near else "Delete the comment"
        elif one.stage is not None and one.stage not in stages:
            message, fix = f"there is no stage {one.stage}", f"Name one of {', '.join(sorted(stages)[:8])}"
        elif not one.reason:
            message = "an ignore without a reason ignores nothing"
            fix = f"Write why: # weighbridge: ignore={one.code} REASON"
        else:
            continue
        yield LintFinding(
            code=LintCode.IGNORE_COMMENT,
            severity=Severity.WARNING,
            line=one.line,
            end_line=one.line,
            message=message,
            fix=fix,
            cause=f"{message} {one.line}",
        )


def _index_of(context: LintContext, finding: LintFinding) -> int:
    return max((stage.index for stage in context.dockerfile.stages if stage.line <= finding.line), default=0)


def _stage_of(context: LintContext, finding: LintFinding) -> str:
    return context.dockerfile.stages[_index_of(context, finding)].label
