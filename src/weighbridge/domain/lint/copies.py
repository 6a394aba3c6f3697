"""Rules about what is copied: from where, which libraries, and with which owner."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Sequence

from weighbridge.domain.checks.finding import Severity
from weighbridge.domain.dockerfile import Instruction, Origin, Source
from weighbridge.domain.dockerfile.edits import Edit
from weighbridge.domain.dockerfile.run_commands import Command, Script
from weighbridge.domain.lint.context import LintContext
from weighbridge.domain.lint.model import LintFinding
from weighbridge.domain.lint.workdir import misplaced, working_directories

_LIBC_FILE = re.compile(
    r"(?:ld-linux[\w.-]*|ld-musl[\w.-]*|ld-2\.\d+|lib(?:c|m|dl|rt|pthread|resolv|util|nss_\w+|gcc_s|stdc\+\+)[-.\d]*)"
    r"(?:\.so[.\d]*\*?|\*|\.so\*)"
)
_LIBRARY_FOLDER = re.compile(r"/(?:usr/)?lib(?:32|64|x32)?(?:/[a-z0-9_]+-linux-(?:gnu|musl)\w*)?/?\*?")
_OCTAL = re.compile(r"[0-7]{3,4}")
_PLAIN_OWNER = re.compile(r"[A-Za-z0-9_.-]+(?::[A-Za-z0-9_.-]+)?")


def copy_from_relative_path(context: LintContext) -> Iterator[LintFinding]:
    """``copy-from-relative-path``: a path of another stage is read from its root, not from its ``WORKDIR``."""
    for stage in context.dockerfile.stages:
        for instruction in stage.instructions:
            if "parents" in instruction.flags:
                continue
            for source in instruction.sources:
                found = misplaced(context.dockerfile, source)
                if found is None:
                    continue
                looked = "the whole filesystem" if found.path == "/" else found.path
                yield context.finding(
                    "copy-from-relative-path",
                    Severity.ERROR if found.is_certain else Severity.WARNING,
                    instruction,
                    f"{source.written} is {looked} of the stage {found.stage.label}: --from begins at its root, "
                    f"but the stage works in {found.folder}",
                    f"Write the absolute path: {found.absolute_path}",
                    edits=_in_source(context, instruction, source, found.absolute_path) if found.is_certain else (),
                )


def copied_libraries_by_hand(context: LintContext) -> Iterator[LintFinding]:
    """``copied-libraries-by-hand``: the C library, its loader or whole library folders, file by file."""
    for instruction in context.final.instructions:
        if instruction.name != "COPY":
            continue
        copied = [
            source.written
            for source in instruction.sources
            if source.origin in {Origin.STAGE, Origin.IMAGE} and _is_library(source)
        ]
        if copied:
            shown = ", ".join(copied[:3]) + (" …" if len(copied) > 3 else "")
            yield context.finding(
                "copied-libraries-by-hand",
                Severity.WARNING,
                instruction,
                f"{shown}: libraries of the C library's family copied by hand come without those that they load "
                "themselves (name service, gconv), and break when the build stage moves on",
                "Let the final stage stand on an image that has them: busybox:glibc for the C library alone, a slim "
                "distribution image for more; or link the program statically.",
            )


def permission_copies(context: LintContext) -> Iterator[LintFinding]:
    """``permission-copies``: ``chown -R`` or ``chmod -R`` after a ``COPY`` stores every file a second time."""
    runs = {id(instruction): script for instruction, script in context.final_runs}
    copies: list[tuple[Instruction, str]] = []
    for instruction, folder in working_directories(context.dockerfile, context.final):
        if instruction.name in {"COPY", "ADD"} and instruction.expanded and not instruction.unknown_variables:
            copies.append((instruction, _resolved(folder, instruction.expanded[-1])))
        script = runs.get(id(instruction))
        if script is None:
            continue
        for command in script.commands:
            if command.name not in {"chown", "chmod"} or not _is_recursive(command):
                continue
            what, paths = _operands(command)
            below = [
                copy
                for copy, destination in copies
                if any(_is_below(destination, _resolved(folder, path)) for path in paths)
            ]
            if not below:
                continue
            flag = "--chown" if command.name == "chown" else "--chmod"
            noun = "lines" if len(below) > 1 else "line"
            lines = " and ".join(str(copy.line) for copy in below[:5])
            yield context.finding(
                "permission-copies",
                Severity.WARNING,
                instruction,
                f"{command.name} -R touches what {noun} {lines} copied: its layer holds each of these files once more",
                f"Set it where the files are copied: {below[0].name} {flag}={what or '…'}",
                edits=_moved_into_copies(context, instruction, script, below),
                is_safe=False,
                command=command,
            )


def _is_library(source: Source) -> bool:
    path = source.path.rstrip("/")
    return bool(_LIBC_FILE.fullmatch(posixpath.basename(path)) or _LIBRARY_FOLDER.fullmatch(source.path))


def _in_source(context: LintContext, instruction: Instruction, source: Source, path: str) -> tuple[Edit, ...]:
    """The edit of one word of a ``COPY``, where that word stands there exactly once."""
    if instruction.is_exec_form or instruction.heredocs or source.is_mount:
        return ()
    begin, _ = context.span(instruction.line, instruction.end_line)
    found = list(re.finditer(rf"(?<!\S){re.escape(source.written)}(?!\S)", context.source(instruction)))
    if len(found) != 1:
        return ()
    return (Edit(start=begin + found[0].start(), end=begin + found[0].end(), replacement=path),)


def _resolved(folder: str | None, path: str) -> str:
    """`path` from the root; under a folder whose place is not known it is only equal to itself."""
    return posixpath.normpath(posixpath.join(folder or "/?", path))


def _is_below(path: str, folder: str) -> bool:
    return folder != "/" and (path == folder or path.startswith(folder + "/"))


def _is_recursive(command: Command) -> bool:
    return any(
        value == "--recursive" or (value.startswith("-") and not value.startswith("--") and "R" in value)
        for value in command.values
    )


def _operands(command: Command) -> tuple[str, tuple[str, ...]]:
    """The owner or mode, and the paths. A path that the shell computes is left out."""
    words = [word for word in command.arguments if not re.match(r"-[A-Za-z-]*R|--|-[fvchLHP]+$", word.source)]
    if not words:
        return "", ()
    return words[0].source, tuple(word.value for word in words[1:] if word.value)


def _moved_into_copies(
    context: LintContext, instruction: Instruction, script: Script, below: Sequence[Instruction]
) -> tuple[Edit, ...]:
    """``--chown`` or ``--chmod`` on the copies and the ``RUN`` gone, where that ``RUN`` does nothing else.

    Only where nothing between the copies and it can make other files there, and where the owner is plain or the mode a
    number, as the flags ask.
    """
    command = script.commands[0]
    what, paths = _operands(command)
    flag, wanted = ("--chown", _PLAIN_OWNER) if command.name == "chown" else ("--chmod", _OCTAL)
    if len(script.commands) != 1 or not script.has_places or len(paths) != 1 or not wanted.fullmatch(what):
        return ()
    instructions = context.final_instructions
    index = next(number for number, one in enumerate(instructions) if one is instruction)
    first = next(number for number, one in enumerate(instructions) if one is below[0])
    if {one.name for one in instructions[first:index]} & {"RUN", "USER", "WORKDIR"}:
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
