"""Follows a script over all possible branches, without running anything.

A test that the image decides has one branch; one that only the running container decides has two. Each path ends in an
`End`; `outcome.conclude` merges them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

from weighbridge.domain.checks.catalogue import CheckCode
from weighbridge.domain.checks.finding import Finding, Severity, Subject
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
)
from weighbridge.domain.start.attempt import UNKNOWN, Process, Trace
from weighbridge.domain.start.programs import Tool
from weighbridge.domain.start.scripts.budget import WorkBudget
from weighbridge.domain.start.scripts.conditions import Tester, both, either, negated
from weighbridge.domain.start.scripts.expand import MANY, Expander, ExpansionError, fits
from weighbridge.domain.start.scripts.external_commands import Execute
from weighbridge.domain.start.scripts.outcome import as_warning
from weighbridge.domain.start.scripts.simple_commands import SimpleCommands
from weighbridge.domain.start.scripts.state import End, EndKind, State, joined
from weighbridge.domain.start.shells import (
    Shell,
    builtin_text,
    builtins_of,
    dialect_of,
    syntax_text,
)

MAX_STATES = 6
MAX_ENDS = 40
MAX_ROUNDS = 40
MAX_UNSURE_ROUNDS = 2
MAX_BRANCHING_ROUNDS = 4
"""Rounds of a loop whose body takes several branches: each round multiplies the ways."""
MAX_ITERATIONS = 64


class ScriptRun(SimpleCommands):
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
        state.trace.findings.extend(_new_findings(state, inner))
        state.status = 0
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
                number = self._arithmetic(state, command)
                return self._settle(self._decided(state, None if number is None else number != 0), guarded=guarded)

    def _arithmetic(self, state: State, command: ArithmeticCommand) -> int | None:
        """``((…))``: an invalid expression is an error, and the script continues."""
        try:
            return self.expander.arithmetic(state, command.expression)
        except ExpansionError as error:
            if not error.ends_line:
                raise
            state.said = builtin_text(replace(self.shell, line=command.line), "((", error.message)
            return 0

    def _settle(self, state: State, *, guarded: bool) -> list[State]:
        """A command has ended: ``set -e`` ends the shell if it failed, after the trap for errors."""
        if not state.runs or guarded or state.status == 0:
            return [state]
        if state.status and state.traps.get("ERR", "") != "":
            self._trap(state, "ERR")
            if state.end is not None:
                return [state]
        if not state.stops_at_error:
            return [state]
        if state.status is None and state.doubt:
            state.end = End(kind=EndKind.UNDECIDED, reason=f"{self.shell.name}: {state.doubt}")
            return [state]
        if state.status is None:
            # Only the running container decides whether it fails. If it does not, the script continues.
            state.status = 0
            return [state]
        return [self.finish(state, state.status)]

    def _trap(self, state: State, name: str) -> None:
        """Run the command of a trap; it may end the script with another status."""
        text, status = state.traps[name], state.status
        state.traps = {other: each for other, each in state.traps.items() if other != name}
        reason = f"{self.shell.name}: the trap for {name} decides its exit status"
        ways = [] if text is None else self.run_text(state.fork(), text, name=None)
        if all(way.runs for way in ways) and ways:
            state.said = ways[0].said if len(ways) == 1 else state.said
            return
        ends = {(way.end.kind, way.end.status) for way in ways if way.end is not None and not way.end.executes}
        if len(ends) != 1 or len(ways) != 1 or ways[0].end is None:
            state.end = End(kind=EndKind.UNDECIDED, status=status, failure=state.failure, reason=reason)
            return
        state.said, state.end = ways[0].said, ways[0].end

    def finish(self, state: State, status: int | None) -> State:
        """The script ends by itself, after its trap for the end."""
        if status and state.traps.get("EXIT", "") != "":
            state.status = status
            self._trap(state, "EXIT")
            if state.end is not None:
                return state
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
        if error.ends_line:
            reason = f"{self.shell.name}: line {line} has an invalid expression, and bash continues with a later line"
            state.end = End(kind=EndKind.UNDECIDED, reason=reason)
            return state
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

    # Programs.

    def run_text(
        self, state: State, text: str, *, name: str | None, line: int = 1, is_alias: bool = False
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
                        self._fault(one, script.fault)
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
        return None if result.output is None else result.output.rstrip("\n")


def _reads(command: Loop) -> bool:
    """True for ``while read``, which ends with its input."""
    first = command.condition[0].first.commands[0]
    if not isinstance(first, SimpleCommand):
        return False
    return any(word.keyword in {"read", "getopts"} for word in first.words[:2])


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


def _new_findings(state: State, later: State) -> list[Finding]:
    """The findings of `later` that `state`, of which it is a copy, does not have.

    The copy begins with the same objects, so that few are left to compare.
    """
    before = set(map(id, state.trace.findings))
    new = (each for each in later.trace.findings if id(each) not in before)
    return [each for each in new if each not in state.trace.findings]
