"""Rules about stages: one where two are needed, numbers for names, and what the final stage stands on."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from typing import NamedTuple

from weighbridge.domain.checks.finding import Severity
from weighbridge.domain.dockerfile import Instruction, Stage
from weighbridge.domain.dockerfile.edits import Edit
from weighbridge.domain.dockerfile.run_commands import RunCommand, RunScript
from weighbridge.domain.late_pattern import late_pattern
from weighbridge.domain.lint.codes import LintCode
from weighbridge.domain.lint.context import LintContext, installs_compiler
from weighbridge.domain.lint.model import LintFinding
from weighbridge.domain.lint.official import is_toolchain, official_name, repository
from weighbridge.domain.lint.packages import packages_of, removing_words
from weighbridge.domain.lint.purpose import Purpose
from weighbridge.domain.lint.workdir import working_directory

_COMPILERS = frozenset(["c++", "cc", "clang", "clang++", "g++", "gcc", "ghc", "javac", "ninja", "rustc", "swiftc"])
_BUILDERS: dict[str, frozenset[str]] = {
    "bazel": frozenset(["build"]),
    "cabal": frozenset(["build", "install"]),
    "cargo": frozenset(["build", "install"]),
    "dart": frozenset(["compile"]),
    "dotnet": frozenset(["build", "publish"]),
    "go": frozenset(["build", "install"]),
    "gradle": frozenset(["assemble", "bootJar", "build", "installDist", "jar", "shadowJar"]),
    "make": frozenset(),
    "meson": frozenset(["compile", "install"]),
    "mvn": frozenset(["install", "package", "verify"]),
    "sbt": frozenset(["assembly", "dist", "stage"]),
    "stack": frozenset(["build", "install"]),
    "swift": frozenset(["build"]),
    "zig": frozenset(["build", "build-exe"]),
}
_BUILDERS |= {"gradlew": _BUILDERS["gradle"], "mvnw": _BUILDERS["mvn"]}
_PACKAGE_SCRIPTS = frozenset(["npm", "yarn", "pnpm", "bun"])
_BUNDLERS = frozenset(["esbuild", "parcel", "rollup", "tsc", "vite", "webpack"])
_WORKSPACE_TOOLS = frozenset(["turbo", "nx", "lerna", "rush", "moon", "wireit"])
_TAKE_WORKSPACE = frozenset(["--filter", "-F", "--workspace", "-w", "--cwd", "-C", "--dir", "--prefix", "--scope"])
_COMPILER_NAMES = ("build-", "clang", "g++", "gcc", "base-devel", "golang", "rust", "cargo", "gfortran", "@dev")
_ARCHIVE = late_pattern(r"\.(?:zip|tar|t?gz|tgz|bz2|xz|whl|deb|rpm)$")
_ABOUT_COMPILER_BYTES = 300_000_000
_SOURCE_INSTALLERS = frozenset(["bundle", "gem", "npm", "pip", "pip3", "poetry", "yarn"])
_COMPILES_KERNELS = late_pattern(r"\b(?:vllm|triton|torchinductor|sglang|deepspeed)\b|torch\.compile", re.IGNORECASE)
_COMPILED_OUTPUT = late_pattern(r"(?<!\S)-o[ =]?(\S+)")
_OFFLINE_BY_O = frozenset(["mvn", "mvnw"])
"""Programs whose ``-o`` means "offline"."""
_MANY_INSTRUCTIONS = 10


def single_stage_build(context: LintContext) -> Iterator[LintFinding]:
    """``single-stage-build``: a compiler or build tool is used in the final stage, and stays in the image."""
    if context.purpose is not Purpose.RUN:
        return
    on_toolchain = is_toolchain(context.chain[0].base)
    compiler: _Installed | None = None
    for instruction, script in context.final_runs:
        compiler = compiler or _installed_compiler(context, instruction, script)
        cleans = not on_toolchain and _cleans_up(context, script)
        for command in script.commands:
            used = build_tool_of(command)
            if used is None and compiler is not None and _installs_from_source(command):
                used = f"{_called(command)} with a compiler installed for it"
            if used is None or cleans:
                continue
            yield context.finding(
                LintCode.SINGLE_STAGE_BUILD,
                Severity.WARNING,
                instruction,
                f"{used} runs in the final stage: the compiler, its headers and the sources stay in the image",
                _rewrite(context, command),
                command=command,
                cause="single-stage-build",
                about_bytes=_about_bytes(context, command, compiler),
            )
            return
    if compiler is not None and not _compiles_when_it_runs(context):
        yield context.finding(
            LintCode.SINGLE_STAGE_BUILD,
            Severity.WARNING,
            compiler.instruction,
            f"a compiler is installed in the final stage and stays in the image: {compiler.packages}",
            "Compile in a first stage and copy only the result; or purge the compiler in the same RUN",
            command=compiler.command,
            cause="single-stage-build",
            about_bytes=_ABOUT_COMPILER_BYTES,
        )


def _compiles_when_it_runs(context: LintContext) -> bool:
    """True for programs that compile kernels for the GPU while they run, and need a C compiler for that."""
    return _COMPILES_KERNELS.search(context.text) is not None and re.search(r"cuda|rocm", context.text) is not None


def builds_in_final_stage(context: LintContext) -> bool:
    """True if `single_stage_build` finds something: what goes with the compiler needs no finding of its own."""
    if context.builds_in_final_stage is None:
        context.builds_in_final_stage = next(single_stage_build(context), None) is not None
    return context.builds_in_final_stage


class _Installed(NamedTuple):
    """A compiler that a ``RUN`` installs and does not remove."""

    instruction: Instruction
    command: RunCommand
    packages: str


def _installed_compiler(context: LintContext, instruction: Instruction, script: RunScript) -> _Installed | None:
    for number, command in enumerate(script.commands):
        if not installs_compiler(context, script, command):
            continue
        if any(removing_words(context, script, one) is not None for one in script.commands[number + 1 :]):
            return None
        names = [name for name in packages_of(context, script, command) if name.startswith(_COMPILER_NAMES)]
        return _Installed(instruction=instruction, command=command, packages=", ".join(names[:3]) or command.name)
    return None


def _about_bytes(context: LintContext, command: RunCommand, compiler: _Installed | None) -> int:
    if compiler is not None:
        return _ABOUT_COMPILER_BYTES
    if is_toolchain(context.chain[0].base):
        return 700_000_000
    return 200_000_000 if command.name in _PACKAGE_SCRIPTS | _WORKSPACE_TOOLS else 100_000_000


def stage_by_number(context: LintContext) -> Iterator[LintFinding]:
    """``stage-by-number``: ``--from=0`` in a Dockerfile of more than ten instructions."""
    stages = context.dockerfile.stages
    if sum(1 + len(stage.instructions) for stage in stages) <= _MANY_INSTRUCTIONS:
        return
    for stage in stages:
        for instruction in stage.instructions:
            numbers = [int(match[1]) for match in _numbers(context, instruction)]
            if not numbers:
                continue
            number = numbers[0]
            name = stages[number].name or free_name(stages, number)
            yield context.finding(
                LintCode.STAGE_BY_NUMBER,
                Severity.INFO,
                instruction,
                f"from={number} means another stage as soon as one is added above it",
                f"Name the stage (line {stages[number].line}: FROM … AS {name}) and write from={name}",
                edits=_named(context, instruction),
                cause="stage-by-number",
                evidence=f"from={number}",
            )


def unusual_run_base(context: LintContext) -> Iterator[LintFinding]:
    """``unusual-run-base``: the final stage stands on an image that is neither official nor trusted."""
    root = context.chain[0]
    if root.is_from_scratch or not root.base or official_name(root.base):
        return
    name = repository(root.base)
    if any(_matches(pattern, name) for pattern in context.settings.trusted_bases):
        return
    yield context.finding(
        LintCode.UNUSUAL_RUN_BASE,
        Severity.INFO,
        root.from_instruction,
        f"the final image stands on {name}, which is neither an official image nor one that you trust by name",
        "Check who maintains it; if it is meant, say so with --trusted-base",
    )


def build_tool_of(command: RunCommand) -> str | None:
    """How a command that builds something is called in a message; ``None`` for the others."""
    name, values = command.name, command.values
    if {"--version", "-version", "-V", "-v", "--help", "-help", "clean"} & set(values[:1]):
        return None
    if name in _COMPILERS or name in _BUNDLERS:
        return name
    if name in _BUILDERS:
        tasks = _BUILDERS[name]
        task = next((value for value in values if value.rpartition(":")[2] in tasks), None)
        if name == "make":
            return name
        return f"{name} {task}" if task else None
    if name == "cmake" and "--build" in values:
        return "cmake --build"
    if name in _WORKSPACE_TOOLS:
        return f"{name} build" if any("build" in value for value in values) else None
    if name in _PACKAGE_SCRIPTS and _runs_build_script(values):
        return f"{name} {'run build' if 'run' in values else 'build'}"
    if name in {"npx", "pnpx", "bunx"}:
        inner = next((value for value in values if not value.startswith("-")), "")
        builds = inner in _BUNDLERS or (inner in _WORKSPACE_TOOLS and any("build" in value for value in values))
        return f"{name} {inner}" if builds else None
    return None


def _runs_build_script(values: tuple[str, ...]) -> bool:
    """True for ``build``, also of a workspace (``--filter X build``, ``workspace X build``, ``-r run build``)."""
    words = []
    skip = False
    for value in values:
        if skip:
            skip = False
        elif value.startswith("-"):
            skip = value in _TAKE_WORKSPACE
        else:
            words.append(value)
    while words and words[0] in {"run", "run-script", "exec", "recursive", "foreach", "workspaces", "workspace"}:
        words = words[2:] if words[0] == "workspace" else words[1:]
    if not words:
        return False
    first = words[0]
    if first in _WORKSPACE_TOOLS:
        return any(word == "build" or word.endswith(":build") for word in words)
    return first == "build" or first.startswith(("build:", "build-", "build.")) or first in _BUNDLERS


def _called(command: RunCommand) -> str:
    """An installing command in two or three words: ``npm ci``, ``python3 -m pip``."""
    return " ".join((command.name, *command.values[: 2 if command.values[:1] == ("-m",) else 1]))


def _installs_from_source(command: RunCommand) -> bool:
    values = command.values
    if re.fullmatch(r"python[\d.]*", command.name):
        return values[:3] == ("-m", "pip", "install")
    return command.name in _SOURCE_INSTALLERS and bool({"install", "ci", "i"} & set(values[:2]))


def _cleans_up(context: LintContext, script: RunScript) -> bool:
    """True if the same ``RUN`` takes away what it built with: packages, development dependencies or sources."""
    built = False
    for command in script.commands:
        built |= build_tool_of(command) is not None or _installs_from_source(command)
        if removing_words(context, script, command) is not None:
            return True
        if command.name in _PACKAGE_SCRIPTS and "prune" in command.values:
            return True
        if built and command.name == "rm" and _removes_sources(command.values):
            return True
    return False


def _removes_sources(values: tuple[str, ...]) -> bool:
    """True for ``rm -r`` of anything but caches, package lists and archives."""
    folders = [
        value
        for value in values
        if not value.startswith("-") and "/var/" not in value and "cache" not in value and not _ARCHIVE.search(value)
    ]
    return bool(folders) and any(re.match(r"-\w*[rR]", value) for value in values)


def _rewrite(context: LintContext, command: RunCommand) -> str:
    """The multi-stage form of the user's own file, in words that can be typed."""
    stage = context.final
    base = context.chain[-1].from_instruction.args[0] if context.chain else stage.base
    name = stage.name or free_name(context.dockerfile.stages, stage.index)
    folder = working_directory(context.dockerfile, stage) or "/"
    output = _COMPILED_OUTPUT.search(" ".join(command.values)) if command.name not in _OFFLINE_BY_O else None
    start = next((one for one in reversed(stage.instructions) if one.name in {"ENTRYPOINT", "CMD"}), None)
    program = start.args[0].split()[0] if start and start.args and start.args[0].split() else ""
    if output is not None and "$" not in output[1]:
        program = output[1]
    elif "/" not in program:
        program = ""  # Found through PATH: an interpreter, not what was built.
    if not re.fullmatch(r"[\w./+-]{1,200}", program):
        return f"Build in a first stage (FROM {base} AS {name}) and copy only the result into a second, small one."
    path = posixpath.normpath(posixpath.join(folder, program))
    return (
        f"Build in a first stage and copy only the result: FROM {base} AS {name}; at the end a second stage on a small "
        f"base, COPY --from={name} {path} {path}, and the ENTRYPOINT or CMD there."
    )


def _numbers(context: LintContext, instruction: Instruction) -> list[re.Match[str]]:
    """Where an instruction names a stage by its number, in its text."""
    if instruction.name not in {"COPY", "ADD", "RUN"} or not any(one.stage is not None for one in instruction.sources):
        return []
    given = [instruction.flag("from") or "", *instruction.flags.get("mount", ())]
    if not any(re.search(r"(?:^|from=)[0-9]{1,3}(?:,|$)", value) for value in given):
        return []
    pattern = (
        r"(?<=--from=)([0-9]{1,3})(?!\S)"
        if instruction.name != "RUN"
        else r"(?<!\S)--mount=(?:\S*,)?from=([0-9]{1,3})(?=[,\s])"
    )
    return list(re.finditer(pattern, context.source(instruction)))


def _named(context: LintContext, instruction: Instruction) -> tuple[Edit, ...]:
    """The edits that give each stage named here by number a name, and use it."""
    stages = context.dockerfile.stages
    begin, _ = context.span(instruction.line, instruction.end_line)
    edits = []
    for match in _numbers(context, instruction):
        number = int(match[1])
        if number >= len(stages):
            return ()
        name = stages[number].name
        if name is None:
            name = free_name(stages, number)
            _, end = context.span(stages[number].line, stages[number].from_instruction.end_line)
            line = context.source(stages[number].from_instruction)
            end -= len(line) - len(line.rstrip())
            edits.append(Edit(start=end, end=end, replacement=f" AS {name}"))
        edits.append(Edit(start=begin + match.start(1), end=begin + match.end(1), replacement=name))
    return tuple(edits)


def free_name(stages: tuple[Stage, ...], number: int) -> str:
    """A name for the stage `number` that no stage has: ``build`` for the first, ``stage-N`` for others."""
    name = "build" if number == 0 else f"build-{number}"
    while any(stage.name == name for stage in stages):
        name += "-0"
    return name


def _matches(pattern: str, name: str) -> bool:
    """`pattern` with ``*`` for anything; linear, unlike a regular expression made of it."""
    first, *rest = pattern.split("*")
    if not name.startswith(first):
        return False
    position = len(first)
    if not rest:
        return position == len(name)
    for part in rest[:-1]:
        found = name.find(part, position)
        if found < 0:
            return False
        position = found + len(part)
    return name.endswith(rest[-1]) and len(name) - len(rest[-1]) >= position
