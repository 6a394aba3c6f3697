"""Builds without symbols: adds a flag to the build commands, at a place that no other proposal edits."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator

from weighbridge.domain.dockerfile.edits import Edit
from weighbridge.domain.dockerfile.run_commands import RunCommand
from weighbridge.domain.tips.proposals.written import Written
from weighbridge.domain.tips.tip import DockerfileSource, Language, TipChange

_C_COMPILERS = re.compile(r"(?:[\w-]+-)?(?:gcc|cc|clang|g\+\+|c\+\+|clang\+\+)(?:-[\d.]+)?")
_NO_PROGRAM = frozenset({"-c", "-S", "-E", "-M", "-MM", "--version", "-v", "-fsyntax-only"})
_DEBUGS = re.compile(r"-g(?:[0-3]|gdb[0-3]?|dwarf-?[0-9]*)?")
_BUILDS = {"build", "install"}
_FLAGS = re.compile(r"--?ldflags(?:=(?P<quote>[\"']?)|$)")
_STRIPS = re.compile(r"(?:^|[\s\"'=])-s(?:$|[\s\"'])")


def stripped_build(source: DockerfileSource, languages: Collection[Language]) -> TipChange | None:
    """The change that builds programs of `languages` without symbols; ``None`` if a build command is unsupported.

    Changes every build command of these languages, because the command of each program is unknown. Skips commands that
    request debugging information (``-g``).
    """
    written = Written(source)
    edits: list[Edit] = []
    for language in dict.fromkeys(languages):
        found = [edit for command in _commands(written) if (edit := _edit(written, command, language)) is not None]
        if not found:
            return None
        edits += found
    return written.change(edits)


def _commands(written: Written) -> Iterator[RunCommand]:
    """The commands of every stage that the image needs."""
    for stage in written.source.dockerfile.reachable_stages(written.source.target):
        for one in stage.instructions:
            if one.name == "RUN":
                script = written.context.script(one)
                if script.has_places:
                    yield from script.commands


def _edit(written: Written, command: RunCommand, language: Language) -> Edit | None:
    """The edit of one command; ``None`` if it does not build in `language`, or if it strips already."""
    subcommand = command.values[0] if command.values else ""
    match language:
        case Language.GO if command.name == "go" and subcommand in _BUILDS:
            return _go(written, command)
        case Language.RUST if command.name == "rustc" and not _says(command, "strip="):
            return _appended(command, "-C strip=symbols")
        case Language.RUST if command.name == "cargo" and subcommand in _BUILDS and not _says(command, ".strip="):
            is_release = subcommand == "install" or {"--release", "-r"} & set(command.values)
            if "--" in command.values or _says(command, "--profile"):
                return None
            return _appended(command, f"--config profile.{'release' if is_release else 'dev'}.strip=true")
        case Language.C if _C_COMPILERS.fullmatch(command.name):
            if not command.values or (_NO_PROGRAM | {"-s"}) & set(command.values) or _says(command, "-Wl,-s"):
                return None
            if any(_DEBUGS.fullmatch(value) for value in command.values):
                return None
            return _appended(command, "-s")
        case _:
            return None


def _go(written: Written, command: RunCommand) -> Edit | None:
    for index, word in enumerate(command.arguments):
        match = _FLAGS.match(word.source)
        if match is None:
            continue
        value = command.arguments[index + 1] if match["quote"] is None and index + 1 < len(command.arguments) else word
        text = value.source[match.end() :] if value is word else value.source
        if (
            _STRIPS.search(text)
            or (value is not word and text[:1] not in {'"', "'"})
            or (value is word and not match["quote"])
        ):
            return None
        place = value.start + (match.end() if value is word else 1)
        return Edit(start=place, end=place, replacement="-s -w ")
    if "GOFLAGS" in written.context.variables or "GOFLAGS" in command.assigned:
        return None
    place = command.arguments[0].end
    return Edit(start=place, end=place, replacement=' -ldflags="-s -w"')


def _appended(command: RunCommand, words: str) -> Edit:
    return Edit(start=command.end, end=command.end, replacement=f" {words}")


def _says(command: RunCommand, part: str) -> bool:
    return any(part in value for value in command.values)
