"""The outcome of one push, hidden in the comment, so that the next push can name what it fixed and what is new.

The comment is the only memory: the state stands in its last lines, in an HTML comment. It is text that a person with
write access can edit, so it is read with limits, escaped when shown, and never part of the verdict.
"""

from __future__ import annotations

import base64
import binascii
import re
import zlib

import msgspec

from weighbridge.domain.checks.catalogue import CheckCode
from weighbridge.report.model import Report
from weighbridge.report.view.findings import new_findings
from weighbridge.report.view.verdict import rule_in_words, sorted_images

MAXIMUM_STATE_CHARACTERS = 8_000
"""Maximum characters that the hidden state takes from the comment."""
_MAXIMUM_STATE_BYTES = 200_000
_STATE = re.compile(
    r"\n<!-- weighbridge:push:(?P<state>[A-Za-z0-9+/=]{1,8000}) -->(?:\n\n<!-- weighbridge:started:[0-9]{1,15} -->)?\Z"
)
"""Only the end of the comment counts: a build log above it may contain anything."""
_SUMMARIES = {code.value: code.summary for code in CheckCode}


class ImageState(msgspec.Struct, frozen=True, array_like=True):
    """One image: its name, head's unpacked bytes (``None`` if unknown), and its problems.

    A problem is the code of a finding that base does not have, or the rule of a reason or warning of the verdict.
    """

    name: str
    head_bytes: int | None
    problems: tuple[str, ...]


class PushState(msgspec.Struct, frozen=True, array_like=True):
    """One push. `previous` is the push before, `is_complete` is false if images were left out to save space."""

    head_sha: str
    is_complete: bool
    images: tuple[ImageState, ...]
    previous: PushState | None = None


def state_of(report: Report, head_sha: str) -> PushState:
    """The state of a weighed push."""
    problems: dict[str, dict[str, None]] = {}
    for reason in (*report.verdict.reasons, *report.verdict.warnings):
        problem = reason.code if reason.rule == "check" and reason.code else reason.rule
        problems.setdefault(reason.image, {})[problem] = None
    images = tuple(
        ImageState(
            image.name,
            image.head.unpacked_bytes if image.head is not None else None,
            tuple(problems.get(image.name, {}) | dict.fromkeys(one.code for one in new_findings(image))),
        )
        for image in sorted_images(report)
    )
    names = {image.name for image in images}
    others = tuple(ImageState(name, None, tuple(found)) for name, found in problems.items() if name not in names)
    return PushState(head_sha, True, images + others)


def previous_push(comment: str | None, head_sha: str) -> PushState | None:
    """The push before the one of `head_sha`, from the comment that is there; ``None`` if it is unknown."""
    found = None if comment is None else _STATE.search(comment)
    state = None if found is None else _decoded(found["state"])
    if state is None:
        return None
    # A second edit for one push keeps the push before it.
    return state.previous if state.head_sha == head_sha else _without_previous(state)


def hidden_state(state: PushState, previous: PushState | None) -> str:
    """The hidden lines for the comment, at most `MAXIMUM_STATE_CHARACTERS` long. Leaves out images if necessary."""
    count, earlier = len(state.images), previous
    while True:
        is_complete = state.is_complete and count == len(state.images)
        kept = PushState(state.head_sha, is_complete, state.images[:count], earlier)
        encoded = base64.b64encode(zlib.compress(msgspec.json.encode(kept), 9)).decode()
        line = f"\n<!-- weighbridge:push:{encoded} -->"
        if len(line) <= MAXIMUM_STATE_CHARACTERS:
            return line
        if count == 0:
            return ""
        count //= 2
        earlier = None if earlier is None else _shortened(earlier, count)


def problem_in_words(problem: str) -> str:
    """A problem behind the name of its image: ``is over its limit``, or the code with its summary."""
    if problem in _SUMMARIES:
        return f"`{problem}`: {_SUMMARIES[problem]}"
    return rule_in_words(problem)


def _shortened(state: PushState, count: int) -> PushState:
    return PushState(state.head_sha, state.is_complete and len(state.images) <= count, state.images[:count])


def _without_previous(state: PushState) -> PushState:
    return PushState(state.head_sha, state.is_complete, state.images)


def _decoded(encoded: str) -> PushState | None:
    try:
        packed = base64.b64decode(encoded, validate=True)
        data = zlib.decompressobj().decompress(packed, _MAXIMUM_STATE_BYTES)
        return msgspec.json.decode(data, type=PushState)
    except (binascii.Error, ValueError, zlib.error, msgspec.MsgspecError, RecursionError):
        return None
