"""How busybox finds its applet, and how it refuses a call."""

from __future__ import annotations

import posixpath

from weighbridge.domain.checks.catalogue import CheckCode
from weighbridge.domain.checks.finding import Finding
from weighbridge.domain.start.attempt import Process
from weighbridge.domain.start.kernel import Running
from weighbridge.domain.start.shells import MAX_SHELL_BYTES, error_finding


def no_applet(name: str) -> Finding:
    """The finding for ``busybox NAME`` of a busybox without that applet."""
    return error_finding(
        CheckCode.ENTRYPOINT_MISSING,
        name,
        f"{name}: applet not found",
        (f"the command is busybox {name}", "the busybox of the image has no such applet"),
        "Name an applet that it has, or install the program.",
    )


def getopt_error(process: Process, running: Running) -> str:
    """The error of a busybox for the unknown option ``S``, which depends on its C library."""
    content = process.rootfs.read(running.program, limit_bytes=MAX_SHELL_BYTES)
    musl = "musl" in (running.loader_name or "") or b"unrecognized option: %" in content
    if not running.loader_name and b"invalid option -- " not in content:
        musl = True
    return "unrecognized option: S" if musl else "invalid option -- 'S'"


def without_busybox(argv: tuple[str, ...]) -> tuple[str, ...]:
    """The command line of the applet: ``busybox sh`` is ``sh``."""
    return argv[1:] if argv and posixpath.basename(argv[0]).startswith("busybox") else argv
