"""Rules about what BuildKit reads otherwise than its author: shell words in ``COPY``, unknown flags, broken JSON."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from weighbridge.domain.checks.finding import Severity
from weighbridge.domain.dockerfile import Instruction
from weighbridge.domain.dockerfile.edits import Edit
from weighbridge.domain.late_pattern import late_pattern
from weighbridge.domain.lint.codes import LintCode
from weighbridge.domain.lint.context import LintContext
from weighbridge.domain.lint.model import LintFinding
from weighbridge.domain.nearest import nearest

_OPERATOR = late_pattern(r"\|\|?|&&|;|[0-9]?>>?(?:&[0-9-]|/dev/\S+|&?\S*)?|&>\S*|<|\$\(.*|`.*")
_FLAGS: dict[str, frozenset[str]] = {
    "ADD": frozenset(["checksum", "chmod", "chown", "exclude", "keep-git-dir", "link", "unpack"]),
    "COPY": frozenset(["chmod", "chown", "exclude", "from", "link", "parents"]),
    "FROM": frozenset(["platform"]),
    "HEALTHCHECK": frozenset(["interval", "retries", "start-interval", "start-period", "timeout"]),
    "RUN": frozenset(["device", "mount", "network", "security"]),
}
"""BuildKit's flags (frontend/dockerfile/instructions/parse.go); all other instructions have none."""

_NO_VALUE = frozenset(["keep-git-dir", "link", "parents", "unpack"])
_BRACKETS = late_pattern(r"\[\s*(?P<body>[^\]]*[\"'“”‘’,][^\]]*)\]\s*", re.DOTALL)
_SHELL_TEST = late_pattern(r"\[\s+(?:!|-\w|\"?\$|\S+\s+(?:=|==|!=|-\w\w)\s)")
_EXECUTED = frozenset(["CMD", "ENTRYPOINT", "HEALTHCHECK", "RUN"])
_QUOTES = str.maketrans({"“": '"', "”": '"', "‘": "'", "’": "'"})


def shell_words(instruction: Instruction) -> list[str]:
    """The words of a ``COPY`` or ``ADD`` that only a shell would understand."""
    if instruction.name not in {"ADD", "COPY"} or instruction.is_exec_form or instruction.heredocs:
        return []
    return [word for word in instruction.args if _OPERATOR.fullmatch(word)]


def copy_is_no_shell(context: LintContext) -> Iterator[LintFinding]:
    """``copy-is-no-shell``: ``COPY`` reads ``||`` or ``2>/dev/null`` as the names of files, and the build fails."""
    for stage in context.dockerfile.stages:
        for instruction in stage.instructions:
            words = shell_words(instruction)
            if words:
                name = instruction.name
                yield context.finding(
                    LintCode.COPY_IS_NO_SHELL,
                    Severity.ERROR,
                    instruction,
                    f"{name} is no shell: {' '.join(words[:4])} are file names to it, and "
                    f"{instruction.args[-1]} is the destination; the build fails",
                    f"Delete everything from {words[0]} on. For a file that may be missing: {name} a pattern that also "
                    "matches another file, such as package.json yarn.loc[k]",
                    evidence=words[0],
                )


def unknown_flag(context: LintContext) -> Iterator[LintFinding]:
    """``unknown-flag``: a flag that BuildKit does not know for the instruction; it refuses the file."""
    for stage in context.dockerfile.stages:
        for instruction in (stage.from_instruction, *stage.instructions):
            known = _FLAGS.get(instruction.name, frozenset())
            for flag, values in instruction.flags.items():
                if flag not in known:
                    near = nearest(flag, known)
                    message = f"BuildKit does not know {instruction.name} --{flag} and refuses the file"
                    if near:
                        fix = f"Write --{near}"
                    elif known:
                        fix = f"{instruction.name} knows {', '.join(f'--{one}' for one in sorted(known))}"
                    else:
                        fix = f"{instruction.name} has no flags: delete it, or use the exec form"
                elif flag not in _NO_VALUE and "" in values:
                    message = f"{instruction.name} --{flag} has no value: BuildKit refuses the file"
                    fix = f"Write --{flag}=VALUE"
                else:
                    continue
                yield context.finding(
                    LintCode.UNKNOWN_FLAG, Severity.ERROR, instruction, message, fix, evidence=f"--{flag}"
                )


def exec_form_not_json(context: LintContext) -> Iterator[LintFinding]:
    """``exec-form-not-json``: ``CMD ['a']`` is no JSON, so that a shell is given ``['a']`` as a command."""
    for stage in context.dockerfile.stages:
        for instruction in stage.instructions:
            text = _bracketed(instruction)
            if text is None:
                continue
            severity = Severity.ERROR if instruction.name in {*_EXECUTED, "COPY", "ADD"} else Severity.WARNING
            wanted = _as_json(text)
            yield context.finding(
                LintCode.EXEC_FORM_NOT_JSON,
                severity,
                instruction,
                f"{text[:80]} is no JSON (strings in double quotes, no comma at the end): "
                f"{_consequence(instruction.name)}",
                f"Write {instruction.name} {wanted}" if wanted else "Write a JSON list of strings in double quotes",
                edits=_replaced(context, instruction, text, wanted) if wanted else (),
                is_safe=False,
                evidence=text,
            )


def _bracketed(instruction: Instruction) -> str | None:
    """The text of a list that was meant as JSON; ``None`` if none was, or where it is JSON."""
    if instruction.is_exec_form or instruction.heredocs or not instruction.args:
        return None
    if instruction.name not in {*_EXECUTED, "COPY", "ADD", "VOLUME"}:
        return None
    args = instruction.args
    if instruction.name == "HEALTHCHECK":
        args = args[1:]
    text = " ".join(args).strip()
    if not text.startswith("[") or not _BRACKETS.fullmatch(text) or _SHELL_TEST.match(text):
        return None
    return text


def _as_json(text: str) -> str | None:
    """`text` as a JSON list, where only its quotes or a last comma are wrong."""
    plain = text.translate(_QUOTES)
    for candidate in (plain, plain.replace("'", '"')):
        for ended in (candidate, re.sub(r",\s*\]$", "]", candidate)):
            try:
                found = json.loads(ended)
            except ValueError:
                continue
            if isinstance(found, list) and found and all(isinstance(one, str) for one in found):
                return json.dumps(found, ensure_ascii=False)
    return None


def _replaced(context: LintContext, instruction: Instruction, text: str, wanted: str) -> tuple[Edit, ...]:
    begin, _ = context.span(instruction.line, instruction.end_line)
    source = context.source(instruction)
    at = source.find(text)
    return (Edit(start=begin + at, end=begin + at + len(text), replacement=wanted),) if at >= 0 else ()


def _consequence(name: str) -> str:
    if name in {"CMD", "ENTRYPOINT"}:
        return "the shell looks for a program of that name, and the container does not start"
    if name == "HEALTHCHECK":
        return "the shell looks for a program of that name, and the container never becomes healthy"
    if name == "RUN":
        return "the shell looks for a program of that name, and the build fails"
    if name == "VOLUME":
        return "the brackets and quotes become part of the path"
    return "the brackets and quotes become part of the file names, and the build fails"
