"""Why an image grew or shrank, in words: each cause with its place and its parts."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from weighbridge.report.model import CausePart, CauseRow, ImageReport, Status
from weighbridge.report.units import format_delta
from weighbridge.report.view.sizes import image_delta

SHOWN_CAUSES = 3
SHOWN_PARTS = 3
_BROUGHT = 2
_TINY_BYTES = 10_000
_TINY_PERCENT = 1
"""A cause below both is not worth a reader's time next to a larger one; JSON and page list it."""
_RECOGNISED = re.compile(r" \(recognised by [^()]*\)$")
_PLAIN_REASONS = {"new", "grown", "shrunk", "removed"}
"""Reasons that the sign of the number already implies."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ShownCauses:
    """The causes of one image: at most `SHOWN_CAUSES` that explain its change, and all others that are not tiny."""

    verb: str
    first: tuple[CauseRow, ...]
    others: tuple[CauseRow, ...]


def shown_causes(image: ImageReport) -> ShownCauses | None:
    """The causes of an image to show, those in the direction of its change first; ``None`` if unknown."""
    delta = image_delta(image)
    if image.status is not Status.CHANGED or not image.causes or delta is None:
        return None
    causes = _worth_naming(image.causes, delta)
    with_it = [one for one in causes if (one.bytes > 0) == (delta > 0)] if delta else causes
    first = tuple(with_it[:SHOWN_CAUSES])
    verb = "grew" if delta > 0 else "shrank" if delta else "changed without a change in size"
    return ShownCauses(verb=verb, first=first, others=tuple(one for one in causes if one not in first))


def _worth_naming(causes: Sequence[CauseRow], delta_bytes: int) -> list[CauseRow]:
    """The causes that are not tiny, as part of the change or of the largest cause; all if all are tiny."""
    whole = max(abs(delta_bytes), *(abs(one.bytes) for one in causes))
    least = min(_TINY_BYTES, whole * _TINY_PERCENT // 100)
    return [one for one in causes if abs(one.bytes) >= least]


def cause_place(cause: CauseRow) -> str | None:
    """``requirements.txt:4``; ``None`` if the place in the repository is unknown."""
    if cause.path is None:
        return None
    return cause.path if cause.line is None else f"{cause.path}:{cause.line}"


def cause_name(cause: CauseRow) -> str:
    """The name of a cause: a package, a file, or ``debian:bookworm → alpine:3``."""
    if cause.kind == "base-image" and "→" in cause.because:
        return _RECOGNISED.sub("", cause.because)
    return cause.what


def cause_reason(cause: CauseRow) -> str:
    """The reason, if the name and the sign do not imply it; empty otherwise."""
    if cause.kind == "base-image":
        return "base image" if "→" in cause.because else f"base image, {cause.because}"
    reason = "" if cause.because in _PLAIN_REASONS else cause.because
    return f"{reason}, not by this change".removeprefix(", ") if cause.kind == "drift" else reason


def shown_shares(cause: CauseRow) -> Sequence[CausePart]:
    """The largest parts of a cause, to be named with it."""
    return () if cause.kind in {"base-image", "duplication", "file"} else cause.brings[:_BROUGHT]


def is_in_base(cause: CauseRow) -> bool:
    """True if the place of a cause is a line of base, because head no longer has it."""
    return cause.bytes < 0 and cause.because.startswith("removed")


def cause_details(cause: CauseRow) -> list[str]:
    """The details of a cause besides its name, bytes and place: its reason and its parts."""
    said = [cause.because] if cause.because else []
    if cause.kind == "drift":
        said.append("not by this change")
    brings = brings_text(cause)
    return [*said, brings] if brings else said


def brings_text(cause: CauseRow) -> str:
    """``brings numpy +35.1 MB, pytz +0.5 MB and 2 more``; empty for a cause without parts."""
    if not cause.brings:
        return ""
    verb = "brings" if cause.kind in {"dependency", "system-package"} else "with"
    shown = ", ".join(f"{one.what} {format_delta(one.bytes)}" for one in cause.brings[:SHOWN_PARTS])
    more = len(cause.brings) - SHOWN_PARTS + cause.brings_omitted
    return f"{verb} {shown}" + (f" and {more} more" if more > 0 else "")


def cause_text(cause: CauseRow) -> str:
    """A cause on one line: ``+38.1 MB pandas (requirements.txt:4; new, 2.2.3; brings numpy +35.1 MB)``."""
    place = cause_place(cause)
    said = [part for part in (place if place != cause.what else None, *cause_details(cause)) if part]
    return f"{format_delta(cause.bytes)} {cause.what}" + (f" ({'; '.join(said)})" if said else "")
