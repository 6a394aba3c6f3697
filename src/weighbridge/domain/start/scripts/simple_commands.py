"""Simple commands: assignments, functions, builtins and programs (POSIX XCU 2.9.1)."""

from __future__ import annotations

import abc
from dataclasses import replace

from weighbridge.domain.shell import Dialect
from weighbridge.domain.shell.names import SPECIAL_BUILTINS
from weighbridge.domain.shell.syntax import (
    Command,
    Redirection,
    SimpleCommand,
    Word,
)
from weighbridge.domain.start.programs import Tool
from weighbridge.domain.start.scripts.budget import TooMuchError
from weighbridge.domain.start.scripts.builtin_usage import misuse
from weighbridge.domain.start.scripts.condition_faults import condition_fault
from weighbridge.domain.start.scripts.expand import MANY
from weighbridge.domain.start.scripts.external_commands import ExternalCommands
from weighbridge.domain.start.scripts.state import End, EndKind, State
from weighbridge.domain.start.shells import (
    find_in_path,
)

_COUNTS = frozenset({"set", "test", "[", "[[", "shift"})
"""Builtins whose effect depends on the number of arguments."""
MAX_CALLS = 20


class SimpleCommands(ExternalCommands):
    """Follows simple commands, from states to states."""

    builtins: frozenset[str]
    _substituted: list[State]

    @abc.abstractmethod
    def command(self, state: State, command: Command, *, guarded: bool, tail: bool) -> list[State]:
        """Follow any command, such as the body of a function."""

    def _simple(self, state: State, command: SimpleCommand, *, guarded: bool, tail: bool) -> list[State]:
        self._substituted = []
        state.doubt = state.depends = ""
        is_alias = command.words and command.words[0].keyword in state.aliases
        if is_alias and self.dialect is not Dialect.BASH:
            return self._aliased(state, command)
        fields = self.expander.fields(state, command.words)
        state.trace = state.trace.fork()
        if fields == ():
            self._lacks_command(state, command)
            return self._assign(state, command)
        broken = self._redirect(state, command, is_exec=fields is not None and fields[0] in SPECIAL_BUILTINS)
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
        if _is_silent(command.redirections):
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

    def _aliased(self, state: State, command: SimpleCommand) -> list[State]:
        """An alias: its text replaces the name, which is no alias inside it (POSIX XCU 2.3.1)."""
        name, kept = command.words[0].keyword, state.aliases
        text = " ".join([kept[name], *(word.source for word in command.words[1:])])
        state.aliases = {each: value for each, value in kept.items() if each != name}
        states = self.run_text(state, text, name=None, line=command.line, is_alias=True)
        for one in states:
            one.aliases = kept
        return states

    def _assign(self, state: State, command: SimpleCommand) -> list[State]:
        """Only assignments: the status is that of the last substitution."""
        self._substituted = []
        for assignment in command.assignments:
            if assignment.name in state.readonly:
                return [self.read_only(state, assignment.name, command.line)]
            if assignment.elements is not None:
                self._array(state, assignment.name, assignment.elements, is_append=assignment.is_append)
                continue
            if assignment.subscript is not None:
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
        state.depends, state.doubt = ("", "") if last is None else (last.depends, last.doubt)
        return [state]

    def _array(self, state: State, name: str, elements: tuple[Word, ...], *, is_append: bool) -> None:
        fields = self.expander.fields(state, elements)
        old = state.variables.get(name, ()) if is_append else ()
        if isinstance(old, str):
            old = (old,)
        state.set(name, None if fields is None or old is None or MANY in fields else (*old, *fields))

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
        if name == "which" and find_in_path(self.here(state), name) is not None:
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
        results = self.command(state, body, guarded=guarded, tail=tail)
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
        wrong = self._misused(state, command, name, fields)
        if wrong is not None:
            return [wrong]
        match name:
            case "cd" | "chdir" | "pushd":
                return self.cd(state, fields, line, word=name)
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
                return self.control(state, name, fields, command)
            case "test" | "[" | "[[":
                operands = fields[:-1] if name != "test" else fields
                fault = None if name == "[[" else condition_fault(self.shell.tool, name, fields)
                if fault is not None:
                    bare = self.shell.tool is Tool.BUSYBOX
                    what = f"{name} is no test: {' '.join(field or '' for field in fields)[:80]}"
                    return [self.fails(state, line, builtin=name, text=fault, status=2, evidence=what, is_bare=bare)]
                # busybox takes an empty operand that is not quoted for a missing one, but not in every release.
                is_cut = name == "[[" and len(fields) < len(command.words) - 1
                state = self._decided(state, None if is_cut else self.tester.words(state, operands))
                state.depends = "the test" if state.status is None else ""
                return [state]
            case "type" | "hash":
                return self.look_up(state, name, fields, command)
            case "wait":
                state.status = None
                if fields[:1] == ("-n",):
                    # Which of the background commands ends first is unknown.
                    state.waits_for = state.waits_for or "the background command"
                    return [state]
                if state.background_status is not None and not state.waits_for:
                    # It has ended by then. Without a name, the status is 0.
                    state.status = state.background_status if fields else 0
                    state.failure = state.background_failure if fields else None
                    return [state]
                if fields and state.background_failure is not None and not state.waits_for:
                    state.status, state.failure = 127, state.background_failure
                    return [state]
                if state.has_background:
                    state.waits_for = state.waits_for or "the background command"
                return [state]
            case "pwd":
                self.output(state, None if state.directory is None else state.directory + "\n", command)
                return [state]
        return self._plain_builtin(state, command, name, fields)

    def _misused(self, state: State, command: SimpleCommand, name: str, fields: tuple[str | None, ...]) -> State | None:
        """A builtin with options, numbers or names that it does not take; None if it takes them."""
        known = tuple(field for field in fields if field is not None)
        if len(known) < len(fields):
            return None
        has_children = state.has_background or state.waits_for is not None
        wrong = misuse(self.shell.tool, name, known, has_children=has_children)
        if wrong is None:
            return None
        if name == "trap":
            # It takes the signals that it knows.
            self.trap(state, fields)
        if wrong.drops_line and self.shell.from_file:
            where = f"{self.shell.name}: line {command.line}"
            reason = f"{where}: {name} has too many arguments, and bash drops the line"
            state.end = End(kind=EndKind.UNDECIDED, reason=reason)
            return state
        ends = wrong.ends
        if (
            not wrong.drops_line
            and self.dialect is Dialect.BASH
            and self.is_lenient()
            and name not in {"exit", "break", "continue"}
        ):
            ends = False
        state.prints("")
        said = state.said
        failed = self.fails(
            state,
            command.line,
            builtin=name,
            text=wrong.text,
            status=wrong.status,
            evidence=f"{name} does not take: {' '.join(known)[:80]}",
            ends=ends,
            is_bare=wrong.is_bare,
        )
        if not wrong.text and failed.failure is not None:
            failed.said, failed.failure = said, replace(failed.failure, predicts=None)
        if name == "return" and failed.end is None:
            failed.jump = "return"
        return failed

    def _plain_builtin(
        self, state: State, command: SimpleCommand, name: str, fields: tuple[str | None, ...]
    ) -> list[State]:
        line = command.line
        match name:
            case "eval":
                return self.evaluate(state, fields, line)
            case "shift":
                return self.shift(state, fields, line)
            case "unset":
                return self.unset(state, fields, line)
            case "getopts":
                return self.getopts(state, fields)
            case "shopt":
                return self.shopt(state, fields)
            case "read" | "mapfile" | "readarray":
                names = tuple(each for each in fields if each is None or not each.startswith("-"))
                if not command.redirections and not state.captures and "-t" not in fields:
                    state.doubt = "reads the container's input, and ends if there is none"
                return self.read(state, names)
            case "alias" | "unalias":
                return self.alias(state, name, fields, line)
            case "trap":
                return self.trap(state, fields)
            case "false":
                return [self._decided(state, False)]
            case ":" | "true" | "umask" | "times":
                return [self._decided(state, True)]
        state.status = None
        state.depends = "" if state.has_background else f"whether {name} succeeds"
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
        if name == "builtin" and rest[0] not in self.builtins:
            text, why = f"{rest[0]}: not a shell builtin", f"bash has no builtin {rest[0]}"
            return [self.fails(state, command.line, builtin=name, text=text, status=1, evidence=why)]
        if rest[0] in self.builtins:
            inner = command._replace(words=command.words[-len(rest) :]) if len(rest) <= len(command.words) else command
            return self._builtin(state, inner, rest[0], rest[1:], tail=tail)
        return self._external(state, command, rest, tail=tail)

    def is_builtin(self, name: str) -> bool:
        """True if this shell implements the command itself."""
        return name in self.builtins


def _is_silent(redirections: tuple[Redirection, ...]) -> bool:
    """Whether the error messages of a command go to ``/dev/null``, in the order of its redirections."""
    places = {"1": "", "2": ""}
    for each in redirections:
        target = each.target.source
        if each.operator in {"&>", "&>>"} or (each.operator == ">&" and target not in {"1", "2", "-"}):
            places = {"1": target, "2": target}
        elif each.operator == ">&":
            places[each.fd or "1"] = places.get(target, "")
        elif each.operator in {">", ">>", ">|"}:
            places[each.fd or "1"] = target
    return places["2"] == "/dev/null"


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
