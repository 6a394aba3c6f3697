"""The expected errors: one exception root and one table of exit codes.

Only the entry points convert an error to an exit code. All other code raises.
"""

from __future__ import annotations

import enum
import errno
import posixpath
from collections.abc import Iterator
from contextlib import contextmanager


class ExitCode(enum.IntEnum):
    """The exit codes. ``--help`` prints them from here. If several apply, the first in `PRECEDENCE` wins."""

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
"""The precedence of exit codes. A failed gate wins over a failed build, because a required check needs the gate's
result. The report has the failed build too."""


def worst(codes: list[ExitCode]) -> ExitCode:
    """The exit code with the highest precedence in `codes`; `PASSED` if it is empty."""
    return min(codes, key=PRECEDENCE.index, default=ExitCode.PASSED)


class WeighbridgeError(Exception):
    """The root of all expected errors. The message names the failure, its place, and the fix."""

    exit_code = ExitCode.USAGE


class UsageError(WeighbridgeError):
    """An option or argument is invalid, or two of them exclude each other."""


class ConfigError(WeighbridgeError):
    """The configuration file is invalid. The message begins with file and line."""


class DockerfileError(WeighbridgeError):
    """A Dockerfile does not parse. The message begins with file and line."""

    exit_code = ExitCode.BUILD_FAILED


class GitError(WeighbridgeError):
    """Git failed: not a repository, an unknown revision, or missing commits."""

    exit_code = ExitCode.UNAVAILABLE


class EngineError(WeighbridgeError):
    """The container engine is unreachable, or does not support the request."""

    exit_code = ExitCode.UNAVAILABLE


class RegistryError(WeighbridgeError):
    """A registry refused, was not found, or did not answer in time."""

    exit_code = ExitCode.UNAVAILABLE


class BuildError(WeighbridgeError):
    """An image could not be built.

    `log_tail` has the last lines of the build output (hostile text), newest last. `missing_image` is the base image
    that could not be pulled, if that is the cause.
    """

    exit_code = ExitCode.BUILD_FAILED

    def __init__(self, message: str, *, log_tail: tuple[str, ...] = (), missing_image: str | None = None) -> None:
        super().__init__(message)
        self.log_tail = log_tail
        self.missing_image = missing_image


class BuildTimeoutError(BuildError):
    """A build exceeded its timeout."""


class ScratchError(WeighbridgeError):
    """The build context of a patched Dockerfile could not be copied. Its tip stays unmeasured."""

    exit_code = ExitCode.UNAVAILABLE


class ImageError(WeighbridgeError):
    """An image exists but cannot be read: truncated, mislabelled, or of an unsupported kind."""

    exit_code = ExitCode.UNREADABLE_IMAGE


class ReportError(WeighbridgeError):
    """A report file is invalid, or of an unsupported version."""


class MachineError(WeighbridgeError):
    """The operating system refuses: a full disk, a read-only folder, too many open files."""

    exit_code = ExitCode.UNAVAILABLE


class DefectError(WeighbridgeError):
    """An unexpected exception, with the details for a report. Made by `contain_defects`."""

    exit_code = ExitCode.DEFECT


_MACHINE_ERRORS = frozenset(
    {
        errno.ENOSPC,
        errno.EDQUOT,
        errno.EFBIG,
        errno.EROFS,
        errno.EACCES,
        errno.EPERM,
        errno.EIO,
        errno.EMFILE,
        errno.ENFILE,
        errno.ENOMEM,
    }
)
_ADVICE = {
    errno.ENOSPC: "Free some space.",
    errno.EDQUOT: "Free some space.",
    errno.EROFS: "Choose a folder that can be written.",
    errno.EACCES: "Choose a folder that can be written.",
    errno.EPERM: "Choose a folder that can be written.",
}


@contextmanager
def contain_defects() -> Iterator[None]:
    """Turn every unexpected exception of the block into a `WeighbridgeError`: it ends one image and not the run.

    Raises DefectError, or MachineError if the operating system refused. Expected errors and Ctrl-C pass through.
    """
    try:
        yield
    except (WeighbridgeError, BrokenPipeError):
        raise
    except Exception as error:
        import logging  # noqa: PLC0415 - only a defect needs it

        logging.getLogger(__name__).debug("contained", exc_info=True)
        raise contained(error) from error


def contained(error: Exception) -> WeighbridgeError:
    """The unexpected `error` as an error with a one-line message for the user."""
    if isinstance(error, OSError) and error.errno in _MACHINE_ERRORS:
        return MachineError(machine_message(error))
    return DefectError(f"a defect in Weighbridge: {reference_of(error)}. Please report this line")


def machine_message(error: OSError) -> str:
    """The refusal of the operating system: which file, why, and what to do."""
    where = f"{error.filename}: " if error.filename is not None else ""
    advice = _ADVICE.get(error.errno or 0, "")
    return f"{where}{error.strerror or error}.{' ' if advice else ''}{advice}"


def reference_of(error: BaseException) -> str:
    """The type of an exception, where it was raised (module and line), and its text, on one line."""
    text = " ".join(str(error).split())
    import traceback  # noqa: PLC0415 - only a defect needs it

    # Limited: the traceback of a RecursionError has a thousand frames, and one is sufficient.
    frames = traceback.extract_tb(error.__traceback__, limit=-1)
    where = f" at {posixpath.basename(frames[-1].filename)}:{frames[-1].lineno}" if frames else ""
    return f"{type(error).__name__}{where}{': ' if text else ''}{text}"
