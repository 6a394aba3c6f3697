"""Rule ``rewritten-files``: an earlier layer holds files that a later one removes or moves.

A layer stores whole files: removing one hides it and saves nothing, changing its owner stores it again (OCI image
specification, layer.md, "Change Types" and "Whiteouts").
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Sequence

from weighbridge.domain.checks.finding import Severity
from weighbridge.domain.dockerfile import Instruction, Origin
from weighbridge.domain.dockerfile.run_commands import RunCommand, RunScript
from weighbridge.domain.late_pattern import late_pattern
from weighbridge.domain.lint.codes import LintCode
from weighbridge.domain.lint.context import LintContext
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
from weighbridge.domain.lint.packages import packages_of, removing_words

_MADE_ANYWHERE = frozenset(
    [
        "node_modules",
        "target",
        "build",
        "dist",
        "__pycache__",
        ".cache",
        "tmp",
        "cache",
        "logs",
        ".git",
        "vendor",
        "obj",
    ]
)
_CLEANED_BY_OTHER_RULES = late_pattern(
    r"/var/(?:lib/apt|cache|log|tmp)(?:/|$)|/(?:root|home/[^/]+)/\.(?:cache|npm|cargo|m2|gradle)(?:/|$)|/tmp/?$|.*/\*$"
)
_FOLDER_OF_SMALL_FILES = late_pattern(r"(?:[\w.-]*[-_])?(?:scripts?|conf|config|patches)")
_PRUNING = {"npm": ("prune",), "yarn": ("prune",), "pnpm": ("prune",), "pip": ("uninstall",), "pip3": ("uninstall",)}


def rewritten_files(context: LintContext) -> Iterator[LintFinding]:
    """``rewritten-files``: ``rm``, ``mv`` or a purge of what an earlier layer holds; no byte of it is saved."""
    made: list[MadeFiles] = []
    packages: dict[str, Instruction] = {}
    pruned: dict[str, Instruction] = {}
    for instruction, folder, script in steps(context):
        if script is not None:
            yield from _removals(context, instruction, folder, script, made)
            yield from _purges(context, instruction, script, packages)
            yield from _prunings(context, instruction, script, pruned)
            for command in script.commands:
                for package in packages_of(context, script, command):
                    packages.setdefault(package.partition("=")[0], instruction)
                group = _virtual_group(command)
                if group:
                    packages.setdefault(group, instruction)
                if command.name in _PRUNING and {"ci", "install", "i"} & set(command.values):
                    pruned.setdefault(command.name, instruction)
        made += made_by(instruction, folder, script)


def _removals(
    context: LintContext, instruction: Instruction, folder: str | None, script: RunScript, made: Sequence[MadeFiles]
) -> Iterator[LintFinding]:
    here = folder
    for number, command in enumerate(script.commands):
        here = moved_to(here, command)
        if command.name not in {"rm", "mv", "unlink"}:
            continue
        words = [word.value for word in command.arguments if word.value and not word.value.startswith("-")]
        for written in words[:1] if command.name == "mv" else words:
            path = resolved(here, written)
            if COMPUTED.search(written) or _CLEANED_BY_OTHER_RULES.fullmatch(path) or path == "/":
                continue
            found = _holder(path, made)
            if found is not None and _is_small(found, path):
                continue
            if found is None or _is_made_here(path, script.commands[:number]):
                continue
            if _is_replaced(path, script.commands[number + 1 :]) or (found.is_folder and _is_setting(path, command)):
                continue
            if command.name == "mv" and not (found.path == path and (found.is_download or is_large(found))):
                continue
            verb = "hides" if command.name != "mv" else "stores a second time"
            yield context.finding(
                LintCode.REWRITTEN_FILES,
                Severity.WARNING,
                instruction,
                f"{command.name} {written} {verb} what line {found.instruction.line} put into an earlier layer: "
                "no byte of it is saved",
                _removal_advice(command, found),
                command=command,
                cause=f"rewritten-files {path}",
            )
            break


def _removal_advice(command: RunCommand, found: MadeFiles) -> str:
    if command.name == "mv":
        return f"Put it where it belongs in line {found.instruction.line}"
    if found.instruction.name == "RUN":
        return f"Remove it in the RUN of line {found.instruction.line}, or make it in a build stage"
    if found.instruction.name == "ADD" and any(one.origin is Origin.REMOTE for one in found.instruction.sources):
        return "Download, use and remove it in one RUN, or do this in a build stage"
    return (
        "Use it from a mount (RUN --mount=type=bind,source=…,target=…), copy only what is needed, or do this in a "
        "build stage"
    )


def _purges(
    context: LintContext, instruction: Instruction, script: RunScript, packages: dict[str, Instruction]
) -> Iterator[LintFinding]:
    here = {
        package.partition("=")[0] for command in script.commands for package in packages_of(context, script, command)
    }
    for command in script.commands:
        removed = removing_words(context, script, command)
        old = [name for name in removed or [] if name in packages and name not in here]
        if not old:
            continue
        shown = ", ".join(old[:3]) + (" …" if len(old) > 3 else "")
        line = packages[old[0]].line
        yield context.finding(
            LintCode.REWRITTEN_FILES,
            Severity.WARNING,
            instruction,
            f"{command.name} removes {shown} in another layer than line {line}, which installed them: no byte is saved",
            f"Install, use and remove them in one RUN, that of line {line}; or do this in a build stage",
            command=command,
            cause=f"rewritten-files purge {line}",
        )


def _prunings(
    context: LintContext, instruction: Instruction, script: RunScript, pruned: dict[str, Instruction]
) -> Iterator[LintFinding]:
    for command in script.commands:
        words = _PRUNING.get(command.name, ())
        before = pruned.get(command.name)
        if before is None or not set(words) & set(command.values[:2]):
            continue
        if any(one.name == command.name and {"ci", "install", "i"} & set(one.values) for one in script.commands):
            continue
        yield context.finding(
            LintCode.REWRITTEN_FILES,
            Severity.WARNING,
            instruction,
            f"{command.name} {command.values[0]} removes packages in another layer than line {before.line}, which "
            "installed them: no byte is saved",
            "Do this in a build stage and copy the result; or in the RUN that installs",
            command=command,
            cause=f"rewritten-files prune {before.line}",
        )


def _virtual_group(command: RunCommand) -> str | None:
    values = command.values
    for index, value in enumerate(values[:-1]):
        if command.name == "apk" and value in {"-t", "--virtual"}:
            return values[index + 1]
    return next((value.partition("=")[2] for value in values if value.startswith("--virtual=")), None)


def _holder(path: str, made: Sequence[MadeFiles]) -> MadeFiles | None:
    """What put a file to `path`: that very path, a large file below it, or a folder copied with what is below it."""
    for one in reversed(made):
        if one.path == path and not one.is_filled_by_program:
            return one
    for one in reversed(made):
        if not one.is_folder and (one.is_download or is_large(one)) and is_in_folder(one.path, path):
            return one
    name = posixpath.basename(path)
    if name in _MADE_ANYWHERE:
        return None
    for one in reversed(made):
        is_inside = one.is_folder and not one.is_filled_by_program and one.path != path and is_in_folder(path, one.path)
        if is_inside and not one.is_whole_context and one.instruction.name in {"COPY", "ADD"}:
            return one
    return None


def _is_small(found: MadeFiles, path: str) -> bool:
    """True for a script or a file of settings, and for a folder into which only such files were copied."""
    if (not found.is_folder or found.path != path) and SMALL_FILE.fullmatch(posixpath.basename(path)):
        return True
    sources = found.instruction.sources if found.instruction.name == "COPY" and found.is_folder else ()
    return bool(sources) and all(_is_small_source(one.path.rstrip("*/")) for one in sources)


def _is_small_source(path: str) -> bool:
    folder, _, name = path.rpartition("/")
    is_file = "." in name and SMALL_FILE.fullmatch(name) is not None
    return is_file or _FOLDER_OF_SMALL_FILES.fullmatch(posixpath.basename(name or folder)) is not None


def _is_replaced(path: str, behind: Sequence[RunCommand]) -> bool:
    """True if the same ``RUN`` then puts a link or a file to the very place: it was not removed for its size."""
    return any(
        command.name in {"cp", "install", "ln", "mv"} and command.arguments and command.arguments[-1].value == path
        for command in behind
    )


def _is_setting(path: str, command: RunCommand) -> bool:
    """True for a single file of settings."""
    return path.startswith("/etc/") and not any(
        value.startswith("-") and "r" in value.lower() for value in command.values
    )


def _is_made_here(path: str, before: Sequence[RunCommand]) -> bool:
    """True if the same ``RUN`` names the path before it is removed, so that it may have made it itself."""
    name = posixpath.basename(path)
    making = {"cp", "mkdir", "curl", "wget", "tar", "git", "mv", "ln", "touch", "tee"}
    return any(
        command.name in making and any(name and name in word.source for word in command.arguments[-2:])
        for command in before
        if command.name != "tar"
    )
