"""Which files the instructions of a Dockerfile put where, as far as its text shows."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from typing import NamedTuple

from weighbridge.domain.dockerfile import Instruction, Origin
from weighbridge.domain.dockerfile.run_commands import RunCommand, RunScript
from weighbridge.domain.late_pattern import late_pattern
from weighbridge.domain.lint.context import LintContext
from weighbridge.domain.lint.workdir import working_directories

SMALL_FILE = late_pattern(
    r".*(?:\.(?:sh|bash|py|rb|pl|js|mjs|ts|conf|cfg|cnf|ini|ya?ml|json|toml|xml|env|txt|md|template|tmpl|service|crt|pem"
    r"|key|list|repo|rules|sql|properties|lua|php|patch|diff|rc|default|sum|sha256|asc|gpg|sig)|entrypoint|start|run|init|cmd|launch|healthcheck|setup)",
    re.IGNORECASE,
)
_LARGE_FILE = late_pattern(
    r".*\.(?:jar|war|ear|zip|tgz|tar|gz|bz2|xz|zst|7z|deb|rpm|whl|bin|run|AppImage|so|phar|iso|img|run)"
)
_FILLERS = frozenset(
    [
        "npm",
        "yarn",
        "pnpm",
        "bun",
        "composer",
        "bundle",
        "pip",
        "pip3",
        "poetry",
        "uv",
        "go",
        "cargo",
        "make",
        "mvn",
        "gradle",
        "mvnw",
        "gradlew",
        "dotnet",
        "mix",
        "bower",
        "gem",
        "cmake",
        "python",
        "python3",
        "virtualenv",
        "conda",
    ]
)
_TAKE_PATHS = frozenset(
    [
        "cp",
        "mv",
        "tar",
        "unzip",
        "install",
        "rsync",
        "git",
        "curl",
        "wget",
        "tee",
        "dd",
        "ln",
        "mkdir",
        "7z",
        "ar",
        "gunzip",
        "bunzip2",
        "svn",
        "hg",
    ]
)
COMPUTED = late_pattern(r"[$`*?\[{~]")


class MadeFiles(NamedTuple):
    """Files that an instruction put at `path`, or below it (`is_folder`)."""

    path: str
    instruction: Instruction
    is_folder: bool
    is_whole_context: bool = False
    is_filled_by_program: bool = False
    is_download: bool = False


def steps(context: LintContext) -> Iterator[tuple[Instruction, str | None, RunScript | None]]:
    """Each instruction of the final image with its working directory and, of a ``RUN``, its commands."""
    runs = {id(instruction): script for instruction, script in context.final_runs}
    for instruction, folder in working_directories(context.dockerfile, context.final):
        if instruction.name in {"RUN", "COPY", "ADD"}:
            yield instruction, folder, runs.get(id(instruction))


def made_by(instruction: Instruction, folder: str | None, script: RunScript | None) -> Iterator[MadeFiles]:
    """The files that an instruction puts somewhere; `script` has the commands of a ``RUN``."""
    if instruction.name in {"COPY", "ADD"}:
        yield from _copied_by(instruction, folder)
    elif script is not None:
        yield from _made_by_commands(instruction, folder, script)


def _copied_by(instruction: Instruction, folder: str | None) -> Iterator[MadeFiles]:
    if not instruction.expanded or instruction.unknown_variables:
        return
    written = instruction.expanded[-1]
    destination = resolved(folder, written)
    into = written.endswith("/") or written in {".", ".."} or len(instruction.sources) > 1
    for source in instruction.sources:
        if source.origin is Origin.HEREDOC or source.is_mount:
            continue
        path = source.path.rstrip("/")
        name = posixpath.basename(path)
        is_context = path in {"", ".", "./", "/"} or name == "*"
        extension = re.search(r"\.[A-Za-z0-9]{1,10}$", name)
        is_remote = source.origin is Origin.REMOTE
        if is_remote:
            name = posixpath.basename(path.partition("?")[0].partition("#")[0])
        is_file = is_remote or (extension is not None and not is_context)
        if instruction.name == "ADD" and not is_remote and re.search(r"\.(?:tar|tgz|tar\.\w+|tbz2|txz)$", name):
            yield MadeFiles(path=destination, instruction=instruction, is_folder=True)
            continue
        at = posixpath.join(destination, name) if into and is_file else destination
        yield MadeFiles(
            path=posixpath.normpath(at),
            instruction=instruction,
            is_folder=not is_file,
            is_whole_context=is_context,
            is_download=is_remote,
        )


def _made_by_commands(instruction: Instruction, folder: str | None, script: RunScript) -> Iterator[MadeFiles]:
    here = folder
    removed: list[str] = [
        resolved(folder, word.value or "")
        for command in script.commands
        if command.name == "rm"
        for word in command.arguments
        if word.value
    ]
    for command in script.commands:
        here = moved_to(here, command)
        if command.name in _FILLERS and _fills_folder(command):
            yield MadeFiles(path=here or "/?", instruction=instruction, is_folder=True, is_filled_by_program=True)
        makes_environment = command.name in {"uv", "virtualenv"} or command.name.startswith("python")
        environment = _virtual_environment(command) if makes_environment else None
        if environment is not None and not COMPUTED.search(environment):
            yield MadeFiles(path=resolved(here, environment), instruction=instruction, is_folder=True)
        if command.name in _TAKE_PATHS:
            for path, is_folder, is_download in _paths_made(command, here):
                if not any(is_in_folder(path, one) for one in removed if one != "/"):
                    yield MadeFiles(path=path, instruction=instruction, is_folder=is_folder, is_download=is_download)


def _virtual_environment(command: RunCommand) -> str | None:
    """The folder of ``python -m venv``, ``virtualenv`` and ``uv venv``, as written."""
    words = [value for value in command.values if not value.startswith("-") or value == "-m"]
    is_python = re.fullmatch(r"python[\d.]*", command.name) is not None
    if (is_python and words[:2] in (["-m", "venv"], ["-m", "virtualenv"])) or command.name == "virtualenv":
        return words[-1] if words[-1:] not in (["venv"], ["virtualenv"], []) else None
    return words[-1] if command.name == "uv" and words[:1] == ["venv"] and len(words) > 1 else None


def _fills_folder(command: RunCommand) -> bool:
    values = set(command.values)
    if {"-g", "--global", "global", "--version"} & values:
        return False
    if command.name in {"pip", "pip3"}:
        return False  # Into the interpreter's own folders.
    if command.name in {"python", "python3"}:
        return False
    if command.name in {"go", "cargo"}:
        return "build" in values
    return bool(values & {"install", "ci", "i", "build", "run", "compile", "package", "restore", "publish"})


def _paths_made(command: RunCommand, here: str | None) -> Iterator[tuple[str, bool, bool]]:
    """Path, whether it is a folder, and whether it is a download, of what a command certainly puts somewhere."""
    values = [word.value or word.source for word in command.arguments]
    if any("$" in value and command.name not in {"curl", "wget"} for value in values):
        return
    if command.name in {"curl", "wget"}:
        path = downloaded_to(command)
        if path is not None and not COMPUTED.search(path):
            yield resolved(here, path), False, True
    elif command.name == "git" and "clone" in values:
        path = cloned_to(command)
        if path is not None and not COMPUTED.search(path):
            yield resolved(here, path), True, True
    elif command.name == "tar":
        for index, value in enumerate(values[:-1]):
            if (
                value in {"-C", "--directory"}
                and re.search(r"x", values[0])
                and values[index + 1] not in {"/", "/usr/local", "/opt"}
            ):
                yield resolved(here, values[index + 1]), True, False
    elif command.name == "unzip" and "-d" in values[:-1]:
        target = values[values.index("-d") + 1]
        if target not in {"/", "/usr/local", "/opt"}:
            yield resolved(here, target), True, False


_OUTPUTS = {
    "curl": late_pattern(r"(?:-[aBfgGiIjJklLMnNOpqRsSvZ0-9#]*o|--output(?=[=]|$)=?)(?P<path>.*)"),
    "wget": late_pattern(r"(?:-[a-zA-Z]*?O|--output-document(?=[=]|$)=?)(?P<path>.*)"),
}
"""The option for the file's name, after options without a value (curl(1), wget(1)); the name may follow directly."""


def downloaded_to(command: RunCommand) -> str | None:
    """The file that ``curl`` or ``wget`` writes, as written; ``None`` if it is unknown or there is none."""
    values = [word.value or word.source for word in command.arguments]
    for index, value in enumerate(values):
        option = _OUTPUTS[command.name].fullmatch(value)
        if option is not None:
            path = option["path"] or (values[index + 1] if index + 1 < len(values) else None)
            return None if path in {None, "-", "/dev/null"} else path
    urls = [value for value in values if "://" in value]
    keeps_name = command.name == "wget" or any(
        value in {"--remote-name", "--remote-name-all"} or re.fullmatch(r"-[a-zA-Z]*O[a-zA-Z]*", value)
        for value in values
    )
    if not keeps_name or len(urls) != 1 or "--spider" in values:
        return None
    name = posixpath.basename(urls[0].strip("\"'").partition("?")[0])
    for index, value in enumerate(values[:-1]):
        if command.name == "wget" and value in {"-P", "--directory-prefix"}:
            return posixpath.join(values[index + 1], name) if name else None
    return name or None


def cloned_to(command: RunCommand) -> str | None:
    """The folder that ``git clone`` makes, as written."""
    words: list[str] = []
    skip = False
    for word in command.arguments:
        value = word.value or word.source
        if skip:
            skip = False
        elif value.startswith("-"):
            skip = value in {
                "-b",
                "--branch",
                "--depth",
                "-o",
                "-c",
                "--config",
                "--filter",
                "-j",
                "--jobs",
                "--reference",
            }
        else:
            words.append(value)
    if "clone" not in words:
        return None
    behind = words[words.index("clone") + 1 :]
    if len(behind) > 1:
        return behind[1]
    return posixpath.basename(behind[0].strip("\"'").rstrip("/")).removesuffix(".git") if behind else None


def moved_to(here: str | None, command: RunCommand) -> str | None:
    """The working directory behind ``cd``; a place that is only equal to itself where it is unknown."""
    if command.name not in {"cd", "pushd", "popd"}:
        return here
    words = [word for word in command.arguments if not word.source.startswith("-")]
    path = words[0].value if words and command.name != "popd" else None
    return f"/?{command.start}" if path is None or COMPUTED.search(path) else resolved(here, path)


def resolved(folder: str | None, path: str) -> str:
    """`path` from the root; under a folder whose place is unknown it is only equal to itself."""
    return posixpath.normpath(posixpath.join(folder or "/?", path))


def is_in_folder(path: str, folder: str) -> bool:
    """True for `folder` itself and what is in it. The root holds nothing here: it tells nothing apart."""
    return folder != "/" and (path == folder or path.startswith(folder + "/"))


def is_large(one: MadeFiles) -> bool:
    """True if a single file is probably large: an archive, a jar, a binary of another stage or of the web."""
    name = posixpath.basename(one.path)
    if SMALL_FILE.fullmatch(name):
        return False
    if _LARGE_FILE.fullmatch(name):
        return True
    sources = one.instruction.sources
    return bool(sources) and all(source.origin in {Origin.STAGE, Origin.IMAGE, Origin.REMOTE} for source in sources)
