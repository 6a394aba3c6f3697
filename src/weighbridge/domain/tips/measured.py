"""What stays of an image that was built to be measured, and whether its patch may be proposed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from weighbridge.domain.checks.finding import Finding, Severity, Subject
from weighbridge.domain.checks.shell import SHELLS, tools_among
from weighbridge.domain.gate.ignores import Ignore, ignored_because
from weighbridge.domain.image.weighed import WeighedImage, identity
from weighbridge.domain.start.predict import Starts

DEBUG_TOOLS = ("ls", "cat", "ps", "vi", "wget", "curl", "nc", "ip", "strace", "gdb")
"""What people reach for in a container that misbehaves."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Measured:
    """The figures of one image, without its files. `start_error` is what happens instead where it does not start."""

    unpacked_bytes: int
    download_bytes: int | None
    download_estimated: bool
    starts: Starts
    start_error: str | None
    findings: tuple[Finding, ...]
    shell: bool
    debug_tools: tuple[str, ...]


def measure(weighed: WeighedImage) -> Measured:
    """The figures of `weighed`."""
    errors = (one for one in weighed.findings if one.severity is Severity.ERROR and one.subject is Subject.ENTRYPOINT)
    error = next(errors, None)
    return Measured(
        unpacked_bytes=weighed.image.unpacked_bytes,
        download_bytes=weighed.image.download_bytes,
        download_estimated=weighed.image.download_estimated,
        starts=weighed.start.starts,
        start_error=(error.predicts or error.code) if error else None,
        findings=weighed.findings,
        shell=bool(tools_among(weighed.rootfs, SHELLS)),
        debug_tools=tools_among(weighed.rootfs, DEBUG_TOOLS),
    )


Ground = Literal["does not build", "does not start", "a check warns", "saves too little"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Objection:
    """What speaks against a patch that was built: on which ground, and in words."""

    ground: Ground
    reason: str


def objection(
    before: Measured, after: Measured, *, floor_bytes: int, ignores: Sequence[Ignore] = ()
) -> Objection | None:
    """Why a patch that made `after` out of `before` is not proposed; ``None`` where it is.

    Nothing is proposed that a check contradicts. An error always stands against it, a warning unless `ignores` say to
    live with it.
    """
    known = {identity(finding) for finding in before.findings}
    new = [finding for finding in after.findings if identity(finding) not in known]
    for finding in new:
        if finding.severity is Severity.ERROR:
            return Objection(ground="does not start", reason=_broken(finding))
    if after.starts is Starts.NO and before.starts is not Starts.NO:
        return Objection(
            ground="does not start", reason=f"the image would not start: {_quoted(after.start_error or 'not known')}"
        )
    if before.starts is Starts.YES and after.starts is not Starts.YES:
        return Objection(ground="does not start", reason="whether the image still starts cannot be told")
    for finding in new:
        if finding.severity is Severity.WARNING and ignored_because(finding, ignores) is None:
            where = f" at {finding.path}" if finding.path else ""
            return Objection(ground="a check warns", reason=f"a check warns of the image then: `{finding.code}`{where}")
    saved_bytes = before.unpacked_bytes - after.unpacked_bytes
    if saved_bytes <= 0:
        return Objection(ground="saves too little", reason="the image does not get smaller")
    if saved_bytes < floor_bytes:
        return Objection(ground="saves too little", reason="it saves too little")
    return None


def _broken(finding: Finding) -> str:
    what = "would not start" if finding.subject is Subject.ENTRYPOINT else f"has a broken {finding.subject.value} then"
    return f"the image {what}: {_quoted(finding.predicts or finding.code)}"


def _quoted(said: str) -> str:
    """What is printed, set off from our own words as reports show code."""
    return said if "`" in said else f"`{said}`"
