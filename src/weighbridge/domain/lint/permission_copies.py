"""Rule ``permission-copies``: a later layer gives files of an earlier one another owner or mode.

A layer stores whole files: removing one hides it and saves nothing, changing its owner stores it again (OCI image
specification, layer.md, "Change Types" and "Whiteouts").
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Collection, Iterator, Sequence

from weighbridge.domain.checks.finding import Severity
from weighbridge.domain.dockerfile import Instruction
from weighbridge.domain.dockerfile.edits import Edit
from weighbridge.domain.dockerfile.run_commands import RunCommand, RunScript
from weighbridge.domain.late_pattern import late_pattern
from weighbridge.domain.lint.codes import LintCode
from weighbridge.domain.lint.context import LintContext
from weighbridge.domain.lint.copies import PLAIN_OWNER
from weighbridge.domain.lint.layer_files import (
    COMPUTED,
    SMALL_FILE,
    MadeFiles,
    is_in_folder,
    is_large,
    made_by,
    moved_to,
    resolved,
    steps,
)
from weighbridge.domain.lint.model import LintFinding

_OCTAL = late_pattern(r"[0-7]{3,4}")


def permission_copies(context: LintContext) -> Iterator[LintFinding]:
    """``permission-copies``: ``chown`` or ``chmod`` of what an earlier layer holds stores every file a second time."""
    made: list[MadeFiles] = []
    for instruction, folder, script in steps(context):
        if script is not None:
            here = folder
            new_folders: set[str] = set()
            for command in script.commands:
                here = moved_to(here, command)
                if command.name == "mkdir":
                    new_folders |= {resolved(here, word.value) for word in command.arguments if word.value}
                if command.name not in {"chown", "chmod", "chgrp"}:
                    continue
                below = _touched(command, here, made, context.start_command, new_folders)
                if below:
                    yield _permission_finding(context, instruction, script, command, below)
        made += made_by(instruction, folder, script)


def _touched(
    command: RunCommand, folder: str | None, made: Sequence[MadeFiles], started: str, new_folders: Collection[str]
) -> list[Instruction]:
    """The earlier instructions whose files a ``chown`` or ``chmod`` stores again. A new folder has none of them."""
    recursive = _is_recursive(command)
    _, written = _operands(command)
    paths = [resolved(folder, path) for path in written if not COMPUTED.search(path.rstrip("*").rstrip("/"))]
    paths = [path.removesuffix("/*") for path in paths if recursive or not path.endswith("*")]
    paths = [path for path in paths if path not in new_folders or any(is_in_folder(one.path, path) for one in made)]
    below = [one.instruction for one in made if any(_is_touched(one, path, command, started) for path in paths)]
    return list({id(one): one for one in below}.values())


def _permission_finding(
    context: LintContext, instruction: Instruction, script: RunScript, command: RunCommand, below: Sequence[Instruction]
) -> LintFinding:
    what, _ = _operands(command)
    from_runs = [one for one in below if one.name == "RUN"]
    copies = [one for one in below if one.name != "RUN"]
    lines = sorted({one.line for one in below})
    shown = " and ".join(str(line) for line in lines[:5])
    noun = "lines" if len(lines) > 1 else "line"
    option = " -R" if _is_recursive(command) else ""
    return context.finding(
        LintCode.PERMISSION_COPIES,
        Severity.WARNING,
        instruction,
        f"{command.name}{option} touches what {noun} {shown} "
        f"{'made' if from_runs else 'copied'}: its layer holds each of these files once more",
        _permission_advice(command, what, from_runs, copies),
        edits=() if from_runs else _moved_into_copies(context, instruction, script, copies),
        is_safe=False,
        command=command,
        cause=f"permission-copies {lines}",
    )


def _permission_advice(
    command: RunCommand, what: str, from_runs: Sequence[Instruction], copies: Sequence[Instruction]
) -> str:
    flag = "--chmod" if command.name == "chmod" else "--chown"
    value = (octal_mode(what) or "an octal mode such as 755") if command.name == "chmod" else what or "…"
    separator = " with " if " " in value else "="
    of_copies = f"Set it where the files are copied: {copies[0].name} {flag}{separator}{value}" if copies else ""
    if not from_runs:
        return of_copies
    lines = " and ".join(str(one.line) for one in from_runs[:3])
    how = "or switch to the user before it" if command.name != "chmod" else "or make them so where they come from"
    advice = f"Run {command.name} at the end of the RUN of line {lines}, {how}"
    return f"{advice}; for the copied files: {copies[0].name} {flag}{separator}{value}" if copies else advice


def octal_mode(symbolic: str) -> str | None:
    """The octal mode for ``COPY --chmod``; ``None`` if a symbolic one depends on the modes that files have.

    Symbolic modes need Dockerfile syntax 1.14; BuildKit of Docker 20.10 and 26.1 takes them without a word and leaves
    the files 0644.
    """
    if _OCTAL.fullmatch(symbolic):
        return symbolic
    if re.fullmatch(r"[uga]*\+r?x|[uga]*\+rx|u=rwx,(?:go|g)=rx(?:,o=rx)?|\+xr", symbolic):
        return "755"
    if re.fullmatch(r"[uga]*\+r|a?\+r", symbolic):
        return "644"
    if re.fullmatch(r"(?:a|ugo)?[+=]rwx", symbolic):
        return "777"
    return None


def _is_touched(one: MadeFiles, path: str, command: RunCommand, started: str) -> bool:
    name = posixpath.basename(one.path)
    if not one.is_folder and (SMALL_FILE.fullmatch(name) or not (one.is_download or is_large(one))):
        return False
    is_program = _is_program(path, command) or started.split(" ", 1)[0] == path
    if _is_recursive(command):
        inside = is_in_folder(one.path, path)
        return inside or (one.is_folder and not one.is_whole_context and is_in_folder(path, one.path))
    if one.path != path or (one.is_folder and not is_program):
        return False
    return one.is_download or is_large(one)


def _is_program(path: str, command: RunCommand) -> bool:
    """True if a name without an ending is that of a program and not of a folder."""
    return posixpath.dirname(path).endswith("bin") or (command.name == "chmod" and "+x" in command.values)


def _is_recursive(command: RunCommand) -> bool:
    return any(
        value == "--recursive" or (value.startswith("-") and not value.startswith("--") and "R" in value)
        for value in command.values
    )


def _operands(command: RunCommand) -> tuple[str, tuple[str, ...]]:
    """The owner or mode, and the paths. A path that the shell computes is left out."""
    words = [word for word in command.arguments if not re.match(r"-[A-Za-z-]*R|--|-[fvchLHP]+$", word.source)]
    if not words:
        return "", ()
    return words[0].source, tuple(word.value or word.source for word in words[1:])


def _moved_into_copies(
    context: LintContext, instruction: Instruction, script: RunScript, below: Sequence[Instruction]
) -> tuple[Edit, ...]:
    """``--chown`` or ``--chmod`` on the copies and the ``RUN`` gone, where that ``RUN`` does nothing else.

    Only where nothing between the copies and it can make other files there, and where the owner is plain or the mode a
    number, as the flags ask.
    """
    command = script.commands[0]
    what, paths = _operands(command)
    flag, wanted = ("--chown", PLAIN_OWNER) if command.name == "chown" else ("--chmod", _OCTAL)
    if command.name == "chmod":
        what = octal_mode(what) or ""
    if len(script.commands) != 1 or not script.has_places or len(paths) != 1 or not wanted.fullmatch(what):
        return ()
    if not below or command.name == "chgrp" or (flag == "--chmod" and _is_recursive(command)):
        return ()  # COPY --chmod gives folders and files one mode.
    instructions = context.final_instructions
    index = next(number for number, one in enumerate(instructions) if one is instruction)
    first = next((number for number, one in enumerate(instructions) if one is below[0]), None)
    if first is None or {one.name for one in instructions[first:index]} & {"RUN", "USER", "WORKDIR"}:
        return ()  # What stands between may make files in the same folder, or need the old owner.
    if any({"chown", "chmod"} & set(copy.flags) for copy in below):
        return ()
    edits = []
    for copy in below:
        begin, _ = context.span(copy.line, copy.end_line)
        name = re.match(r"\s*\w+", context.source(copy))
        if name is None:
            return ()
        edits.append(Edit(start=begin + name.end(), end=begin + name.end(), replacement=f" {flag}={what}"))
    begin, _ = context.span(instruction.line, instruction.end_line)
    end = min(context.span(instruction.end_line, instruction.end_line)[1] + len(context.newline), len(context.text))
    return (*edits, Edit(start=begin, end=end, replacement=""))
