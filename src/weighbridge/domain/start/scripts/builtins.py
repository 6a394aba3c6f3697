"""The builtin commands of shells, as far as they affect what runs next."""

from __future__ import annotations

from weighbridge.domain.shell import Dialect
from weighbridge.domain.shell.syntax import SimpleCommand
from weighbridge.domain.start.programs import Tool
from weighbridge.domain.start.scripts.file_builtins import FileBuiltins
from weighbridge.domain.start.scripts.option_builtins import OptionBuiltins
from weighbridge.domain.start.scripts.output_builtins import OutputBuiltins
from weighbridge.domain.start.scripts.state import End, EndKind, State
from weighbridge.domain.start.scripts.variable_builtins import VariableBuiltins
from weighbridge.domain.start.shells import find_in_path


class Builtins(FileBuiltins, VariableBuiltins, OptionBuiltins, OutputBuiltins):
    """Emulates the commands that the shell implements itself; each gets the fields after its name."""

    def control(self, state: State, name: str, fields: tuple[str | None, ...], command: SimpleCommand) -> list[State]:
        """``exit``, ``return``, ``break``, ``continue``."""
        number = fields[0] if fields else None
        if name in {"break", "continue"}:
            state.jump = name
            state.jump_depth = int(number) if number and number.isdecimal() else 1
            return [state]
        if name == "return" and self.is_lenient() and not state.calls and not self.sourced:
            text = "can only `return' from a function or sourced script"
            evidence = "return stands outside of a function, so bash continues"
            return [self.fails(state, command.line, builtin="return", text=text, status=2, evidence=evidence)]
        status = state.status
        if fields:
            plain = (number or "").strip().removeprefix("-")
            status = int(number or "") % 256 if plain.isdecimal() and len(plain) < 6 else None
            if not status:
                state.failure = None
        state.status = status
        if name == "return":
            state.jump = "return"
            return [state]
        return [self.finish(state, status)]

    def evaluate(self, state: State, fields: tuple[str | None, ...], line: int) -> list[State]:
        """``eval``."""
        if None in fields:
            state.forget()
            state.waits_for = state.waits_for or "the text of eval"
            return [state]
        return self.run_text(state, " ".join(field or "" for field in fields), name=None, line=line, in_eval=True)

    def look_up(self, state: State, name: str, fields: tuple[str | None, ...], command: SimpleCommand) -> list[State]:
        """``command -v``, ``type``, ``hash``, ``which``: whether a command exists."""
        words = [field for field in fields if field is None or not field.startswith("-")]
        if name == "type" and self.shell.tool is Tool.DASH and len(words) < len(fields):
            # dash looks for a command of the option's name.
            state.status, state.said = 127, f"{fields[0]}: not found"
            return [state]
        if len(words) != 1 or words[0] is None:
            state.status, state.depends = None, f"whether {name} finds its words"
            state.prints(None)
            return [state]
        wanted = words[0]
        if wanted in state.functions or (self.is_builtin(wanted) and name != "which"):
            state.status = 0
            self.output(state, wanted + "\n", command)
            return [state]
        process = self.here(state)
        path = wanted if "/" in wanted and self._executable(state, wanted) else None
        if "/" not in wanted:
            path = find_in_path(process, wanted)
        if path is None and (state.installs or state.is_open or self.may_run(wanted)):
            state.status, state.depends = None, f"whether there is a {wanted}"
            state.prints(None)
            return [state]
        if path is not None:
            # A busybox that runs its applets itself prints their bare names.
            is_known = name == "which" or (name == "command" and ("/" in wanted or not self.may_run(wanted)))
            self.output(state, path + "\n" if is_known else None, command)
        state.status = 0
        if path is None:
            self._not_found(state, name, wanted, command)
        return [state]

    def _not_found(self, state: State, name: str, wanted: str, command: SimpleCommand) -> None:
        """``type`` and ``command -V`` print an error, ``command -v`` and ``which`` print nothing."""
        bash = self.dialect is Dialect.BASH
        state.status, state.failure = 1 if bash or name in {"hash", "which"} else 127, None
        if name == "which" or (name == "command" and len(command.words) > 1 and command.words[1].source == "-v"):
            return
        bare = name != "hash" and not bash
        text, why = f"{wanted}: not found", f"{wanted}: in no directory of PATH"
        self.fails(
            state, command.line, builtin=name, text=text, status=state.status, evidence=why, path=wanted, is_bare=bare
        )

    def _executable(self, state: State, path: str) -> bool:
        return bool(self.tester.unary(state, "-x", path))

    @staticmethod
    def runs_for_ever(state: State) -> list[State]:
        """A command without an end, which keeps the container running."""
        state.end = End(kind=EndKind.FOREVER)
        return [state]
