"""The values of names in a script: variables, arrays, positional and special parameters (POSIX XCU 2.5)."""

from __future__ import annotations

import re
from dataclasses import dataclass

from weighbridge.domain.shell.syntax import Dialect
from weighbridge.domain.start.scripts.state import State, Value

_NUMBER = re.compile(r"[0-9]+")
_SET_BY_BASH = frozenset({"PIPESTATUS", "DIRSTACK", "GROUPS", "MACHTYPE", "SHLVL", "EPOCHSECONDS", "EPOCHREALTIME"})


@dataclass(frozen=True, kw_only=True, slots=True)
class ParameterValues:
    """The names that a shell knows. `name` is that of the script (``$0``)."""

    dialect: Dialect
    name: str

    def value(self, state: State, name: str, index: str | None) -> tuple[Value, bool]:
        """A variable's value, and whether it is set. An unknown variable counts as set."""
        if not name:
            return None, True
        if _NUMBER.fullmatch(name):
            return self._positional(state, int(name))
        special = self._special(state, name)
        if special is not None:
            return special[0], True
        if name not in state.variables:
            return (None, True) if state.is_open else ("", False)
        found = state.variables[name]
        if index is None:
            if isinstance(found, tuple):
                return found, bool(found)
            return found, True
        if not isinstance(found, tuple):
            return (found, True) if index == "0" else (None, True)
        if not _NUMBER.fullmatch(index):
            return None, True
        return (found[int(index)], True) if int(index) < len(found) else ("", False)

    def _positional(self, state: State, number: int) -> tuple[Value, bool]:
        if number == 0:
            return self.name, True
        if state.arguments is None:
            return None, True
        return (state.arguments[number - 1], True) if number <= len(state.arguments) else ("", False)

    def _special(self, state: State, name: str) -> tuple[Value] | None:
        if name == "#":
            return (None if state.arguments is None else str(len(state.arguments)),)
        if name == "?":
            return (None if state.status is None else str(state.status),)
        if name == "LINENO" and self.dialect is Dialect.POSIX:
            # The dash of Debian and Ubuntu is built without it.
            return None
        if name in {"$", "!", "-", "LINENO", "_"}:
            return (None,)
        if name in {"RANDOM", "SECONDS"} and self.dialect is not Dialect.POSIX and name not in state.variables:
            return (None,)
        if name == "PWD" and name not in state.variables:
            return (state.directory,)
        if self.dialect is Dialect.BASH:
            if name == "FUNCNAME" and state.calls:
                return ((*reversed(state.calls), "main"),)
            if name == "BASH_SOURCE":
                return (tuple(self.name for _ in range(len(state.calls) + 1)),)
            if (name.startswith("BASH") or name in _SET_BY_BASH) and name not in state.variables:
                return (None,)
        return None
