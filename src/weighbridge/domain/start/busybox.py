"""How busybox finds its applet, and how it refuses a call."""

from __future__ import annotations

import posixpath

from weighbridge.domain.checks.catalogue import CheckCode
from weighbridge.domain.checks.finding import Finding
from weighbridge.domain.start.busybox_program import Busybox
from weighbridge.domain.start.interpreters.reading import Reading
from weighbridge.domain.start.interpreters.scripting import unread_program
from weighbridge.domain.start.scripts.tools.applet_options import unsure_option
from weighbridge.domain.start.scripts.tools.usage import USAGES
from weighbridge.domain.start.shells import error_finding


def no_applet(name: str) -> Finding:
    """The finding for ``busybox NAME`` of a busybox without that applet."""
    return error_finding(
        CheckCode.ENTRYPOINT_MISSING,
        name,
        f"{name}: applet not found",
        (f"the command is busybox {name}", "the busybox of the image has no such applet"),
        "Name an applet that it has, or install the program.",
    )


def without_busybox(argv: tuple[str, ...]) -> tuple[str, ...]:
    """The command line of the applet: ``busybox sh`` is ``sh``."""
    return argv[1:] if argv and posixpath.basename(argv[0]).startswith("busybox") else argv


def unread_applet(busybox: Busybox, argv: tuple[str, ...]) -> Reading | None:
    """How far the call of an applet is followed; None where all of it is known. A long option may be missing."""
    name = posixpath.basename(argv[0]) if argv else ""
    option = unsure_option(busybox, name, argv[1:])
    if name not in busybox.usages and name in USAGES:
        option = next((word for word in argv[1:] if word.startswith("--") and word not in {"--", "--help"}), "")
    if option:
        return Reading(not_checked=f"{name}: whether this busybox has {option[:60]}")
    return unread_program(argv)
