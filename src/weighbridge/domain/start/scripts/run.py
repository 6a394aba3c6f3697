"""Follows a script over all possible branches, without running anything.

A test that the image decides has one branch; one that only the running container decides has two. Each path ends in an
`End`; `outcome.conclude` merges them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

from weighbridge.domain.checks.finding import Finding
from weighbridge.domain.shell import Dialect, Script, parse_script
from weighbridge.domain.shell.syntax import (
    ArithmeticCommand,
    Case,
    Command,
    Conditional,
    For,
    FunctionDefinition,
    Group,
    If,
    Loop,
    Pipeline,
    SimpleCommand,
    Statement,
)
from weighbridge.domain.start.attempt import UNKNOWN, Process, Trace
from weighbridge.domain.start.programs import Tool
from weighbridge.domain.start.scripts.budget import WorkBudget
from weighbridge.domain.start.scripts.compound_commands import CompoundCommands
from weighbridge.domain.start.scripts.conditions import Tester
from weighbridge.domain.start.scripts.endings import Endings
from weighbridge.domain.start.scripts.expand import Expander, ExpansionError
from weighbridge.domain.start.scripts.external_commands import Execute
from weighbridge.domain.start.scripts.merging import limited
from weighbridge.domain.start.scripts.outcome import as_warning
from weighbridge.domain.start.scripts.state import EndKind, State, joined
from weighbridge.domain.start.shells import (
    Shell,
    builtins_of,
    dialect_of,
)


class ScriptRun(Endings, CompoundCommands):
    """Follows one script, from states to states. States that have ended or jump are passed on unchanged."""

    def __init__(self, process: Process, shell: Shell, execute: Execute, budget: WorkBudget) -> None:
        self.process = process
        self.shell = shell
        self.execute = execute
        self.budget = budget
        self.dialect = dialect_of(shell.tool)
        self.expander = Expander(
            rootfs=process.rootfs, dialect=self.dialect, name=shell.name, substitute=self._substitute
        )
        self.tester = Tester(process=process, has_double_equals=self.dialect is not Dialect.POSIX)
        self.builtins = builtins_of(shell.tool)
        self._substituted: list[State] = []

    def start(self, arguments: tuple[str, ...], trace: Trace, *, stops_at_error: bool, stops_at_unset: bool) -> State:
        """The state before the first command."""
        variables: dict[str, str] = {**self.process.env, "IFS": " \t\n", "OPTIND": "1"}
        state = State(
            variables={name: None if value == UNKNOWN else value for name, value in variables.items()},
            exported=set(self.process.env),
            arguments=tuple(None if each == UNKNOWN else each for each in arguments),
            is_open=self.process.is_open,
            directory=self.process.cwd,
            touched=self.process.touched,
            trace=trace,
            stops_at_error=stops_at_error,
            stops_at_unset=stops_at_unset,
        )
        # The engine uses the container's ID as the host name.
        state.variables.setdefault("HOSTNAME", None)
        if self.dialect is Dialect.BASH:
            uid = str(self.process.credentials.uid)
            state.variables.update({"UID": uid, "EUID": uid, "PPID": None, "HOSTTYPE": None, "OSTYPE": "linux-gnu"})
        return state

    def script(self, script: Script, state: State) -> list[State]:
        """Every path through the whole script, each with its end."""
        states = self.statements([state], script.statements, tail=script.fault is None)
        ended: list[State] = []
        for one in states:
            if one.end is None:
                if script.fault is not None and not one.jump:
                    self.syntax_fault(one, script.fault)
                else:
                    self.finish(one, one.status)
            ended.append(one)
        return ended

    # Lists.

    def statements(
        self, states: list[State], statements: tuple[Statement, ...], *, guarded: bool = False, tail: bool = False
    ) -> list[State]:
        """Follow statements in order. `tail` means that nothing runs after the last of them."""
        for number, statement in enumerate(statements):
            last = tail and number == len(statements) - 1
            states = self._each(states, lambda state: self._statement(state, statement, guarded=guarded, tail=last))  # noqa: B023
            if not any(state.runs for state in states):
                break
        return states

    def _each(self, states: Iterable[State], step: Callable[[State], list[State]]) -> list[State]:
        result: list[State] = []
        for state in states:
            result.extend(step(state) if state.runs else [state])
        return limited(result)

    def _statement(self, state: State, statement: Statement, *, guarded: bool, tail: bool) -> list[State]:
        if statement.is_background:
            return self._background(state, statement)
        if not statement.others:
            return self._pipeline(state, statement.first, guarded=guarded, tail=tail)
        states = self._pipeline(state, statement.first, guarded=True, tail=False)
        for number, (operator, pipeline) in enumerate(statement.others):
            last = number == len(statement.others) - 1
            following: list[State] = []
            for one in states:
                if not one.runs:
                    following.append(one)
                    continue
                for way in self.split_status(one, pipeline):
                    if (way.status == 0) is (operator == "&&"):
                        following.extend(self._pipeline(way, pipeline, guarded=guarded or not last, tail=tail and last))
                    else:
                        following.append(way)
            states = limited(following)
        return states

    def _background(self, state: State, statement: Statement) -> list[State]:
        inner = state.fork()
        ways = self.statements([inner], (statement._replace(is_background=False),), guarded=True)
        failures = [way.failure for way in ways if way.status and way.failure is not None]
        state.background_failure = failures[0] if len(failures) == len(ways) else None
        statuses = {None if way.end is not None or way.waits_for != state.waits_for else way.status for way in ways}
        state.background_status = statuses.pop() if len(statuses) == 1 and not state.has_background else None
        state.trace.findings.extend(_new_findings(state, inner))
        state.status, state.depends = 0, ""
        state.has_background = True
        state.touched = state.touched | inner.touched
        return [state]

    def _pipeline(self, state: State, pipeline: Pipeline, *, guarded: bool, tail: bool) -> list[State]:
        if len(pipeline.commands) == 1:
            alone = not pipeline.is_negated
            states = self.command(state, pipeline.commands[0], guarded=guarded or not alone, tail=tail and alone)
            if pipeline.is_negated:
                for one in states:
                    if one.runs:
                        one.status = None if one.status is None else int(one.status == 0)
                        one.failure = None
            return states
        statuses: list[int | None] = []
        last: State | None = None
        for command in pipeline.commands:
            inner = state.fork()
            inner.captures, inner.output = True, ""
            last = self._inside(state, self.command(inner, command, guarded=True, tail=False))
            statuses.append(last.status)
        status = statuses[-1]
        if state.has_pipefail:
            failed = next((each for each in reversed(statuses) if each), None)
            status = failed or (0 if all(each == 0 for each in statuses) else None)
        state.failure = last.failure if last is not None and status else None
        if pipeline.is_negated:
            status = None if status is None else int(status == 0)
        state.status = status
        state.depends = last.depends if last is not None and status is None else ""
        state.doubt = last.doubt if last is not None and status is None else ""
        state.prints(last.output if last is not None else None)
        return [state] if pipeline.is_negated else self.settle(state, guarded=guarded)

    def _inside(self, state: State, states: list[State]) -> State:
        """A subshell has ended: its effects on the shell, merged over its paths."""
        for one in states:
            if one.end is not None:
                one.status = one.end.status
                if one.end.executes and one.end.kind is not EndKind.FAILED:
                    one.status = None
                    one.prints(None)
                one.failure = one.end.failure
                if one.end.kind is EndKind.FOREVER:
                    state.waits_for = state.waits_for or "a loop"
                one.end = None
            one.jump = ""
        result = states[0]
        for other in states[1:]:
            result = joined(result, other)
        state.trace.findings.extend(as_warning(each) for each in _new_findings(state, result))
        if result.failure is not None and result.failure not in state.trace.findings and result.status:
            state.trace.findings.append(as_warning(result.failure))
        state.touched = state.touched | result.touched
        state.waits_for = state.waits_for or result.waits_for
        state.asked = result.asked
        return result

    # Commands.

    def command(self, state: State, command: Command, *, guarded: bool, tail: bool) -> list[State]:
        """Follow one command of any kind with its redirections."""
        self.budget.spend()
        self.budget.enter()
        try:
            return self._dispatch(state, command, guarded=guarded, tail=tail)
        except ExpansionError as error:
            # Of a compound command's own words, as in: case $unset in
            return self.settle(
                self.unset_variable(state, getattr(command, "line", self.shell.line), error), guarded=guarded
            )
        finally:
            self.budget.leave()

    def _dispatch(self, state: State, command: Command, *, guarded: bool, tail: bool) -> list[State]:
        match command:
            case SimpleCommand():
                try:
                    states = self._simple(state, command, guarded=guarded, tail=tail)
                except ExpansionError as error:
                    states = [self.unset_variable(state, command.line, error)]
                settled: list[State] = []
                for one in states:
                    if one.runs and one.status == 0:
                        one.failure = None
                    settled.extend(self.settle(one, guarded=guarded))
                return settled
            case FunctionDefinition():
                state.functions[command.name] = command.body
                state.status, state.depends = 0, ""
                return [state]
            case Group(redirections=redirections) | If(redirections=redirections) | Loop(redirections=redirections) if (
                redirections
            ):
                return self._redirected(state, command, guarded=guarded, tail=tail)
            case For(redirections=redirections) | Case(redirections=redirections) if redirections:
                return self._redirected(state, command, guarded=guarded, tail=tail)
            case Group(is_subshell=True):
                inner = self._inside(state, self.statements([state.fork()], command.body, guarded=guarded))
                state.status, state.failure, state.depends = inner.status, inner.failure, inner.depends
                state.prints(None if inner.captures and inner.output is None else "")
                if inner.captures and inner.output is not None:
                    state.output = inner.output
                return self.settle(state, guarded=guarded)
            case Group():
                return self.statements([state], command.body, guarded=guarded, tail=tail)
            case If():
                return self.follow_if(state, command, guarded=guarded, tail=tail)
            case Loop():
                return self.follow_loop(state, command, guarded=guarded)
            case For():
                return self.follow_for(state, command, guarded=guarded)
            case Case():
                return self.follow_case(state, command, guarded=guarded, tail=tail)
            case Conditional():
                state = self._decided(state, self.test(state, command.expression))
                state.depends = "the test" if state.status is None else ""
                return self.settle(state, guarded=guarded)
            case ArithmeticCommand():
                state.depends = ""
                number = self.arithmetic(state, command)
                return self.settle(self._decided(state, None if number is None else number != 0), guarded=guarded)

    def _redirected(
        self, state: State, command: Group | If | Loop | For | Case, *, guarded: bool, tail: bool
    ) -> list[State]:
        """A compound command with redirections, which are opened first."""
        opening = SimpleCommand(assignments=(), words=(), redirections=command.redirections, line=command.line)
        failed = self._redirect(state, opening, is_exec=False)
        if failed is not None:
            # set -e of ash does not see this failure.
            return self.settle(failed, guarded=guarded or self.dialect is Dialect.ASH)
        return self._dispatch(state, command._replace(redirections=()), guarded=guarded, tail=tail)

    # Programs.

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
        """Run a text in the same shell; bash uses its file's name in errors."""
        # dash counts the lines of an evaluated text from 1, but not those of an alias.
        counts_anew = self.shell.tool is Tool.DASH and not is_alias
        script = parse_script(text, self.dialect, first_line=1 if counts_anew else line)
        shell = self.shell
        self.budget.enter()
        if name is not None and self.dialect is Dialect.BASH:
            self.shell = replace(shell, name=name)
        try:
            states = self.statements([state], script.statements)
            if script.fault is not None:
                for one in states:
                    if one.runs:
                        self.syntax_fault(one, script.fault, in_eval=in_eval)
            return states
        finally:
            self.shell = shell
            self.budget.leave()

    def _substitute(self, state: State, script: Script) -> str | None:
        """The value of ``$(…)``."""
        self.budget.enter()
        inner = state.fork()
        inner.captures, inner.output = True, ""
        if script.fault is not None:
            self.budget.leave()
            return None
        kept, self._substituted = self._substituted, []
        result = self._inside(state, self.statements([inner], script.statements, guarded=True))
        self._substituted = [*kept, result]
        self.budget.leave()
        if self.dialect is Dialect.BASH and result.status == 0 and _is_redirection(script):
            return None
        return None if result.output is None else result.output.rstrip("\n")


def _is_redirection(script: Script) -> bool:
    """True for ``< file`` alone: in ``$(…)`` bash puts the file's content in its place."""
    first = script.statements[0].first.commands[0] if len(script.statements) == 1 else None
    return isinstance(first, SimpleCommand) and not first.words and bool(first.redirections)


def _new_findings(state: State, later: State) -> list[Finding]:
    """The findings of `later` that `state` does not have; `later` is a copy of `state`.

    The copy begins with the same objects, so that few are left to compare.
    """
    before = set(map(id, state.trace.findings))
    new = (each for each in later.trace.findings if id(each) not in before)
    return [each for each in new if each not in state.trace.findings]
