"""How a script ends: its last line, an error under ``set -e``, a trap, broken syntax, or an unset variable."""

from __future__ import annotations

from weighbridge.domain.checks.catalogue import CheckCode
from weighbridge.domain.checks.finding import Finding, Severity, Subject
from weighbridge.domain.shell import Dialect
from weighbridge.domain.shell.syntax import SyntaxFault
from weighbridge.domain.start.scripts.builtin_base import BuiltinBase
from weighbridge.domain.start.scripts.expand import ExpansionError
from weighbridge.domain.start.scripts.state import End, EndKind, State
from weighbridge.domain.start.shells import syntax_text


class Endings(BuiltinBase):
    """Ends the states of a script."""

    def syntax_fault(self, state: State, fault: SyntaxFault, *, in_eval: bool = False) -> None:
        """End a script whose syntax is wrong here."""
        if fault.is_limit:
            state.end = End(kind=EndKind.UNDECIDED, reason=f"{self.shell.name}: nested too deep to be followed")
            return
        if fault.expected == "]]":
            reason = f"{self.shell.name}: line {fault.line} has an invalid [[ ]], and bash continues after it"
            state.end = End(kind=EndKind.UNDECIDED, reason=reason)
            return
        state.failure = Finding(
            code=CheckCode.SCRIPT_FAILS,
            severity=Severity.ERROR,
            subject=Subject.ENTRYPOINT,
            path=self.shell.name,
            predicts=syntax_text(self.shell, fault, in_eval=in_eval),
            evidence=(f"{self.shell.name}: line {fault.line} is no {self.dialect.value} shell syntax",),
        )
        if in_eval and self.is_lenient():
            state.status = 2
            return
        self.finish(state, 2)

    def settle(self, state: State, *, guarded: bool) -> list[State]:
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
            if len(ways) == 1:
                state.said, state.variables, state.touched = ways[0].said, ways[0].variables, ways[0].touched
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
            state.end = End(kind=EndKind.STARTED, status=status, depends=self._open_status(state))
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

    def _open_status(self, state: State) -> str | None:
        """What decides the exit status of a script that ends now; None if nothing does, or if it runs long before."""
        if state.waits_for is not None or state.captures:
            return None
        if state.status is None and state.doubt:
            return f"{self.shell.name}: {state.doubt}"
        return f"{self.shell.name}: {state.depends} decides its exit status" if state.depends else None

    def unset_variable(self, state: State, line: int, error: ExpansionError) -> State:
        """An expansion has failed, mostly of a variable that is not set."""
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
