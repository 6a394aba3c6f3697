"""Rules about files that an earlier layer holds and a later one removes, moves, or gives another owner or mode.

A layer stores whole files: removing one hides it and saves nothing, changing its owner stores it again (OCI image
specification, layer.md, "Change Types" and "Whiteouts").
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from weighbridge.domain.checks.finding import Severity
from weighbridge.domain.dockerfile import Instruction, Origin
from weighbridge.domain.dockerfile.edits import Edit
from weighbridge.domain.dockerfile.run_commands import RunCommand, RunScript
from weighbridge.domain.lint.codes import LintCode
from weighbridge.domain.lint.context import LintContext
from weighbridge.domain.lint.model import LintFinding
from weighbridge.domain.lint.packages import packages_of, removing_words
from weighbridge.domain.lint.workdir import working_directories

_OCTAL = re.compile(r"[0-7]{3,4}")
_PLAIN_OWNER = re.compile(r"[A-Za-z0-9_.-]+(?::[A-Za-z0-9_.-]+)?")
_SMALL_FILE = re.compile(
    r".*(?:\.(?:sh|bash|py|rb|pl|js|mjs|ts|conf|cfg|cnf|ini|ya?ml|json|toml|xml|env|txt|md|template|tmpl|service|crt|pem"
    r"|key|list|repo|rules|sql|properties|lua|php|patch|diff|rc|default|sum|sha256|asc|gpg|sig)|entrypoint|start|run|init|cmd|launch|healthcheck|setup)",
    re.IGNORECASE,
)
_LARGE_FILE = re.compile(
    r".*\.(?:jar|war|ear|zip|tgz|tar|gz|bz2|xz|zst|7z|deb|rpm|whl|bin|run|AppImage|so|phar|iso|img|run)"
)
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
_CLEANED_BY_OTHER_RULES = re.compile(
    r"/var/(?:lib/apt|cache|log|tmp)(?:/|$)|/(?:root|home/[^/]+)/\.(?:cache|npm|cargo|m2|gradle)(?:/|$)|/tmp/?$|.*/\*$"
)
_DOWNLOADERS = frozenset(["curl", "wget", "aria2c", "axel", "git", "hg", "svn"])
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
_COMPUTED = re.compile(r"[$`*?\[{~]")
_PRUNING = {"npm": ("prune",), "yarn": ("prune",), "pnpm": ("prune",), "pip": ("uninstall",), "pip3": ("uninstall",)}


@dataclass(frozen=True, kw_only=True, slots=True)
class _Made:
    """Files that an instruction put at `path`, or below it (`is_folder`)."""

    path: str
    instruction: Instruction
    is_folder: bool
    is_whole_context: bool = False
    is_filled_by_program: bool = False
    is_download: bool = False


# --- rewritten-files ----------------------------------------------------------------------------------------------


def rewritten_files(context: LintContext) -> Iterator[LintFinding]:
    """``rewritten-files``: ``rm``, ``mv`` or a purge of what an earlier layer holds; no byte of it is saved."""
    made: list[_Made] = []
    packages: dict[str, Instruction] = {}
    pruned: dict[str, Instruction] = {}
    for instruction, folder, script in _steps(context):
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
        made += _made_by(instruction, folder, script)


def _removals(
    context: LintContext, instruction: Instruction, folder: str | None, script: RunScript, made: Sequence[_Made]
) -> Iterator[LintFinding]:
    here = folder
    for number, command in enumerate(script.commands):
        here = _moved_to(here, command)
        if command.name not in {"rm", "mv", "unlink"}:
            continue
        words = [word.value for word in command.arguments if word.value and not word.value.startswith("-")]
        for written in words[:1] if command.name == "mv" else words:
            path = _resolved(here, written)
            if _COMPUTED.search(written) or _CLEANED_BY_OTHER_RULES.fullmatch(path) or path == "/":
                continue
            found = _holder(path, made)
            if found is not None and not found.is_folder and _SMALL_FILE.fullmatch(posixpath.basename(path)):
                continue
            if found is None or _is_made_here(path, script.commands[:number]):
                continue
            if command.name == "mv" and not (found.path == path and (found.is_download or _is_large(found))):
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


def _removal_advice(command: RunCommand, found: _Made) -> str:
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


# --- permission-copies --------------------------------------------------------------------------------------------


def permission_copies(context: LintContext) -> Iterator[LintFinding]:
    """``permission-copies``: ``chown`` or ``chmod`` of what an earlier layer holds stores every file a second time."""
    made: list[_Made] = []
    for instruction, folder, script in _steps(context):
        if script is not None:
            here = folder
            for command in script.commands:
                here = _moved_to(here, command)
                if command.name not in {"chown", "chmod", "chgrp"}:
                    continue
                below = _touched(command, here, made)
                if below:
                    yield _permission_finding(context, instruction, script, command, below)
        made += _made_by(instruction, folder, script)


def _touched(command: RunCommand, folder: str | None, made: Sequence[_Made]) -> list[Instruction]:
    """The earlier instructions whose files a ``chown`` or ``chmod`` stores again."""
    recursive = _is_recursive(command)
    _, written = _operands(command)
    paths = [_resolved(folder, path) for path in written if not _COMPUTED.search(path.rstrip("*").rstrip("/"))]
    paths = [path.removesuffix("/*") for path in paths if recursive or not path.endswith("*")]
    below = [one.instruction for one in made if any(_is_touched(one, path, command) for path in paths)]
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
    separator = " " if " " in value else "="
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


def _is_touched(one: _Made, path: str, command: RunCommand) -> bool:
    name = posixpath.basename(one.path)
    if not one.is_folder and (_SMALL_FILE.fullmatch(name) or not (one.is_download or _is_large(one))):
        return False
    if _is_recursive(command):
        inside = _is_below(one.path, path)
        return inside or (one.is_folder and not one.is_whole_context and _is_below(path, one.path))
    if one.path != path or (one.is_folder and not _is_program(path, command)):
        return False
    return one.is_download or _is_large(one)


def _is_program(path: str, command: RunCommand) -> bool:
    """True if a name without an ending is that of a program and not of a folder."""
    return posixpath.dirname(path).endswith("bin") or (command.name == "chmod" and "+x" in command.values)


def _is_large(one: _Made) -> bool:
    """True if a single file is probably large: an archive, a jar, a binary of another stage or of the web."""
    name = posixpath.basename(one.path)
    if _SMALL_FILE.fullmatch(name):
        return False
    if _LARGE_FILE.fullmatch(name):
        return True
    sources = one.instruction.sources
    return bool(sources) and all(source.origin in {Origin.STAGE, Origin.IMAGE, Origin.REMOTE} for source in sources)


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
    flag, wanted = ("--chown", _PLAIN_OWNER) if command.name == "chown" else ("--chmod", _OCTAL)
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


# --- what instructions make ---------------------------------------------------------------------------------------


def _steps(context: LintContext) -> Iterator[tuple[Instruction, str | None, RunScript | None]]:
    """Each instruction of the final image with its working directory and, of a ``RUN``, its commands."""
    runs = {id(instruction): script for instruction, script in context.final_runs}
    for instruction, folder in working_directories(context.dockerfile, context.final):
        if instruction.name in {"RUN", "COPY", "ADD"}:
            yield instruction, folder, runs.get(id(instruction))


def _made_by(instruction: Instruction, folder: str | None, script: RunScript | None) -> Iterator[_Made]:
    if instruction.name in {"COPY", "ADD"}:
        yield from _copied_by(instruction, folder)
    elif script is not None:
        yield from _made_by_commands(instruction, folder, script)


def _copied_by(instruction: Instruction, folder: str | None) -> Iterator[_Made]:
    if not instruction.expanded or instruction.unknown_variables:
        return
    written = instruction.expanded[-1]
    destination = _resolved(folder, written)
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
            yield _Made(path=destination, instruction=instruction, is_folder=True)
            continue
        at = posixpath.join(destination, name) if into and is_file else destination
        yield _Made(
            path=posixpath.normpath(at),
            instruction=instruction,
            is_folder=not is_file,
            is_whole_context=is_context,
            is_download=is_remote,
        )


def _made_by_commands(instruction: Instruction, folder: str | None, script: RunScript) -> Iterator[_Made]:
    here = folder
    removed: list[str] = [
        _resolved(folder, word.value or "")
        for command in script.commands
        if command.name == "rm"
        for word in command.arguments
        if word.value
    ]
    for command in script.commands:
        here = _moved_to(here, command)
        if command.name in _FILLERS and _fills_folder(command):
            yield _Made(path=here or "/?", instruction=instruction, is_folder=True, is_filled_by_program=True)
        if command.name in _TAKE_PATHS:
            for path, is_folder, is_download in _paths_made(command, here):
                if not any(_is_below(path, one) for one in removed if one != "/"):
                    yield _Made(path=path, instruction=instruction, is_folder=is_folder, is_download=is_download)


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
        if path is not None and not _COMPUTED.search(path):
            yield _resolved(here, path), False, True
    elif command.name == "git" and "clone" in values:
        path = cloned_to(command)
        if path is not None and not _COMPUTED.search(path):
            yield _resolved(here, path), True, True
    elif command.name == "tar":
        for index, value in enumerate(values[:-1]):
            if (
                value in {"-C", "--directory"}
                and re.search(r"x", values[0])
                and values[index + 1] not in {"/", "/usr/local", "/opt"}
            ):
                yield _resolved(here, values[index + 1]), True, False
    elif command.name == "unzip" and "-d" in values[:-1]:
        target = values[values.index("-d") + 1]
        if target not in {"/", "/usr/local", "/opt"}:
            yield _resolved(here, target), True, False


def downloaded_to(command: RunCommand) -> str | None:
    """The file that ``curl`` or ``wget`` writes, as written; ``None`` if it is unknown or there is none."""
    values = [word.value or word.source for word in command.arguments]
    urls = [value for value in values if "://" in value]
    for index, value in enumerate(values):
        following = values[index + 1] if index + 1 < len(values) else None
        if command.name == "curl":
            if value in {"--output", "-o"} or re.fullmatch(r"-[a-zA-Z]*o", value):
                return None if following in {None, "-", "/dev/null"} else following
            if value.startswith("--output="):
                return value.partition("=")[2]
        elif re.fullmatch(r"-[a-zA-Z]*O", value) or value == "--output-document":
            return None if following in {None, "-", "/dev/null"} else following
        elif value.startswith("--output-document=") or (value.startswith("-O") and len(value) > 2):
            path = value.partition("=")[2] or value[2:]
            return None if path in {"-", "/dev/null"} else path
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


def _moved_to(here: str | None, command: RunCommand) -> str | None:
    """The working directory behind ``cd``; a place that is only equal to itself where it is unknown."""
    if command.name not in {"cd", "pushd", "popd"}:
        return here
    words = [word for word in command.arguments if not word.source.startswith("-")]
    path = words[0].value if words and command.name != "popd" else None
    return f"/?{command.start}" if path is None or _COMPUTED.search(path) else _resolved(here, path)


def _holder(path: str, made: Sequence[_Made]) -> _Made | None:
    """What put a file to `path`: that very path, or a folder that was copied with what is below it."""
    for one in reversed(made):
        if one.path == path and not one.is_filled_by_program:
            return one
    name = posixpath.basename(path)
    if name in _MADE_ANYWHERE:
        return None
    for one in reversed(made):
        is_inside = one.is_folder and not one.is_filled_by_program and one.path != path and _is_below(path, one.path)
        if is_inside and not one.is_whole_context and one.instruction.name in {"COPY", "ADD"}:
            return one
    return None


def _is_made_here(path: str, before: Sequence[RunCommand]) -> bool:
    """True if the same ``RUN`` names the path before it is removed, so that it may have made it itself."""
    name = posixpath.basename(path)
    making = {"cp", "mkdir", "curl", "wget", "tar", "git", "mv", "ln", "touch", "tee"}
    return any(
        command.name in making and any(name and name in word.source for word in command.arguments[-2:])
        for command in before
        if command.name != "tar"
    )


def _resolved(folder: str | None, path: str) -> str:
    """`path` from the root; under a folder whose place is unknown it is only equal to itself."""
    return posixpath.normpath(posixpath.join(folder or "/?", path))


def _is_below(path: str, folder: str) -> bool:
    return folder != "/" and (path == folder or path.startswith(folder + "/"))
