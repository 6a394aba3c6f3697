"""``cd`` and ``.``: builtin commands that look files up."""

from __future__ import annotations

import posixpath
from dataclasses import replace

from weighbridge.domain.image.rootfs import LookupFailure, LookupReason, Node
from weighbridge.domain.shell import MAX_SCRIPT_BYTES, Dialect
from weighbridge.domain.start.programs import Tool
from weighbridge.domain.start.scripts.builtin_base import BuiltinBase
from weighbridge.domain.start.scripts.state import State
from weighbridge.domain.start.shells import find_in_path


class FileBuiltins(BuiltinBase):
    """Changes the directory, and reads files into the shell."""

    def cd(self, state: State, fields: tuple[str | None, ...], line: int, *, word: str = "cd") -> list[State]:
        """``cd``: a missing folder is an error."""
        words = [field for field in fields if field not in {"-P", "-L", "--", "-e"}]
        target = words[0] if words else state.variables.get("HOME", "")
        state.status = None
        if not isinstance(target, str) or target == "-" or not self._knows_folder(state, target):
            state.directory = None
            return [state]
        if target == "" and not words and self.is_lenient() and "HOME" not in state.variables and not state.is_open:
            return [self.fails(state, line, builtin=word, text="HOME not set", status=1, evidence="HOME is not set")]
        if len(words) > 1 and self.dialect is Dialect.BASH and word == "cd":
            text, why = "too many arguments", f"cd is given {len(words)} folders"
            return [self.fails(state, line, builtin=word, text=text, status=1, evidence=why)]
        if target == "":
            state.status = 0
            return [state]
        may_search = self.process.credentials.may_search
        node = self.process.rootfs.lookup(target, cwd=state.directory or "/", may_search=may_search)
        if isinstance(node, Node) and node.is_directory and may_search(node.entry):
            state.variables["OLDPWD"] = state.variables.get("PWD", state.directory)
            state.variables.pop("PWD", None)
            if posixpath.normpath(posixpath.join(state.directory or "/", target)) != node.path:
                state.variables["PWD"] = None  # The shell keeps the names of the links that it went through.
            state.directory, state.status = node.path, 0
            return [state]
        where = node.at if isinstance(node, LookupFailure) else node.path
        if self.tester.is_uncertain(state, where, is_there=isinstance(node, Node)):
            state.directory = None
            return [state]
        reasons = {LookupReason.NOT_FOUND: "No such file or directory", LookupReason.NOT_A_DIRECTORY: "Not a directory"}
        reason = "Not a directory" if isinstance(node, Node) and not node.is_directory else "Permission denied"
        if isinstance(node, LookupFailure):
            reason = reasons.get(node.reason, str(node.reason).capitalize())
        bash = self.dialect is Dialect.BASH
        text = f"{target}: {reason}" if bash else f"can't cd to {target}"
        if self.shell.tool is Tool.BUSYBOX:
            text += f": {reason}"
        return [
            self.fails(
                state,
                line,
                builtin=word,
                text=text,
                status=1 if bash else 2,
                evidence=f"{target}: {reason.lower()}",
                path=target,
            )
        ]

    @staticmethod
    def _knows_folder(state: State, target: str) -> bool:
        """False for a relative path without a known start, or with ``..`` after a link."""
        went_through_link = "PWD" in state.variables
        return target.startswith("/") or (state.directory is not None and not (went_through_link and ".." in target))

    def source(self, state: State, fields: tuple[str | None, ...], line: int, *, word: str) -> list[State]:
        """``.`` and ``source``: the file is run in the same shell."""
        path = fields[0] if fields else None
        if not fields and self.shell.tool is not Tool.DASH:
            text = "filename argument required"
            failed = self.fails(state, line, builtin=word, text=text, status=2, evidence=f"{word} is given no file")
            if self.shell.tool is Tool.BUSYBOX and failed.failure is not None:
                failed.failure = replace(failed.failure, predicts=None)
            return [failed]
        if path is None:
            state.forget()
            return [state]
        found: str | None = path if "/" in path else find_in_path(self.here(state), path, executable=False)
        if found is None and self.dialect is Dialect.BASH:
            found = path
        directory = state.directory or "/"
        node = None if found is None else self.process.rootfs.lookup(found, cwd=directory)
        at = node.at if isinstance(node, LookupFailure) else path
        if not isinstance(node, Node):
            if self.tester.is_uncertain(state, at if at.startswith("/") else "/", is_there=False):
                state.forget()
                return [state]
            return [self._source_missing(state, path, line, word=word, in_path=found is None)]
        if not node.is_file or (found is not None and state.directory is None and not found.startswith("/")):
            state.forget()
            return [state]
        arguments = state.arguments
        has_own = len(fields) > 1 and self.dialect is not Dialect.POSIX
        if has_own:
            state.arguments = fields[1:]
        data = self.process.rootfs.read(node, limit_bytes=MAX_SCRIPT_BYTES)
        self.sourced += 1
        results = self.run_text(state, data.decode("utf-8", "surrogateescape"), name=path)
        self.sourced -= 1
        for result in results:
            if result.jump == "return":
                result.jump = ""
            # bash keeps what the file sets with `set --`.
            if has_own and (self.dialect is Dialect.ASH or result.arguments == fields[1:]):
                result.arguments = arguments
        return results

    def _source_missing(self, state: State, path: str, line: int, *, word: str, in_path: bool) -> State:
        if self.dialect is Dialect.BASH:
            builtin, text, status = "", f"{path}: No such file or directory", 1
        elif in_path:
            builtin, text, status = word, f"{path}: not found", 2
        elif self.shell.tool is Tool.BUSYBOX:
            builtin, text, status = word, f"can't open '{path}': No such file or directory", 2
        else:
            builtin, text, status = word, f"cannot open {path}: No such file", 2
        evidence = f"{path}: not in the image"
        return self.fails(
            state,
            line,
            builtin=builtin,
            text=text,
            status=status,
            evidence=evidence,
            ends=not self.is_lenient(),
            path=path,
        )
