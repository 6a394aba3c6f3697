"""Rule ``strip-binaries``: programs are linked with symbols and debugging sections that running does not need."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator

from weighbridge.domain.checks.finding import Severity
from weighbridge.domain.dockerfile import Instruction, Stage
from weighbridge.domain.dockerfile.edits import Edit
from weighbridge.domain.dockerfile.run_commands import RunCommand
from weighbridge.domain.late_pattern import late_pattern
from weighbridge.domain.lint.codes import LintCode
from weighbridge.domain.lint.context import LintContext, inserted_after
from weighbridge.domain.lint.model import LintFinding, Surroundings
from weighbridge.domain.lint.purpose import Purpose
from weighbridge.domain.lint.stages import builds_in_final_stage

_STRIPPING = late_pattern(r"(?:^|[\s\"'=])-s(?:[\s\"']|$)")
_STRIPS_RUST = late_pattern(r"^\s*strip\s*=|link-arg=-s|CARGO_PROFILE_RELEASE_STRIP", re.MULTILINE)
_GO_BIN = late_pattern(r"(?:^|/)go(?:/bin(?:/.*)?)?$|GOPATH|GOBIN")
_VERSION = late_pattern(r"(?:/v\d+)?(?:@.*)?$")
_ABOUT_SYMBOLS_BYTES = 5_000_000
_ABOUT_RUST_SYMBOLS_BYTES = 2_000_000


def strip_binaries(context: LintContext) -> Iterator[LintFinding]:
    """``strip-binaries``: Go and Rust programs with symbols, built in a stage that the final image copies from."""
    if context.purpose is not Purpose.RUN or re.search(r"\bstrip\b|GOFLAGS|upx", context.text):
        return
    if builds_in_final_stage(context):
        return
    for stage in _stages_copied_from(context):
        for instruction in stage.instructions:
            if instruction.name != "RUN":
                continue
            script = context.script(instruction)
            for command in script.commands:
                if command.name == "cargo" and _keeps_rust_symbols(context, command):
                    yield _rust_finding(context, instruction, command)
                    continue
                if not _links_with_symbols(command) or not _is_shipped(context, stage, command):
                    continue
                word = command.arguments[0]
                has_flags = any("-ldflags" in one.source for one in command.arguments)
                edits = () if has_flags or command.is_nested else inserted_after(script, word.end, '-ldflags="-s -w"')
                yield context.finding(
                    LintCode.STRIP_BINARIES,
                    Severity.INFO,
                    instruction,
                    f"go {word.value} keeps the symbol table and the debugging sections, about a quarter of it",
                    "Add -s -w to -ldflags, unless the program is debugged in the container"
                    if has_flags
                    else 'Add -ldflags="-s -w", unless the program is debugged in the container',
                    edits=edits,
                    is_safe=False,
                    command=command,
                    cause="strip-binaries",
                    about_bytes=_ABOUT_SYMBOLS_BYTES,
                )


def _keeps_rust_symbols(context: LintContext, command: RunCommand) -> bool:
    """True for a release build that nothing strips: Cargo's release profile keeps the symbols (Cargo Book, strip)."""
    values = command.values
    if not {"build", "install"} & set(values[:2]) or not ({"--release", "-r"} & set(values) or "install" in values[:2]):
        return False
    cargo = (context.surroundings or Surroundings()).cargo_toml or ""
    is_computed = any(value.startswith(("$", "--profile")) or "strip" in value for value in values)
    if is_computed or _STRIPS_RUST.search(cargo + context.text):
        return False
    crates = {value for value in values[1:] if not value.startswith("-")}
    return "install" not in values[:2] or any(
        posixpath.basename(source.path.rstrip("/")) in crates
        for instruction in context.final_instructions
        for source in instruction.sources
    )


def _rust_finding(context: LintContext, instruction: Instruction, command: RunCommand) -> LintFinding:
    flag = "--config profile.release.strip=true"
    place = Edit(start=command.end, end=command.end, replacement=f" {flag}")
    has_end = command.is_nested or not command.start or "--" in command.values
    return context.finding(
        LintCode.STRIP_BINARIES,
        Severity.INFO,
        instruction,
        f"cargo {command.values[0]} keeps the symbol table, about a fifth of the program",
        f"Add strip = true to [profile.release] in Cargo.toml, or {flag}",
        edits=() if has_end else (place,),
        is_safe=False,
        command=command,
        cause="strip-binaries",
        about_bytes=_ABOUT_RUST_SYMBOLS_BYTES,
    )


def _stages_copied_from(context: LintContext) -> Iterator[Stage]:
    """The stages whose files the final image gets: its own, and those that it copies from."""
    stages = context.dockerfile.stages
    own = {stage.index for stage in context.chain}
    copied = {
        source.stage
        for instruction in context.final_instructions
        for source in instruction.sources
        if source.stage is not None and not source.is_mount
    }
    wanted = own | {one.index for index in copied for one in context.dockerfile.chain(stages[index])}
    return (stage for stage in stages if stage.index in wanted)


def _is_shipped(context: LintContext, stage: Stage, command: RunCommand) -> bool:
    """True if the program may get into the final image: a tool of the build has no size there."""
    if stage in context.chain:
        return True
    values = command.values
    output = values[values.index("-o") + 1] if "-o" in values[:-1] else ""
    copied = [
        source.path
        for instruction in context.final_instructions
        for source in instruction.sources
        if source.stage is not None and not source.is_mount
    ]
    if not output:
        return values[0] == "build" or any(_holds_installed(path, stage, command) for path in copied)
    name = posixpath.basename(output.rstrip("/"))
    folder = posixpath.dirname(output) or "."
    return any(posixpath.basename(path.rstrip("/")) in {name, "*", posixpath.basename(folder)} for path in copied)


def _holds_installed(path: str, stage: Stage, command: RunCommand) -> bool:
    """True if a copy takes what ``go install`` made: from ``GOBIN``, ``/go/bin`` or a file of the program's name."""
    clean = path.rstrip("/*")
    set_folders = [value for name, value in command.assignments if name == "GOBIN"]
    set_folders += [
        one.expanded[index + 1]
        for one in stage.instructions
        if one.name == "ENV"
        for index in range(0, len(one.expanded) - 2, 3)
        if one.expanded[index] == "GOBIN"
    ]
    if any(clean == folder.rstrip("/") or clean.startswith(f"{folder.rstrip('/')}/") for folder in set_folders):
        return True
    programs = {posixpath.basename(_VERSION.sub("", value)) for value in command.values[1:]}
    return _GO_BIN.search(clean) is not None or posixpath.basename(clean) in programs


def _links_with_symbols(command: RunCommand) -> bool:
    if command.name != "go" or not command.arguments or command.arguments[0].value not in {"build", "install"}:
        return False
    values = command.values
    if "std" in values[1:]:
        return False  # It compiles the standard library into the cache, and links nothing.
    flags = [value for value in values if "ldflags" in value]
    if flags:
        behind = " ".join(
            value for index, value in enumerate(values) if "ldflags" in value or "ldflags" in values[index - 1]
        )
        return not _STRIPPING.search(behind.replace("-ldflags", " ").replace("=", " ")) and "$" not in behind
    if any(value.startswith("$") or "gcflags" in value for value in values):
        return False  # Computed options, or a build for a debugger.
    return any(value == "-o" for value in values) or len(values) > 1 or command.arguments[0].value == "build"
