"""Follows a script over all possible branches, without running anything.

A test that the image decides has one branch; one that only the running container decides has two. Each path ends in an
`End`; `outcome.conclude` merges them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace

from weighbridge.domain.checks.catalogue import CheckCode
from weighbridge.domain.checks.finding import Finding, Severity, Subject
from weighbridge.domain.image.rootfs import LookupReason, Node
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
    SyntaxFault,
    TestExpression,
    Word,
)
from weighbridge.domain.start.attempt import UNKNOWN, Process, Trace
from weighbridge.domain.start.programs import Tool, tool_of
from weighbridge.domain.start.scripts.arithmetic import evaluate
from weighbridge.domain.start.scripts.builtins import Builtins
from weighbridge.domain.start.scripts.conditions import Tester, both, either, negated
from weighbridge.domain.start.scripts.expand import MANY, Expander, ExpansionError, fits
from weighbridge.domain.start.scripts.failing import certain_failure, may_create
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
from weighbridge.domain.start.scripts.state import End, EndKind, State, joined
from weighbridge.domain.start.shells import (
    Shell,
    builtins_of,
    command_missing,
    dialect_of,
    find_in_path,
    may_be_applet,
    syntax_text,
)

_NOT_EXECUTABLE = frozenset({CheckCode.ENTRYPOINT_NOT_EXECUTABLE, CheckCode.ENTRYPOINT_BAD_FORMAT})
_COUNTS = frozenset({"set", "test", "[", "[[", "shift"})
"""Builtins whose effect depends on the number of arguments."""
_ARGUMENTS = frozenset({"$@", "$*", "${@}", "${*}"})
MAX_STATES = 6
MAX_ENDS = 40
MAX_CALLS = 20
MAX_ROUNDS = 40
MAX_UNSURE_ROUNDS = 2
MAX_BRANCHING_ROUNDS = 4
"""Rounds of a loop whose body takes several branches: each round multiplies the ways."""
MAX_ITERATIONS = 64

Execute = Callable[[Process, Shell, tuple[str, ...], Trace, bool], None]
"""Follows a program that the shell runs, into the trace; the last argument means that it follows ``exec``."""


class TooMuchError(Exception):
    """The script exceeds the limits."""


@dataclass(slots=True, kw_only=True)
class Budget:
    """The limits of one prediction, over all its scripts."""

    commands: int = 2000
    programs: int = 60
    depth: int = 0
    known: dict[tuple[object, ...], Trace] = field(default_factory=dict)

    MAX_DEPTH = 48

    def spend(self) -> None:
        """Count one command."""
        self.commands -= 1
        if self.commands < 0:
            raise TooMuchError

    def enter(self) -> None:
        """Go one level down."""
        self.depth += 1
        if self.depth > self.MAX_DEPTH:
            raise TooMuchError

    def leave(self) -> None:
        """Return from one level."""
        self.depth -= 1


class ScriptRun(Builtins):
    """Follows one script, from states to states. States that have ended or jump are passed on unchanged."""

    def __init__(self, process: Process, shell: Shell, execute: Execute, budget: Budget) -> None:
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
                    self._fault(one, script.fault)
                else:
                    self.finish(one, one.status)
            ended.append(one)
        return ended

    def _fault(self, state: State, fault: SyntaxFault) -> None:
        if fault.is_limit:
            state.end = End(kind=EndKind.UNDECIDED, reason=f"{self.shell.name}: nested too deep to be followed")
            return
        state.failure = Finding(
            code=CheckCode.SCRIPT_FAILS,
            severity=Severity.ERROR,
            subject=Subject.ENTRYPOINT,
            path=self.shell.name,
            predicts=syntax_text(self.shell, fault),
            evidence=(f"{self.shell.name}: line {fault.line} is no {self.dialect.value} shell syntax",),
        )
        self.finish(state, 2)

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
        return _limited(result)

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
                for way in self._split_status(one, pipeline):
                    if (way.status == 0) is (operator == "&&"):
                        following.extend(self._pipeline(way, pipeline, guarded=guarded or not last, tail=tail and last))
                    else:
                        following.append(way)
            states = _limited(following)
        return states

    def _split_status(self, state: State, pipeline: Pipeline) -> list[State]:
        """An unknown status gives both branches."""
        if state.status is not None:
            return [state]
        failed = state.fork()
        line = getattr(pipeline.commands[0], "line", self.shell.line)
        for way, status in ((state, 0), (failed, 1)):
            way.status = status
            way.assumes = (*way.assumes, line)[-8:]
        failed.failure = None
        return [state, failed]

    def _background(self, state: State, statement: Statement) -> list[State]:
        inner = state.fork()
        ways = self.statements([inner], (replace(statement, is_background=False),), guarded=True)
        failures = [way.failure for way in ways if way.status and way.failure is not None]
        state.background_failure = failures[0] if len(failures) == len(ways) else None
        state.trace.findings.extend(each for each in inner.trace.findings if each not in state.trace.findings)
        state.status = 0
        state.has_background = True
        state.touched = state.touched | inner.touched
        return [state]

    def _pipeline(self, state: State, pipeline: Pipeline, *, guarded: bool, tail: bool) -> list[State]:
        if len(pipeline.commands) == 1:
            alone = not pipeline.is_negated
            states = self._command(state, pipeline.commands[0], guarded=guarded or not alone, tail=tail and alone)
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
            last = self._inside(state, self._command(inner, command, guarded=True, tail=False))
            statuses.append(last.status)
        status = statuses[-1]
        if state.has_pipefail:
            failed = next((each for each in reversed(statuses) if each), None)
            status = failed or (0 if all(each == 0 for each in statuses) else None)
        state.failure = last.failure if last is not None and status else None
        if pipeline.is_negated:
            status = None if status is None else int(status == 0)
        state.status = status
        state.prints(last.output if last is not None else None)
        return [state] if pipeline.is_negated else self._settle(state, guarded=guarded)

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
        known = [each for each in result.trace.findings if each not in state.trace.findings]
        state.trace.findings.extend(_as_warning(each) for each in known)
        if result.failure is not None and result.failure not in state.trace.findings and result.status:
            state.trace.findings.append(_as_warning(result.failure))
        state.touched = state.touched | result.touched
        state.waits_for = state.waits_for or result.waits_for
        state.asked = result.asked
        return result

    # Commands.

    def _command(self, state: State, command: Command, *, guarded: bool, tail: bool) -> list[State]:
        self.budget.spend()
        self.budget.enter()
        try:
            return self._dispatch(state, command, guarded=guarded, tail=tail)
        except ExpansionError as error:
            # Of a compound command's own words, as in: case $unset in
            return self._settle(self._unset(state, getattr(command, "line", self.shell.line), error), guarded=guarded)
        finally:
            self.budget.leave()

    def _dispatch(self, state: State, command: Command, *, guarded: bool, tail: bool) -> list[State]:
        match command:
            case SimpleCommand():
                try:
                    states = self._simple(state, command, guarded=guarded, tail=tail)
                except ExpansionError as error:
                    states = [self._unset(state, command.line, error)]
                settled: list[State] = []
                for one in states:
                    if one.runs and one.status == 0:
                        one.failure = None
                    settled.extend(self._settle(one, guarded=guarded))
                return settled
            case Group(is_subshell=True):
                inner = self._inside(state, self.statements([state.fork()], command.body, guarded=guarded))
                state.status, state.failure = inner.status, inner.failure
                state.prints(None if inner.captures and inner.output is None else "")
                if inner.captures and inner.output is not None:
                    state.output = inner.output
                return self._settle(state, guarded=guarded)
            case Group():
                return self.statements([state], command.body, guarded=guarded, tail=tail)
            case If():
                return self._if(state, command, guarded=guarded, tail=tail)
            case Loop():
                return self._loop(state, command, guarded=guarded)
            case For():
                return self._for(state, command, guarded=guarded)
            case Case():
                return self._case(state, command, guarded=guarded, tail=tail)
            case FunctionDefinition():
                state.functions[command.name] = command.body
                state.status = 0
                return [state]
            case Conditional():
                return self._settle(self._decided(state, self._test(state, command.expression)), guarded=guarded)
            case ArithmeticCommand():
                number = evaluate(command.expression, state)
                if number is None and any(sign in command.expression for sign in ("=", "++", "--")):
                    state.is_open = True
                return self._settle(self._decided(state, None if number is None else number != 0), guarded=guarded)

    @staticmethod
    def _decided(state: State, holds: bool | None) -> State:
        state.status = None if holds is None else int(not holds)
        state.failure = None
        return state

    def _settle(self, state: State, *, guarded: bool) -> list[State]:
        """A command has ended: ``set -e`` ends the shell if it failed."""
        if not state.runs or guarded or not state.stops_at_error or state.status == 0:
            return [state]
        if state.status is None:
            # Only the running container decides whether it fails. If it does not, the script continues.
            state.status = 0
            return [state]
        return [self.finish(state, state.status)]

    def finish(self, state: State, status: int | None) -> State:
        """The script ends by itself."""
        if not status:
            state.end = End(kind=EndKind.STARTED, status=status)
            return state
        failure = state.failure
        if failure is None and state.said:
            asked = tuple(dict.fromkeys(state.asked))[-3:]
            failure = Finding(
                code=CheckCode.RUNTIME_VARIABLE_MISSING if asked else CheckCode.SCRIPT_FAILS,
                severity=Severity.WARNING,
                subject=Subject.ENTRYPOINT,
                path=self.shell.name,
                predicts=state.said,
                evidence=(
                    f"{self.shell.name} ends with status {status}",
                    *(f"{name} is not set" for name in asked),
                ),
                fix="Set the variable: ENV in the Dockerfile, or docker run -e." if asked else None,
            )
        state.end = End(kind=EndKind.FAILED, status=status, failure=failure)
        if state.waits_for is not None:
            reason = f"{self.shell.name}: ends with an error only when {state.waits_for} has ended"
            state.end = End(kind=EndKind.UNDECIDED, status=status, failure=failure, reason=reason)
        return state

    def _unset(self, state: State, line: int, error: ExpansionError) -> State:
        bash = self.dialect is Dialect.BASH
        return self.fails(
            state,
            line,
            builtin="",
            text=error.message,
            status=1 if bash else 2,
            evidence=f"{error.name} is not set" if error.name else "the shell has no such expansion",
            ends=True,
            code=CheckCode.RUNTIME_VARIABLE_MISSING if error.name else CheckCode.SCRIPT_FAILS,
            severity=Severity.WARNING if error.name else Severity.ERROR,
            path=error.name or None,
            is_bare=error.is_bare,
        )

    # Compound commands.

    def _if(self, state: State, command: If, *, guarded: bool, tail: bool) -> list[State]:
        done: list[State] = []
        waiting = [state]
        for branch in command.branches:
            going: list[State] = []
            for one in self.statements(waiting, branch.condition, guarded=True):
                if not one.runs:
                    done.append(one)
                    continue
                for way in self._split_status(one, branch.condition[0].first):
                    way.failure = None
                    if way.status == 0:
                        done.extend(self.statements([way], branch.body, guarded=guarded, tail=tail))
                    else:
                        going.append(way)
            waiting = _limited(going)
        for one in waiting:
            one.status = 0
        done.extend(self.statements(waiting, command.otherwise, guarded=guarded, tail=tail))
        return _limited(done)

    def _loop(self, state: State, command: Loop, *, guarded: bool) -> list[State]:
        out: list[State] = []
        current, seen, unsure, spins = [state], {state.key()}, 0, None
        reads = _reads(command)
        for number in range(MAX_ROUNDS):
            following: list[State] = []
            for one in self.statements(current, command.condition, guarded=True):
                if not one.runs:
                    out.append(one)
                    continue
                unsure += one.status is None
                for way in self._split_status(one, command.condition[0].first):
                    if (way.status == 0) is command.is_until:
                        way.status, way.failure = 0, None
                        out.append(way)
                    else:
                        following.extend(self.statements([way], command.body, guarded=guarded))
            current = []
            for one in following:
                stays = self._after_round(one)
                if not stays or not one.runs:
                    out.append(one)
                elif one.key() in seen:
                    spins = one
                else:
                    seen.add(one.key())
                    current.append(one)
            current = _limited(current)
            if not current or (unsure and len(seen) > MAX_UNSURE_ROUNDS):
                break
            if number >= MAX_BRANCHING_ROUNDS and len(current) > 1:
                break
        for one in current:
            # Not followed to its end: its variables are unknown afterwards.
            one.variables.update(dict.fromkeys(set(one.variables) - set(self.process.env)))
            out.append(one)
        if spins is not None and not out:
            return self.runs_for_ever(spins)
        if (spins is not None or current) and not reads:
            for one in out:
                one.waits_for = one.waits_for or "a loop"
        return _limited(out)

    @staticmethod
    def _after_round(state: State) -> bool:
        """Clear ``break`` and ``continue``; False if the loop ends."""
        if state.jump not in {"break", "continue"}:
            return True
        state.jump_depth -= 1
        if state.jump_depth > 0:
            return False
        leaves = state.jump == "break"
        state.jump = ""
        return not leaves

    def _for(self, state: State, command: For, *, guarded: bool) -> list[State]:
        if command.is_arithmetic:
            fields = None
        else:
            fields = state.arguments if command.words is None else self.expander.fields(state, command.words)
        if fields is None or len(fields) > MAX_ITERATIONS or MANY in fields:
            skipped = state.fork()
            state.set(command.name or "_", None)
            done = [skipped]
            for one in self.statements([state], command.body, guarded=guarded):
                self._after_round(one)
                done.append(one)
            return _limited(done)
        current: list[State] = [state]
        out: list[State] = []
        state.status = 0
        for field_value in fields:
            following: list[State] = []
            for one in current:
                one.set(command.name, field_value)
                following.extend(self.statements([one], command.body, guarded=guarded))
            current = []
            for one in following:
                (current if self._after_round(one) and one.runs else out).append(one)
            current = _limited(current)
        return _limited([*out, *current])

    def _case(self, state: State, command: Case, *, guarded: bool, tail: bool) -> list[State]:
        subject = self.expander.text(state, command.subject)
        done: list[State] = []
        waiting: State | None = state
        falls: list[State] = []
        for item in command.items:
            going = falls
            falls = []
            if waiting is not None:
                holds: bool | None = False
                for pattern in item.patterns:
                    holds = either(holds, fits(subject, self.expander.pieces(waiting, pattern)))
                if holds is None:
                    other = waiting.fork()
                    waiting.assumes = (*waiting.assumes, command.line)[-8:]
                    going.append(waiting)
                    waiting = other
                elif holds:
                    going.append(waiting)
                    waiting = None
            for one in going:
                one.status = 0
            results = self.statements(going, item.body, guarded=guarded, tail=tail and item.ending == ";;")
            if item.ending == ";;":
                done.extend(results)
            elif item.ending == ";&":
                falls = results
            else:
                done.extend(results)
        done.extend(falls)
        if waiting is not None:
            waiting.status = 0
            done.append(waiting)
        return _limited(done)

    def _test(self, state: State, expression: TestExpression) -> bool | None:
        match expression.operator:
            case "!":
                return negated(self._test(state, expression.parts[0]))
            case "&&" | "||":
                combine = both if expression.operator == "&&" else either
                result: bool | None = expression.operator == "&&"
                for part in expression.parts:
                    result = combine(result, self._test(state, part))
                    if result is (expression.operator == "||"):
                        break
                return result
        left = self.expander.text(state, expression.words[0])
        if len(expression.words) == 1:
            return self.tester.unary(state, expression.operator, left)
        if expression.operator in {"=", "==", "!="}:
            fit = fits(left, self.expander.pieces(state, expression.words[1]))
            return negated(fit) if expression.operator == "!=" else fit
        if expression.operator == "=~":
            return None
        return self.tester.binary(expression.operator, left, self.expander.text(state, expression.words[1]))

    # Simple commands.

    def _simple(self, state: State, command: SimpleCommand, *, guarded: bool, tail: bool) -> list[State]:
        self._substituted = []
        fields = self.expander.fields(state, command.words)
        state.trace = state.trace.fork()
        if fields == ():
            self._lacks_command(state, command)
            return self._assign(state, command)
        broken = self._redirect(state, command, is_exec=fields is not None and fields[0] == "exec")
        if broken is not None:
            return [broken]
        if fields is None or fields[0] is None or fields[0] == MANY:
            return self._unknown(state, command, tail=tail)
        name = fields[0]
        if MANY in fields and name not in _COUNTS and name not in state.functions:
            fields = tuple(None if field == MANY else field for field in fields)
        before = dict(state.variables)
        for assignment in command.assignments:
            if assignment.elements is not None and name in {"declare", "local", "typeset", "readonly", "export"}:
                self._array(state, assignment.name, assignment.elements, is_append=assignment.is_append)
            else:
                value = None if assignment.value is None else self.expander.text(state, assignment.value)
                state.variables[assignment.name] = value
        said = state.said
        names = {assignment.name for assignment in command.assignments}
        exported = set(state.exported)
        state.exported |= names
        states = self._named(state, command, name, fields, guarded=guarded, tail=tail)
        if any(each.fd == "2" and each.target.source == "/dev/null" for each in command.redirections):
            _silence(states, said)
        if names and name not in {"declare", "local", "typeset", "readonly", "export", "exec"}:
            for one in states:
                one.exported = (one.exported - names) | (exported & names)
                for each in names:
                    if each in before:
                        one.variables[each] = before[each]
                    else:
                        one.variables.pop(each, None)
        return states

    def _lacks_command(self, state: State, command: SimpleCommand) -> None:
        """Remember that the arguments of the script were to be executed, and that it has none."""
        if any(word.source.strip('"') in _ARGUMENTS for word in command.words) and not state.arguments:
            shown = " ".join(word.source for word in command.words)
            state.trace.lacks_command = f"{self.shell.name}: line {command.line}: {shown}"

    def _assign(self, state: State, command: SimpleCommand) -> list[State]:
        """Only assignments: the status is that of the last substitution."""
        self._substituted = []
        for assignment in command.assignments:
            if assignment.name in state.readonly:
                return [self.read_only(state, assignment.name, command.line)]
            if assignment.elements is not None:
                self._array(state, assignment.name, assignment.elements, is_append=assignment.is_append)
                continue
            if assignment.index is not None:
                state.set(assignment.name, None)
                continue
            text = None if assignment.value is None else self.expander.text(state, assignment.value)
            if assignment.is_append:
                old = state.variables.get(assignment.name, None if state.is_open else "")
                text = old + text if isinstance(old, str) and text is not None else None
            state.set(assignment.name, text)
        last = self._substituted[-1] if self._substituted else None
        self._substituted = []
        state.status = 0 if last is None else last.status
        state.failure = None if last is None else last.failure
        return [state]

    def _array(self, state: State, name: str, elements: tuple[Word, ...], *, is_append: bool) -> None:
        fields = self.expander.fields(state, elements)
        old = state.variables.get(name, ()) if is_append else ()
        if isinstance(old, str):
            old = (old,)
        state.set(name, None if fields is None or old is None or MANY in fields else (*old, *fields))

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

    def _named(
        self,
        state: State,
        command: SimpleCommand,
        name: str,
        fields: tuple[str | None, ...],
        *,
        guarded: bool,
        tail: bool,
    ) -> list[State]:
        if name in state.functions:
            arguments = None if MANY in fields else fields[1:]
            return self._call(state, name, arguments, guarded=guarded, tail=tail)
        if name in self.builtins:
            return self._builtin(state, command, name, fields[1:], tail=tail)
        if self.dialect is not Dialect.BASH and name == "which" and find_in_path(self.here(state), name) is not None:
            return self.look_up(state, name, fields[1:], command)
        return self._external(state, command, fields, tail=tail)

    def _call(
        self, state: State, name: str, arguments: tuple[str | None, ...] | None, *, guarded: bool, tail: bool
    ) -> list[State]:
        if len(state.calls) >= MAX_CALLS:
            raise TooMuchError
        body, outer = state.functions[name], state
        kept = (outer.arguments, outer.calls, outer.locals, dict(outer.variables))
        state.arguments, state.calls, state.locals = arguments, (*state.calls, name), frozenset()
        results = self._command(state, body, guarded=guarded, tail=tail)
        for one in results:
            if one.end is not None:
                continue
            if one.jump == "return":
                one.jump = ""
            for local in one.locals:
                if local in kept[3]:
                    one.variables[local] = kept[3][local]
                else:
                    one.variables.pop(local, None)
            one.arguments, one.calls, one.locals = kept[0], kept[1], kept[2]
        return results

    def _builtin(
        self, state: State, command: SimpleCommand, name: str, fields: tuple[str | None, ...], *, tail: bool
    ) -> list[State]:
        line = command.line
        if MANY in fields:
            # The number of arguments is unknown.
            if name == "set":
                state.arguments = None
            return [self._decided(state, None)]
        match name:
            case "cd" | "chdir" | "pushd":
                return self.cd(state, fields, line)
            case "." | "source":
                return self.source(state, fields, line, word=name)
            case "exec":
                return self._exec(state, command, fields)
            case "command" | "builtin":
                return self._command_builtin(state, command, name, fields, tail=tail)
            case "export" | "readonly" | "local" | "declare" | "typeset":
                return self.declare(state, command.words[1:], command=name, line=line)
            case "set":
                return self.set_options(state, fields, line) if fields else [self._decided(state, True)]
            case "echo":
                return self.echo(state, fields, command)
            case "printf":
                return self.printf(state, fields, command)
            case "exit" | "return" | "break" | "continue":
                return self.control(state, name, fields)
            case "test" | "[" | "[[":
                operands = fields[:-1] if name != "test" else fields
                return [self._decided(state, self.tester.words(state, operands))]
            case "type" | "hash":
                return self.look_up(state, name, fields, command)
            case "wait":
                state.status = None
                if fields and state.background_failure is not None and not state.waits_for:
                    state.status, state.failure = 127, state.background_failure
                    return [state]
                if state.has_background:
                    state.waits_for = state.waits_for or "the background command"
                return [state]
            case "pwd":
                self.output(state, None if state.directory is None else state.directory + "\n", command)
                return [state]
        return self._plain_builtin(state, name, fields, line)

    def _plain_builtin(self, state: State, name: str, fields: tuple[str | None, ...], line: int) -> list[State]:
        match name:
            case "eval":
                return self.evaluate(state, fields, line)
            case "shift":
                return self.shift(state, fields, line)
            case "unset":
                return self.unset(state, fields)
            case "getopts":
                return self.getopts(state, fields)
            case "shopt":
                return self.shopt(state, fields)
            case "read" | "mapfile" | "readarray":
                return self.read(state, tuple(each for each in fields if each is None or not each.startswith("-")))
            case "false":
                return [self._decided(state, False)]
            case ":" | "true" | "trap" | "umask" | "alias" | "unalias" | "times":
                return [self._decided(state, True)]
        state.status = None
        state.prints(None)
        if name == "let":
            state.is_open = True
        if name == "popd":
            state.directory = None
        return [state]

    def _command_builtin(
        self, state: State, command: SimpleCommand, name: str, fields: tuple[str | None, ...], *, tail: bool
    ) -> list[State]:
        if name == "command" and fields and fields[0] in {"-v", "-V"}:
            return self.look_up(state, name, fields[1:], command)
        rest = fields[1:] if fields and fields[0] in {"-p", "--"} else fields
        if not rest or rest[0] is None:
            return self._unknown(state, command, tail=tail) if rest else [self._decided(state, True)]
        if rest[0] in self.builtins:
            inner = replace(command, words=command.words[-len(rest) :]) if len(rest) <= len(command.words) else command
            return self._builtin(state, inner, rest[0], rest[1:], tail=tail)
        return self._external(state, command, rest, tail=tail)

    def _exec(self, state: State, command: SimpleCommand, fields: tuple[str | None, ...]) -> list[State]:
        words = list(fields)
        if self.shell.tool is not Tool.DASH:
            while words and words[0] in {"-a", "-c", "-l", "-cl"}:
                if words.pop(0) == "-a" and words:
                    words.pop(0)
        if words and words[0] == "--":
            words.pop(0)
        if not words:
            self._lacks_command(state, command)
            return [self._decided(state, True)]
        if words[0] is None:
            return self._unknown(state, command, tail=True)
        return [self._last(state, command, tuple(words), execs=True)]

    # Programs.

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
                state.touched = state.touched | _touched(state, fields)
            state.installs |= _installs(name)
            state.changes_accounts |= base in ACCOUNT_TOOLS
            state.status = {"true": 0, "false": 1}.get(base)
            if base == "grep":
                state.status = grep_status(self.here(state), self.tester, state, fields)
            return [state]
        return self._through(state, command, fields)

    def _certain_failure(
        self, state: State, command: SimpleCommand, fields: tuple[str | None, ...], path: str | None
    ) -> State | None:
        """A small program that fails for sure, and goes on to the next line."""
        is_busybox = path is None
        if path:
            node = self.process.rootfs.lookup(path, cwd=state.directory or "/")
            is_busybox = isinstance(node, Node) and tool_of(self.process.rootfs, node) is Tool.BUSYBOX
        failure = certain_failure(self.here(state), self.tester, state, fields, is_busybox=is_busybox)
        if failure is None:
            return None
        evidence = f"{failure.path}: {failure.why}"
        state.prints("")
        return self.fails(
            state,
            command.line,
            builtin="",
            text=failure.text,
            status=failure.status,
            evidence=evidence,
            path=failure.path,
            is_bare=True,
        )

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
                state.trace.add(_as_warning(failure))
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
        opened = (process.is_open, process.has_more_accounts)
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
            state.end = End(kind=EndKind.STARTED, executes=True)
        return state

    def _has_unknown_loader_variables(self, state: State) -> bool:
        return any(state.variables.get(name, "") is None for name in ("LD_LIBRARY_PATH", "LD_PRELOAD"))

    # Used by the builtins.

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
        )

    def run_text(self, state: State, text: str, *, name: str | None, line: int = 1) -> list[State]:
        """Run a text in the same shell; bash uses its file's name in errors."""
        # dash counts the lines of an evaluated text from 1.
        script = parse_script(text, self.dialect, first_line=1 if self.shell.tool is Tool.DASH else line)
        shell = self.shell
        self.budget.enter()
        if name is not None and self.dialect is Dialect.BASH:
            self.shell = replace(shell, name=name)
        try:
            states = self.statements([state], script.statements)
            if script.fault is not None:
                for one in states:
                    if one.runs:
                        self._fault(one, script.fault)
            return states
        finally:
            self.shell = shell
            self.budget.leave()

    def is_builtin(self, name: str) -> bool:
        """True if this shell implements the command itself."""
        return name in self.builtins

    def may_run(self, name: str) -> bool:
        """True if busybox may run the command as one of its applets."""
        return may_be_applet(self.process, self.shell, name)

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
        return None if result.output is None else result.output.rstrip("\n")

    def _redirect(self, state: State, command: SimpleCommand, *, is_exec: bool) -> State | None:
        """A failing redirection: the resulting state, or None if it does not fail."""
        for redirection in command.redirections:
            if redirection.operator not in {"<", ">", ">>", ">|", "&>", "&>>", "<>"}:
                continue
            target = self.expander.text(state, redirection.target)
            if target is None or not target or (state.directory is None and not target.startswith("/")):
                continue
            denied = self._denied_redirection(state, target, redirection.operator)
            if denied:
                return self._redirection_fails(
                    state, command.line, denied, target, redirection.operator, is_exec=is_exec, is_denied=True
                )
            place = target if redirection.operator == "<" else target.rpartition("/")[0]
            touched = state.touched
            if redirection.operator != "<":
                state.touched = touched | {_absolute(state, target)}
            node = self.process.rootfs.lookup(place or "/", cwd=state.directory or "/")
            if isinstance(node, Node) or node.reason is not LookupReason.NOT_FOUND or "/" not in target:
                continue
            if self.tester.is_uncertain(replace(state, touched=touched), node.at, is_there=False):
                continue
            evidence = f"{node.at}: not in the image"
            return self._redirection_fails(state, command.line, evidence, target, redirection.operator, is_exec=is_exec)
        return None

    def _denied_redirection(self, state: State, target: str, operator: str) -> str:
        """Why the user may not open the file; empty where he may, or where that is not known."""
        path = _absolute(state, target)
        credentials = self.process.credentials
        if operator != "<":
            process = self.here(state)
            if may_create(process, self.tester, state, path) is False:
                return f"{path}: user {credentials.uid} may not write there"
            return ""
        node = self.process.rootfs.lookup(path, may_search=credentials.may_search)
        unreadable = isinstance(node, Node) and node.is_file and not credentials.may_read(node.entry)
        if unreadable and not self.tester.is_uncertain(state, path, is_there=True):
            return f"{path}: user {credentials.uid} may not read it"
        return ""

    def _redirection_fails(
        self,
        state: State,
        line: int,
        evidence: str,
        target: str,
        operator: str,
        *,
        is_exec: bool,
        is_denied: bool = False,
    ) -> State:
        what = "open" if operator == "<" else "create"
        status = 2 if self.shell.tool is Tool.DASH else 1
        if self.dialect is Dialect.BASH:
            text = f"{target}: {'Permission denied' if is_denied else 'No such file or directory'}"
        elif self.shell.tool is Tool.BUSYBOX:
            why = "no such file" if operator == "<" else "nonexistent directory"
            text = f"can't {what} {target}: {'Permission denied' if is_denied else why}"
        else:
            why = "No such file" if operator == "<" else "Directory nonexistent"
            text = f"cannot {what} {target}: {'Permission denied' if is_denied else why}"
        ends = is_exec and not self.is_lenient()
        return self.fails(state, line, builtin="", text=text, status=status, evidence=evidence, ends=ends, path=target)


def _absolute(state: State, path: str) -> str:
    return path if path.startswith("/") else f"{(state.directory or '').rstrip('/')}/{path}"


def _touched(state: State, fields: tuple[str | None, ...]) -> frozenset[str]:
    """The paths that a command may change: its operands, or everything if one is unknown."""
    if None in fields or state.directory is None:
        return frozenset({"/"})
    operands = [field for field in fields[1:] if field is not None and not field.startswith("-")]
    return frozenset(_absolute(state, each).rstrip("/") or "/" for each in operands)


def _installs(name: str) -> bool:
    """True for programs that may install others: package managers, downloads, archives."""
    base = name.rpartition("/")[2]
    return base in INSTALLERS or base.startswith(("pip", "apt"))


def _silence(states: list[State], said: str | None) -> None:
    """Discard the output of a command that went to ``/dev/null``."""
    for one in states:
        if one.end is not None and one.end.executes:
            continue
        one.said = said
        if one.failure is not None:
            one.failure = replace(one.failure, predicts=None)
        if one.end is not None and one.end.failure is not None:
            one.end = replace(one.end, failure=replace(one.end.failure, predicts=None))


def _reads(command: Loop) -> bool:
    """True for ``while read``, which ends with its input."""
    first = command.condition[0].first.commands[0]
    if not isinstance(first, SimpleCommand):
        return False
    return any(word.keyword in {"read", "getopts"} for word in first.words[:2])


def _as_warning(finding: Finding) -> Finding:
    return replace(finding, severity=Severity.WARNING) if finding.severity is Severity.ERROR else finding


def _limited(states: list[State]) -> list[State]:
    """The states without duplicates; too many are merged into one."""
    running: dict[tuple[object, ...], State] = {}
    ended: dict[object, State] = {}
    for state in states:
        if state.end is None:
            running.setdefault(state.key(), state)
        else:
            ended.setdefault(state.end, state)
    kept = list(running.values())
    by_jump: dict[str, list[State]] = {}
    if len(kept) > MAX_STATES:
        for state in kept:
            by_jump.setdefault(state.jump, []).append(state)
        kept = []
        for group in by_jump.values():
            first, *others = group
            for other in others[MAX_STATES - 2 :]:
                others[0] = joined(others[0], other)
            kept.extend([first, *others[: MAX_STATES - 2]])
    return [*list(ended.values())[:MAX_ENDS], *kept]
