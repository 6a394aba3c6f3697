"""Redirections of commands: which files they open or create, and how they fail (POSIX XCU 2.7)."""

from __future__ import annotations

from dataclasses import replace

from weighbridge.domain.checks.catalogue import CheckCode
from weighbridge.domain.checks.finding import Severity
from weighbridge.domain.image.rootfs import LookupReason, Node
from weighbridge.domain.shell import Dialect
from weighbridge.domain.shell.syntax import Redirection, SimpleCommand, Word
from weighbridge.domain.start.programs import Tool
from weighbridge.domain.start.scripts.builtins import Builtins
from weighbridge.domain.start.scripts.expand import ExpansionError
from weighbridge.domain.start.scripts.state import End, EndKind, State
from weighbridge.domain.start.scripts.tools.call import may_create


class Redirections(Builtins):
    """Opens the files of redirections, from states to states."""

    builtins: frozenset[str]

    def _redirect(self, state: State, command: SimpleCommand, *, is_exec: bool) -> State | None:
        """A failing redirection: the resulting state, or None if it does not fail."""
        for redirection in command.redirections:
            if redirection.document is not None and redirection.document.word is not None:
                broken = self._document_fails(state, command, redirection.document.word, is_exec=is_exec)
                if broken is not None:
                    return broken
            if redirection.operator in {">&", "<&"} and (closed := self._closed(state, redirection)):
                reason = f"{self.shell.name}: line {command.line} uses file descriptor {closed}, which it does not open"
                state.end = End(kind=EndKind.UNDECIDED, reason=reason)
                return state
            if redirection.fd:
                state.opened |= {redirection.fd}
            if redirection.operator not in {"<", ">", ">>", ">|", "&>", "&>>", "<>"}:
                continue
            target = self.expander.text(state, redirection.target)
            if target is None or (state.directory is None and not target.startswith("/")):
                continue
            if redirection.operator != "<" and (not target or self._is_directory(state, target)):
                return self._redirection_fails(
                    state,
                    command.line,
                    f"{target}: is a directory" if target else "the name is empty",
                    target,
                    redirection.operator,
                    is_exec=is_exec,
                    why="Is a directory" if target else "",
                )
            if not target:
                continue
            denied = self._denied_redirection(state, target, redirection.operator)
            if denied:
                return self._redirection_fails(
                    state,
                    command.line,
                    denied,
                    target,
                    redirection.operator,
                    is_exec=is_exec,
                    why="Permission denied",
                )
            place = target if redirection.operator == "<" else target.rpartition("/")[0]
            touched = state.touched
            if redirection.operator != "<":
                state.touched = touched | self.names_of(absolute(state, target))
            node = self.process.rootfs.lookup(place or "/", cwd=state.directory or "/")
            if isinstance(node, Node) or node.reason is not LookupReason.NOT_FOUND:
                continue
            if "/" not in target and redirection.operator != "<":
                continue
            if self.tester.is_uncertain(replace(state, touched=touched), node.at, is_there=False):
                continue
            evidence = f"{node.at}: not in the image"
            return self._redirection_fails(state, command.line, evidence, target, redirection.operator, is_exec=is_exec)
        return None

    def _closed(self, state: State, redirection: Redirection) -> str:
        """The file descriptor that a redirection copies, if the script did not open it; empty otherwise."""
        source = self.expander.text(state, redirection.target) or ""
        number = source.removesuffix("-")
        return number if number.isdecimal() and not state.opened & {number, "*"} else ""

    def _is_directory(self, state: State, target: str) -> bool:
        node = self.process.rootfs.lookup(target, cwd=state.directory or "/")
        is_there = isinstance(node, Node) and node.is_directory
        return is_there and not self.tester.is_uncertain(state, absolute(state, target), is_there=True)

    def _document_fails(self, state: State, command: SimpleCommand, text: Word, *, is_exec: bool) -> State | None:
        """A here-document whose expansions fail; None if they do not. The shell expands it in the new process."""
        try:
            self.expander.text(state, text)
        except ExpansionError as error:
            bash = self.dialect is Dialect.BASH
            return self.fails(
                state,
                command.line,
                builtin="",
                text=error.message,
                status=1 if bash else 2,
                evidence=f"{error.name} is not set" if error.name else "the shell has no such expansion",
                ends=is_exec or (bash and command.words[:1] != () and command.words[0].keyword in self.builtins),
                code=CheckCode.RUNTIME_VARIABLE_MISSING if error.name else CheckCode.SCRIPT_FAILS,
                severity=Severity.WARNING if error.name else Severity.ERROR,
                path=error.name or None,
                is_bare=error.is_bare,
            )
        return None

    def _denied_redirection(self, state: State, target: str, operator: str) -> str:
        """Why the user may not open the file; empty where he may, or where that is not known."""
        path = absolute(state, target)
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
        why: str = "",
    ) -> State:
        what = "open" if operator == "<" else "create"
        status = 2 if self.shell.tool is Tool.DASH else 1
        if self.dialect is Dialect.BASH:
            text = f"{target}: {why or 'No such file or directory'}"
        elif self.shell.tool is Tool.BUSYBOX:
            missing = "no such file" if operator == "<" else "nonexistent directory"
            text = f"can't {what} {target}: {why or missing}"
        else:
            missing = "No such file" if operator == "<" else "Directory nonexistent"
            text = f"cannot {what} {target}: {why or missing}"
        ends = is_exec and not self.is_lenient()
        return self.fails(state, line, builtin="", text=text, status=status, evidence=evidence, ends=ends, path=target)

    def names_of(self, path: str) -> frozenset[str]:
        """An absolute path as written, and where its symlinks lead."""
        node = self.process.rootfs.lookup(path)
        return frozenset({path, node.path if isinstance(node, Node) else node.at})


def absolute(state: State, path: str) -> str:
    """A path as seen from the working directory of the script."""
    return path if path.startswith("/") else f"{(state.directory or '').rstrip('/')}/{path}"
