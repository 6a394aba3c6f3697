"""What the emulation of a start learns on its way: facts, findings, and what it could not decide."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from weighbridge.domain.checks.finding import Finding
from weighbridge.domain.image.rootfs import Rootfs
from weighbridge.domain.start.accounts import Credentials

UNKNOWN = "\0"
"""Stands for an argument or a variable's value that only the running container knows; no real one has a NUL in it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Process:
    """What a program inherits when it is executed in the container.

    `volumes` are the places where a volume may hide what the image has. `is_open` says that `env` may lack variables.
    """

    rootfs: Rootfs
    architecture: str
    env: Mapping[str, str]
    cwd: str
    credentials: Credentials
    volumes: tuple[str, ...] = ()
    is_open: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Program:
    """One program of the chain: its file, its argv, the directory it starts in, and the libraries that it got.

    `libc` is whose loader loaded it, empty for a static program. `script` is the script that it was executed for.
    """

    path: str
    argv: tuple[str, ...]
    cwd: str
    libc: str = ""
    libraries: tuple[str, ...] = ()
    script: str | None = None


@dataclass(slots=True, kw_only=True)
class Trace:
    """Grows while a start is followed. `stopped` is set by the finding after which nothing more happens.

    `up_to` says how far the last program was looked into, where that is not the whole of it. `lacks_command` says
    what was to execute its arguments and got none: a script's ``exec "$@"``.
    """

    facts: list[str] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    reasons: list[str] = field(default_factory=list)
    programs: list[Program] = field(default_factory=list)
    stopped: bool = False
    up_to: str | None = None
    lacks_command: str | None = None

    def fact(self, text: str) -> None:
        """Add one link of the chain."""
        self.facts.append(text)

    def add(self, finding: Finding) -> None:
        """Add a finding that does not keep the program from starting."""
        self.findings.append(finding)

    def stop(self, finding: Finding) -> None:
        """Add the finding that ends the start."""
        self.findings.append(finding)
        self.stopped = True

    def fork(self) -> Trace:
        """The same trace, to go another way from."""
        return Trace(
            facts=list(self.facts),
            findings=list(self.findings),
            reasons=list(self.reasons),
            programs=list(self.programs),
            stopped=self.stopped,
            up_to=self.up_to,
            lacks_command=self.lacks_command,
        )

    def followed_by(self, later: Trace) -> Trace:
        """The trace up to here, and what came of executing the next program."""
        return Trace(
            facts=[*self.facts, *later.facts],
            findings=[*self.findings, *(each for each in later.findings if each not in self.findings)],
            reasons=[*self.reasons, *later.reasons],
            programs=[*self.programs, *later.programs],
            stopped=later.stopped,
            up_to=later.up_to,
            lacks_command=later.lacks_command or self.lacks_command,
        )

    def take(self, other: Trace) -> None:
        """Become the other trace."""
        self.facts, self.findings, self.reasons = other.facts, other.findings, other.reasons
        self.programs, self.stopped, self.up_to = other.programs, other.stopped, other.up_to
        self.lacks_command = other.lacks_command

    def not_checked(self, reason: str) -> None:
        """Say what cannot be decided without running the image, once."""
        if reason not in self.reasons:
            self.reasons.append(reason)
