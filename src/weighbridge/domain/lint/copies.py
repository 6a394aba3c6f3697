"""Rules about what is copied from other stages: from where, and which libraries."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator

from weighbridge.domain.checks.finding import Severity
from weighbridge.domain.dockerfile import Instruction, Origin, Source, Stage
from weighbridge.domain.dockerfile.edits import Edit
from weighbridge.domain.late_pattern import late_pattern
from weighbridge.domain.lint.codes import LintCode
from weighbridge.domain.lint.context import LintContext
from weighbridge.domain.lint.model import LintFinding
from weighbridge.domain.lint.syntax import shell_words
from weighbridge.domain.lint.workdir import Misplaced, misplaced, working_directories

_LIBC_FILE = late_pattern(
    r"(?:ld-linux[\w.-]*|ld-musl[\w.-]*|ld-2\.\d+|lib(?:c|m|dl|rt|pthread|resolv|util|nss_\w+|gcc_s|stdc\+\+)[-.\d]*)"
    r"(?:\.so[.\d]*\*?|\*|\.so\*)"
)
_LIBRARY_FOLDER = late_pattern(r"/(?:usr/)?lib(?:32|64|x32)?(?:/[a-z0-9_]+-linux-(?:gnu|musl)\w*)?/?\*?")
_OCTAL = late_pattern(r"[0-7]{3,4}")
PLAIN_OWNER = late_pattern(r"[A-Za-z0-9_.-]+(?::[A-Za-z0-9_.-]+)?")


def copy_from_relative_path(context: LintContext) -> Iterator[LintFinding]:
    """``copy-from-relative-path``: a path of another stage is read from its root, not from its ``WORKDIR``."""
    for stage in context.dockerfile.stages:
        for instruction in stage.instructions:
            if "parents" in instruction.flags or shell_words(instruction):
                continue
            for source in instruction.sources:
                found = misplaced(context.dockerfile, source)
                if found is None or not (found.is_certain or _copies_whole_root(context, stage, instruction, found)):
                    continue
                looked = "the whole filesystem" if found.path == "/" else found.path
                yield context.finding(
                    LintCode.COPY_FROM_RELATIVE_PATH,
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
            if source.origin in {Origin.STAGE, Origin.IMAGE} and _is_library(source) and _keeps_name(source)
        ]
        if copied:
            shown = ", ".join(copied[:3]) + (" …" if len(copied) > 3 else "")
            yield context.finding(
                LintCode.COPIED_LIBRARIES_BY_HAND,
                Severity.WARNING,
                instruction,
                f"{shown}: libraries of the C library's family copied by hand come without those that they load "
                "themselves (name service, gconv), and break when the build stage moves on",
                "Let the final stage stand on an image that has them: busybox:glibc for the C library alone, a slim "
                "distribution image for more; or link the program statically.",
            )


def _copies_whole_root(context: LintContext, stage: Stage, instruction: Instruction, found: Misplaced) -> bool:
    """True if a whole filesystem is copied below another root, which is a mistake."""
    if found.path != "/" or not instruction.expanded or instruction.unknown_variables:
        return False
    folders = {id(one): where for one, where in working_directories(context.dockerfile, stage)}
    folder = folders.get(id(instruction))
    return folder is not None and posixpath.normpath(posixpath.join(folder, instruction.expanded[-1])) not in {
        "/",
        "//",
    }


def _is_library(source: Source) -> bool:
    path = source.path.rstrip("/")
    return bool(_LIBC_FILE.fullmatch(posixpath.basename(path)) or _LIBRARY_FOLDER.fullmatch(source.path))


def _keeps_name(source: Source) -> bool:
    """False for a library that gets another name: it is data for a program, and no loader looks for it."""
    destination = source.destination or ""
    name = posixpath.basename(destination)
    return ".so" not in name or name == posixpath.basename(source.path.rstrip("/"))


def _in_source(context: LintContext, instruction: Instruction, source: Source, path: str) -> tuple[Edit, ...]:
    """The edit of one word of a ``COPY``, where that word stands there exactly once."""
    if instruction.is_exec_form or instruction.heredocs or source.is_mount:
        return ()
    begin, _ = context.span(instruction.line, instruction.end_line)
    found = list(re.finditer(rf"(?<!\S){re.escape(source.written)}(?!\S)", context.source(instruction)))
    if len(found) != 1:
        return ()
    return (Edit(start=begin + found[0].start(), end=begin + found[0].end(), replacement=path),)
