"""Rules about stages: one where two are needed, numbers for names, and what the final stage stands on."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator

from weighbridge.domain.checks.finding import Severity
from weighbridge.domain.dockerfile import Instruction, Stage
from weighbridge.domain.dockerfile.edits import Edit
from weighbridge.domain.dockerfile.run_commands import Command, Script
from weighbridge.domain.lint.context import LintContext
from weighbridge.domain.lint.model import LintFinding
from weighbridge.domain.lint.official import is_toolchain, official_name, repository
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
_BUNDLERS = frozenset(["esbuild", "tsc", "vite", "webpack"])
_SYSTEM_MANAGERS = frozenset(["apk", "apt", "apt-get", "dnf", "microdnf", "yum", "zypper"])
_REMOVING = frozenset(["autoremove", "del", "erase", "purge", "remove", "rm"])
_COMPILER_PACKAGES = frozenset(["build-base", "build-essential", "clang", "g++", "gcc", "gcc-c++"])
_SOURCE_INSTALLERS = frozenset(["bundle", "gem", "npm", "pip", "pip3", "poetry", "yarn"])
_DEVELOPS = re.compile(
    r"(?:bash|sh|go (?:run|test)|cargo (?:run|test|watch)|make|mvnw?|gradlew?|dotnet (?:run|watch)"
    r"|(?:npm|yarn|pnpm|bun)(?: run)? (?:dev|test|watch|develop|start:dev)|sleep infinity|nodemon)(?![\w-])"
)
_COMPILED_OUTPUT = re.compile(r"-o[ =]?(\S+)")
_MANY_INSTRUCTIONS = 10


def single_stage_build(context: LintContext) -> Iterator[LintFinding]:
    """``single-stage-build``: a compiler or build tool is used in the final stage, and stays in the image."""
    if is_for_developers(context):
        return
    has_compiler: Command | None = None
    on_toolchain = is_toolchain(context.chain[0].base)
    for instruction, script in context.final_runs:
        cleans = not on_toolchain and _cleans_up(script)
        if not cleans:
            has_compiler = has_compiler or next(filter(_installs_compiler, script.commands), None)
        for command in script.commands:
            used = _tool_of(command)
            if used is None and has_compiler and _installs_from_source(command):
                used = f"{command.name} {' '.join(command.values[:1])} with a compiler installed for it"
            if used is not None and not cleans:
                yield context.finding(
                    "single-stage-build",
                    Severity.WARNING,
                    instruction,
                    f"{used} runs in the final stage: the compiler, its headers and the sources stay in the image",
                    _rewrite(context, command),
                    command=command,
                )
                return


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
                "stage-by-number",
                Severity.INFO,
                instruction,
                f"from={number} means another stage as soon as one is added above it",
                f"Name the stage (line {stages[number].line}: FROM … AS {name}) and write from={name}",
                edits=_named(context, instruction),
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
        "unusual-run-base",
        Severity.INFO,
        root.from_instruction,
        f"the final image stands on {name}, which is neither an official image nor one that you trust by name",
        "Check who maintains it; if it is meant, say so with --trusted-base",
    )


def is_for_developers(context: LintContext) -> bool:
    """True where what the container starts is itself a build tool, a test run or a shell."""
    for one in reversed(context.final_instructions):
        if one.name in {"CMD", "ENTRYPOINT"}:
            words = [posixpath.basename(word) for word in " ".join(one.args).split()]
            text = " ".join(words)
            return _DEVELOPS.match(text) is not None and "-c" not in words and len(words) < 5
    return False


def _tool_of(command: Command) -> str | None:
    """How a command that builds something is called in a message; ``None`` for the others."""
    name, values = command.name, command.values
    if name in _COMPILERS or name in _BUNDLERS:
        return None if values[:1] in {("--version",), ("-v",)} else name
    if name in _BUILDERS:
        tasks = _BUILDERS[name]
        task = next((value for value in values if value.rpartition(":")[2] in tasks), None)
        if name == "make":
            return name
        return f"{name} {task}" if task else None
    if name == "cmake" and "--build" in values:
        return "cmake --build"
    if name in _PACKAGE_SCRIPTS and _runs_build_script(values):
        return f"{name} {'run build' if 'run' in values else 'build'}"
    return None


def _runs_build_script(values: tuple[str, ...]) -> bool:
    words = [value for value in values if not value.startswith("-")]
    if words[:1] == ["run"]:
        words = words[1:]
    return bool(words) and (words[0] == "build" or words[0].startswith("build:"))


def _installs_compiler(command: Command) -> bool:
    values = set(command.values)
    return command.name in _SYSTEM_MANAGERS and bool({"install", "add", "in"} & values and _COMPILER_PACKAGES & values)


def _installs_from_source(command: Command) -> bool:
    values = command.values
    if re.fullmatch(r"python[\d.]*", command.name):
        return values[:3] == ("-m", "pip", "install")
    return command.name in _SOURCE_INSTALLERS and bool({"install", "ci", "i"} & set(values[:2]))


def _cleans_up(script: Script) -> bool:
    """True where the same ``RUN`` takes away what it built with: packages, development dependencies or sources."""
    for command in script.commands:
        values = command.values
        if command.name in _SYSTEM_MANAGERS and _REMOVING & set(values):
            return True
        if command.name in _PACKAGE_SCRIPTS and "prune" in values:
            return True
        if command.name == "rm" and _removes_sources(values):
            return True
    return False


def _removes_sources(values: tuple[str, ...]) -> bool:
    """True for ``rm -r`` of anything but caches and package lists."""
    folders = [value for value in values if not value.startswith("-") and "/var/" not in value and "cache" not in value]
    return bool(folders) and any(re.match(r"-\w*[rR]", value) for value in values)


def _rewrite(context: LintContext, command: Command) -> str:
    """The multi-stage form of the user's own file, in words that can be typed."""
    stage = context.final
    base = context.chain[-1].from_instruction.args[0] if context.chain else stage.base
    name = stage.name or free_name(context.dockerfile.stages, stage.index)
    folder = working_directory(context.dockerfile, stage) or "/"
    output = _COMPILED_OUTPUT.search(" ".join(command.values))
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
    pattern = r"(?<=--from=)([0-9]{1,3})(?!\S)" if instruction.name != "RUN" else r"(?<=[,=]from=)([0-9]{1,3})(?=[,\s])"
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
