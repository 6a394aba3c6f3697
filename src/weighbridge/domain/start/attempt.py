"""The state of an emulated start: facts, findings, and open questions."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from weighbridge.domain.checks.finding import Finding
from weighbridge.domain.image.rootfs import Rootfs
from weighbridge.domain.start.accounts import Credentials

UNKNOWN = "\0"
"""Placeholder for a value that only the running container knows; real values contain no NUL."""


_OWN_ROOT = re.compile(r"/proc/(?:self|thread-self|1)/root(?=/|$)")


def without_own_root(path: str) -> str:
    """`path` without ``/proc/self/root`` in front, which leads to the root directory that the process has anyway."""
    return _OWN_ROOT.sub("", path, count=1) or "/" if path.startswith("/proc/") else path


@dataclass(frozen=True, kw_only=True, slots=True)
class Process:
    """The state that a program inherits when it is executed in the container.

    `volumes` are the paths where a volume may hide the image's files. `is_open` means that `env` may lack variables,
    `has_more_accounts` that passwd and group may have gained entries. `touched` are paths that programs before may have
    changed: ``/`` for a health check, which runs beside the program. With `has_more_files`, they may have added any
    file.
    """

    rootfs: Rootfs
    architecture: str
    env: Mapping[str, str]
    cwd: str
    credentials: Credentials
    volumes: tuple[str, ...] = ()
    is_open: bool = False
    has_more_accounts: bool = False
    touched: frozenset[str] = frozenset()
    has_more_files: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Program:
    """One program of the chain: its file, its argv, its start directory, and its libraries.

    `libc` is the C library of its loader, empty for a static program. `script` is the script that it was executed for.
    """

    path: str
    argv: tuple[str, ...]
    cwd: str
    libc: str = ""
    libraries: tuple[str, ...] = ()
    script: str | None = None


@dataclass(slots=True, kw_only=True)
class Trace:
    """The log of an emulated start. `stopped` is set by the finding that ends the start.

    `up_to` says how far the last program was followed, if not to its end. `lacks_command` names the program that
    would execute its arguments and got none: a script's ``exec "$@"``. `depends` says what decides the exit status of
    a script that ends by itself.
    """

    facts: list[str] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    reasons: list[str] = field(default_factory=list)
    programs: list[Program] = field(default_factory=list)
    stopped: bool = False
    up_to: str | None = None
    lacks_command: str | None = None
    depends: str | None = None

    def fact(self, text: str) -> None:
        """Add one link of the chain."""
        self.facts.append(text)

    def add(self, finding: Finding) -> None:
        """Add a finding that does not prevent the program from starting."""
        self.findings.append(finding)

    def stop(self, finding: Finding) -> None:
        """Add the finding that ends the start."""
        self.findings.append(finding)
        self.stopped = True

    def fork(self) -> Trace:
        """A copy of the trace, to follow another branch."""
        return Trace(
            facts=list(self.facts),
            findings=list(self.findings),
            reasons=list(self.reasons),
            programs=list(self.programs),
            stopped=self.stopped,
            up_to=self.up_to,
            lacks_command=self.lacks_command,
            depends=self.depends,
        )

    def followed_by(self, later: Trace) -> Trace:
        """The trace so far, followed by the result of executing the next program."""
        return Trace(
            facts=[*self.facts, *later.facts],
            findings=[*self.findings, *(each for each in later.findings if each not in self.findings)],
            reasons=[*self.reasons, *later.reasons],
            programs=[*self.programs, *later.programs],
            stopped=later.stopped,
            up_to=later.up_to,
            lacks_command=later.lacks_command or self.lacks_command,
            depends=later.depends,
        )

    def take(self, other: Trace) -> None:
        """Replace the contents by those of another trace."""
        self.facts, self.findings, self.reasons = other.facts, other.findings, other.reasons
        self.programs, self.stopped, self.up_to = other.programs, other.stopped, other.up_to
        self.lacks_command, self.depends = other.lacks_command, other.depends

    def not_checked(self, reason: str) -> None:
        """Record a question that only running the image can answer; duplicates are ignored."""
        if reason not in self.reasons:
            self.reasons.append(reason)
