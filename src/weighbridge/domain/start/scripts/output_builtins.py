"""``echo`` and ``printf``."""

from __future__ import annotations

import re

from weighbridge.domain.shell import Dialect
from weighbridge.domain.shell.syntax import SimpleCommand
from weighbridge.domain.start.scripts.builtin_base import BuiltinBase
from weighbridge.domain.start.scripts.state import State

_ECHO_ESCAPES = re.compile(r"\\([nt\\])")


class OutputBuiltins(BuiltinBase):
    """Writes texts, which a substitution may capture."""

    def echo(self, state: State, fields: tuple[str | None, ...], command: SimpleCommand) -> list[State]:
        """``echo``."""
        words = list(fields)
        newline = True
        interprets = self.dialect is Dialect.POSIX
        while words and words[0] in {"-n", "-e", "-ne", "-en", "-E"} and self.dialect is not Dialect.POSIX:
            option = words.pop(0) or ""
            newline &= "n" not in option
            interprets |= "e" in option
        if words and words[0] == "-n":
            words.pop(0)
            newline = False
        text: str | None = None
        if None not in words:
            text = " ".join(word or "" for word in words)
            if interprets:
                text = _ECHO_ESCAPES.sub(lambda match: {"n": "\n", "t": "\t", "\\": "\\"}[match[1]], text)
        self.output(state, None if text is None else text + ("\n" if newline else ""), command)
        return [state]

    def printf(self, state: State, fields: tuple[str | None, ...], command: SimpleCommand) -> list[State]:
        """``printf`` with ``%s`` and ``%d``; other formats are unknown."""
        words = list(fields)
        if words and words[0] == "--":
            words.pop(0)
        if words and words[0] == "-v":
            if len(words) > 1 and words[1]:
                state.set(words[1], None)
            state.status = 0
            return [state]
        self.output(state, _formatted(words), command)
        return [state]

    def output(self, state: State, text: str | None, command: SimpleCommand) -> None:
        """The output of a builtin: added to the substitution that captures it, and to the container's output."""
        state.status = 0
        goes_to = [each for each in command.redirections if each.operator in {">", ">>", ">|", ">&", "&>", "&>>"}]
        elsewhere = [each for each in goes_to if each.fd in {"", "1"}]
        if not elsewhere:
            state.prints(text)
        to_error = elsewhere and elsewhere[-1].target.source in {"2", "&2", "/dev/stderr"}
        if (to_error or (not elsewhere and not state.captures)) and text is not None and text.strip():
            state.said = text.rstrip("\n").rpartition("\n")[2].strip()


def _formatted(words: list[str | None]) -> str | None:
    if not words or None in words:
        return None
    text, *values = (word or "" for word in words)
    text = text.replace("\\n", "\n").replace("\\t", "\t").replace("\\033", "\033")
    holes = len(re.findall(r"%[sd]", text))
    if re.search(r"%[^sd%]|\\[0-9x]", text) or (holes == 0 and values):
        return None
    if holes == 0:
        return text.replace("%%", "%")
    result: list[str] = []
    remaining = list(values) or [""]
    while remaining:
        batch, remaining = remaining[:holes], remaining[holes:]
        result.append(_filled(text, [*batch, *[""] * (holes - len(batch))]))
    return "".join(result)


def _filled(text: str, values: list[str]) -> str:
    left = iter(values)
    return re.sub(r"%[sd%]", lambda match: "%" if match[0] == "%%" else next(left), text)
