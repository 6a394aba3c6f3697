"""Builtin commands that set how the shell works: ``set``, ``shopt``, ``shift``, ``alias``, ``trap``."""

from __future__ import annotations

from weighbridge.domain.checks.catalogue import CheckCode
from weighbridge.domain.shell import Dialect
from weighbridge.domain.start.programs import Tool
from weighbridge.domain.start.scripts.builtin_base import BuiltinBase
from weighbridge.domain.start.scripts.state import State
from weighbridge.domain.start.shells import MAX_SHELL_BYTES

_OPTIONS = {"errexit": "e", "nounset": "u", "pipefail": "P", "allexport": "a", "noglob": "f"}
_KNOWN_OPTIONS = frozenset(
    {"allexport", "errexit", "ignoreeof", "monitor", "noclobber", "noexec", "noglob", "nolog", "notify", "nounset"}
    | {"verbose", "vi", "xtrace", "emacs", "interactive", "stdin"}
)
_MORE_OF_BASH = frozenset(
    {"braceexpand", "errtrace", "functrace", "hashall", "histexpand", "history", "interactive-comments", "keyword"}
    | {"onecmd", "physical", "pipefail", "posix", "privileged"}
)
_LETTERS_OF_BASH = frozenset("abefhkmnptuvxBCEHPT")
_LETTERS_OF_DASH = frozenset("aefimnpqsuvxCEIVb")


class OptionBuiltins(BuiltinBase):
    """Sets options, arguments, aliases and traps; each command gets the fields after its name."""

    def shopt(self, state: State, fields: tuple[str | None, ...]) -> list[State]:
        """``shopt``: what bash makes of patterns for file names."""
        state.status = 0
        if fields[:1] in {("-s",), ("-u",)} and None not in fields:
            on = fields[0] == "-s"
            for name in fields[1:]:
                if name == "nullglob":
                    state.file_patterns = "nullglob" if on else ""
                elif name in {"extglob", "dotglob", "globstar", "failglob", "nocaseglob", "globasciiranges"} and on:
                    state.file_patterns = None
        else:
            state.status, state.depends = None, "shopt"
        return [state]

    def set_options(self, state: State, fields: tuple[str | None, ...], line: int) -> list[State]:
        """``set``: options, then arguments."""
        state.status = 0
        index = 0
        while index < len(fields):
            word = fields[index]
            index += 1
            if word is None:
                state.forget()
                return [state]
            if word in {"--", "-"}:
                if word == "--" or fields[index:]:
                    state.arguments = fields[index:]
                return [state]
            if word[:1] not in {"-", "+"} or len(word) < 2:
                state.arguments = fields[index - 1 :]
                return [state]
            letters = word[1:]
            if bad := next((each for each in letters if not self._is_letter(each)), ""):
                sign = "-" if self.shell.tool is Tool.DASH else word[0]
                return [self._unknown_option(state, f"{sign}{bad}", f"{sign}{bad}", line)]
            for letter in letters:
                if letter == "o":
                    name = fields[index] if index < len(fields) else None
                    index += 1
                    if name is None:
                        continue
                    if not self._knows(name):
                        return [self._unknown_option(state, f"-o {name}", name, line)]
                    self._switch(state, _OPTIONS.get(name, ""), on=word[0] == "-")
                else:
                    self._switch(state, letter, on=word[0] == "-")
        return [state]

    def _is_letter(self, letter: str) -> bool:
        known = _LETTERS_OF_BASH if self.dialect is Dialect.BASH else _LETTERS_OF_DASH
        if letter == "p" and self.shell.tool is Tool.BUSYBOX:
            return False
        return letter == "o" or letter in known

    def _knows(self, name: str) -> bool:
        if self.dialect is Dialect.BASH:
            return name in _KNOWN_OPTIONS | _MORE_OF_BASH
        if name == "pipefail":
            # dash has it since 0.5.13 (trixie); the program contains the option's name.
            content = self.process.rootfs.read(self.shell.program, limit_bytes=MAX_SHELL_BYTES)
            return b"pipefail" in content
        return name in _KNOWN_OPTIONS or name in {"debug", "privileged"}

    def _unknown_option(self, state: State, shown: str, name: str, line: int) -> State:
        crlf = name.endswith("\r")
        code = CheckCode.SHEBANG_CRLF if crlf else CheckCode.SCRIPT_FAILS
        evidence = f"{self.shell.program.path} has no option {name!r}"
        if self.dialect is Dialect.BASH:
            text = f"{name}: invalid option{' name' if shown.startswith('-o') else ''}"
        else:
            text = f"{'i' if self.shell.tool is Tool.BUSYBOX else 'I'}llegal option {shown}"
        # busybox continues after an unknown name after -o, and ends after an unknown letter.
        goes_on = self.is_lenient() or (self.shell.tool is Tool.BUSYBOX and shown.startswith("-o "))
        return self.fails(
            state,
            line,
            builtin="set",
            text=text.strip(),
            status=2 if not goes_on else 1,
            evidence=evidence,
            ends=not goes_on,
            code=code,
        )

    @staticmethod
    def _switch(state: State, letter: str, *, on: bool) -> None:
        if letter == "e":
            state.stops_at_error = on
        elif letter == "u":
            state.stops_at_unset = on
        elif letter == "P":
            state.has_pipefail = on
        elif letter == "a":
            state.exports_all = on
        elif letter == "f" and state.file_patterns is not None:
            state.file_patterns = "noglob" if on else ""

    def shift(self, state: State, fields: tuple[str | None, ...], line: int) -> list[State]:
        """``shift``: dash ends if there is nothing to shift."""
        count = fields[0] if fields else "1"
        state.status = 0
        if count is None or state.arguments is None or not count.isdecimal():
            state.arguments = None
            return [state]
        if int(count) <= len(state.arguments):
            state.arguments = state.arguments[int(count) :]
            return [state]
        if self.shell.tool is Tool.DASH:
            return [
                self.fails(
                    state,
                    line,
                    builtin="shift",
                    text="can't shift that many",
                    status=2,
                    ends=True,
                    evidence=f"the script has {len(state.arguments)} arguments",
                )
            ]
        state.status = 1
        return [state]

    def alias(self, state: State, name: str, fields: tuple[str | None, ...], line: int) -> list[State]:
        """``alias`` and ``unalias``. A script of bash does not use aliases."""
        state.status = 0
        bash = self.dialect is Dialect.BASH
        for field in fields:
            key, equals, value = (field or "").partition("=")
            if field and not equals and field not in state.aliases and field not in {"-a", "-p"}:
                text = f"{field}: not found" if bash else f"{name}: {field} not found"
                why = f"{field} is no alias"
                return [self.fails(state, line, builtin=name, text=text, status=1, evidence=why, is_bare=not bash)]
            if field is None or (name == "unalias" and field == "-a"):
                state.aliases = {}
            elif name == "unalias":
                state.aliases = {each: text for each, text in state.aliases.items() if each != field}
            elif equals:
                state.aliases = {**state.aliases, key: value}
        return [state]

    def trap(self, state: State, fields: tuple[str | None, ...]) -> list[State]:
        """``trap``: the commands for the end of the script, and for errors, which dash does not have."""
        state.status = 0
        words = fields[1:] if fields[:1] == ("--",) else fields
        if len(words) < 2 or (words[0] or "").startswith("-l"):
            return [state]
        action, *signals = words
        for signal in signals:
            name = "EXIT" if signal == "0" else (signal or "").removeprefix("SIG")
            if name == "EXIT" or (name == "ERR" and self.dialect is not Dialect.POSIX):
                state.traps = {**state.traps, name: "" if action == "-" else action}
        return [state]
