"""What all builtin commands of shells share: the process, the shell, and how a command fails."""

from __future__ import annotations

import abc
import posixpath
from dataclasses import replace

from weighbridge.domain.checks.catalogue import CheckCode
from weighbridge.domain.checks.finding import Finding, Severity, Subject
from weighbridge.domain.shell import Dialect
from weighbridge.domain.start.attempt import Process
from weighbridge.domain.start.scripts.conditions import Tester
from weighbridge.domain.start.scripts.expand import Expander
from weighbridge.domain.start.scripts.state import State
from weighbridge.domain.start.shells import Shell, builtin_text


class BuiltinBase(abc.ABC):
    """The shell that runs the builtins."""

    process: Process
    shell: Shell
    dialect: Dialect
    expander: Expander
    tester: Tester
    sourced: int = 0
    """How many files the shell is reading with ``.``, one inside the other."""

    @abc.abstractmethod
    def run_text(
        self,
        state: State,
        text: str,
        *,
        name: str | None,
        line: int = 1,
        is_alias: bool = False,
        in_eval: bool = False,
    ) -> list[State]:
        """Run a text in the same shell (``.``, ``eval``, an alias)."""

    @abc.abstractmethod
    def here(self, state: State) -> Process:
        """The process with the changes of the script."""

    @abc.abstractmethod
    def finish(self, state: State, status: int | None) -> State:
        """The script ends with a status."""

    def is_lenient(self) -> bool:
        """True for bash, which continues after an error of a special builtin (POSIX XCU 2.8.1: the shell ends)."""
        return self.dialect is Dialect.BASH and posixpath.basename(self.shell.started_as) != "sh"

    def fails(
        self,
        state: State,
        line: int,
        *,
        builtin: str,
        text: str,
        status: int,
        evidence: str,
        ends: bool = False,
        code: CheckCode = CheckCode.SCRIPT_FAILS,
        severity: Severity = Severity.ERROR,
        path: str | None = None,
        is_bare: bool = False,
    ) -> State:
        """A line of the script that certainly fails; `ends` means that it ends the shell."""
        predicts = text if is_bare else builtin_text(replace(self.shell, line=line), builtin, text)
        state.failure = Finding(
            code=code,
            severity=severity,
            subject=Subject.ENTRYPOINT,
            path=path or self.shell.name,
            predicts=predicts,
            evidence=(f"{self.shell.name}: line {line}", evidence),
        )
        state.status = status
        state.said = predicts
        if ends:
            return self.finish(state, status)
        return state

    @abc.abstractmethod
    def is_builtin(self, name: str) -> bool:
        """True if this shell implements the command itself."""

    @abc.abstractmethod
    def may_run(self, name: str) -> bool:
        """True if the shell may contain the command, as busybox contains applets."""
