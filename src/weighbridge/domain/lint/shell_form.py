"""Rule ``shell-form-on-shell-less-base``: an instruction that needs ``/bin/sh`` where there is none."""

from __future__ import annotations

import json
import posixpath
import re
from collections.abc import Iterator

from weighbridge.domain.checks.finding import Severity
from weighbridge.domain.dockerfile import Instruction, Source, Stage
from weighbridge.domain.dockerfile.edits import Edit
from weighbridge.domain.late_pattern import late_pattern
from weighbridge.domain.lint.codes import LintCode
from weighbridge.domain.lint.context import LintContext
from weighbridge.domain.lint.model import LintFinding
from weighbridge.domain.lint.official import is_shell_less
from weighbridge.domain.lint.workdir import working_directories
from weighbridge.domain.shell.names import BUILTINS

_PLAIN_WORD = late_pattern(r"[A-Za-z0-9_./:,@%+-][A-Za-z0-9_./:=,@%+-]*")
_HOLDS_PROGRAMS = ("/", "/bin", "/usr", "/usr/bin", "/usr/local/bin", "/busybox", "/sbin", "/usr/sbin")


def shell_form_on_shell_less_base(context: LintContext) -> Iterator[LintFinding]:
    """Shell-form ``RUN``, ``CMD``, ``ENTRYPOINT`` and ``HEALTHCHECK`` in a stage from scratch or a shell-less image."""
    if context.dockerfile.directives.get("escape") == "`":
        return
    for stage in context.dockerfile.stages:
        root = context.dockerfile.chain(stage)[0]
        if not root.is_from_scratch and not is_shell_less(root.base):
            continue
        severity = Severity.ERROR if root.is_from_scratch else Severity.WARNING
        base = "scratch" if root.is_from_scratch else root.base
        for instruction in _needing_shell(context, stage):
            edits = exec_form_edits(context, stage, instruction)
            yield context.finding(
                LintCode.SHELL_FORM_ON_SHELL_LESS_BASE,
                severity,
                instruction,
                f"{instruction.name} in shell form is run by /bin/sh, and {base} has no shell: {_failure(instruction)}",
                _advice(instruction, edits),
                edits=edits,
            )


def _needing_shell(context: LintContext, stage: Stage) -> Iterator[Instruction]:
    """The shell-form instructions of `stage` that count, up to where a shell may have been copied in."""
    last = {one.name: one for one in stage.instructions}
    words = {
        posixpath.basename(word)
        for one in stage.instructions
        if one.name in {"CMD", "ENTRYPOINT", "HEALTHCHECK", "RUN"}
        for word in " ".join(one.args).split()
    }
    folders = {id(one): folder for one, folder in working_directories(context.dockerfile, stage)}
    chain = context.dockerfile.chain(stage)
    for one in (one for each in chain for one in (*each.triggers, *each.instructions)):
        if one.name == "SHELL" or any(_may_bring_shell(one, source, folders[id(one)], words) for source in one.sources):
            return
        is_own = any(one is other for other in stage.instructions)
        if not is_own or one.is_exec_form or one.heredocs:
            continue
        counts = one.name == "RUN" or last[one.name] is one
        if counts and (one.name in {"RUN", "CMD", "ENTRYPOINT"} or _is_health_command(one)) and one.args:
            yield one


def _is_health_command(instruction: Instruction) -> bool:
    return instruction.name == "HEALTHCHECK" and instruction.args[0].upper() == "CMD"


def _may_bring_shell(instruction: Instruction, source: Source, folder: str | None, words: set[str]) -> bool:
    """False for what is certainly one of the program's own files, or lands where no shell is looked for."""
    if source.is_mount:
        return False
    name = posixpath.basename(source.path.rstrip("/"))
    if instruction.name == "ADD" and not re.search(r"\.(?!tar|t?gz|tgz|bz2|t?xz|zst)[a-z0-9]+$", name):
        return True
    if name in {"sh", "bash", "ash", "dash", "busybox", "toybox"}:
        return True
    written = source.destination or "/"
    if source.unknown_variables or "$" in written:
        return True
    destination = posixpath.normpath(posixpath.join(folder or "/", written))
    if destination not in _HOLDS_PROGRAMS and not destination.startswith("/bin/"):
        return False
    plain = name.strip(".")
    return not plain or (name not in words and "." not in plain)


def _failure(instruction: Instruction) -> str:
    if instruction.name == "RUN":
        return "the build fails"
    if instruction.name == "HEALTHCHECK":
        return "the container never becomes healthy"
    return "the container does not start"


def _advice(instruction: Instruction, edits: tuple[Edit, ...]) -> str:
    if edits:
        return f"Use the exec form: {edits[0].replacement}"
    if instruction.name == "RUN":
        return "Do this in a build stage and copy the result, or start from an image with a shell."
    return f'Use the exec form, with one string a word: {instruction.name} ["/program", "argument"]'


def exec_form_edits(context: LintContext, stage: Stage, instruction: Instruction) -> tuple[Edit, ...]:
    """The instruction in exec form, where its words are plain and nothing else changes its meaning by that."""
    command = " ".join(instruction.args)
    if instruction.name == "HEALTHCHECK":
        command = " ".join(instruction.args[1:])
    words = command.split()
    if words[:1] == ["exec"]:
        words = words[1:]
    if not words or not all(_PLAIN_WORD.fullmatch(word) for word in words) or words[0] in BUILTINS or "=" in words[0]:
        return ()
    if instruction.name == "RUN" and "/" not in words[0]:
        return ()
    if instruction.name == "ENTRYPOINT" and any(one.name == "CMD" for one in stage.instructions):
        return ()  # In exec form it would get the CMD as arguments, which it does not see now.
    if instruction.name == "CMD" and any(one.name == "ENTRYPOINT" for one in stage.instructions):
        return ()
    if instruction.line != instruction.end_line:
        return ()
    source = context.source(instruction)
    stripped = source.rstrip()
    if not stripped.endswith(command):
        return ()  # Other spaces between the words.
    begin, end = context.span(instruction.line, instruction.end_line)
    prefix = stripped.removesuffix(command).lstrip()
    start = begin + len(source) - len(source.lstrip())
    return (Edit(start=start, end=end - (len(source) - len(stripped)), replacement=prefix + json.dumps(words)),)
