"""The sizes and findings of a measured image, and the objections to its patch."""

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
"""Programs that users debug containers with."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Measured:
    """The figures of one image, without its files. `start_error` is the predicted error if it does not start."""

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


def count_own_copies(weighed: WeighedImage, *, name: str, size_bytes: int, digest: str) -> int:
    """The number of files called `name` with this content in the layers of the Dockerfile itself, hidden ones included.

    `digest` has the form of `Entry.content_digest`.
    """
    copies = 0
    for layer, weighed_layer in zip(weighed.image.layers, weighed.layers, strict=True):
        if weighed_layer.from_base_image:
            continue
        changeset = layer.changeset
        rows = [row for row, size in enumerate(changeset.columns.sizes) if size == size_bytes]
        entries = (changeset.entries[row] for row in rows if changeset.columns.path(row).rpartition("/")[2] == name)
        copies += sum(changeset.digest(entry) == digest for entry in entries)
    return copies


Ground = Literal["does not build", "does not start", "a check warns", "saves too little"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Objection:
    """The reason against a built patch, as a ground and in words."""

    ground: Ground
    reason: str


def objection(
    before: Measured, after: Measured, *, floor_bytes: int, ignores: Sequence[Ignore] = ()
) -> Objection | None:
    """The objection to a patch that changed `before` to `after`; ``None`` if there is none.

    A patch that cures a failed start may save little.
    An error of a check always rejects the patch. A warning rejects it unless `ignores` covers the warning.
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
        return Objection(ground="does not start", reason="the start of the patched image is inconclusive")
    for finding in new:
        if finding.severity is Severity.WARNING and ignored_because(finding, ignores) is None:
            where = f" at {finding.path}" if finding.path else ""
            reason = f"the patched image has the warning `{finding.code}`{where}"
            return Objection(ground="a check warns", reason=reason)
    saved_bytes = before.unpacked_bytes - after.unpacked_bytes
    if cures_start(before, after):
        floor_bytes = 0
    if saved_bytes <= 0:
        return Objection(ground="saves too little", reason="the image does not get smaller")
    if saved_bytes < floor_bytes:
        return Objection(ground="saves too little", reason="it saves too little")
    return None


def cures_start(before: Measured, after: Measured) -> bool:
    """True if the image does not start, and the patched one does."""
    return before.starts is Starts.NO and after.starts is Starts.YES


def _broken(finding: Finding) -> str:
    what = "would not start" if finding.subject is Subject.ENTRYPOINT else f"has a broken {finding.subject.value} then"
    return f"the image {what}: {_quoted(finding.predicts or finding.code)}"


def _quoted(said: str) -> str:
    """Printed text, quoted as code."""
    return said if "`" in said else f"`{said}`"
