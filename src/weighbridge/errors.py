"""Everything that can go wrong on purpose: one exception root and the one exit-code table.

Only the entry points turn an error into an exit code, in one place. Everything below them raises.
"""

from __future__ import annotations

import enum


class ExitCode(enum.IntEnum):
    """What the process answers to its caller. Printed by ``--help`` from here and from nowhere else.

    When several apply, the one named first in `PRECEDENCE` wins.
    """

    PASSED = 0
    GATE_CLOSED = 1
    USAGE = 2
    BUILD_FAILED = 3
    UNAVAILABLE = 4
    UNREADABLE_IMAGE = 5
    DEFECT = 70
    INTERRUPTED = 130


EXIT_CODE_MEANING: dict[ExitCode, str] = {
    ExitCode.PASSED: "passed",
    ExitCode.GATE_CLOSED: "a limit or a required check failed (the gate)",
    ExitCode.USAGE: "usage or configuration",
    ExitCode.BUILD_FAILED: "an image could not be built",
    ExitCode.UNAVAILABLE: "engine, registry or git unavailable",
    ExitCode.UNREADABLE_IMAGE: "unreadable image",
    ExitCode.DEFECT: "a defect in Weighbridge itself (run again with --debug and report it)",
    ExitCode.INTERRUPTED: "interrupted",
}

PRECEDENCE: tuple[ExitCode, ...] = (
    ExitCode.INTERRUPTED,
    ExitCode.DEFECT,
    ExitCode.USAGE,
    ExitCode.UNAVAILABLE,
    ExitCode.GATE_CLOSED,
    ExitCode.BUILD_FAILED,
    ExitCode.UNREADABLE_IMAGE,
    ExitCode.PASSED,
)
"""Which code is given when more than one applies. A closed gate wins over a failed build: the gate is what a
branch-protection rule asks about, and the failed build is in the same report."""


def worst(codes: list[ExitCode]) -> ExitCode:
    """The one exit code for a run in which all of `codes` came up; `PASSED` for none."""
    return min(codes, key=PRECEDENCE.index, default=ExitCode.PASSED)


class WeighbridgeError(Exception):
    """The root of all expected errors. The text says what failed, where, and what to do about it."""

    exit_code = ExitCode.USAGE


class UsageError(WeighbridgeError):
    """The command line asks for something that does not exist or does not go together."""


class ConfigError(WeighbridgeError):
    """The configuration file is not valid. The text begins with file and line."""


class DockerfileError(WeighbridgeError):
    """A Dockerfile does not parse. The text begins with file and line."""

    exit_code = ExitCode.BUILD_FAILED


class GitError(WeighbridgeError):
    """Git could not answer: not a repository, an unknown revision, a history that is not here."""

    exit_code = ExitCode.UNAVAILABLE


class EngineError(WeighbridgeError):
    """The container engine is not reachable or cannot do what is asked."""

    exit_code = ExitCode.UNAVAILABLE


class RegistryError(WeighbridgeError):
    """A registry refused, was not found, or did not answer in time."""

    exit_code = ExitCode.UNAVAILABLE


class BuildError(WeighbridgeError):
    """An image could not be built.

    `log_tail` holds the last lines of the build's own output (hostile text), newest last. `missing_image` is the base
    image that could not be had, where that is the reason.
    """

    exit_code = ExitCode.BUILD_FAILED

    def __init__(self, message: str, *, log_tail: tuple[str, ...] = (), missing_image: str | None = None) -> None:
        super().__init__(message)
        self.log_tail = log_tail
        self.missing_image = missing_image


class BuildTimeoutError(BuildError):
    """A build was stopped because it took too long."""


class ScratchError(WeighbridgeError):
    """A patched Dockerfile could not be laid out to be built; it stays what it was, a proposal nobody measured."""

    exit_code = ExitCode.UNAVAILABLE


class ImageError(WeighbridgeError):
    """An image was found but cannot be read: truncated, mislabelled, of an unknown kind."""

    exit_code = ExitCode.UNREADABLE_IMAGE


class ReportError(WeighbridgeError):
    """A report file is not a valid report of a version that is understood."""
