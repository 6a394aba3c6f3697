"""Builtin commands that set variables: ``export``, ``read``, ``getopts``, ``unset``."""

from __future__ import annotations

import re

from weighbridge.domain.shell import Dialect
from weighbridge.domain.shell.syntax import Literal, Word
from weighbridge.domain.start.programs import Tool
from weighbridge.domain.start.scripts.builtin_base import BuiltinBase
from weighbridge.domain.start.scripts.option_reading import OptionRead, read_option
from weighbridge.domain.start.scripts.state import State

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_DECLARED = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(?:\[[^]]*\])?(?:\+?=|$)")
_STEADY = frozenset({"PATH", "HOME", "IFS", "OPTIND", "PWD", "HOSTNAME"})


class VariableBuiltins(BuiltinBase):
    """Sets variables; each command gets the fields after its name."""

    def read_only(self, state: State, name: str, line: int) -> State:
        """An assignment to a read-only variable, which ends every shell."""
        bash = self.dialect is Dialect.BASH
        text = f"{name}: {'readonly variable' if bash else 'is read only'}"
        evidence = f"{name} is read-only"
        return self.fails(state, line, builtin="", text=text, status=1 if bash else 2, evidence=evidence, ends=True)

    def declare(self, state: State, words: tuple[Word, ...], *, command: str, line: int) -> list[State]:
        """``export``, ``readonly``, ``local``, ``declare``."""
        exports = command == "export"
        state.status = 0
        if command == "local" and not state.calls:
            bash = self.dialect is Dialect.BASH
            text = "can only be used in a function" if bash else "not in a function"
            return [
                self.fails(
                    state,
                    line,
                    builtin="local",
                    text=text,
                    status=1 if bash else 2,
                    evidence="local is used outside of a function",
                    ends=not bash,
                )
            ]
        is_local = command in {"local", "declare", "typeset"} and bool(state.calls)
        for word in words:
            source = word.source
            if command == "local" and source == "-":
                continue  # The options of the shell become local.
            if source.startswith("-") and "=" not in source:
                if command == "local" and self.dialect is not Dialect.BASH:
                    return [self._bad_name(state, command, source, line)]
                if self.shell.tool is Tool.DASH and command in {"export", "readonly"} and source != "-p":
                    text, evidence = f"Illegal option {source[:2]}", f"dash's {command} has no option {source}"
                    return [self.fails(state, line, builtin=command, text=text, status=2, evidence=evidence, ends=True)]
                exports |= "x" in source and command != "local"
                is_local &= "g" not in source
                if "p" in source or (command == "export" and "n" in source):
                    exports = False
                continue
            match = _NAME.match(source)
            is_array = match is not None and source[match.end() :].startswith(("=(", "+=("))
            if word.literal and not is_array:
                # The quotes of "name=value" are not part of it.
                source, match = word.literal, _NAME.match(word.literal)
            if match is None:
                if word.literal is None:
                    self._declare_computed(state, word, exports=exports)
                elif word.literal:
                    return [self._bad_name(state, command, source, line)]
                continue
            name = match.group()
            if word.literal and not _DECLARED.match(word.literal):
                return [self._bad_name(state, command, word.literal, line)]
            if name in state.readonly and source[match.end() :].startswith("="):
                bash = self.dialect is Dialect.BASH
                text = f"{name}: {'readonly variable' if bash else 'is read only'}"
                return [
                    self.fails(
                        state,
                        line,
                        builtin=command,
                        text=text,
                        status=1 if bash else 2,
                        evidence=f"{name} is read-only",
                        ends=not self.is_lenient(),
                    )
                ]
            if is_local:
                state.locals = state.locals | {name}
            given = source[match.end() :]
            if is_array:
                # The command's assignments already include the elements of an array.
                pass
            elif given.startswith(("+=", "[")):
                state.set(name, None)
            elif given.startswith("="):
                value = self.expander.text(state, word)
                state.set(name, None if value is None else value[match.end() + 1 :])
            elif is_local and name in state.locals:
                state.variables.pop(name, None)
            if exports:
                state.exported.add(name)
            if command == "readonly":
                state.readonly = state.readonly | {name}
        return [state]

    def _bad_name(self, state: State, command: str, word: str, line: int) -> State:
        """A word that names no variable; a special builtin ends the shell (``local`` is one of dash and ash)."""
        bash = self.dialect is Dialect.BASH
        bad = word.partition("=")[0]
        return self.fails(
            state,
            line,
            builtin=command,
            text=f"`{word}': not a valid identifier" if bash else f"{bad}: bad variable name",
            status=1 if bash else 2,
            evidence=f"{bad!r} is not a name",
            ends=not self.is_lenient(),
        )

    def _declare_computed(self, state: State, word: Word, *, exports: bool) -> None:
        """``export "$name"="$value"``: the name comes out of a variable."""
        prefix = ""
        for part in word.parts:
            text = part.text if isinstance(part, Literal) else self.expander.text(state, word._replace(parts=(part,)))
            if text is None:
                break
            before, equals, _ = text.partition("=")
            prefix += before
            if equals and _NAME.fullmatch(prefix):
                value = self.expander.text(state, word)
                state.set(prefix, None if value is None else value[len(prefix) + 1 :])
                if exports:
                    state.exported.add(prefix)
                return
        else:
            if _NAME.fullmatch(prefix):
                if exports:
                    state.exported.add(prefix)
                return
        # It may set any variable, but scripts do not change the search path in this way.
        kept = {each: value for each, value in state.variables.items() if each in _STEADY}
        state.variables, state.is_open = kept, True

    def getopts(self, state: State, fields: tuple[str | None, ...]) -> list[State]:
        """``getopts``: known where the options and the arguments are."""
        name = fields[1] if len(fields) > 1 else None
        found = self._option(state, fields)
        if found is None:
            state.status = None
            for each in (name, "OPTARG", "OPTIND"):
                if each is not None:
                    state.set(each, None)
            return [state]
        state.set(name or "", found.name)
        state.set("OPTIND", str(found.index))
        state.option_place = found.place
        if found.argument is None and not found.is_end:
            state.variables.pop("OPTARG", None)
        elif not found.is_end:
            state.set("OPTARG", found.argument)
        state.status = int(found.is_end)
        return [state]

    @staticmethod
    def _option(state: State, fields: tuple[str | None, ...]) -> OptionRead | None:
        arguments = fields[2:] or state.arguments
        index = state.variables.get("OPTIND", "1")
        if len(fields) < 2 or fields[0] is None or fields[1] is None or arguments is None or state.is_open:
            return None
        if not isinstance(index, str) or not index.isdecimal() or len(index) > 4 or index == "0":
            return None
        return read_option(fields[0], arguments, int(index), state.option_place)

    def unset(self, state: State, fields: tuple[str | None, ...], line: int) -> list[State]:
        """``unset``."""
        bash = self.dialect is Dialect.BASH
        for field in fields:
            if field is None:
                state.forget()
            elif field in state.readonly and "-f" not in fields:
                text = f"{field}: {'cannot unset: readonly variable' if bash else 'is read only'}"
                return [
                    self.fails(
                        state,
                        line,
                        builtin="unset",
                        text=text,
                        status=1 if bash else 2,
                        evidence=f"{field} is read-only",
                        ends=not self.is_lenient(),
                    )
                ]
            elif state.is_open:
                state.variables[field] = None
            else:
                state.variables.pop(field, None)
                state.functions.pop(field, None)
                state.exported.discard(field)
        state.status = 0
        return [state]

    def read(self, state: State, fields: tuple[str | None, ...]) -> list[State]:
        """``read``, ``mapfile``: what comes in is not known."""
        for field in fields:
            if field is None:
                state.forget()
            elif _NAME.fullmatch(field):
                state.set(field, None)
        state.status = None
        return [state]
