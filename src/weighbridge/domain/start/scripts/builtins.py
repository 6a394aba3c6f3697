"""The builtin commands of shells, as far as they affect what runs next."""

from __future__ import annotations

import abc
import posixpath
import re
from dataclasses import replace

from weighbridge.domain.checks.catalogue import CheckCode
from weighbridge.domain.checks.finding import Finding, Severity, Subject
from weighbridge.domain.image.rootfs import LookupFailure, LookupReason, Node
from weighbridge.domain.shell import MAX_SCRIPT_BYTES, Dialect
from weighbridge.domain.shell.syntax import Literal, SimpleCommand, Word
from weighbridge.domain.start.attempt import Process
from weighbridge.domain.start.programs import Tool
from weighbridge.domain.start.scripts.conditions import Tester
from weighbridge.domain.start.scripts.expand import Expander
from weighbridge.domain.start.scripts.option_reading import OptionRead, read_option
from weighbridge.domain.start.scripts.state import End, EndKind, State
from weighbridge.domain.start.shells import MAX_SHELL_BYTES, Shell, builtin_text, find_in_path

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_OPTIONS = {"errexit": "e", "nounset": "u", "pipefail": "P", "allexport": "a"}
_KNOWN_OPTIONS = frozenset(
    {"allexport", "errexit", "ignoreeof", "monitor", "noclobber", "noexec", "noglob", "nolog", "notify", "nounset"}
    | {"verbose", "vi", "xtrace", "emacs", "interactive", "stdin"}
)
_MORE_OF_BASH = frozenset(
    {"braceexpand", "errtrace", "functrace", "hashall", "histexpand", "history", "interactive-comments", "keyword"}
    | {"onecmd", "physical", "pipefail", "posix", "privileged"}
)
_LETTERS_OF_DASH = frozenset("aefhimnpqsuvxCEIVb")
_STEADY = frozenset({"PATH", "HOME", "IFS", "OPTIND", "PWD", "HOSTNAME"})
_ECHO_ESCAPES = re.compile(r"\\([nt\\])")


class Builtins(abc.ABC):
    """Emulates the commands that the shell implements itself; each gets the fields after its name."""

    process: Process
    shell: Shell
    dialect: Dialect
    expander: Expander
    tester: Tester
    sourced: int = 0
    """How many files the shell is reading with ``.``, one inside the other."""

    @abc.abstractmethod
    def run_text(
        self, state: State, text: str, *, name: str | None, line: int = 1, is_alias: bool = False
    ) -> list[State]:
        """Run a text in the same shell (``.``, ``eval``, an alias)."""

    @abc.abstractmethod
    def here(self, state: State) -> Process:
        """The process with the changes of the script."""

    @abc.abstractmethod
    def finish(self, state: State, status: int | None) -> State:
        """The script ends with a status."""

    def is_lenient(self) -> bool:
        """True for bash, which continues after an error of a special builtin (POSIX XCU 2.8.1: the shell ends)."""
        return self.dialect is Dialect.BASH and posixpath.basename(self.shell.started_as) != "sh"

    def fails(
        self,
        state: State,
        line: int,
        *,
        builtin: str,
        text: str,
        status: int,
        evidence: str,
        ends: bool = False,
        code: CheckCode = CheckCode.SCRIPT_FAILS,
        severity: Severity = Severity.ERROR,
        path: str | None = None,
        is_bare: bool = False,
    ) -> State:
        """A line of the script that certainly fails; `ends` means that it ends the shell."""
        predicts = text if is_bare else builtin_text(replace(self.shell, line=line), builtin, text)
        state.failure = Finding(
            code=code,
            severity=severity,
            subject=Subject.ENTRYPOINT,
            path=path or self.shell.name,
            predicts=predicts,
            evidence=(f"{self.shell.name}: line {line}", evidence),
        )
        state.status = status
        state.said = predicts
        if ends:
            return self.finish(state, status)
        return state

    # Paths and files.

    def cd(self, state: State, fields: tuple[str | None, ...], line: int) -> list[State]:
        """``cd``: a missing folder is an error."""
        words = [field for field in fields if field not in {"-P", "-L", "--", "-e"}]
        target = words[0] if words else state.variables.get("HOME", "")
        state.status = None
        if not isinstance(target, str) or target == "-" or (state.directory is None and not target.startswith("/")):
            state.directory = None
            return [state]
        if target == "":
            state.status = 0
            return [state]
        may_search = self.process.credentials.may_search
        node = self.process.rootfs.lookup(target, cwd=state.directory or "/", may_search=may_search)
        if isinstance(node, Node) and node.is_directory and may_search(node.entry):
            state.directory, state.status = node.path, 0
            state.variables.pop("PWD", None)
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
                builtin="cd",
                text=text,
                status=1 if bash else 2,
                evidence=f"{target}: {reason.lower()}",
                path=target,
            )
        ]

    def source(self, state: State, fields: tuple[str | None, ...], line: int, *, word: str) -> list[State]:
        """``.`` and ``source``: the file is run in the same shell."""
        path = fields[0] if fields else None
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
        if len(fields) > 1:
            state.arguments = fields[1:]
        data = self.process.rootfs.read(node, limit_bytes=MAX_SCRIPT_BYTES)
        self.sourced += 1
        results = self.run_text(state, data.decode("utf-8", "surrogateescape"), name=path)
        self.sourced -= 1
        for result in results:
            if result.jump == "return":
                result.jump = ""
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

    # Variables and options.

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
        for word in words:
            source = word.source
            if source.startswith("-") and "=" not in source:
                if command == "local" and self.dialect is not Dialect.BASH:
                    return [
                        self.fails(
                            state,
                            line,
                            builtin=command,
                            text=f"{source}: bad variable name",
                            status=2,
                            evidence=f"{source!r} is not a name",
                            ends=True,
                        )
                    ]
                if self.shell.tool is Tool.DASH and command in {"export", "readonly"} and source != "-p":
                    text, evidence = f"Illegal option {source[:2]}", f"dash's {command} has no option {source}"
                    return [self.fails(state, line, builtin=command, text=text, status=2, evidence=evidence, ends=True)]
                exports |= "x" in source and command != "local"
                if "p" in source or (command == "export" and "n" in source):
                    exports = False
                continue
            match = _NAME.match(source)
            if match is None:
                if word.literal is None:
                    self._declare_computed(state, word, exports=exports)
                elif not self.is_lenient() and command in {"export", "readonly"} and self.dialect is not Dialect.BASH:
                    bad = word.literal.partition("=")[0]
                    return [
                        self.fails(
                            state,
                            line,
                            builtin=command,
                            text=f"{bad}: bad variable name",
                            status=2,
                            evidence=f"{bad!r} is not a name",
                            ends=True,
                        )
                    ]
                continue
            name = match.group()
            if command in {"local", "declare", "typeset"} and state.calls:
                state.locals = state.locals | {name}
            given = source[match.end() :]
            if given.startswith(("=(", "+=(")):
                # The command's assignments already include the elements of an array.
                pass
            elif source[match.end() : match.end() + 2] == "+=" or source[match.end() : match.end() + 1] == "[":
                state.set(name, None)
            elif given.startswith("="):
                value = self.expander.text(state, word)
                state.set(name, None if value is None else value[match.end() + 1 :])
            elif command in {"local", "declare", "typeset"} and name in state.locals and not source.startswith("-"):
                state.variables.pop(name, None)
            if exports:
                state.exported.add(name)
            if command == "readonly":
                state.readonly = state.readonly | {name}
        return [state]

    def _declare_computed(self, state: State, word: Word, *, exports: bool) -> None:
        """``export "$name"="$value"``: the name comes out of a variable."""
        prefix = ""
        for part in word.parts:
            text = part.text if isinstance(part, Literal) else self.expander.text(state, replace(word, parts=(part,)))
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
            state.status = None
        return [state]

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
        if not isinstance(index, str) or not index.isdigit() or len(index) > 4 or index == "0":
            return None
        return read_option(fields[0], arguments, int(index), state.option_place)

    def unset(self, state: State, fields: tuple[str | None, ...]) -> list[State]:
        """``unset``."""
        for field in fields:
            if field is None:
                state.forget()
            elif state.is_open:
                state.variables[field] = None
            else:
                state.variables.pop(field, None)
                state.functions.pop(field, None)
                state.exported.discard(field)
        state.status = 0
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
                return [self._unknown_option(state, f"-{bad}", f"-{bad}", line)]
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
        return letter == "o" or (letter.isalpha() if self.dialect is Dialect.BASH else letter in _LETTERS_OF_DASH)

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

    def shift(self, state: State, fields: tuple[str | None, ...], line: int) -> list[State]:
        """``shift``: dash ends if there is nothing to shift."""
        count = fields[0] if fields else "1"
        state.status = 0
        if count is None or state.arguments is None or not count.isdigit():
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

    def read(self, state: State, fields: tuple[str | None, ...]) -> list[State]:
        """``read``, ``mapfile``: what comes in is not known."""
        for field in fields:
            if field is None:
                state.forget()
            elif _NAME.fullmatch(field):
                state.set(field, None)
        state.status = None
        return [state]

    def alias(self, state: State, name: str, fields: tuple[str | None, ...]) -> list[State]:
        """``alias`` and ``unalias``. A script of bash does not use aliases."""
        state.status = 0
        if self.dialect is Dialect.BASH:
            return [state]
        for field in fields:
            key, equals, value = (field or "").partition("=")
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

    # Output.

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

    # Control.

    def control(self, state: State, name: str, fields: tuple[str | None, ...], command: SimpleCommand) -> list[State]:
        """``exit``, ``return``, ``break``, ``continue``."""
        number = fields[0] if fields else None
        if name in {"break", "continue"}:
            state.jump = name
            state.jump_depth = int(number) if number and number.isdigit() else 1
            return [state]
        if name == "return" and self.is_lenient() and not state.calls and not self.sourced:
            text = "can only `return' from a function or sourced script"
            evidence = "return stands outside of a function, so bash continues"
            return [self.fails(state, command.line, builtin="return", text=text, status=2, evidence=evidence)]
        status = state.status
        if fields:
            status = int(number) % 256 if number is not None and number.isdigit() and len(number) < 6 else None
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
        return self.run_text(state, " ".join(field or "" for field in fields), name=None, line=line)

    def look_up(self, state: State, name: str, fields: tuple[str | None, ...], command: SimpleCommand) -> list[State]:
        """``command -v``, ``type``, ``hash``, ``which``: whether a command exists."""
        words = [field for field in fields if field is None or not field.startswith("-")]
        if name == "type" and self.shell.tool is Tool.DASH and len(words) < len(fields):
            # dash looks for a command of the option's name.
            state.status, state.said = 127, f"{fields[0]}: not found"
            return [state]
        if len(words) != 1 or words[0] is None:
            state.status = None
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
            state.status = None
            state.prints(None)
            return [state]
        if path is not None:
            # A busybox that runs its applets itself prints their bare names.
            is_known = name == "which" or (name == "command" and ("/" in wanted or not self.may_run(wanted)))
            self.output(state, path + "\n" if is_known else None, command)
        state.status = 0 if path is not None else (127 if self.dialect is not Dialect.BASH else 1)
        return [state]

    def _executable(self, state: State, path: str) -> bool:
        return bool(self.tester.unary(state, "-x", path))

    @abc.abstractmethod
    def is_builtin(self, name: str) -> bool:
        """True if this shell implements the command itself."""

    @abc.abstractmethod
    def may_run(self, name: str) -> bool:
        """True if the shell may contain the command, as busybox contains applets."""

    @staticmethod
    def runs_for_ever(state: State) -> list[State]:
        """A command without an end, which keeps the container running."""
        state.end = End(kind=EndKind.FOREVER)
        return [state]


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
