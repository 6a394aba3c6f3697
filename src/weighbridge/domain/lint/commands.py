"""Rule ``arguments-swallowed``: a ``CMD`` that does not reach the program."""

from __future__ import annotations

import json
import posixpath
from collections.abc import Iterator

from weighbridge.domain.checks.finding import Severity
from weighbridge.domain.dockerfile import Instruction, Stage
from weighbridge.domain.late_pattern import late_pattern
from weighbridge.domain.lint.codes import LintCode
from weighbridge.domain.lint.context import LintContext
from weighbridge.domain.lint.model import LintFinding

_USES_ARGUMENTS = late_pattern(r"\$(?:[@*0-9]|\{[@*0-9])")
_HANDS_ON = late_pattern(r"(?:.*[-_.])?entry-?point(?:\.[a-z]+)?|.*\.sh")
"""Names of scripts that execute their arguments, as ``docker-entrypoint.sh``."""


def arguments_swallowed(context: LintContext) -> Iterator[LintFinding]:
    """A shell-form ``ENTRYPOINT`` beside a ``CMD``, and an ``ENTRYPOINT`` that resets the ``CMD`` of its base stage."""
    for stage in context.dockerfile.chain(context.final):
        own = {one.name: one for one in stage.instructions if one.name in {"ENTRYPOINT", "CMD"}}
        entrypoint = own.get("ENTRYPOINT")
        if entrypoint is None or not entrypoint.args:
            continue
        if "CMD" in own:
            yield from _shell_form(context, stage, entrypoint, own["CMD"])
        else:
            yield from _reset(context, stage, entrypoint)


def _shell_form(
    context: LintContext, stage: Stage, entrypoint: Instruction, command: Instruction
) -> Iterator[LintFinding]:
    has_shell = any(one.name == "SHELL" for one in stage.instructions)
    if entrypoint.is_exec_form or has_shell or not command.args or _USES_ARGUMENTS.search(" ".join(entrypoint.args)):
        return
    yield context.finding(
        LintCode.ARGUMENTS_SWALLOWED,
        Severity.WARNING,
        entrypoint,
        "ENTRYPOINT is in shell form: the shell takes CMD as its own arguments, and the program does not get it",
        'Write ENTRYPOINT in exec form (["program"]), or end it with: exec program "$@"',
    )


def _reset(context: LintContext, stage: Stage, entrypoint: Instruction) -> Iterator[LintFinding]:
    """A ``CMD`` of a stage below, in this file, that the builder removes (BuildKit, ``dispatchEntrypoint``)."""
    lost: Instruction | None = None
    for below in context.dockerfile.chain(stage)[:-1]:
        for one in below.instructions:
            if one.name == "CMD":
                lost = one if one.args else None
            elif one.name == "ENTRYPOINT" and not any(each.name == "CMD" for each in below.instructions):
                lost = None
    if lost is None or not _hands_on(entrypoint):
        return
    written = json.dumps(list(lost.args)) if lost.is_exec_form else " ".join(lost.args)
    yield context.finding(
        LintCode.ARGUMENTS_SWALLOWED,
        Severity.WARNING,
        entrypoint,
        f"ENTRYPOINT resets the CMD of line {lost.line}: {entrypoint.args[0]} gets no command to execute",
        f"Repeat it behind the ENTRYPOINT: CMD {written}",
    )


def _hands_on(entrypoint: Instruction) -> bool:
    """True for a wrapper or a start script as the last word: what it executes is to come from ``CMD``."""
    if not entrypoint.is_exec_form:
        return False
    words = [word for word in entrypoint.args if word != "--"]
    name = posixpath.basename(words[-1]) if words else ""
    if _HANDS_ON.fullmatch(name):
        return True
    from weighbridge.domain.start.wrapper_rules import ALIASES, RULES  # noqa: PLC0415 - few files get here

    return len(words) == 1 and (name in RULES or name in ALIASES)
