"""What every rule is given: the Dockerfile as parsed, its text with places, and the commands of its ``RUN``s."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator, Mapping
from functools import cached_property

from weighbridge.domain.checks.finding import Severity
from weighbridge.domain.dockerfile import Dockerfile, Instruction, Stage
from weighbridge.domain.dockerfile.edits import Edit
from weighbridge.domain.dockerfile.run_commands import RunCommand, RunScript, exec_form, read_heredoc, read_run
from weighbridge.domain.late_pattern import late_pattern
from weighbridge.domain.lint.codes import LintCode
from weighbridge.domain.lint.model import LintFinding, LintSettings, Surroundings
from weighbridge.domain.lint.purpose import Purpose, purpose_of, start_command

_EXEC = late_pattern(r"(?:^|[\s;&|])exec\s+\S*$")
_POSIX_SHELLS = ("sh", "bash", "ash", "dash", "zsh", "ksh")
_INDENT = "    "
_TRAILING_AND = late_pattern(r"&&[ \t]*\\[ \t]*\r?$", re.MULTILINE)
_SETS_ERREXIT = late_pattern(r"-\w*e|-o errexit")
_VARIABLE = late_pattern(r"\"?\$\{?([A-Za-z_][A-Za-z0-9_]*)\}?\"?")
_COMPILER_PACKAGES = frozenset(
    [
        "@development",
        "base-devel",
        "build-base",
        "build-essential",
        "clang",
        "cargo",
        "g++",
        "gcc",
        "gcc-c++",
        "gfortran",
        "golang",
        "golang-go",
        "make-dev",
        "rustc",
    ]
)
_PHP_BUILD_PACKAGES = "autoconf g++ gcc make"
"""``PHPIZE_DEPS`` of the official PHP images; where a Dockerfile sets it, it is such an image, which keeps them."""

_NUMBERED_COMPILER = late_pattern(r"(?:g\+\+|gcc|clang|golang|llvm)-[0-9.]+(?:-dev|-go)?")
SYSTEM_MANAGERS = frozenset(["apk", "apt", "apt-get", "aptitude", "dnf", "microdnf", "pacman", "yum", "zypper", "tdnf"])
INSTALLING = frozenset({"install", "add", "in", "-S", "-Sy", "-Syu", "groupinstall"})
_NOTHING = RunScript(commands=(), start=0, end=0, has_places=False)


class LintContext:
    """One Dockerfile while the rules look at it. The text is read when needed, and the result cached."""

    def __init__(
        self,
        text: str,
        dockerfile: Dockerfile,
        settings: LintSettings,
        *,
        target: str | None = None,
        surroundings: Surroundings | None = None,
    ) -> None:
        self.text = text
        self.dockerfile = dockerfile
        self.settings = settings
        self.surroundings = surroundings
        self.final = dockerfile.final_stage(target)
        self.builds_in_final_stage: bool | None = None
        self._scripts: dict[int, RunScript] = {}

    @cached_property
    def chain(self) -> tuple[Stage, ...]:
        """The stages whose instructions make the final image: the last stage and its parents."""
        return self.dockerfile.chain(self.final)

    @cached_property
    def final_instructions(self) -> tuple[Instruction, ...]:
        """The instructions that make the final image, in order."""
        return tuple(one for stage in self.chain for one in stage.instructions)

    @cached_property
    def final_runs(self) -> tuple[tuple[Instruction, RunScript], ...]:
        """The ``RUN`` instructions of the final image with their commands; only those that a POSIX shell reads."""
        runs = []
        is_posix = True
        for one in self.final_instructions:
            if one.name == "SHELL" and one.args:
                is_posix = one.args[0].replace("\\", "/").rpartition("/")[2] in _POSIX_SHELLS
            elif one.name == "RUN" and is_posix:
                runs.append((one, self.script(one)))
        return tuple(runs)

    @cached_property
    def purpose(self) -> Purpose:
        """What the final image is for."""
        has_compiler = any(installs_compiler(self, script, command) for _, script, command in self.final_commands)
        beside = self.surroundings or Surroundings()
        return purpose_of(self.dockerfile, self.final, beside, has_compiler=has_compiler)

    @cached_property
    def starts_nothing(self) -> bool:
        """True for an image without a program and without files: others stand on it, or run commands in it."""
        return not self.start_command and not any(one.name in {"COPY", "ADD"} for one in self.final_instructions)

    @cached_property
    def start_command(self) -> str:
        """What the container starts, in one line."""
        return start_command(self.dockerfile, self.final, self.surroundings or Surroundings())

    @cached_property
    def final_commands(self) -> tuple[tuple[Instruction, RunScript, RunCommand], ...]:
        """Each command that the final image's ``RUN`` instructions run."""
        return tuple((one, script, command) for one, script in self.final_runs for command in script.commands)

    def runs_after(self, instruction: Instruction) -> Iterator[tuple[Instruction, RunScript]]:
        """The ``RUN`` instructions that see what `instruction` left: later in its stage, and in child stages."""
        home = next(
            (stage for stage in self.dockerfile.stages if any(one is instruction for one in stage.instructions)), None
        )
        if home is None:
            return
        behind = False
        for one in home.instructions:
            seen = one.trigger or one
            if behind and seen.name == "RUN":
                yield seen, self.script(seen)
            behind |= one is instruction
        for stage in self.dockerfile.stages:
            if stage is not home and home in self.dockerfile.chain(stage):
                for one in (*stage.triggers, *stage.instructions):
                    if one.name == "RUN":
                        yield one, self.script(one)

    def words_of(self, script: RunScript, command: RunCommand) -> tuple[str, ...]:
        """The arguments of a command, variables that the ``RUN`` or the Dockerfile sets replaced by their words."""
        if not any("$" in word.source for word in command.arguments):
            return command.values
        local = {name: value for one in script.commands for name, value in one.assignments}
        words: list[str] = []
        for word, value in zip(command.arguments, command.values, strict=True):
            name = _VARIABLE.fullmatch(word.source)
            known = None if name is None else local.get(name[1], self.variables.get(name[1]))
            if name is not None and name[1] == "PHPIZE_DEPS":
                known = _PHP_BUILD_PACKAGES if known is None else ""
            words += [value] if known is None else re.sub(r"\\\s", " ", known).split()[:500]
        return tuple(words)

    @cached_property
    def variables(self) -> Mapping[str, str]:
        """What ``ENV`` and ``ARG`` set in the final image's stages; the last one wins, ``""`` where not known."""
        values: dict[str, str] = {}
        for one in self.final_instructions:
            if one.name == "ENV":
                values |= {one.expanded[i]: one.expanded[i + 1] for i in range(0, len(one.expanded) - 2, 3)}
            elif one.name == "ARG":
                for word in one.args:
                    name, _, value = word.partition("=")
                    values[name] = value
        return values

    @cached_property
    def _line_starts(self) -> tuple[int, ...]:
        starts = [0]
        position = self.text.find("\n")
        while position >= 0:
            starts.append(position + 1)
            position = self.text.find("\n", position + 1)
        return (*starts, len(self.text) + 1)

    @cached_property
    def newline(self) -> str:
        """How the file ends its lines."""
        return "\r\n" if "\r\n" in self.text else "\n"

    def span(self, first_line: int, last_line: int) -> tuple[int, int]:
        """Where lines (counted from 1) begin and end in the text, the last newline excluded."""
        starts = self._line_starts
        begin, end = starts[first_line - 1], starts[last_line] - 1
        return begin, end - (self.text[end - 1 : end] == "\r")

    def line_of(self, position: int) -> int:
        """The line (counted from 1) of a place in the text."""
        return bisect_right(self._line_starts, position)

    def source(self, instruction: Instruction) -> str:
        """The instruction as it stands in the file."""
        begin, end = self.span(instruction.line, instruction.end_line)
        return self.text[begin:end]

    def script(self, instruction: Instruction) -> RunScript:
        """The commands of a ``RUN``; none of a here-document that is not for a shell."""
        known = self._scripts.get(id(instruction))
        if known is None:
            known = self._scripts[id(instruction)] = self._read(instruction)
        return known

    def _read(self, instruction: Instruction) -> RunScript:
        if instruction.is_exec_form:
            return exec_form(instruction.args)
        if self.dockerfile.directives.get("escape") == "`":
            return _NOTHING  # A Windows file: its commands are not a POSIX shell's.
        begin, end = self.span(instruction.line, instruction.end_line)
        flags = sum(len(values) for values in instruction.flags.values())
        if instruction.heredocs:
            body_lines = sum(document.content.count("\n") + 1 for document in instruction.heredocs)
            head_end = instruction.end_line - body_lines
            if head_end < instruction.line:
                return _NOTHING
            head = read_run(self.text, *self.span(instruction.line, head_end), flags=flags)
            shells = [command.name for command in head.commands]
            content = instruction.heredocs[0].content
            is_shell = not content.startswith("#!") or content.partition("\n")[0].endswith(_POSIX_SHELLS)
            if len(instruction.heredocs) > 1 or not is_shell or (shells and shells != [shells[0]] * len(shells)):
                return _NOTHING
            if shells and shells[0] not in _POSIX_SHELLS:
                return _NOTHING
            if head_end + 1 > instruction.end_line - 1:
                return _NOTHING
            return read_heredoc(self.text, *self.span(head_end + 1, instruction.end_line - 1))
        return read_run(self.text, begin, end, flags=flags)

    def finding(
        self,
        code: LintCode,
        severity: Severity,
        instruction: Instruction,
        message: str,
        fix: str,
        *,
        edits: tuple[Edit, ...] = (),
        is_safe: bool = True,
        command: RunCommand | None = None,
        cause: str = "",
        about_bytes: int | None = None,
        evidence: str = "",
    ) -> LintFinding:
        """A finding about `instruction`, on the line of `command` where that has a place in the file.

        `evidence` is a word of the instruction that a caret points to. Findings of one `cause` are shown as one.
        """
        line = self.line_of(command.start) if command is not None and command.start else instruction.line
        column, width = self._place(line, instruction, command, evidence)
        return LintFinding(
            code=code,
            severity=severity,
            line=line,
            end_line=max(line, instruction.end_line),
            message=message,
            fix=fix,
            edits=edits,
            is_safe=is_safe,
            cause=cause or f"{message}|{instruction.line}",
            about_bytes=about_bytes,
            column=column,
            width=width,
        )

    def _place(self, line: int, instruction: Instruction, command: RunCommand | None, evidence: str) -> tuple[int, int]:
        """The column (from 1) and the width of what a finding points to, in its line."""
        begin, end = self.span(line, line)
        if command is not None and command.start:
            return command.start - begin + 1, max(min(command.end, end) - command.start, 1)
        at = self.text.find(evidence, begin, end) if evidence else -1
        if at >= 0:
            return at - begin + 1, len(evidence)
        blanks = _blanks(self.text, begin)
        return blanks + 1, max(end - begin - blanks, 1) if line == instruction.end_line else len(instruction.name)

    def appended(self, instruction: Instruction, script: RunScript, command: str) -> tuple[Edit, ...]:
        """The edit that runs `command` at the end of a ``RUN``, in the manner in which its author writes; or none."""
        if not script.has_places or not script.commands or script.has_comment or script.last_operator not in {"", ";"}:
            return ()
        last = next(one for one in reversed(script.commands) if not one.is_nested)
        if last.name == "exit" or _EXEC.search(self.text[: last.start][-20:] + self.text[last.start : last.name_end]):
            return ()  # Nothing behind it runs.
        line = self.line_of(last.start)
        begin, _ = self.span(line, line)
        indent = self.text[begin : begin + _blanks(self.text, begin)]
        if script.is_heredoc:
            return (Edit(start=script.end, end=script.end, replacement=f"{self.newline}{indent}{command}"),)
        if line == instruction.line:
            indent = _INDENT
        closed = script.last_operator == ";"
        stops_at_errors = any(
            one.name == "set" and _SETS_ERREXIT.match(" ".join(one.values)) for one in script.commands
        )
        if closed and not stops_at_errors:
            return ()  # The exit code of the command before it would be lost.
        first_line = self.line_of(script.start)
        if first_line == self.line_of(script.end) == instruction.line:
            joined = f" {command}" if closed else f" && {command}"
        else:
            written = self.source(instruction)
            broken = f" \\{self.newline}{indent}"
            if closed:
                joined = f"{broken}{command};"
            elif last.operator == ";" and stops_at_errors:
                joined = f";{broken}{command}"
            elif _TRAILING_AND.search(written):
                joined = f" &&{broken}{command}"
            else:
                joined = f"{broken}&& {command}"
        return (Edit(start=script.end, end=script.end, replacement=joined),)


def commands_of(script: RunScript, *names: str) -> Iterator[RunCommand]:
    """The commands of a script that run one of the programs `names`."""
    return (command for command in script.commands if command.name in names)


def installs_compiler(context: LintContext, script: RunScript, command: RunCommand) -> bool:
    """True for a package manager that installs a compiler, not only on a rare platform without ready packages."""
    if command.name not in SYSTEM_MANAGERS or command.is_of_rare_platform:
        return False
    words = context.words_of(script, command)
    return bool(INSTALLING & set(words)) and any(
        word.partition("=")[0] in _COMPILER_PACKAGES or _NUMBERED_COMPILER.fullmatch(word) for word in words
    )


def inserted_after(script: RunScript, place: int, words: str) -> tuple[Edit, ...]:
    """The edit that puts `words` behind the word that ends at `place`; none if the script has no places."""
    return (Edit(start=place, end=place, replacement=f" {words}"),) if script.has_places else ()


def _blanks(text: str, start: int) -> int:
    end = start
    while text[end : end + 1] in {" ", "\t"}:
        end += 1
    return end - start
