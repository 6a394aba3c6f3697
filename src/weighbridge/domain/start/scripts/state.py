"""The known state at one point of a script, and the end of one path through it."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from weighbridge.domain.checks.finding import Finding
from weighbridge.domain.shell.syntax import Command
from weighbridge.domain.start.attempt import Trace

Value = str | None | tuple[str | None, ...]
"""A variable: its text, or the elements of an array; None if only the running script knows it."""

MAX_OUTPUT_CHARACTERS = 8192


class EndKind(enum.StrEnum):
    """How a path through a script ends."""

    STARTED = "started"
    """It reached a program that starts, or ended without an error."""
    FAILED = "failed"
    UNDECIDED = "undecided"
    FOREVER = "runs for ever"
    """An endless loop: the container runs."""


@dataclass(frozen=True, kw_only=True, slots=True)
class End:
    """The end of one path. `status` is the exit status if known; `failure` is the finding that ended it.

    `depends` says what decides the exit status of a path that is taken as started.
    """

    kind: EndKind
    status: int | None = None
    failure: Finding | None = None
    reason: str | None = None
    executes: bool = False
    depends: str | None = None


@dataclass(slots=True, kw_only=True)
class State:
    """One point of one path through a script.

    A variable that is missing in `variables` is unset; with `is_open`, it is unknown. `touched` are the paths that
    commands of the script may have changed. `waits_for` names a command that may run for ever. `asked` are unset
    variables that affected a decision. `said` is the last line that the script printed. `assumes` are the lines with an
    assumed outcome. `output` is the output in a substitution, None if unknown. `locals` are the variables that the
    running function declared. `installs` says that programs may have been added. `background_failure` is how the last
    program in the background certainly fails, `background_status` the known status of the only one. `opened` are the
    file descriptors that redirections opened; ``*`` stands for unknown ones. `readonly` variables cannot be assigned.
    `file_patterns` is the option for patterns of file names: empty, ``noglob`` (not expanded), bash's ``nullglob``, or
    None if unknown. `option_place` is the position of ``getopts`` in a cluster. `changes_accounts` means that commands
    may have created users or groups. `aliases` and `traps` (``EXIT`` and ``ERR``) are replaced, never changed. `doubt`
    says what of the running container the last command needs, if it fails without; `depends` what decides its status
    otherwise.
    """

    variables: dict[str, Value]
    exported: set[str]
    arguments: tuple[str | None, ...] | None
    directory: str | None
    trace: Trace
    functions: dict[str, Command] = field(default_factory=dict)
    calls: tuple[str, ...] = ()
    status: int | None = 0
    stops_at_error: bool = False
    stops_at_unset: bool = False
    has_pipefail: bool = False
    exports_all: bool = False
    is_open: bool = False
    jump: str = ""
    jump_depth: int = 0
    end: End | None = None
    touched: frozenset[str] = frozenset()
    waits_for: str | None = None
    asked: tuple[str, ...] = ()
    said: str | None = None
    assumes: tuple[int, ...] = ()
    output: str | None = None
    captures: bool = False
    failure: Finding | None = None
    has_background: bool = False
    background_failure: Finding | None = None
    background_status: int | None = None
    opened: frozenset[str] = frozenset("012")
    locals: frozenset[str] = frozenset()
    installs: bool = False
    readonly: frozenset[str] = frozenset()
    file_patterns: str | None = ""
    option_place: int = 0
    changes_accounts: bool = False
    aliases: Mapping[str, str] = field(default_factory=dict)
    traps: Mapping[str, str | None] = field(default_factory=dict)
    doubt: str = ""
    depends: str = ""

    @property
    def runs(self) -> bool:
        """True if the next statement runs."""
        return self.end is None and not self.jump

    def fork(self) -> State:
        """A copy of the state, to follow another branch."""
        return replace(
            self,
            variables=dict(self.variables),
            exported=set(self.exported),
            functions=dict(self.functions),
            trace=self.trace.fork(),
        )

    def key(self) -> tuple[object, ...]:
        """Equal for two states that behave the same from here on."""
        return (
            tuple(sorted(self.variables.items(), key=lambda item: item[0])),
            frozenset(self.exported),
            self.arguments,
            self.directory,
            frozenset(self.functions),
            self.status,
            (self.stops_at_error, self.stops_at_unset, self.has_pipefail, self.exports_all, self.is_open),
            (self.jump, self.jump_depth, self.waits_for, self.touched, self.installs, self.output, self.captures),
            (self.file_patterns, self.option_place, self.changes_accounts, self.opened, self.background_status),
            (frozenset(self.aliases.items()), frozenset(self.traps.items())),
        )

    def forget(self) -> None:
        """Forget the script's variables, because unknown text was run."""
        self.is_open = True
        self.variables = {}
        self.arguments = None
        self.directory = None
        self.touched = frozenset({"/"})
        self.installs = True
        self.opened = frozenset("*")
        self.background_status = None
        self.status = None

    def set(self, name: str, value: Value) -> None:
        """Assign a variable."""
        self.variables[name] = value
        if self.exports_all:
            self.exported.add(name)

    def prints(self, text: str | None) -> None:
        """Add to the output of a substitution."""
        if not self.captures or self.output is None:
            return
        known = text is not None and len(self.output) + len(text) <= MAX_OUTPUT_CHARACTERS
        self.output = self.output + (text or "") if known else None


def joined(first: State, second: State) -> State:
    """Merge two states; values that differ become unknown."""
    result = first.fork()
    names = first.variables.keys() | second.variables.keys()
    result.variables = {
        name: first.variables[name]
        if name in first.variables and name in second.variables and first.variables[name] == second.variables[name]
        else None
        for name in names
    }
    result.exported |= second.exported
    result.functions = {**second.functions, **first.functions}
    if first.arguments != second.arguments:
        result.arguments = None
    if first.directory != second.directory:
        result.directory = None
    if first.status != second.status:
        result.status = None
    if first.output != second.output:
        result.output = None
    result.stops_at_error = first.stops_at_error and second.stops_at_error
    result.stops_at_unset = first.stops_at_unset and second.stops_at_unset
    result.is_open = first.is_open or second.is_open
    result.touched = first.touched | second.touched
    result.opened = first.opened | second.opened
    if first.background_status != second.background_status:
        result.background_status = None
    result.installs = first.installs or second.installs
    result.changes_accounts = first.changes_accounts or second.changes_accounts
    result.waits_for = first.waits_for or second.waits_for
    result.assumes = tuple(dict.fromkeys((*first.assumes, *second.assumes)))
    return result
