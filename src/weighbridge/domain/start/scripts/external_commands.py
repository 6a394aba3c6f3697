"""Programs that a script runs.

A program that certainly fails gives a finding; a program that ends the script's process is followed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from weighbridge.domain.checks.catalogue import CheckCode
from weighbridge.domain.image.rootfs import Node
from weighbridge.domain.shell import Dialect
from weighbridge.domain.shell.syntax import SimpleCommand
from weighbridge.domain.start.attempt import UNKNOWN, Process, Trace
from weighbridge.domain.start.busybox_program import Busybox, busybox_of
from weighbridge.domain.start.programs import Tool, tool_of
from weighbridge.domain.start.scripts.budget import TooMuchError, WorkBudget
from weighbridge.domain.start.scripts.outcome import as_warning
from weighbridge.domain.start.scripts.programs import (
    ACCOUNT_TOOLS,
    BRIEF,
    CHANGES_NOTHING,
    INSTALLERS,
    grep_status,
    is_brief,
    known_output,
    runs_for_ever,
)
from weighbridge.domain.start.scripts.redirections import Redirections, absolute
from weighbridge.domain.start.scripts.state import End, EndKind, State
from weighbridge.domain.start.scripts.tools.applet_options import unsure_option
from weighbridge.domain.start.scripts.tools.certain import certain_failure, is_expected_to_succeed
from weighbridge.domain.start.shells import (
    Shell,
    command_missing,
    find_in_path,
    may_be_applet,
)

_NOT_EXECUTABLE = frozenset({CheckCode.ENTRYPOINT_NOT_EXECUTABLE, CheckCode.ENTRYPOINT_BAD_FORMAT})
_ARGUMENTS = frozenset({"$@", "$*", "${@}", "${*}"})

Execute = Callable[[Process, Shell, tuple[str, ...], Trace, bool], None]
"""Follows a program that the shell runs, into the trace; the last argument means that it follows ``exec``."""


class ExternalCommands(Redirections):
    """Follows the programs of a script, from states to states."""

    execute: Execute
    budget: WorkBudget

    def _unknown(self, state: State, command: SimpleCommand, *, tail: bool) -> list[State]:
        """A command whose name only the running script knows."""
        shown = command.words[0].source
        if tail or command.words[0].source == "exec":
            reason = f"{self.shell.name}: the command is {shown}, known only when it runs"
            state.end = End(kind=EndKind.UNDECIDED, reason=reason)
            return [state]
        state.waits_for = state.waits_for or shown
        state.touched = frozenset({"/"})
        state.status = None
        state.prints(None)
        return [state]

    def _lacks_command(self, state: State, command: SimpleCommand) -> None:
        """Remember that the arguments of the script were to be executed, and that it has none."""
        if any(word.source.strip('"') in _ARGUMENTS for word in command.words) and not state.arguments:
            shown = " ".join(word.source for word in command.words)
            state.trace.lacks_command = f"{self.shell.name}: line {command.line}: {shown}"

    @staticmethod
    def _decided(state: State, holds: bool | None) -> State:
        state.status = None if holds is None else int(not holds)
        state.failure = None
        return state

    def may_run(self, name: str) -> bool:
        """True if busybox may run the command as one of its applets."""
        return may_be_applet(self.process, self.shell, name)

    def here(self, state: State) -> Process:
        """The process with the changes of the script."""
        env = {
            name: UNKNOWN if value is None else value
            for name, value in state.variables.items()
            if name in state.exported and not isinstance(value, tuple) and (value is not None or name[:3] != "LD_")
        }
        is_open = state.is_open or self.process.is_open
        # A program that is not known may have created accounts too.
        changed = state.changes_accounts or bool({"/", "/etc", "/etc/passwd", "/etc/group"} & state.touched)
        return replace(
            self.process,
            env=env,
            cwd=state.directory or self.process.cwd,
            is_open=is_open,
            has_more_accounts=changed or self.process.has_more_accounts,
            touched=state.touched,
            has_more_files=self.process.has_more_files or (state.installs and "/" in state.touched),
        )

    def _exec(self, state: State, command: SimpleCommand, fields: tuple[str | None, ...]) -> list[State]:
        words = list(fields)
        if self.shell.tool is not Tool.DASH:
            letters = {"-a", "-c", "-l", "-cl"} if self.dialect is Dialect.BASH else {"-a"}
            while words and words[0] in letters:
                if words.pop(0) == "-a" and words:
                    words.pop(0)
        if words and words[0] == "--":
            words.pop(0)
        elif self.shell.tool is not Tool.DASH and words and (words[0] or "").startswith("-"):
            return [self._exec_option(state, command, words[0] or "")]
        if not words:
            self._lacks_command(state, command)
            return [self._decided(state, True)]
        if words[0] is None:
            return self._unknown(state, command, tail=True)
        name = words[0]
        path = self._place(state, name)
        if name.rpartition("/")[2] in BRIEF and (path or self.may_run(name)):
            for one in self._external(state, command, tuple(words), tail=False):
                if one.status:
                    return [self.finish(one, one.status)]
        return [self._last(state, command, tuple(words), execs=True)]

    def _exec_option(self, state: State, command: SimpleCommand, word: str) -> State:
        """An unknown option of ``exec``, often because a variable before it is empty. bash continues."""
        bash = self.dialect is Dialect.BASH
        return self.fails(
            state,
            command.line,
            builtin="exec",
            text=f"{word[:2]}: invalid option" if bash else f"illegal option -{word[1:2]}",
            status=2,
            evidence=f"exec takes {word} as an option: the words before it are empty",
            ends=not self.is_lenient(),
        )

    def _external(
        self, state: State, command: SimpleCommand, fields: tuple[str | None, ...], *, tail: bool
    ) -> list[State]:
        name = fields[0] or ""
        base = name.rpartition("/")[2]
        state.failure = None
        if state.captures:
            state.prints(known_output(self.here(state), state, fields))
        path = self._place(state, name)
        if path is None and "/" in name:
            # execve determines the exact error.
            return [self._last(state, command, fields, execs=False)] if tail else self._through(state, command, fields)
        if path is None and not self.may_run(name):
            return self._missing(state, command, name, tail=tail)
        if runs_for_ever(fields):
            return self.runs_for_ever(state)
        if tail and not state.captures and base not in BRIEF:
            return [self._last(state, command, fields, execs=False)]
        failure = self._certain_failure(state, command, fields, path) if base in BRIEF else None
        if failure is not None:
            return [failure]
        if base in BRIEF or path is None:
            if base not in CHANGES_NOTHING:
                state.touched = state.touched | self._touched(state, fields)
            state.installs |= _installs(name)
            state.changes_accounts |= base in ACCOUNT_TOOLS
            state.status = {"true": 0, "false": 1}.get(base)
            if base in {"test", "["}:
                operands = fields[1:-1] if base == "[" else fields[1:]
                self._decided(state, self.tester.words(state, operands))
            if base == "grep":
                state.status = grep_status(self.here(state), self.tester, state, fields)
            busybox = self._busybox(state, path)
            if state.status is None and not state.doubt:
                state.doubt = _doubt(busybox, base, fields)
            if state.status is None and not state.doubt and not is_expected_to_succeed(fields, busybox=busybox):
                state.depends = f"whether {' '.join(field or '…' for field in fields)[:80]} succeeds"
            return [state]
        return self._through(state, command, fields)

    def _certain_failure(
        self, state: State, command: SimpleCommand, fields: tuple[str | None, ...], path: str | None
    ) -> State | None:
        """A small program that fails for sure, and goes on to the next line."""
        busybox = self._busybox(state, path)
        failure = certain_failure(self.here(state), self.tester, state, fields, busybox=busybox)
        if failure is None:
            tester = replace(self.tester, ignores_run_time=True)
            likely = certain_failure(self.here(state), tester, state, fields, busybox=busybox)
            state.doubt = f"needs {likely.path}, which only the running container can have" if likely else ""
            return None
        evidence = f"{failure.path}: {failure.why}"
        state.prints("")
        said = state.said
        failed = self.fails(
            state,
            command.line,
            builtin="",
            text=failure.text,
            status=failure.status,
            evidence=evidence,
            path=failure.path,
            is_bare=True,
        )
        if failed.failure is not None:
            failed.failure = replace(failed.failure, fix=failure.fix)
        if not failure.text and failed.failure is not None:
            failed.said, failed.failure = said, replace(failed.failure, predicts=None)
        return failed

    def _busybox(self, state: State, path: str | None) -> Busybox | None:
        """The busybox that is a program of the script; None for other programs. The shell runs its own applets."""
        rootfs = self.process.rootfs
        node = rootfs.lookup(path, cwd=state.directory or "/") if path else self.shell.program
        if path == "" or not isinstance(node, Node) or tool_of(rootfs, node) is not Tool.BUSYBOX:
            return None
        return busybox_of(rootfs, node)

    def _touched(self, state: State, fields: tuple[str | None, ...]) -> frozenset[str]:
        """The paths that a command may change: its operands, or everything if one is unknown."""
        if None in fields or state.directory is None:
            return frozenset({"/"})
        operands = [field for field in fields[1:] if field is not None and not field.startswith("-")]
        return frozenset[str]().union(*(self.names_of(absolute(state, each).rstrip("/") or "/") for each in operands))

    def _place(self, state: State, name: str) -> str | None:
        """The path of the command; empty if unknown."""
        process = self.here(state)
        if "/" not in name:
            path = state.variables.get("PATH", None if state.is_open else "")
            if path is None:
                return ""
            found = find_in_path(process, name)
            return "" if found is None and state.installs else found
        if state.directory is None and not name.startswith("/"):
            return ""
        node = process.rootfs.lookup(name, cwd=process.cwd, may_search=process.credentials.may_search)
        if isinstance(node, Node):
            if node.is_file and process.credentials.may_execute(node.entry):
                return name
            return "" if self.tester.is_uncertain(state, node.path, is_there=True) else None
        known = state.touched if state.installs else state.touched - {"/"}
        return "" if self.tester.is_uncertain(replace(state, touched=known), node.at, is_there=False) else None

    def _missing(self, state: State, command: SimpleCommand, name: str, *, tail: bool) -> list[State]:
        finding, status = command_missing(self.here(state), replace(self.shell, line=command.line), name)
        state.status, state.failure, state.said = status, finding, finding.predicts
        if not tail and finding not in state.trace.findings:
            state.trace.add(finding)
        state.prints("")
        return [state]

    def _through(self, state: State, command: SimpleCommand, fields: tuple[str | None, ...]) -> list[State]:
        """A program after which the script continues, if it ends."""
        name = fields[0] or ""
        trace = self._followed(state, command, fields, execs=False)
        if trace is not None and trace.stopped:
            failure = trace.findings[-1]
            state.failure, state.said = failure, failure.predicts
            state.status = 126 if failure.code in _NOT_EXECUTABLE else 127
            if failure not in state.trace.findings:
                state.trace.add(as_warning(failure))
            return [state]
        if not is_brief(fields):
            state.waits_for = state.waits_for or name
        state.installs |= _installs(name)
        state.touched = frozenset({"/"})
        state.status = None
        return [state]

    def _followed(
        self, state: State, command: SimpleCommand, fields: tuple[str | None, ...], *, execs: bool
    ) -> Trace | None:
        """The result of executing a program; None if it is unknown or too expensive."""
        process = self.here(state)
        if self._place(state, fields[0] or "") == "":
            return None
        words = tuple(UNKNOWN if each is None else each for each in fields)
        who = (process.credentials.uid, process.credentials.gid, process.credentials.groups)
        env = tuple(sorted(process.env.items()))
        opened = (process.is_open, process.has_more_accounts, process.touched, process.has_more_files)
        key = (words, execs, process.cwd, who, env, opened, command.line, self.shell.name)
        known = self.budget.known.get(key)
        if known is None:
            self.budget.programs -= 1
            if self.budget.programs < 0:
                raise TooMuchError
            known = Trace()
            self.execute(process, replace(self.shell, line=command.line), words, known, execs)
            self.budget.known[key] = known
        return known

    def _last(self, state: State, command: SimpleCommand, fields: tuple[str | None, ...], *, execs: bool) -> State:
        """The last program of the script."""
        name = fields[0] or ""
        trace = self._followed(state, command, fields, execs=execs)
        if trace is None:
            why = "sets PATH itself" if "/" not in name else f"may make {name} itself"
            state.end = End(kind=EndKind.UNDECIDED, reason=f"{self.shell.name}: {why}", executes=True)
            return state
        state.trace = state.trace.followed_by(trace)
        if trace.stopped:
            failure = trace.findings[-1]
            state.end = End(kind=EndKind.FAILED, status=127, failure=failure, executes=True)
            if state.waits_for is not None:
                reason = f"{self.shell.name}: {name} only runs when {state.waits_for} has ended"
                state.end = replace(state.end, kind=EndKind.UNDECIDED, reason=reason)
            elif self._has_unknown_loader_variables(state):
                reason = f"{self.shell.name}: sets where the loader looks for libraries"
                state.end = replace(state.end, kind=EndKind.UNDECIDED, reason=reason)
        elif trace.reasons:
            state.end = End(kind=EndKind.UNDECIDED, reason=trace.reasons[0], executes=True)
        else:
            state.end = End(kind=EndKind.STARTED, executes=True, depends=trace.depends)
        return state

    def _has_unknown_loader_variables(self, state: State) -> bool:
        return any(state.variables.get(name, "") is None for name in ("LD_LIBRARY_PATH", "LD_PRELOAD"))


def _installs(name: str) -> bool:
    """True for programs that may install others: package managers, downloads, archives."""
    base = name.rpartition("/")[2]
    return base in INSTALLERS or base.startswith(("pip", "apt"))


def _doubt(busybox: Busybox | None, name: str, fields: tuple[str | None, ...]) -> str:
    """Why an applet may fail: an option that this build of busybox may lack; empty otherwise."""
    option = "" if busybox is None else unsure_option(busybox, name, [field or "" for field in fields[1:]])
    return f"needs {option} of {name}, which this busybox may lack" if option else ""
