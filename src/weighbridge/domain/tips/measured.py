"""What stays of an image that was built to be measured, and whether its patch may be proposed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from weighbridge.domain.checks.shell import SHELLS, tools_among
from weighbridge.domain.finding import Finding, Severity, Subject
from weighbridge.domain.ignores import Ignore, ignored_because
from weighbridge.domain.start import Starts
from weighbridge.domain.weighed import WeighedImage, identity

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


def objection(before: Measured, after: Measured, *, floor_bytes: int, ignores: Sequence[Ignore] = ()) -> str | None:
    """Why a patch that made `after` out of `before` is not proposed; ``None`` where it is.

    Nothing is proposed that a check contradicts. An error always stands against it, a warning unless `ignores` say to
    live with it.
    """
    known = {identity(finding) for finding in before.findings}
    new = [finding for finding in after.findings if identity(finding) not in known]
    for finding in new:
        if finding.severity is Severity.ERROR:
            return _broken(finding)
    if after.starts is Starts.NO and before.starts is not Starts.NO:
        return f"the image would not start: {after.start_error}"
    if before.starts is Starts.YES and after.starts is not Starts.YES:
        return "whether the image still starts cannot be told"
    for finding in new:
        if finding.severity is Severity.WARNING and ignored_because(finding, ignores) is None:
            return f"a check warns of the image then: {finding.code}" + (f" at {finding.path}" if finding.path else "")
    saved_bytes = before.unpacked_bytes - after.unpacked_bytes
    if saved_bytes <= 0:
        return "the image does not get smaller"
    if saved_bytes < floor_bytes:
        return "it saves too little"
    return None


def _broken(finding: Finding) -> str:
    what = "would not start" if finding.subject is Subject.ENTRYPOINT else f"has a broken {finding.subject.value} then"
    return f"the image {what}: {finding.predicts or finding.code}"
